/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificates that no ssh-keygen makes: hostile ones, field by field and byte by byte, and those of
 * FIDO devices, whose form ssh-keygen confirms.
 */
#include <unistd.h>

#include <openssl/evp.h>

#include <hawser/key.h>

#include "harness.h"

#define SPAN(text) ((haw_span){(const uint8_t *)(text), sizeof(text) - 1})
#define LONG_AGO 1000000000u

static haw_error err;
static haw_key *host, *authority, *other, *rsa, *ecdsa;

/* What a certificate is built of; zero: what is right. */
struct recipe {
	const char *type;
	haw_span plain; /* blob whose numbers stand inside */
	uint32_t kind;
	haw_span principals, critical, extensions, authority, tail;
	haw_span key_id;
	const haw_key *signer;
	const char *algorithm;
	bool no_signature;
};

static haw_span or_else(haw_span given, haw_span right)
{
	return given.ptr ? given : right;
}

static void put_span(haw_message *m, haw_span span)
{
	haw_put_string(m, span.ptr, span.len);
}

static haw_span numbers_of(haw_span blob)
{
	haw_message m;

	haw_message_read(&m, blob.ptr, blob.len);
	haw_get_string(&m);
	return haw_message_remainder(&m);
}

/* string "one": as options and principals hold it. */
static const uint8_t one_principal[] = "\0\0\0\x03one";

static void build(haw_message *m, const struct recipe *r)
{
	haw_span numbers = numbers_of(or_else(r->plain, haw_key_blob(host)));
	haw_message signature;

	haw_message_write(m, 0);
	haw_put_text(m, r->type ? r->type : "ssh-ed25519-cert-v01@openssh.com");
	haw_put_text(m, "a nonce");
	haw_put_bytes(m, numbers.ptr, numbers.len);
	haw_put_u64(m, 7);
	haw_put_u32(m, r->kind ? r->kind : HAW_CERTIFICATE_HOST);
	put_span(m, or_else(r->key_id, SPAN("id")));
	put_span(m, or_else(r->principals, (haw_span){one_principal, 7}));
	haw_put_u64(m, LONG_AGO);
	haw_put_u64(m, UINT64_MAX);
	put_span(m, r->critical);
	put_span(m, r->extensions);
	haw_put_text(m, "");
	put_span(m, or_else(r->authority, haw_key_blob(authority)));
	haw_message_write(&signature, 0);
	CHECK(haw_key_sign(r->signer ? r->signer : authority, r->algorithm, haw_message_all(m), &signature,
			   &err) == 0);
	if (!r->no_signature)
		put_span(m, haw_message_all(&signature));
	haw_put_bytes(m, r->tail.ptr, r->tail.len);
	haw_message_free(&signature);
}

static haw_key *read_built(const struct recipe *r)
{
	haw_message m;
	haw_key *key;

	build(&m, r);
	key = haw_key_from_blob(haw_message_all(&m), &err);
	haw_message_free(&m);
	return key;
}

static int check_at(const haw_key *key, uint64_t now)
{
	const haw_certificate_rules rules = {
		.size = sizeof(rules), .kind = HAW_CERTIFICATE_HOST, .principal = "one", .now = now};

	return haw_certificate_check(haw_key_certificate(key), &rules, &err);
}

/* 0: trusted; else why not. */
static int verdict(const struct recipe *r)
{
	haw_key *key = read_built(r);
	int result = key ? check_at(key, LONG_AGO) : err.code;

	haw_key_free(key);
	return result;
}

static void what_is_right(void)
{
	CHECK(verdict(&(struct recipe){0}) == 0);
	CHECK(verdict(&(struct recipe){.authority = haw_key_blob(rsa), .signer = rsa}) == 0);
	CHECK(verdict(&(struct recipe){
		      .authority = haw_key_blob(rsa), .signer = rsa, .algorithm = "rsa-sha2-256"}) == 0);
	CHECK(verdict(&(struct recipe){.authority = haw_key_blob(ecdsa), .signer = ecdsa}) == 0);
	CHECK(verdict(&(struct recipe){.type = "ssh-rsa-cert-v01@openssh.com", .plain = haw_key_blob(rsa)}) ==
	      0);
	CHECK(verdict(&(struct recipe){.type = "ecdsa-sha2-nistp256-cert-v01@openssh.com",
				       .plain = haw_key_blob(ecdsa)}) == 0);
	CHECK(verdict(&(struct recipe){.extensions = SPAN("\0\0\0\1a\0\0\0\0\0\0\0\1b\0\0\0\0")}) == 0);
}

static void wrong_signers(void)
{
	haw_key *certified = read_built(&(struct recipe){0});

	CHECK(certified);
	CHECK(verdict(&(struct recipe){.signer = other}) == HAW_EINTEGRITY);
	CHECK(verdict(&(struct recipe){.signer = rsa}) == HAW_EINTEGRITY);
	CHECK(verdict(&(struct recipe){.authority = haw_key_blob(other)}) == HAW_EINTEGRITY);
	/* An authority that is a certificate itself, even one that would verify. */
	CHECK(verdict(&(struct recipe){.authority = haw_key_blob(certified), .signer = host}) == HAW_EFORMAT);
	CHECK(verdict(&(struct recipe){.no_signature = true}) == HAW_EFORMAT);
	CHECK(verdict(&(struct recipe){.no_signature = true, .tail = SPAN("\0\0\0\0")}) == HAW_EFORMAT);
	CHECK(verdict(&(struct recipe){.tail = SPAN("x")}) == HAW_EFORMAT);
	CHECK(verdict(&(struct recipe){.authority = SPAN("\0\0\0\7unknown")}) == HAW_EREFUSED);
	CHECK(verdict(&(struct recipe){.authority = SPAN("")}) == HAW_EFORMAT);
	haw_key_free(certified);
}

static void wrong_fields(void)
{
	CHECK(verdict(&(struct recipe){.kind = 1}) == HAW_EREFUSED);
	CHECK(verdict(&(struct recipe){.kind = 3}) == HAW_EFORMAT);
	CHECK(verdict(&(struct recipe){.key_id = SPAN("i\0d")}) == HAW_EFORMAT);
	CHECK(verdict(&(struct recipe){.principals = SPAN("\0\0\0\3o\0e")}) == HAW_EFORMAT);
	CHECK(verdict(&(struct recipe){.principals = SPAN("\0\0\0\4one")}) == HAW_EFORMAT);
	CHECK(verdict(&(struct recipe){.principals = SPAN("\0\0\0\3one\0")}) == HAW_EFORMAT);
	CHECK(verdict(&(struct recipe){.principals = SPAN("\0\0\0\0")}) == HAW_EFORMAT);
	CHECK(verdict(&(struct recipe){.principals = SPAN("\0\0\0\3two")}) == HAW_EREFUSED);
	CHECK(verdict(&(struct recipe){.critical = SPAN("\0\0\0\1x\0\0\0\0")}) == HAW_EREFUSED);
	CHECK(verdict(&(struct recipe){.critical = SPAN("\0\0\0\1x")}) == HAW_EFORMAT);
	CHECK(verdict(&(struct recipe){.critical = SPAN("\0\0\0\0\0\0\0\0")}) == HAW_EFORMAT);
	CHECK(verdict(&(struct recipe){.extensions = SPAN("\0\0\0\1b\0\0\0\0\0\0\0\1a\0\0\0\0")}) ==
	      HAW_EFORMAT);
	CHECK(verdict(&(struct recipe){.extensions = SPAN("\0\0\0\1a\0\0\0\0\0\0\0\1a\0\0\0\0")}) ==
	      HAW_EFORMAT);
	CHECK(verdict(&(struct recipe){.extensions = SPAN("\0\0\0\2aa\0\0\0\0\0\0\0\1a\0\0\0\0")}) ==
	      HAW_EFORMAT);
	/* Numbers of another type of key than the certificate's name says. */
	CHECK(verdict(&(struct recipe){.type = "ssh-rsa-cert-v01@openssh.com"}) == HAW_EFORMAT);
	CHECK(verdict(&(struct recipe){.plain = haw_key_blob(rsa)}) == HAW_EFORMAT);
	CHECK(verdict(&(struct recipe){.type = "ecdsa-sha2-nistp384-cert-v01@openssh.com",
				       .plain = haw_key_blob(ecdsa)}) == HAW_EFORMAT);
	CHECK(verdict(&(struct recipe){.type = "ssh-ed25519-cert-v02@openssh.com"}) == HAW_EUNSUPPORTED);
}

static void too_many_principals(void)
{
	haw_message m;

	haw_message_write(&m, 0);
	for (int i = 0; i < 257; i++)
		haw_put_text(&m, i == 256 ? "last" : "one");
	CHECK(verdict(&(struct recipe){.principals = {m.data, m.len - 8}}) == 0);
	CHECK(verdict(&(struct recipe){.principals = haw_message_all(&m)}) == HAW_EFORMAT);
	haw_message_free(&m);
}

/* Whatever byte is changed or missing, nothing of it is believed. */
static void every_byte(void)
{
	haw_message m;
	size_t len;

	build(&m, &(struct recipe){.critical = SPAN("\0\0\0\1x\0\0\0\0"),
				   .extensions = SPAN("\0\0\0\1a\0\0\0\0")});
	len = haw_message_all(&m).len;
	for (size_t cut = 0; cut < len; cut++) {
		/* Exactly as long as said, so that a sanitizer sees what reads beyond. */
		uint8_t *copy = malloc(cut ? cut : 1);

		memcpy(copy, m.data, cut);
		CHECK(!haw_key_from_blob((haw_span){copy, cut}, &err) && err.message[0]);
		free(copy);
	}
	for (size_t at = 0; at < len; at++)
		for (int bit = 1; bit < 256; bit <<= 1) {
			uint8_t *copy = malloc(len);
			haw_key *key;

			memcpy(copy, m.data, len);
			copy[at] ^= (uint8_t)bit;
			key = haw_key_from_blob((haw_span){copy, len}, &err);
			CHECK_MSG(!key || !haw_key_certificate(key)->verified, "byte %zu bit %d", at, bit);
			CHECK(!key || check_at(key, LONG_AGO) < 0);
			haw_key_free(key);
			free(copy);
		}
	haw_message_free(&m);
}

/* ---- With a private half ---- */

static void with_certificate(void)
{
	haw_key *certificate = read_built(&(struct recipe){.kind = HAW_CERTIFICATE_USER});
	haw_key *both = haw_key_with_certificate(host, certificate, &err), *plain;
	haw_span data = SPAN("data");
	haw_message signature, file;
	haw_key *again;

	CHECK(certificate && both && haw_key_can_sign(both) && !haw_key_can_sign(certificate));
	CHECK(haw_key_equal(both, certificate) && !haw_key_equal(both, host));
	CHECK(strcmp(haw_key_fingerprint(both), haw_key_fingerprint(host)) == 0);
	CHECK(strcmp(haw_key_algorithm_at(both, 0), "ssh-ed25519-cert-v01@openssh.com") == 0);
	CHECK(!haw_key_algorithm_at(both, 1));
	haw_message_write(&signature, 0);
	CHECK(haw_key_sign(both, NULL, data, &signature, &err) == 0);
	CHECK(haw_key_verify(host, "ssh-ed25519", data, haw_message_all(&signature), &err) == 0);
	CHECK(haw_key_verify(certificate, "ssh-ed25519-cert-v01@openssh.com", data,
			     haw_message_all(&signature), &err) == 0);
	CHECK(haw_key_verify(certificate, NULL, SPAN("date"), haw_message_all(&signature), &err) ==
	      HAW_EINTEGRITY);
	CHECK(haw_key_verify(host, "ssh-ed25519-cert-v01@openssh.com", data, haw_message_all(&signature),
			     &err) == HAW_EINVAL);
	haw_message_free(&signature);
	plain = haw_key_plain(both, &err);
	CHECK(plain && haw_key_equal(plain, host) && haw_key_can_sign(plain) && !haw_key_certificate(plain));
	haw_key_free(plain);
	/* The private key's file knows nothing of the certificate. */
	haw_message_write(&file, 0);
	CHECK(haw_key_format_private(both, &file, NULL, 0, &err) == 0);
	again = haw_key_parse_private(file.data, file.len, NULL, &err);
	CHECK(again && haw_key_equal(again, host));
	haw_message_free(&file);
	haw_key_free(again);
	CHECK(!haw_key_with_certificate(other, certificate, &err) && err.code == HAW_EINVAL);
	CHECK(!haw_key_with_certificate(both, certificate, &err) && err.code == HAW_EINVAL);
	CHECK(!haw_key_with_certificate(host, host, &err) && err.code == HAW_EINVAL);
	haw_key_free(both);
	haw_key_free(certificate);
}

static void rsa_algorithms(void)
{
	haw_key *certificate = read_built(
		&(struct recipe){.type = "ssh-rsa-cert-v01@openssh.com", .plain = haw_key_blob(rsa)});
	haw_key *both = haw_key_with_certificate(rsa, certificate, &err);
	haw_message signature;

	CHECK(both && strcmp(haw_key_type(both), "ssh-rsa-cert-v01@openssh.com") == 0);
	CHECK(strcmp(haw_key_type_short(both), "RSA-CERT") == 0);
	CHECK(strcmp(haw_key_algorithm_at(both, 0), "rsa-sha2-512-cert-v01@openssh.com") == 0);
	CHECK(strcmp(haw_key_algorithm_at(both, 1), "rsa-sha2-256-cert-v01@openssh.com") == 0);
	CHECK(!haw_key_algorithm_at(both, 2));
	haw_message_write(&signature, 0);
	CHECK(haw_key_sign(both, "rsa-sha2-256-cert-v01@openssh.com", SPAN("x"), &signature, &err) == 0);
	CHECK(haw_key_verify(rsa, "rsa-sha2-256", SPAN("x"), haw_message_all(&signature), &err) == 0);
	CHECK(haw_key_verify(both, "rsa-sha2-512-cert-v01@openssh.com", SPAN("x"),
			     haw_message_all(&signature), &err) == HAW_EINTEGRITY);
	CHECK(haw_key_sign(both, "ssh-rsa-cert-v01@openssh.com", SPAN("x"), &signature, &err) == HAW_EINVAL);
	haw_message_free(&signature);
	haw_key_free(both);
	haw_key_free(certificate);
}

/* ---- Keys of FIDO devices ---- */

static void put_digest(haw_message *m, haw_span data)
{
	uint8_t *digest = haw_put_space(m, 32);

	CHECK(digest && EVP_Q_digest(NULL, "SHA256", NULL, data.ptr, data.len, digest, NULL) == 1);
}

/* What a device with KEY inside makes of DATA (PROTOCOL.u2f). */
static void device_sign(const haw_key *key, const char *algorithm, haw_span data, uint8_t flags,
			haw_message *out)
{
	haw_message wrapped, inner;
	haw_span signature;

	haw_message_write(&wrapped, 0);
	put_digest(&wrapped, SPAN("ssh:"));
	haw_put_byte(&wrapped, flags);
	haw_put_u32(&wrapped, 77);
	put_digest(&wrapped, data);
	haw_message_write(&inner, 0);
	CHECK(haw_key_sign(key, NULL, haw_message_all(&wrapped), &inner, &err) == 0);
	haw_message_rewind(&inner);
	haw_get_string(&inner);
	signature = haw_get_string(&inner);
	haw_message_write(out, 0);
	haw_put_text(out, algorithm);
	put_span(out, signature);
	haw_put_byte(out, flags);
	haw_put_u32(out, 77);
	haw_message_free(&inner);
	haw_message_free(&wrapped);
}

static void device_blob(const haw_key *key, const char *type, haw_message *out)
{
	haw_span numbers = numbers_of(haw_key_blob(key));

	haw_message_write(out, 0);
	haw_put_text(out, type);
	haw_put_bytes(out, numbers.ptr, numbers.len);
	haw_put_text(out, "ssh:");
}

static void write_file(const char *name, const char *before, haw_span blob)
{
	static char digits[8192];
	FILE *file = fopen(name, "w");

	EVP_EncodeBlock((unsigned char *)digits, blob.ptr, (int)blob.len);
	CHECK(file && fprintf(file, before, digits) > 0 && fclose(file) == 0);
}

/* ssh-keygen takes the signature for one of a device, as we do. */
static void confirm(haw_span blob, const char *type, const haw_key *key)
{
	static char folder[] = "/tmp/hawser-device-XXXXXX", line[512];
	const char *armour = "-----BEGIN SSH SIGNATURE-----\n%s\n-----END SSH SIGNATURE-----\n";
	haw_message data, signature, file;
	uint8_t digest[64];

	memcpy(folder + sizeof(folder) - 7, "XXXXXX", 6);
	CHECK(mkdtemp(folder) && chdir(folder) == 0);
	snprintf(line, sizeof(line), "somebody %s %%s\n", type);
	write_file("signers", line, blob);
	CHECK(EVP_Q_digest(NULL, "SHA512", NULL, "hello", 5, digest, NULL) == 1);
	haw_message_write(&data, 0);
	haw_put_bytes(&data, "SSHSIG", 6);
	haw_put_text(&data, "file");
	haw_put_text(&data, "");
	haw_put_text(&data, "sha512");
	haw_put_string(&data, digest, sizeof(digest));
	device_sign(key, type, haw_message_all(&data), 1, &signature);
	haw_message_write(&file, 0);
	haw_put_bytes(&file, "SSHSIG", 6);
	haw_put_u32(&file, 1);
	put_span(&file, blob);
	haw_put_text(&file, "file");
	haw_put_text(&file, "");
	haw_put_text(&file, "sha512");
	put_span(&file, haw_message_all(&signature));
	write_file("hello.sig", armour, haw_message_all(&file));
	CHECK_MSG(system("printf hello | ssh-keygen -Y verify -f signers -I somebody -n file -s hello.sig "
			 ">/dev/null 2>said") == 0,
		  "%s: see %s/said", type, folder);
	CHECK(chdir("/") == 0);
	snprintf(line, sizeof(line), "rm -r %s", folder);
	CHECK(system(line) == 0);
	haw_message_free(&file);
	haw_message_free(&signature);
	haw_message_free(&data);
}

static void device_keys(void)
{
	const struct {
		const haw_key *key;
		const char *type, *certificate_type, *name;
	} kinds[] = {
		{host, "sk-ssh-ed25519@openssh.com", "sk-ssh-ed25519-cert-v01@openssh.com", "ED25519-SK"},
		{ecdsa, "sk-ecdsa-sha2-nistp256@openssh.com", "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
		 "ECDSA-SK"},
	};

	for (size_t i = 0; i < 2; i++) {
		haw_message blob, touched, untouched;
		haw_key *key, *certified;
		haw_span data = SPAN("data");

		device_blob(kinds[i].key, kinds[i].type, &blob);
		key = haw_key_from_blob(haw_message_all(&blob), &err);
		CHECK(key && strcmp(haw_key_type(key), kinds[i].type) == 0 && !haw_key_can_sign(key));
		CHECK(strcmp(haw_key_type_short(key), kinds[i].name) == 0 && haw_key_bits(key) == 256);
		CHECK(strcmp(haw_key_algorithm_at(key, 0), kinds[i].type) == 0);
		device_sign(kinds[i].key, kinds[i].type, data, 1, &touched);
		device_sign(kinds[i].key, kinds[i].type, data, 0, &untouched);
		CHECK(haw_key_verify(key, kinds[i].type, data, haw_message_all(&touched), &err) == 0);
		CHECK(haw_key_verify(key, NULL, SPAN("x"), haw_message_all(&touched), &err) ==
		      HAW_EINTEGRITY);
		CHECK(haw_key_verify(key, NULL, data, haw_message_all(&untouched), &err) == HAW_EINTEGRITY);
		for (size_t at = 0; at < touched.len; at++) {
			touched.data[at] ^= 1;
			CHECK(haw_key_verify(key, NULL, data, haw_message_all(&touched), &err) < 0);
			touched.data[at] ^= 1;
		}
		certified = read_built(
			&(struct recipe){.type = kinds[i].certificate_type, .plain = haw_message_all(&blob)});
		CHECK(certified && check_at(certified, LONG_AGO) == 0);
		CHECK(strcmp(haw_key_fingerprint(certified), haw_key_fingerprint(key)) == 0);
		haw_key_free(certified);
		if (system("ssh-keygen -? >/dev/null 2>&1") != 127 * 256)
			confirm(haw_message_all(&blob), kinds[i].type, kinds[i].key);
		haw_message_free(&blob);
		haw_message_free(&touched);
		haw_message_free(&untouched);
		haw_key_free(key);
	}
}

/* A device may be the authority: ssh-keygen cannot make one without the device, so by hand. */
static void device_authority(void)
{
	haw_message blob, m, signature;
	haw_key *key;

	device_blob(other, "sk-ssh-ed25519@openssh.com", &blob);
	build(&m, &(struct recipe){.authority = haw_message_all(&blob), .no_signature = true});
	device_sign(other, "sk-ssh-ed25519@openssh.com", haw_message_all(&m), 1, &signature);
	put_span(&m, haw_message_all(&signature));
	key = haw_key_from_blob(haw_message_all(&m), &err);
	CHECK(key && check_at(key, LONG_AGO) == 0);
	CHECK(strcmp(haw_key_certificate(key)->authority_type, "sk-ssh-ed25519@openssh.com") == 0);
	haw_key_free(key);
	m.data[m.len - 1] ^= 1; /* the counter is signed too */
	CHECK(!haw_key_from_blob(haw_message_all(&m), &err));
	haw_message_free(&signature);
	haw_message_free(&blob);
	haw_message_free(&m);
}

int main(void)
{
	host = haw_key_generate("ed25519", 0, "the host", &err);
	authority = haw_key_generate("ed25519", 0, NULL, &err);
	other = haw_key_generate("ed25519", 0, NULL, &err);
	rsa = haw_key_generate("rsa", 2048, NULL, &err);
	ecdsa = haw_key_generate("ecdsa", 0, NULL, &err);
	RUN(what_is_right);
	RUN(wrong_signers);
	RUN(wrong_fields);
	RUN(too_many_principals);
	RUN(every_byte);
	RUN(with_certificate);
	RUN(rsa_algorithms);
	RUN(device_keys);
	RUN(device_authority);
	haw_key_free(host);
	haw_key_free(authority);
	haw_key_free(other);
	haw_key_free(rsa);
	haw_key_free(ecdsa);
	return harness_end();
}

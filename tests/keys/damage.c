/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys of every type in every format, then the same files damaged: cut at every byte, inside their
 * armour too, and every byte altered. A damaged file is an error with a sentence; one that is
 * accepted is the same key.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "harness.h"

#include "transport/keys/key_internal.h"
#include "transport/keys/text.h"

static const struct {
	const char *type;
	unsigned int bits;
} types[] = {{"ed25519", 0}, {"ecdsa", 256}, {"ecdsa", 384}, {"ecdsa", 521}, {"rsa", 2048}};

enum { TYPES = sizeof(types) / sizeof(types[0]) };

static haw_key *keys[TYPES];
static haw_error err;

static haw_span span(const char *text)
{
	return (haw_span){(const uint8_t *)text, strlen(text)};
}

static void generate(void)
{
	for (size_t i = 0; i < TYPES; i++) {
		keys[i] = haw_key_generate(types[i].type, types[i].bits, "a comment", &err);
		CHECK_MSG(keys[i], "%s", err.message);
		CHECK(haw_key_can_sign(keys[i]));
		CHECK(strcmp(haw_key_comment(keys[i]), "a comment") == 0);
		CHECK(types[i].bits == 0 || haw_key_bits(keys[i]) == types[i].bits);
	}
	CHECK(!haw_key_generate("rsa", 1024, NULL, &err) && err.code == HAW_EUNSUPPORTED);
	CHECK(!haw_key_generate("rsa", 2047, NULL, &err) && err.code == HAW_EUNSUPPORTED);
	CHECK(!haw_key_generate("ecdsa", 255, NULL, &err) && err.code == HAW_EUNSUPPORTED);
	CHECK(!haw_key_generate("dsa", 0, NULL, &err) && err.code == HAW_EUNSUPPORTED);
	CHECK(!haw_key_generate("ecdsa-sha2-nistp256", 384, NULL, &err) && err.code == HAW_EUNSUPPORTED);
}

/* ---- The key object ---- */

static void sign_and_verify(void)
{
	for (size_t i = 0; i < TYPES; i++) {
		haw_key *public_half = haw_key_from_blob(haw_key_blob(keys[i]), &err);
		const char *algorithm;

		CHECK(public_half && haw_key_equal(public_half, keys[i]) && !haw_key_can_sign(public_half));
		for (size_t n = 0; (algorithm = haw_key_algorithm_at(keys[i], n)) != NULL; n++) {
			haw_message m, none;
			haw_span blob;

			haw_message_write(&m, 0);
			CHECK(haw_key_sign(keys[i], algorithm, span("text"), &m, &err) == 0);
			blob = haw_message_all(&m);
			CHECK(haw_key_verify(public_half, algorithm, span("text"), blob, &err) == 0);
			CHECK(haw_key_verify(public_half, NULL, span("text"), blob, &err) == 0);
			CHECK(haw_key_verify(public_half, NULL, span("texT"), blob, &err) == HAW_EINTEGRITY);
			CHECK(haw_key_verify(keys[(i + 1) % TYPES], NULL, span("text"), blob, &err) < 0);
			m.data[m.len - 1] ^= 1;
			CHECK(haw_key_verify(public_half, NULL, span("text"), blob, &err) < 0);
			haw_message_write(&none, 0);
			CHECK(haw_key_sign(public_half, algorithm, span("text"), &none, &err) == HAW_EINVAL);
			CHECK(haw_key_sign(keys[i], "ssh-dss", span("text"), &none, &err) == HAW_EINVAL);
			haw_message_free(&none);
			haw_message_free(&m);
		}
		haw_key_free(public_half);
	}
}

static void references(void)
{
	haw_key *key = haw_key_generate("ed25519", 0, NULL, &err), *other;

	CHECK(key && haw_key_ref(key) == key);
	haw_key_free(key);
	other = haw_key_from_blob(haw_key_blob(key), &err);
	CHECK(other && haw_key_equal(key, other) && !haw_key_equal(key, keys[0]));
	haw_key_free(other);
	haw_key_free(key);
	haw_key_free(NULL);
}

static void public_lines(void)
{
	for (size_t i = 0; i < TYPES; i++) {
		haw_message m;
		haw_span line;
		size_t comment = strlen("a comment");

		haw_message_write(&m, 0);
		CHECK(haw_key_format_public(keys[i], &m, &err) == 0);
		line = haw_message_all(&m);
		for (size_t len = 0; len <= line.len; len++) {
			uint8_t *copy = malloc(len + 1); /* so that reading beyond it is seen */
			haw_key *key;

			memcpy(copy, line.ptr, len);
			err = (haw_error){0};
			key = haw_key_parse_public(copy, len, &err);
			free(copy);
			CHECK_MSG((key != NULL) == (len + comment + 1 >= line.len), "%s cut to %zu of %zu",
				  types[i].type, len, line.len);
			CHECK(key ? haw_key_equal(key, keys[i]) : err.code < 0 && err.message[0]);
			haw_key_free(key);
		}
		haw_message_free(&m);
	}
	CHECK(!haw_key_parse_public("ssh-rsa AAAA", 12, &err) && err.code == HAW_EFORMAT);
}

static void damaged_blobs(void)
{
	for (size_t i = 0; i < TYPES; i++) {
		haw_span blob = haw_key_blob(keys[i]);
		uint8_t *copy = malloc(blob.len + 1);

		for (size_t at = 0; at < blob.len; at++) {
			haw_key *key;

			memcpy(copy, blob.ptr, blob.len);
			copy[at] ^= 0x55;
			key = haw_key_from_blob((haw_span){copy, blob.len}, &err);
			CHECK(!key || !haw_key_equal(key, keys[i]));
			haw_key_free(key);
			CHECK(!haw_key_from_blob((haw_span){blob.ptr, at}, &err));
		}
		memcpy(copy, blob.ptr, blob.len);
		copy[blob.len] = 0;
		CHECK(!haw_key_from_blob((haw_span){copy, blob.len + 1}, &err));
		free(copy);
	}
}

/* ---- Private files ---- */

/* Parse a copy of exactly LEN bytes. An accepted file must be the key WANTED. */
static bool parse(const void *data, size_t len, const char *passphrase, const haw_key *wanted, bool *accepted)
{
	uint8_t *copy = malloc(len ? len : 1);
	haw_key *key;
	bool sane;

	memcpy(copy, data, len);
	err = (haw_error){0};
	key = haw_key_parse_private(copy, len, passphrase, &err);
	free(copy);
	*accepted = key != NULL;
	sane = key ? haw_key_equal(key, wanted) : err.code < 0 && err.message[0] != '\0';
	haw_key_free(key);
	return sane;
}

static void cut_everywhere(const char *what, haw_span file, const char *passphrase, const haw_key *wanted)
{
	bool accepted;

	for (size_t len = 0; len <= file.len; len++) {
		CHECK_MSG(parse(file.ptr, len, passphrase, wanted, &accepted), "%s cut to %zu", what, len);
		/* Only the newline at the end is dispensable. */
		CHECK_MSG(accepted == (len + 1 >= file.len), "%s cut to %zu of %zu: %s", what, len, file.len,
			  accepted ? "accepted" : err.message);
	}
}

static void alter_everywhere(const char *what, haw_span file, const char *passphrase, const haw_key *wanted)
{
	uint8_t *copy = malloc(file.len);
	bool accepted;

	for (size_t at = 0; at < file.len; at++) {
		memcpy(copy, file.ptr, file.len);
		copy[at] ^= 0x11;
		CHECK_MSG(parse(copy, file.len, passphrase, wanted, &accepted), "%s altered at %zu", what,
			  at);
	}
	free(copy);
}

static const char begin_line[] = "-----BEGIN OPENSSH PRIVATE KEY-----\n";
static const char end_line[] = "-----END OPENSSH PRIVATE KEY-----\n";

/* Put bytes into OpenSSH's armour; malloc'ed. */
static char *armour(haw_span bytes)
{
	char *text = malloc(sizeof(begin_line) + HAW_BASE64_SIZE(bytes.len) + sizeof(end_line) + 1), *at;

	at = stpcpy(text, begin_line);
	at += haw_base64_encode(at, bytes.ptr, bytes.len, true);
	*at++ = '\n';
	strcpy(at, end_line);
	return text;
}

/* Take them out again, from what haw_key_format_private wrote. */
static uint8_t *dearmour(haw_span file, size_t *len)
{
	size_t digits = 0;
	uint8_t *bytes = malloc(file.len + 4);

	for (size_t i = sizeof(begin_line) - 1; i < file.len - (sizeof(end_line) - 1); i++)
		if (file.ptr[i] != '\n')
			bytes[digits++] = file.ptr[i];
	return haw_base64_decode(bytes, len, (const char *)bytes, digits) ? bytes : NULL;
}

static void damage_inside(const char *what, haw_span file, const char *passphrase, const haw_key *wanted)
{
	size_t len;
	uint8_t *bytes = dearmour(file, &len);
	bool accepted, encrypted;

	CHECK(bytes);
	for (size_t at = 0; at <= len; at++) {
		char *text = armour((haw_span){bytes, at});
		haw_key *half;

		CHECK_MSG(parse(text, strlen(text), passphrase, wanted, &accepted), "%s", what);
		CHECK_MSG(accepted == (at == len), "%s cut inside to %zu of %zu", what, at, len);
		half = haw_openssh_parse_public(span(text), &encrypted, &err);
		CHECK((half != NULL) == (at == len));
		haw_key_free(half);
		free(text);
		if (at == len)
			break;
		bytes[at] ^= 0x81;
		text = armour((haw_span){bytes, len});
		CHECK_MSG(parse(text, strlen(text), passphrase, wanted, &accepted), "%s altered at %zu", what,
			  at);
		half = haw_openssh_parse_public(span(text), &encrypted, &err);
		haw_key_free(half);
		free(text);
		bytes[at] ^= 0x81;
	}
	free(bytes);
}

static void openssh_files(void)
{
	for (size_t i = 0; i < TYPES; i++) {
		haw_message m;

		haw_message_write(&m, 0);
		CHECK(haw_key_format_private(keys[i], &m, NULL, 0, &err) == 0);
		cut_everywhere(types[i].type, haw_message_all(&m), NULL, keys[i]);
		alter_everywhere(types[i].type, haw_message_all(&m), NULL, keys[i]);
		damage_inside(types[i].type, haw_message_all(&m), NULL, keys[i]);
		haw_message_free(&m);
	}
}

static void openssh_files_with_passphrase(void)
{
	bool accepted;
	haw_message m;

	haw_message_write(&m, 0);
	CHECK(haw_key_format_private(keys[0], &m, "secret", 1, &err) == 0);
	cut_everywhere("encrypted", haw_message_all(&m), "secret", keys[0]);
	damage_inside("encrypted", haw_message_all(&m), "secret", keys[0]);
	CHECK(parse(m.data, m.len, "Secret", keys[0], &accepted) && !accepted && err.code == HAW_EPASSPHRASE);
	CHECK(parse(m.data, m.len, NULL, keys[0], &accepted) && !accepted && err.code == HAW_EPASSPHRASE);
	CHECK(parse(m.data, m.len, "", keys[0], &accepted) && !accepted && err.code == HAW_EPASSPHRASE);
	haw_message_free(&m);
}

static void pem_files(void)
{
	for (size_t i = 0; i < TYPES; i++) {
		for (int form = 0; form < 4; form++) {
			const char *passphrase = form % 2 ? "secret" : NULL;
			BIO *bio = BIO_new(BIO_s_mem());
			bool accepted, traditional = form >= 2;
			haw_span file;
			char *data;

			/* Ed25519 has no form of its own. */
			if (traditional && i == 0)
				traditional = false;
			if (traditional)
				CHECK(PEM_write_bio_PrivateKey_traditional(
					      bio, keys[i]->pkey, passphrase ? EVP_aes_128_cbc() : NULL,
					      (const unsigned char *)passphrase, passphrase ? 6 : 0, NULL,
					      NULL) == 1);
			else
				CHECK(PEM_write_bio_PKCS8PrivateKey(
					      bio, keys[i]->pkey, passphrase ? EVP_aes_256_cbc() : NULL,
					      passphrase, passphrase ? 6 : 0, NULL, NULL) == 1);
			file.len = (size_t)BIO_get_mem_data(bio, &data);
			file.ptr = (const uint8_t *)data;
			cut_everywhere("PEM", file, passphrase, keys[i]);
			if (passphrase) {
				CHECK(parse(file.ptr, file.len, "Secret", keys[i], &accepted) && !accepted);
				CHECK(err.code == HAW_EPASSPHRASE);
				CHECK(parse(file.ptr, file.len, NULL, keys[i], &accepted) && !accepted);
				CHECK(err.code == HAW_EPASSPHRASE);
			}
			BIO_free(bio);
		}
	}
}

static void not_a_key(void)
{
	static const char *const texts[] = {
		"",
		"\n",
		"hello",
		"ssh-ed25519 AAAA",
		"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
		"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
		"-----BEGIN OPENSSH PRIVATE KEY-----\n-----END OPENSSH PRIVATE KEY-----\n",
		"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA=AAA\n-----END OPENSSH PRIVATE KEY-----\n",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		CHECK(!haw_key_parse_private(texts[i], strlen(texts[i]), "secret", &err));
		CHECK_MSG(err.code == HAW_EFORMAT, "%s", err.message);
	}
}

/* ---- On disk ---- */

static char directory[] = "/tmp/hawser-keys-XXXXXX";

static void files_and_modes(void)
{
	char path[256], public_path[256];
	bool encrypted = true;
	struct stat info;
	haw_key *key;

	CHECK(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/key", directory);
	snprintf(public_path, sizeof(public_path), "%s/key.pub", directory);
	CHECK(haw_key_write_private(keys[0], path, NULL, 0, &err) == 0);
	CHECK(stat(path, &info) == 0 && (info.st_mode & 07777) == 0600);
	CHECK(haw_key_write_private(keys[1], path, NULL, 0, &err) == HAW_ESYSTEM);
	CHECK(haw_key_write_public(keys[0], public_path, &err) == 0);
	key = haw_key_public_from_private_file(path, &encrypted, &err);
	CHECK(key && !encrypted && !haw_key_can_sign(key) && haw_key_equal(key, keys[0]));
	haw_key_free(key);
	key = haw_key_load_public(public_path, &err);
	CHECK(key && haw_key_equal(key, keys[0]) && strcmp(haw_key_comment(key), "a comment") == 0);
	haw_key_free(key);
	for (unsigned int mode = 0; mode <= 0777; mode++) {
		CHECK(chmod(path, mode | 0400) == 0);
		key = haw_key_load_private(path, NULL, &err);
		CHECK_MSG((key != NULL) == ((mode & 077) == 0), "mode %04o", mode);
		CHECK(key || (err.code == HAW_ESYSTEM && strstr(err.message, path)));
		haw_key_free(key);
	}
	CHECK(!haw_key_load_private("/nonexistent/key", NULL, &err) && err.code == HAW_ESYSTEM);
	CHECK(!haw_key_load_private(directory, NULL, &err) && err.code == HAW_ESYSTEM);
	CHECK(unlink(path) == 0 && unlink(public_path) == 0 && rmdir(directory) == 0);
	CHECK(!haw_key_load_public("/dev/zero", &err) && err.code == HAW_ELIMIT);
}

int main(void)
{
	RUN(generate);
	if (harness.failed)
		return harness_end();
	RUN(sign_and_verify);
	RUN(references);
	RUN(public_lines);
	RUN(damaged_blobs);
	RUN(openssh_files);
	RUN(openssh_files_with_passphrase);
	RUN(pem_files);
	RUN(not_a_key);
	RUN(files_and_modes);
	for (size_t i = 0; i < TYPES; i++)
		haw_key_free(keys[i]);
	return harness_end();
}

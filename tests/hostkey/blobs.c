/* SPDX-License-Identifier: Apache-2.0
 *
 * Public key and signature blobs: there and back, and everything that must be refused.
 */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>

#include "harness.h"
#include "transport/hostkey/hostkey.h"

#define SPAN(text) ((haw_span){(const uint8_t *)(text), sizeof(text) - 1})

struct kind {
	const char *algorithm, *type;
	unsigned int bits;
};

static const struct kind kinds[] = {
	{"ssh-ed25519", "ssh-ed25519", 256},
	{"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", 256},
	{"ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384", 384},
	{"ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521", 521},
	{"rsa-sha2-256", "ssh-rsa", 2048},
	{"rsa-sha2-512", "ssh-rsa", 2048},
};

enum { KIND_COUNT = sizeof(kinds) / sizeof(kinds[0]) };

/* One key a kind, made once: RSA takes its time. */
static EVP_PKEY *keys[KIND_COUNT];

static EVP_PKEY *make_key(size_t i)
{
	if (strcmp(kinds[i].type, "ssh-ed25519") == 0)
		return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	if (strcmp(kinds[i].type, "ssh-rsa") == 0)
		return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)kinds[i].bits);
	return EVP_PKEY_Q_keygen(NULL, NULL, "EC",
				 kinds[i].bits == 256	? "P-256"
				 : kinds[i].bits == 384 ? "P-384"
							: "P-521");
}

static void keys_come_back(void)
{
	for (size_t i = 0; i < KIND_COUNT; i++) {
		haw_message blob;
		EVP_PKEY *read;
		haw_span all;

		haw_message_write(&blob, 0);
		CHECK(haw_hostkey_encode(keys[i], &blob, NULL) == 0);
		all = haw_message_all(&blob);
		CHECK(haw_span_is(haw_hostkey_type(all), kinds[i].type));
		CHECK(strcmp(haw_hostkey_type_of(keys[i]), kinds[i].type) == 0);
		CHECK(haw_hostkey_bits(keys[i]) == kinds[i].bits);
		read = haw_hostkey_parse(all, NULL);
		CHECK(read && EVP_PKEY_eq(read, keys[i]) == 1);
		CHECK(haw_hostkey_bits(read) == kinds[i].bits);
		EVP_PKEY_free(read);
		haw_message_free(&blob);
	}
}

static void algorithms_are_listed(void)
{
	size_t count = 0;

	for (; count < KIND_COUNT; count++) {
		const struct haw_signature_algorithm *a = haw_signature_algorithm_at(count);

		CHECK(a && haw_signature_algorithm_find(a->name) == a);
		CHECK(strcmp(a->name, kinds[count].algorithm) == 0 || strncmp(a->name, "rsa-", 4) == 0);
	}
	/* And those of FIDO devices, which only verify here. */
	CHECK(strcmp(haw_signature_algorithm_at(count++)->name, "sk-ssh-ed25519@openssh.com") == 0);
	CHECK(strcmp(haw_signature_algorithm_at(count++)->name, "sk-ecdsa-sha2-nistp256@openssh.com") == 0);
	CHECK(!haw_signature_algorithm_at(count));
	/* SHA-1 and DSA are gone. */
	CHECK(!haw_signature_algorithm_find("ssh-rsa") && !haw_signature_algorithm_find("ssh-dss"));
	CHECK(!haw_signature_algorithm_find(""));
}

static void sign(size_t i, const char *algorithm, haw_span data, haw_message *out)
{
	haw_message_write(out, 0);
	CHECK(haw_hostkey_sign(keys[i], algorithm, data, out, NULL) == 0);
}

static void signatures_verify(void)
{
	haw_span data = SPAN("exchange hash"), other = SPAN("exchange hasi"), none = {NULL, 0};

	for (size_t i = 0; i < KIND_COUNT; i++) {
		const char *algorithm = kinds[i].algorithm;
		haw_message blob, signature, empty;
		haw_error err = {0};

		haw_message_write(&blob, 0);
		CHECK(haw_hostkey_encode(keys[i], &blob, NULL) == 0);
		sign(i, algorithm, data, &signature);
		CHECK(haw_hostkey_verify(keys[i], algorithm, data, haw_message_all(&signature), NULL) == 0);
		CHECK(haw_hostkey_verify(keys[i], NULL, data, haw_message_all(&signature), NULL) == 0);
		CHECK(haw_hostkey_verify_blob(haw_message_all(&blob), algorithm, data,
					      haw_message_all(&signature), NULL) == 0);
		CHECK(haw_hostkey_verify(keys[i], algorithm, other, haw_message_all(&signature), &err) ==
		      HAW_EINTEGRITY);
		CHECK(err.code == HAW_EINTEGRITY && err.fault == HAW_FAULT_PEER && err.message[0]);
		CHECK(haw_hostkey_verify(keys[i], algorithm, none, haw_message_all(&signature), NULL) < 0);
		sign(i, algorithm, none, &empty);
		CHECK(haw_hostkey_verify(keys[i], algorithm, none, haw_message_all(&empty), NULL) == 0);
		haw_message_free(&blob);
		haw_message_free(&signature);
		haw_message_free(&empty);
	}
}

/* RFC 8332 §3.2, RFC 4253 §6.6: what was agreed on, not what the signature says by itself. */
static void algorithms_are_not_mixed(void)
{
	haw_span data = SPAN("data");
	haw_message out, with_256, as_ssh_rsa;

	haw_message_write(&out, 0);
	for (size_t key = 0; key < KIND_COUNT; key++)
		for (size_t i = 0; i < KIND_COUNT; i++) {
			bool same = strcmp(kinds[i].type, kinds[key].type) == 0;
			int result = haw_hostkey_sign(keys[key], kinds[i].algorithm, data, &out, NULL);

			CHECK(result == (same ? 0 : HAW_EINVAL));
			haw_message_reset(&out);
		}
	CHECK(haw_hostkey_sign(keys[4], "ssh-rsa", data, &out, NULL) == HAW_EINVAL);
	sign(4, "rsa-sha2-256", data, &with_256);
	CHECK(haw_hostkey_verify(keys[4], "rsa-sha2-512", data, haw_message_all(&with_256), NULL) ==
	      HAW_EINTEGRITY);
	CHECK(haw_hostkey_verify(keys[0], "rsa-sha2-256", data, haw_message_all(&with_256), NULL) ==
	      HAW_EINTEGRITY);
	CHECK(haw_hostkey_verify(keys[0], NULL, data, haw_message_all(&with_256), NULL) == HAW_EINTEGRITY);
	/* Right bytes under the old name. */
	haw_message_write(&as_ssh_rsa, 0);
	haw_put_text(&as_ssh_rsa, "ssh-rsa");
	haw_put_string(&as_ssh_rsa, with_256.data + 4 + 12 + 4, 256);
	CHECK(haw_hostkey_verify(keys[4], NULL, data, haw_message_all(&as_ssh_rsa), NULL) == HAW_EINTEGRITY);
	CHECK(haw_hostkey_verify(keys[4], "ssh-rsa", data, haw_message_all(&as_ssh_rsa), NULL) ==
	      HAW_EINTEGRITY);
	haw_message_free(&as_ssh_rsa);
	haw_message_free(&with_256);
	haw_message_free(&out);
}

/* Exactly as long as said, so that a sanitizer sees what reads beyond. */
static uint8_t *exact(haw_span bytes, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	memcpy(copy, bytes.ptr, len);
	return copy;
}

static void cut_blobs_are_refused(void)
{
	for (size_t i = 0; i < KIND_COUNT; i++) {
		haw_message blob;
		haw_span all;

		haw_message_write(&blob, 0);
		CHECK(haw_hostkey_encode(keys[i], &blob, NULL) == 0);
		haw_put_byte(&blob, 0);
		all = haw_message_all(&blob);
		/* The last one has a byte too many. */
		for (size_t len = 0; len <= all.len; len++) {
			haw_error err = {0};
			uint8_t *part = exact(all, len);
			EVP_PKEY *key = haw_hostkey_parse((haw_span){part, len}, &err);

			free(part);
			CHECK_MSG((key != NULL) == (len == all.len - 1), "%s cut to %zu", kinds[i].type, len);
			CHECK(key || (err.code < 0 && err.message[0]));
			EVP_PKEY_free(key);
		}
		haw_message_free(&blob);
	}
}

static void damaged_signatures_are_refused(void)
{
	haw_span data = SPAN("some data to sign");

	for (size_t i = 0; i < KIND_COUNT; i++) {
		haw_message signature;
		haw_span all;

		sign(i, kinds[i].algorithm, data, &signature);
		haw_put_byte(&signature, 0);
		all = haw_message_all(&signature);
		for (size_t len = 0; len <= all.len; len++) {
			uint8_t *part = exact(all, len);
			int result = haw_hostkey_verify(keys[i], kinds[i].algorithm, data,
							(haw_span){part, len}, NULL);

			free(part);
			CHECK_MSG((result == 0) == (len == all.len - 1), "%s cut to %zu", kinds[i].algorithm,
				  len);
		}
		for (size_t at = 0; at < all.len - 1; at++) {
			uint8_t *changed = exact(all, all.len - 1);
			int result;

			changed[at] ^= (uint8_t)(1u << (at % 8));
			result = haw_hostkey_verify(keys[i], kinds[i].algorithm, data,
						    (haw_span){changed, all.len - 1}, NULL);
			free(changed);
			CHECK_MSG(result < 0, "%s changed at %zu", kinds[i].algorithm, at);
		}
		haw_message_free(&signature);
	}
}

/* A blob whose bytes change is another key or none, never a crash; what is read comes back as the
 * same bytes, so no key has two blobs. */
static void damaged_blobs_are_refused_or_other_keys(void)
{
	for (size_t i = 0; i < KIND_COUNT; i++) {
		haw_message blob, again;
		haw_span all;

		haw_message_write(&blob, 0);
		haw_message_write(&again, 0);
		CHECK(haw_hostkey_encode(keys[i], &blob, NULL) == 0);
		all = haw_message_all(&blob);
		for (size_t at = 0; at < all.len; at++) {
			uint8_t *changed = exact(all, all.len);
			EVP_PKEY *key;

			changed[at] ^= (uint8_t)(1u << (at % 8));
			key = haw_hostkey_parse((haw_span){changed, all.len}, NULL);
			haw_message_reset(&again);
			if (key)
				CHECK(haw_hostkey_encode(key, &again, NULL) == 0 &&
				      haw_span_equal(haw_message_all(&again), (haw_span){changed, all.len}) &&
				      EVP_PKEY_eq(key, keys[i]) != 1);
			EVP_PKEY_free(key);
			free(changed);
		}
		haw_message_free(&blob);
		haw_message_free(&again);
	}
}

static int code_of(haw_message *blob)
{
	haw_error err = {0};
	EVP_PKEY *key = haw_hostkey_parse(haw_message_all(blob), &err);

	EVP_PKEY_free(key);
	haw_message_reset(blob);
	return key ? 0 : err.code;
}

static void rsa(haw_message *blob, const char *e, size_t e_len, size_t bits, uint8_t last)
{
	uint8_t n[HAW_RSA_BITS_MAX / 8 + 2];
	size_t len = (bits + 7) / 8;

	memset(n, 0xa5, sizeof(n));
	n[0] = (uint8_t)(1u << ((bits - 1) % 8));
	n[len - 1] = last;
	haw_put_text(blob, "ssh-rsa");
	haw_put_mpint(blob, e, e_len, false);
	haw_put_mpint(blob, n, len, false);
}

static void rsa_bounds(void)
{
	haw_message blob;

	haw_message_write(&blob, 0);
	rsa(&blob, "\1\0\1", 3, 2048, 1);
	CHECK(code_of(&blob) == 0);
	rsa(&blob, "\1\0\1", 3, 2047, 1);
	CHECK(code_of(&blob) == HAW_EUNSUPPORTED);
	rsa(&blob, "\1\0\1", 3, 1024, 1);
	CHECK(code_of(&blob) == HAW_EUNSUPPORTED);
	rsa(&blob, "\1\0\1", 3, HAW_RSA_BITS_MAX, 1);
	CHECK(code_of(&blob) == 0);
	rsa(&blob, "\1\0\1", 3, HAW_RSA_BITS_MAX + 1, 1);
	CHECK(code_of(&blob) == HAW_EUNSUPPORTED);
	rsa(&blob, "\1\0\1", 3, 2048, 2);
	CHECK(code_of(&blob) == HAW_EFORMAT);
	rsa(&blob, "\1", 1, 2048, 1);
	CHECK(code_of(&blob) == HAW_EFORMAT);
	rsa(&blob, "\4", 1, 2048, 1);
	CHECK(code_of(&blob) == HAW_EFORMAT);
	rsa(&blob, "", 0, 2048, 1);
	CHECK(code_of(&blob) == HAW_EFORMAT);
	rsa(&blob, "\1\0\0\0\0\0\0\0\1", 9, 2048, 1);
	CHECK(code_of(&blob) == HAW_EFORMAT);
	/* A modulus of zero, a negative one. */
	haw_put_text(&blob, "ssh-rsa");
	haw_put_mpint(&blob, "\3", 1, false);
	haw_put_mpint(&blob, "", 0, false);
	CHECK(code_of(&blob) == HAW_EFORMAT);
	haw_put_text(&blob, "ssh-rsa");
	haw_put_mpint(&blob, "\3", 1, false);
	haw_put_mpint(&blob, "\xa5\1", 2, true);
	CHECK(code_of(&blob) == HAW_EFORMAT);
	haw_message_free(&blob);
}

static void ecdsa(haw_message *blob, const char *type, const char *curve, const uint8_t *point, size_t len)
{
	haw_put_text(blob, type);
	haw_put_text(blob, curve);
	haw_put_string(blob, point, len);
}

static void points_are_checked(void)
{
	uint8_t point[65], compressed[33];
	haw_message blob;
	haw_span all;

	haw_message_write(&blob, 0);
	CHECK(haw_hostkey_encode(keys[1], &blob, NULL) == 0);
	all = haw_message_all(&blob);
	memcpy(point, all.ptr + all.len - 65, 65);
	haw_message_reset(&blob);
	ecdsa(&blob, "ecdsa-sha2-nistp256", "nistp256", point, 65);
	CHECK(code_of(&blob) == 0);
	ecdsa(&blob, "ecdsa-sha2-nistp256", "nistp384", point, 65);
	CHECK(code_of(&blob) == HAW_EFORMAT);
	ecdsa(&blob, "ecdsa-sha2-nistp384", "nistp256", point, 65);
	CHECK(code_of(&blob) == HAW_EFORMAT);
	ecdsa(&blob, "ecdsa-sha2-nistp384", "nistp384", point, 65);
	CHECK(code_of(&blob) == HAW_EFORMAT);
	/* The point at infinity, a compressed one, a hybrid one, one beside the curve. */
	ecdsa(&blob, "ecdsa-sha2-nistp256", "nistp256", (const uint8_t *)"\0", 1);
	CHECK(code_of(&blob) == HAW_EFORMAT);
	ecdsa(&blob, "ecdsa-sha2-nistp256", "nistp256", NULL, 0);
	CHECK(code_of(&blob) == HAW_EFORMAT);
	memcpy(compressed, point, sizeof(compressed));
	compressed[0] = (uint8_t)(2 + (point[64] & 1));
	ecdsa(&blob, "ecdsa-sha2-nistp256", "nistp256", compressed, sizeof(compressed));
	CHECK(code_of(&blob) == HAW_EFORMAT);
	point[0] = (uint8_t)(6 + (point[64] & 1));
	ecdsa(&blob, "ecdsa-sha2-nistp256", "nistp256", point, 65);
	CHECK(code_of(&blob) == HAW_EFORMAT);
	point[0] = 4;
	point[64] ^= 1;
	ecdsa(&blob, "ecdsa-sha2-nistp256", "nistp256", point, 65);
	CHECK(code_of(&blob) == HAW_EFORMAT);
	haw_message_free(&blob);
}

static void unknown_types_are_named(void)
{
	haw_error err = {0};
	haw_message blob;

	haw_message_write(&blob, 0);
	haw_put_string(&blob, "ssh-\x1b[2Jdss", 11);
	CHECK(!haw_hostkey_parse(haw_message_all(&blob), &err) && err.code == HAW_EUNSUPPORTED);
	CHECK(strchr(err.message, '\x1b') == NULL && strstr(err.message, "ssh-\\033[2Jdss"));
	CHECK(!haw_hostkey_parse((haw_span){NULL, 0}, &err) && err.code == HAW_EFORMAT);
	CHECK(haw_hostkey_type((haw_span){NULL, 0}).len == 0);
	haw_message_free(&blob);
}

/* Kinds that OpenSSL knows and SSH, or this library, does not. */
static void other_kinds_are_refused(void)
{
	EVP_PKEY *others[] = {
		EVP_PKEY_Q_keygen(NULL, NULL, "X25519"),
		EVP_PKEY_Q_keygen(NULL, NULL, "EC", "secp256k1"),
		EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024),
	};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		haw_message out;

		haw_message_write(&out, 0);
		CHECK(others[i] && haw_hostkey_type_of(others[i]) == NULL);
		CHECK(haw_hostkey_encode(others[i], &out, NULL) == HAW_EUNSUPPORTED);
		CHECK(haw_hostkey_sign(others[i], "rsa-sha2-256", SPAN("x"), &out, NULL) == HAW_EINVAL);
		haw_message_free(&out);
		EVP_PKEY_free(others[i]);
	}
}

/* A signature whose first bytes are zero may come without them, as OpenSSH allows. */
static void short_rsa_signatures_verify(void)
{
	uint8_t number[4] = {0};
	int tried = 0;

	for (uint32_t i = 0; tried == 0 && i < 4000; i++) {
		haw_span data = {number, sizeof(number)};
		haw_message whole, shortened;

		memcpy(number, &i, sizeof(i));
		sign(4, "rsa-sha2-256", data, &whole);
		if (whole.data[4 + 12 + 4] == 0) {
			haw_message_write(&shortened, 0);
			haw_put_text(&shortened, "rsa-sha2-256");
			haw_put_string(&shortened, whole.data + 4 + 12 + 4 + 1, 255);
			CHECK(haw_hostkey_verify(keys[4], "rsa-sha2-256", data, haw_message_all(&shortened),
						 NULL) == 0);
			haw_message_free(&shortened);
			tried++;
		}
		haw_message_free(&whole);
	}
	CHECK(tried == 1);
}

int main(void)
{
	for (size_t i = 0; i < KIND_COUNT; i++)
		keys[i] = make_key(i);
	RUN(algorithms_are_listed);
	RUN(keys_come_back);
	RUN(signatures_verify);
	RUN(algorithms_are_not_mixed);
	RUN(cut_blobs_are_refused);
	RUN(damaged_signatures_are_refused);
	RUN(damaged_blobs_are_refused_or_other_keys);
	RUN(rsa_bounds);
	RUN(points_are_checked);
	RUN(unknown_types_are_named);
	RUN(other_kinds_are_refused);
	RUN(short_rsa_signatures_verify);
	for (size_t i = 0; i < KIND_COUNT; i++)
		EVP_PKEY_free(keys[i]);
	return harness_end();
}

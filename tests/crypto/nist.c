/* SPDX-License-Identifier: Apache-2.0
 *
 * NIST's vectors (CAVS) and RFC 3686's for the ciphers, through the packets of every backend: with the length
 * in the first block the whole packet is one enciphered text, whatever stands in it. AES-GCM's associated
 * data have other lengths than a packet's, so they go through the reference and the calls of ipsec-mb.
 * Project Wycheproof's for AES-CBC, padded as they want; and for HMAC, with RFC 4231's, where message and key
 * have the shape of a packet's: a true tag opens it, a false one does not. For AES-GCM neither collection has
 * associated data of four bytes, which are all that a packet has.
 *
 * NIST's files are those of Debian's python3-cryptography-vectors; HAWSER_NIST_VECTORS names another folder.
 */
#include <ctype.h>
#include <openssl/evp.h>

#include "reference.h"
#include "subject.h"
#include "wycheproof.h"
#include "wycheproof_gcm.h"

#define FOLDER "/usr/lib/python3/dist-packages/cryptography_vectors"

enum { TEXT_MOST = 2048, VECTORS_MOST = 8000 };

struct vector {
	uint8_t key[32], iv[16];
	uint8_t plain[TEXT_MOST], cipher[TEXT_MOST];
	size_t key_len, iv_len, plain_len, cipher_len;
	uint8_t aad[128], tag[16];
	size_t aad_len, tag_len;
	bool fails;
};

static struct vector *vectors;
static size_t vector_count;

static size_t unhex(const char *text, uint8_t *out, size_t size)
{
	size_t n = 0;

	for (; isxdigit((unsigned char)text[0]) && isxdigit((unsigned char)text[1]); text += 2) {
		unsigned value;

		if (n == size || sscanf(text, "%2x", &value) != 1)
			abort();
		out[n++] = (uint8_t)value;
	}
	return n;
}

/* One line "NAME = VALUE" of a vector. */
static void read_field(struct vector *v, const char *name, const char *value)
{
	if (strcasecmp(name, "KEY") == 0)
		v->key_len = unhex(value, v->key, sizeof(v->key));
	else if (strcasecmp(name, "KEYs") == 0)
		for (int i = 0; i < 3; i++)
			v->key_len = 8 * (size_t)i + unhex(value, v->key + 8 * i, 8);
	else if (strncasecmp(name, "KEY", 3) == 0 && name[3] >= '1' && name[3] <= '3')
		v->key_len = 8 * (size_t)(name[3] - '1') + unhex(value, v->key + 8 * (name[3] - '1'), 8);
	else if (strcasecmp(name, "IV") == 0)
		v->iv_len = unhex(value, v->iv, sizeof(v->iv));
	else if (strcasecmp(name, "PLAINTEXT") == 0 || strcasecmp(name, "PT") == 0)
		v->plain_len = unhex(value, v->plain, sizeof(v->plain));
	else if (strcasecmp(name, "CIPHERTEXT") == 0 || strcasecmp(name, "CT") == 0)
		v->cipher_len = unhex(value, v->cipher, sizeof(v->cipher));
	else if (strcasecmp(name, "AAD") == 0)
		v->aad_len = unhex(value, v->aad, sizeof(v->aad));
	else if (strcasecmp(name, "Tag") == 0)
		v->tag_len = unhex(value, v->tag, sizeof(v->tag));
}

/* A group's "[IVlen = 96]" decides what is kept: other nonces than SSH's may not fit. */
static bool group_fits(const char *line, bool fits)
{
	unsigned bits;

	if (sscanf(line, "[IVlen = %u]", &bits) == 1)
		return bits == 96;
	if (sscanf(line, "[Taglen = %u]", &bits) == 1)
		return fits && bits == 128;
	return fits;
}

/* Add the vectors of FILE; false if it is not there. */
static bool read_file(const char *file)
{
	const char *folder = getenv("HAWSER_NIST_VECTORS");
	char path[512], line[2 * TEXT_MOST + 64];
	bool fits = true;
	FILE *f;

	snprintf(path, sizeof(path), "%s/ciphers/%s", folder ? folder : FOLDER, file);
	f = fopen(path, "r");
	if (!f)
		return false;
	while (fgets(line, sizeof(line), f)) {
		struct vector *v = vector_count > 0 ? &vectors[vector_count - 1] : NULL;
		char *equals = strstr(line, " =");

		if (line[0] == '[')
			fits = group_fits(line, fits);
		else if (strncasecmp(line, "COUNT", 5) == 0 && fits && vector_count < VECTORS_MOST)
			memset(&vectors[vector_count++], 0, sizeof(*vectors));
		else if (strncmp(line, "FAIL", 4) == 0 && v && fits)
			v->fails = true;
		else if (equals && v && fits) {
			*equals = '\0';
			read_field(v, line, equals[2] == ' ' ? equals + 3 : equals + 2);
		}
	}
	fclose(f);
	return true;
}

static bool read_files(const char *const *files)
{
	vector_count = 0;
	for (; *files; files++)
		if (!read_file(*files)) {
			harness_skip(*files, "not there: install python3-cryptography-vectors, or let "
					     "HAWSER_NIST_VECTORS name its folder");
			return false;
		}
	return true;
}

/* ---- Ciphers, as packets ---- */

static uint8_t wanted_kind;
static size_t vectors_tried;

static void check_vector(struct subject *subject, const struct vector *v)
{
	const haw_suite *suite = subject->suite;
	uint8_t wire[TEXT_MOST + HAW_TAG_MAX], plain[TEXT_MOST];
	haw_job job;

	memcpy(subject->key, v->key, v->key_len);
	memcpy(subject->iv, v->iv, v->iv_len);
	CHECK(subject_renew(subject));
	set_numbers(&job, (uint32_t)v->plain_len - HAW_LENGTH_SIZE, 1, 0, 0);
	job.in[0] = (haw_span){v->plain, v->plain_len};
	job.out[0] = (haw_mut_span){wire, v->plain_len + suite->tag_size};
	job.in_count = job.out_count = 1;
	CHECK(drive_one(subject->sealer, &job) && job.status == 0);
	CHECK(memcmp(wire, v->cipher, v->cipher_len) == 0);
	set_numbers(&job, (uint32_t)v->plain_len - HAW_LENGTH_SIZE, 1, 0, 0);
	job.in[0] = (haw_span){wire, v->plain_len + suite->tag_size};
	job.out[0] = (haw_mut_span){plain, v->plain_len};
	job.in_count = job.out_count = 1;
	CHECK(drive_one(subject->opener, &job) && job.status == 0);
	CHECK(memcmp(plain, v->plain, v->plain_len) == 0);
	vectors_tried++;
}

static void check_cipher(struct subject *subject)
{
	const haw_suite *suite = subject->suite;

	if (suite->cipher_kind != wanted_kind || suite->length_mode != HAW_LENGTH_FIRST_BLOCK)
		return;
	for (size_t i = 0; i < vector_count && !harness.failed; i += effort(1, 11)) {
		const struct vector *v = &vectors[i];

		if (v->key_len == suite->key_size && v->iv_len == suite->iv_size &&
		    v->plain_len == v->cipher_len && v->plain_len >= 8 &&
		    v->plain_len % suite->block_size == 0)
			check_vector(subject, v);
	}
}

static void cipher_vectors(uint8_t kind, size_t least, const char *const *files)
{
	const haw_suite *suite;
	bool served = false;

	if (!read_files(files))
		return;
	CHECK_MSG(vector_count >= least, "%zu vectors", vector_count);
	wanted_kind = kind;
	vectors_tried = 0;
	for_each_subject(check_cipher);
	for (size_t i = 0; (suite = haw_suite_at(i)); i++)
		served = served || suite->cipher_kind == kind;
	if (!harness.failed && vectors_tried == 0)
		harness_skip(files[0], served ? "no backend that is tested serves it" : "no suite has it");
}

static void aes_ctr(void)
{
	static const char *const files[] = {"AES/CTR/aes-128-ctr.txt", "AES/CTR/aes-192-ctr.txt",
					    "AES/CTR/aes-256-ctr.txt", NULL};

	cipher_vectors(HAW_CIPHER_AES_CTR, 9, files);
}

static void aes_cbc(void)
{
	static const char *const files[] = {
		"AES/CBC/CBCGFSbox128.rsp",  "AES/CBC/CBCGFSbox192.rsp",  "AES/CBC/CBCGFSbox256.rsp",
		"AES/CBC/CBCKeySbox128.rsp", "AES/CBC/CBCKeySbox192.rsp", "AES/CBC/CBCKeySbox256.rsp",
		"AES/CBC/CBCVarKey128.rsp",  "AES/CBC/CBCVarTxt256.rsp",  "AES/CBC/CBCMMT128.rsp",
		"AES/CBC/CBCMMT192.rsp",     "AES/CBC/CBCMMT256.rsp",     NULL};

	cipher_vectors(HAW_CIPHER_AES_CBC, 500, files);
}

/* Wycheproof's pad as PKCS #7 does: the padded text is what a packet would carry. Its invalid ones differ in
 * the padding alone, which SSH has none of. */
static void take_cbc(const struct wycheproof_case *c, void *user)
{
	struct vector *v = &vectors[vector_count];
	size_t len, key_len, iv_len, cipher_len;
	const uint8_t *key = wycheproof_bytes(c, "key", &key_len), *iv = wycheproof_bytes(c, "iv", &iv_len),
		      *msg = wycheproof_bytes(c, "msg", &len), *ct = wycheproof_bytes(c, "ct", &cipher_len);
	uint8_t pad = (uint8_t)(16 - len % 16);

	if (vector_count == VECTORS_MOST || strcmp(wycheproof_text(c, "result"), "valid") != 0)
		return;
	*v = (struct vector){
		.key_len = key_len, .iv_len = iv_len, .plain_len = len + pad, .cipher_len = cipher_len};
	memcpy(v->key, key, key_len);
	memcpy(v->iv, iv, iv_len);
	memcpy(v->plain, msg, len);
	memset(v->plain + len, pad, pad);
	memcpy(v->cipher, ct, cipher_len);
	vector_count++;
}

static void aes_cbc_pkcs5(void)
{
	vector_count = vectors_tried = 0;
	if (wycheproof_run("aes_cbc_pkcs5.json", "aes_cbc_pkcs5.json", take_cbc, NULL) == 0)
		return;
	CHECK_MSG(vector_count >= 72, "%zu vectors", vector_count);
	wanted_kind = HAW_CIPHER_AES_CBC;
	for_each_subject(check_cipher);
	if (!harness.failed && vectors_tried == 0)
		harness_skip("aes_cbc_pkcs5.json", "no backend that is tested serves it");
}

static void triple_des_cbc(void)
{
	static const char *const files[] = {
		"3DES/CBC/TCBCMMT1.rsp",    "3DES/CBC/TCBCMMT2.rsp",    "3DES/CBC/TCBCMMT3.rsp",
		"3DES/CBC/TCBCpermop.rsp",  "3DES/CBC/TCBCsubtab.rsp",  "3DES/CBC/TCBCvarkey.rsp",
		"3DES/CBC/TCBCvartext.rsp", "3DES/CBC/TCBCinvperm.rsp", NULL};

	cipher_vectors(HAW_CIPHER_3DES_CBC, 200, files);
}

/* ---- AES-GCM ---- */

/* What opens as V says: a failing one has no plaintext. */
static bool gcm_opens(const struct vector *v, bool by_ipsecmb)
{
	uint8_t out[TEXT_MOST], tag[16];

	if (by_ipsecmb)
		wycheproof_gcm_open(v->key, v->key_len, v->iv, v->aad, v->aad_len, v->cipher, out,
				    v->cipher_len, tag);
	else
		reference_aes_gcm(v->key, v->key_len, v->iv, v->aad, v->aad_len, v->plain, out, v->plain_len,
				  tag);
	if (v->fails)
		return memcmp(tag, v->tag, 16) != 0;
	return memcmp(tag, v->tag, 16) == 0 &&
	       memcmp(out, by_ipsecmb ? v->plain : v->cipher, v->plain_len) == 0;
}

static void aes_gcm(void)
{
	static const char *const files[] = {"AES/GCM/gcmEncryptExtIV128.rsp",
					    "AES/GCM/gcmEncryptExtIV256.rsp", "AES/GCM/gcmDecrypt128.rsp",
					    "AES/GCM/gcmDecrypt256.rsp", NULL};
	const haw_backend *backend = haw_backend_find("ipsecmb");
	bool ipsecmb = backend && !backend->unusable(backend);

	if (!read_files(files))
		return;
	CHECK_MSG(vector_count > 1000, "%zu vectors", vector_count);
	for (size_t i = 0; i < vector_count; i++) {
		/* The reference seals; only those that open have a plaintext for it. */
		CHECK_MSG(vectors[i].fails || gcm_opens(&vectors[i], false), "vector %zu, reference", i);
		CHECK_MSG(!ipsecmb || gcm_opens(&vectors[i], true), "vector %zu, ipsecmb", i);
	}
	if (!ipsecmb)
		harness_skip("ipsecmb", backend ? backend->unusable(backend) : "not in this build");
}

/* ---- HMAC, as packets ---- */

struct hmac_case {
	uint8_t kind, key[HAW_MAC_KEY_MAX], message[TEXT_MOST];
	size_t len;
	bool valid;
	uint8_t tag[HAW_TAG_MAX];
};

static struct hmac_case *hmacs;
static size_t hmac_count;

/* Sequence number, length field, whole blocks: the message of encrypt-then-MAC. */
static void take_hmac(const struct wycheproof_case *c, void *user)
{
	const struct hmac_case *shape = user;
	size_t key_len, len, tag_len;
	const uint8_t *key = wycheproof_bytes(c, "key", &key_len), *msg = wycheproof_bytes(c, "msg", &len),
		      *tag = wycheproof_bytes(c, "tag", &tag_len);
	struct hmac_case *h = &hmacs[hmac_count];

	if (hmac_count == VECTORS_MOST || key_len != shape->len || tag_len != shape->len || len < 8 + 8 ||
	    len % 8 != 0 || len > TEXT_MOST)
		return;
	*h = (struct hmac_case){.kind = shape->kind, .len = len};
	memcpy(h->key, key, key_len);
	memcpy(h->message, msg, len);
	memcpy(h->tag, tag, tag_len);
	h->valid = strcmp(wycheproof_text(c, "result"), "valid") == 0;
	hmac_count++;
}

static void check_hmac(struct subject *subject, const struct hmac_case *h)
{
	const haw_suite *suite = subject->suite;
	uint8_t wire[TEXT_MOST + HAW_TAG_MAX], plain[TEXT_MOST];
	size_t packet = h->len - 4;
	haw_job job;

	memcpy(subject->mac_key, h->key, suite->mac_key_size);
	CHECK(subject_renew(subject));
	memcpy(wire, h->message + 4, packet);
	memcpy(wire + packet, h->tag, suite->tag_size);
	set_numbers(&job, (uint32_t)packet - HAW_LENGTH_SIZE,
		    (uint32_t)h->message[0] << 24 | (uint32_t)h->message[1] << 16 |
			    (uint32_t)h->message[2] << 8 | h->message[3],
		    0, 0);
	job.in[0] = (haw_span){wire, packet + suite->tag_size};
	job.out[0] = (haw_mut_span){plain, packet};
	job.in_count = job.out_count = 1;
	CHECK(drive_one(subject->opener, &job));
	CHECK(job.status == (h->valid ? 0 : HAW_EINTEGRITY));
	vectors_tried++;
}

static void check_hmacs(struct subject *subject)
{
	const haw_suite *suite = subject->suite;

	if (suite->length_mode != HAW_LENGTH_CLEAR)
		return;
	for (size_t i = 0; i < hmac_count && !harness.failed; i++)
		if (hmacs[i].kind == suite->mac_kind && (hmacs[i].len - 8) % suite->block_size == 0)
			check_hmac(subject, &hmacs[i]);
}

/* RFC 4231 §4.8: the key is longer than a block, so it is its own hash that is used, and that is as long as
 * the keys of packets; the message is as long as a packet's of whole blocks. */
static void take_rfc4231(uint8_t kind, const char *digest, const char *tag)
{
	static const char message[] =
		"This is a test using a larger than block-size key and a larger than block-size data. "
		"The key needs to be hashed before being used by the HMAC algorithm.";
	struct hmac_case *h = &hmacs[hmac_count++];
	uint8_t key[131];

	*h = (struct hmac_case){.kind = kind, .len = strlen(message), .valid = true};
	memset(key, 0xaa, sizeof(key));
	if (!EVP_Q_digest(NULL, digest, NULL, key, sizeof(key), h->key, NULL))
		abort();
	memcpy(h->message, message, h->len);
	unhex(tag, h->tag, sizeof(h->tag));
	/* And the same but for one bit. */
	hmacs[hmac_count] = *h;
	hmacs[hmac_count].tag[3] ^= 4;
	hmacs[hmac_count++].valid = false;
}

static void hmac_rfc4231(void)
{
	hmacs = calloc(4, sizeof(*hmacs));
	vectors_tried = hmac_count = 0;
	take_rfc4231(HAW_MAC_HMAC_SHA2_256, "SHA256",
		     "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
	take_rfc4231(HAW_MAC_HMAC_SHA2_512, "SHA512",
		     "e37b6a775dc87dbaa4dfa9f96e5e3ffddebd71f8867289865df5a32d20cdc944"
		     "b6022cac3c4982b10d5eeb55c3e4de15134676fb6de0446065c97440fa8c6a58");
	for_each_subject(check_hmacs);
	if (!harness.failed && vectors_tried == 0)
		harness_skip("RFC 4231", "no backend that is tested serves it");
	free(hmacs);
}

static void hmac_as_packets(void)
{
	struct hmac_case sha1 = {.kind = HAW_MAC_HMAC_SHA1, .len = 20},
			 sha256 = {.kind = HAW_MAC_HMAC_SHA2_256, .len = 32},
			 sha512 = {.kind = HAW_MAC_HMAC_SHA2_512, .len = 64};

	hmacs = calloc(VECTORS_MOST, sizeof(*hmacs));
	vectors_tried = hmac_count = 0;
	if (wycheproof_run("hmac_sha1.json", "hmac_sha1.json", take_hmac, &sha1) == 0 ||
	    wycheproof_run("hmac_sha256.json", "hmac_sha256.json", take_hmac, &sha256) == 0 ||
	    wycheproof_run("hmac_sha512.json", "hmac_sha512.json", take_hmac, &sha512) == 0)
		goto out;
	if (hmac_count > 0)
		for_each_subject(check_hmacs);
	if (!harness.failed && vectors_tried == 0)
		harness_skip("hmac as packets", "no backend that is tested serves it");
out:
	free(hmacs);
}

int main(void)
{
	vectors = calloc(VECTORS_MOST, sizeof(*vectors));
	RUN(aes_ctr);
	RUN(aes_cbc);
	RUN(aes_cbc_pkcs5);
	RUN(triple_des_cbc);
	RUN(aes_gcm);
	RUN(hmac_rfc4231);
	RUN(hmac_as_packets);
	free(vectors);
	return harness_end();
}

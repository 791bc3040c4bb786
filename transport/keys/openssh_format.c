/* SPDX-License-Identifier: Apache-2.0
 *
 * OpenSSH's private key format (its PROTOCOL.key):
 *
 *	"openssh-key-v1" NUL
 *	string	cipher name		"none" or what protects the private half
 *	string	kdf name		"none" or "bcrypt"
 *	string	kdf options		empty, or string salt, uint32 rounds
 *	uint32	number of keys		1
 *	string	public key blob
 *	string	private half		encrypted; an AEAD's tag stands behind the string
 *
 * and inside the private half
 *
 *	uint32	check			twice the same random number
 *	uint32	check
 *	fields				openssh_fields.c
 *	string	comment
 *	bytes	1, 2, 3, ...		up to the cipher's block
 */
#include "transport/keys/key_internal.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/rand.h>

#include "transport/keys/bcrypt_pbkdf.h"
#include "transport/keys/text.h"

#define BEGIN "-----BEGIN OPENSSH PRIVATE KEY-----"
#define END "-----END OPENSSH PRIVATE KEY-----"
/* With its NUL. */
#define MAGIC "openssh-key-v1"

enum {
	LINE_WIDTH = 70,
	PLAIN_BLOCK = 8, /* padding unit where there is no cipher */
	SALT_SIZE = 16,
	ROUNDS_DEFAULT = 16
};

/* A file, taken apart; views into the decoded bytes. */
struct container {
	uint8_t *bytes;
	size_t len;
	const struct haw_openssh_cipher *cipher; /* NULL: none */
	haw_span salt;
	uint32_t rounds;
	haw_span public_blob;
	haw_span private_half;
	haw_span tag;
};

bool haw_openssh_detect(haw_span data)
{
	return data.len >= sizeof(BEGIN) - 1 && memcmp(data.ptr, BEGIN, sizeof(BEGIN) - 1) == 0;
}

/* ---- Reading ---- */

/* Decode what stands between the lines BEGIN and END. */
static int dearmour(haw_span data, struct container *c, haw_error *err)
{
	const uint8_t *at = data.ptr + sizeof(BEGIN) - 1, *end;
	size_t digits = 0;
	bool ok;

	end = memmem(at, (size_t)(data.ptr + data.len - at), END, sizeof(END) - 1);
	if (!end)
		return haw_key_format_error(err, "the private key is cut off: its END line is missing");
	c->len = (size_t)(end - at);
	c->bytes = malloc(c->len + 4);
	if (!c->bytes)
		return haw_no_memory(err);
	for (; at < end; at++)
		if (*at != '\n' && *at != '\r' && *at != ' ' && *at != '\t')
			c->bytes[digits++] = *at;
	/* In place: three bytes are written after four were read. */
	ok = haw_base64_decode(c->bytes, &digits, (const char *)c->bytes, digits);
	if (!ok)
		return haw_key_format_error(err, "the private key is damaged: not valid base64");
	memset(c->bytes + digits, 0, c->len - digits);
	c->len = digits;
	return 0;
}

static void clear(struct container *c)
{
	haw_text_file_free(c->bytes, c->len);
	c->bytes = NULL;
}

static int read_kdf(struct container *c, haw_span cipher, haw_span kdf, haw_span options, haw_error *err)
{
	haw_message m;
	char name[64];

	haw_message_read(&m, options.ptr, options.len);
	if (haw_span_is(cipher, "none")) {
		if (!haw_span_is(kdf, "none"))
			return haw_key_format_error(
				err, "the private key is damaged: a passphrase without a cipher");
		return 0;
	}
	c->cipher = haw_openssh_cipher_find(cipher);
	if (!c->cipher)
		return haw_error_set(err, HAW_EUNSUPPORTED, HAW_FAULT_LOCAL, 0,
				     "the private key is encrypted with \"%s\", which is not supported",
				     haw_escape(name, sizeof(name), cipher.ptr, cipher.len));
	if (!haw_span_is(kdf, "bcrypt"))
		return haw_error_set(
			err, HAW_EUNSUPPORTED, HAW_FAULT_LOCAL, 0,
			"the private key's passphrase is stretched by \"%s\", which is not supported",
			haw_escape(name, sizeof(name), kdf.ptr, kdf.len));
	c->salt = haw_get_string(&m);
	c->rounds = haw_get_u32(&m);
	if (!haw_message_complete(&m) || c->salt.len == 0 || c->salt.len > HAW_BCRYPT_SALT_MAX ||
	    c->rounds == 0)
		return haw_key_format_error(err,
					    "the private key is damaged: its bcrypt options are malformed");
	if (c->rounds > HAW_BCRYPT_ROUNDS_MAX)
		return haw_error_set(err, HAW_ELIMIT, HAW_FAULT_LOCAL, 0,
				     "the private key asks for %u bcrypt rounds; at most %u are done",
				     c->rounds, HAW_BCRYPT_ROUNDS_MAX);
	return 0;
}

static int open_container(haw_span data, struct container *c, haw_error *err)
{
	haw_span magic, cipher, kdf, options;
	haw_message m;
	uint32_t keys;
	int result = dearmour(data, c, err);

	if (result < 0)
		return result;
	haw_message_read(&m, c->bytes, c->len);
	magic = haw_get_bytes(&m, sizeof(MAGIC));
	if (magic.len != sizeof(MAGIC) || memcmp(magic.ptr, MAGIC, sizeof(MAGIC)) != 0)
		return haw_key_format_error(err, "the private key is damaged: it does not begin with " MAGIC);
	cipher = haw_get_string(&m);
	kdf = haw_get_string(&m);
	options = haw_get_string(&m);
	keys = haw_get_u32(&m);
	c->public_blob = haw_get_string(&m);
	c->private_half = haw_get_string(&m);
	if (!haw_message_ok(&m))
		return haw_key_format_error(err, "the private key is damaged: it ends too early");
	if (keys != 1)
		return haw_error_set(err, HAW_EUNSUPPORTED, HAW_FAULT_LOCAL, 0,
				     "the file holds %u private keys; only files with one are supported",
				     keys);
	result = read_kdf(c, cipher, kdf, options, err);
	if (result < 0)
		return result;
	c->tag = haw_get_bytes(&m, c->cipher ? c->cipher->tag_size : 0);
	if (!haw_message_complete(&m) || c->private_half.len == 0 ||
	    c->private_half.len % (c->cipher ? c->cipher->block_size : PLAIN_BLOCK) != 0)
		return haw_key_format_error(err, "the private key is damaged: its parts have wrong lengths");
	return 0;
}

/* Read the decrypted private half. The two numbers in front are the only sign of a wrong passphrase
 * where the cipher has no tag. */
static haw_key *read_private_half(const struct container *c, haw_error *err)
{
	haw_message m;
	haw_span comment, padding;
	EVP_PKEY *pkey;
	haw_key *key;

	haw_message_read(&m, c->private_half.ptr, c->private_half.len);
	if (haw_get_u32(&m) != haw_get_u32(&m)) {
		if (c->cipher)
			haw_key_passphrase_error(err, true);
		else
			haw_key_format_error(err, "the private key is damaged: its check numbers differ");
		return NULL;
	}
	pkey = haw_openssh_get_fields(&m, err);
	if (!pkey)
		return NULL;
	comment = haw_get_string(&m);
	padding = haw_message_remainder(&m);
	for (size_t i = 0; i < padding.len; i++)
		if (padding.ptr[i] != (uint8_t)(i + 1))
			haw_message_fail(&m);
	if (!haw_message_ok(&m)) {
		EVP_PKEY_free(pkey);
		haw_key_format_error(err, "the private key is damaged: what stands behind its numbers");
		return NULL;
	}
	key = haw_key_wrap(pkey, true, comment, err);
	if (key && !haw_span_equal(haw_key_blob(key), c->public_blob)) {
		haw_key_free(key);
		haw_key_format_error(err,
				     "the private key is damaged: its two halves do not belong together");
		return NULL;
	}
	return key;
}

haw_key *haw_openssh_parse(haw_span data, const char *passphrase, haw_error *err)
{
	struct container c = {.bytes = NULL};
	haw_key *key = NULL;
	int result = open_container(data, &c, err);

	if (result == 0 && c.cipher && (!passphrase || *passphrase == '\0'))
		result = haw_key_passphrase_error(err, false);
	/* The views lie in bytes of our own, so decrypting in place is ours to do. */
	if (result == 0 && c.cipher)
		result = haw_openssh_crypt(c.cipher, false, passphrase, c.salt, c.rounds,
					   c.bytes + (c.private_half.ptr - c.bytes), c.private_half.len,
					   c.tag.ptr, err);
	if (result == 0)
		key = read_private_half(&c, err);
	clear(&c);
	return key;
}

haw_key *haw_openssh_parse_public(haw_span data, bool *encrypted, haw_error *err)
{
	struct container c = {.bytes = NULL};
	haw_key *key = NULL;

	if (open_container(data, &c, err) == 0) {
		*encrypted = c.cipher != NULL;
		key = haw_key_from_blob(c.public_blob, err);
	}
	clear(&c);
	return key;
}

/* ---- Writing ---- */

static int put_private_half(const haw_key *key, const struct haw_openssh_cipher *cipher, haw_message *m,
			    haw_error *err)
{
	size_t block = cipher ? cipher->block_size : PLAIN_BLOCK;
	uint32_t check;
	int result;

	if (RAND_bytes((unsigned char *)&check, sizeof(check)) != 1)
		return haw_error_set(err, HAW_ECRYPTO, HAW_FAULT_LOCAL, 0, "OpenSSL gives no random numbers");
	haw_put_u32(m, check);
	haw_put_u32(m, check);
	result = haw_openssh_put_fields(key, m, err);
	if (result < 0)
		return result;
	haw_put_string(m, key->comment, strlen(key->comment));
	for (uint8_t i = 1; haw_message_ok(m) && haw_message_all(m).len % block != 0; i++)
		haw_put_byte(m, i);
	return haw_message_ok(m) ? 0 : haw_no_memory(err);
}

static int put_kdf(haw_message *m, const struct haw_openssh_cipher *cipher, const uint8_t *salt,
		   unsigned int rounds)
{
	size_t mark;

	haw_put_text(m, cipher ? cipher->name : "none");
	haw_put_text(m, cipher ? "bcrypt" : "none");
	mark = haw_put_string_begin(m);
	if (cipher) {
		haw_put_string(m, salt, SALT_SIZE);
		haw_put_u32(m, rounds);
	}
	haw_put_string_end(m, mark);
	haw_put_u32(m, 1);
	return 0;
}

/* Append the binary file to M. */
static int put_container(const haw_key *key, const char *passphrase, unsigned int rounds, haw_message *m,
			 haw_error *err)
{
	const struct haw_openssh_cipher *cipher = NULL;
	uint8_t salt[SALT_SIZE];
	haw_message private_half;
	haw_span view;
	int result;

	if (passphrase && *passphrase) {
		cipher = haw_openssh_cipher_find((haw_span){(const uint8_t *)"aes256-ctr", 10});
		if (RAND_bytes(salt, sizeof(salt)) != 1)
			return haw_error_set(err, HAW_ECRYPTO, HAW_FAULT_LOCAL, 0,
					     "OpenSSL gives no random numbers");
	}
	haw_put_bytes(m, MAGIC, sizeof(MAGIC));
	put_kdf(m, cipher, salt, rounds);
	haw_put_string(m, key->blob, key->blob_len);
	haw_message_write(&private_half, 0);
	result = put_private_half(key, cipher, &private_half, err);
	view = haw_message_all(&private_half);
	if (result == 0 && cipher)
		result = haw_openssh_crypt(cipher, true, passphrase, (haw_span){salt, sizeof(salt)}, rounds,
					   private_half.data, view.len, NULL, err);
	haw_put_string(m, view.ptr, view.len);
	haw_message_free(&private_half);
	if (result == 0 && !haw_message_ok(m))
		result = haw_no_memory(err);
	return result;
}

static int put_armour(haw_span bytes, haw_message *out, haw_error *err)
{
	size_t size = HAW_BASE64_SIZE(bytes.len);
	char *digits = malloc(size);

	if (!digits)
		return haw_no_memory(err);
	haw_base64_encode(digits, bytes.ptr, bytes.len, true);
	haw_put_bytes(out, BEGIN "\n", sizeof(BEGIN));
	for (size_t at = 0; at < size - 1; at += LINE_WIDTH) {
		size_t n = size - 1 - at < LINE_WIDTH ? size - 1 - at : LINE_WIDTH;

		haw_put_bytes(out, digits + at, n);
		haw_put_byte(out, '\n');
	}
	haw_put_bytes(out, END "\n", sizeof(END));
	haw_text_file_free((uint8_t *)digits, size);
	return haw_message_ok(out) ? 0 : haw_no_memory(err);
}

int haw_key_format_private(const haw_key *key, haw_message *out, const char *passphrase, unsigned int rounds,
			   haw_error *err)
{
	haw_message bytes;
	haw_key *plain;
	int result;

	if (!key->can_sign)
		return haw_error_set(err, HAW_EINVAL, HAW_FAULT_LOCAL, 0,
				     "the key has no private half to write");
	/* A certificate stands in a file of its own. */
	plain = haw_key_plain(key, err);
	if (!plain)
		return HAW_ENOMEM;
	haw_message_write(&bytes, 0);
	result = put_container(plain, passphrase, rounds ? rounds : ROUNDS_DEFAULT, &bytes, err);
	if (result == 0)
		result = put_armour(haw_message_all(&bytes), out, err);
	haw_message_free(&bytes);
	haw_key_free(plain);
	return result;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * PuTTY's private key files, versions 2 and 3:
 *
 *	PuTTY-User-Key-File-3: ssh-ed25519
 *	Encryption: none			or aes256-cbc
 *	Comment: TEXT
 *	Public-Lines: N				N lines of base64: the public key blob
 *	Key-Derivation: Argon2id		version 3 with a passphrase: five lines
 *	Argon2-Memory: 8192
 *	Argon2-Passes: 13
 *	Argon2-Parallelism: 1
 *	Argon2-Salt: HEX
 *	Private-Lines: N			base64: what the blob does not say, perhaps encrypted
 *	Private-MAC: HEX			over algorithm, encryption, comment and both halves
 *
 * Everything is proven by the MAC; then the numbers are checked as in OpenSSH's format, by being put
 * into its form.
 */
#include "transport/keys/key_internal.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "transport/keys/argon2.h"
#include "transport/keys/text.h"

#define MAGIC "PuTTY-User-Key-File-"

enum {
	LINES_MAX = 10000,
	KEY_SIZE = 32,
	IV_SIZE = 16,
	MAC_KEY_MAX = 32,
	SHA1_SIZE = 20,
	MAC_MAX = 32,
	SALT_MAX = 64
};

/* A file, taken apart. */
struct ppk {
	unsigned version;
	haw_span algorithm, encryption, comment;
	bool encrypted;
	struct haw_argon2 kdf;
	uint8_t salt[SALT_MAX];
	uint8_t *public_blob, *private_half;
	size_t public_len, private_len;
	size_t public_room, private_room; /* what is wiped: digits stand behind what they became */
	uint8_t mac[MAC_MAX];
	size_t mac_len;
};

bool haw_ppk_detect(haw_span data)
{
	return data.len >= sizeof(MAGIC) - 1 && memcmp(data.ptr, MAGIC, sizeof(MAGIC) - 1) == 0;
}

static int damaged(haw_error *err, const char *what)
{
	return haw_error_set(err, HAW_EFORMAT, HAW_FAULT_LOCAL, 0, "the PuTTY private key is damaged: %s",
			     what);
}

/* ---- Lines ---- */

static bool take_line(haw_span *rest, haw_span *line)
{
	const uint8_t *end = rest->len > 0 ? memchr(rest->ptr, '\n', rest->len) : NULL;
	size_t len = end ? (size_t)(end - rest->ptr) : rest->len;

	if (rest->len == 0)
		return false;
	*line = (haw_span){rest->ptr, len};
	rest->ptr += len + (end != NULL);
	rest->len -= len + (end != NULL);
	if (line->len > 0 && line->ptr[line->len - 1] == '\r')
		line->len--;
	return true;
}

/* The next line must be "NAME: VALUE". */
static bool take_field(haw_span *rest, const char *name, haw_span *value)
{
	size_t len = strlen(name);
	haw_span line;

	if (!take_line(rest, &line) || line.len < len + 2 || memcmp(line.ptr, name, len) != 0 ||
	    memcmp(line.ptr + len, ": ", 2) != 0)
		return false;
	*value = (haw_span){line.ptr + len + 2, line.len - len - 2};
	return true;
}

static bool take_number(haw_span *rest, const char *name, uint32_t *number)
{
	haw_span text;
	uint64_t value = 0;

	if (!take_field(rest, name, &text) || text.len == 0 || text.len > 9)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return false;
		value = value * 10 + (text.ptr[i] - '0');
	}
	*number = (uint32_t)value;
	return true;
}

static int digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool take_hex(haw_span *rest, const char *name, uint8_t *out, size_t max, size_t *len)
{
	haw_span text;

	if (!take_field(rest, name, &text) || text.len == 0 || text.len % 2 || text.len / 2 > max)
		return false;
	for (*len = 0; *len < text.len / 2; ++*len) {
		int high = digit(text.ptr[2 * *len]), low = digit(text.ptr[2 * *len + 1]);

		if (high < 0 || low < 0)
			return false;
		out[*len] = (uint8_t)(high << 4 | low);
	}
	return true;
}

/* "NAME: N" and N lines of base64, decoded into memory of their own. */
static bool take_base64(haw_span *rest, const char *name, uint8_t **out, size_t *out_len, size_t *room)
{
	uint32_t lines;
	size_t len = 0;
	haw_span line;

	if (!take_number(rest, name, &lines) || lines == 0 || lines > LINES_MAX)
		return false;
	*out = calloc(1, rest->len + 4);
	if (!*out)
		return false;
	*room = rest->len + 4;
	for (; lines > 0; lines--) {
		if (!take_line(rest, &line))
			return false;
		memcpy(*out + len, line.ptr, line.len);
		len += line.len;
	}
	return haw_base64_decode(*out, out_len, (const char *)*out, len);
}

static void clear(struct ppk *p)
{
	if (p->private_half)
		OPENSSL_cleanse(p->private_half, p->private_room);
	free(p->private_half);
	free(p->public_blob);
}

/* ---- The file ---- */

static bool take_kdf(haw_span *rest, struct ppk *p)
{
	static const char *const names[] = {
		[HAW_ARGON2_D] = "Argon2d", [HAW_ARGON2_I] = "Argon2i", [HAW_ARGON2_ID] = "Argon2id"};
	haw_span name;
	size_t kind, len;

	if (!take_field(rest, "Key-Derivation", &name))
		return false;
	for (kind = 0; kind < 3 && !haw_span_is(name, names[kind]); kind++)
		continue;
	p->kdf.kind = (enum haw_argon2_kind)kind;
	if (kind == 3 || !take_number(rest, "Argon2-Memory", &p->kdf.memory) ||
	    !take_number(rest, "Argon2-Passes", &p->kdf.passes) ||
	    !take_number(rest, "Argon2-Parallelism", &p->kdf.lanes) ||
	    !take_hex(rest, "Argon2-Salt", p->salt, sizeof(p->salt), &len))
		return false;
	p->kdf.salt = (haw_span){p->salt, len};
	return true;
}

static int read_head(haw_span *rest, struct ppk *p, haw_error *err)
{
	haw_span line;

	if (!take_line(rest, &line) || line.len < sizeof(MAGIC) + 2 ||
	    memcmp(line.ptr + sizeof(MAGIC), ": ", 2) != 0)
		return damaged(err, "its first line");
	p->version = line.ptr[sizeof(MAGIC) - 1] - (unsigned)'0';
	p->algorithm = (haw_span){line.ptr + sizeof(MAGIC) + 2, line.len - sizeof(MAGIC) - 2};
	if (p->version != 2 && p->version != 3)
		return haw_error_set(
			err, HAW_EUNSUPPORTED, HAW_FAULT_LOCAL, 0,
			"PuTTY's key files of versions 2 and 3 are supported, this one is of another");
	if (!take_field(rest, "Encryption", &p->encryption) || !take_field(rest, "Comment", &p->comment))
		return damaged(err, "its head");
	p->encrypted = haw_span_is(p->encryption, "aes256-cbc");
	if (!p->encrypted && !haw_span_is(p->encryption, "none"))
		return haw_error_set(err, HAW_EUNSUPPORTED, HAW_FAULT_LOCAL, 0,
				     "the PuTTY private key is encrypted in a way that is not supported");
	return 0;
}

static int take_apart(haw_span data, struct ppk *p, haw_error *err)
{
	haw_span rest = data;
	int result = read_head(&rest, p, err);

	if (result < 0)
		return result;
	if (!take_base64(&rest, "Public-Lines", &p->public_blob, &p->public_len, &p->public_room))
		return damaged(err, "its public half");
	if (p->version == 3 && p->encrypted && !take_kdf(&rest, p))
		return damaged(err, "the parameters of its passphrase");
	if (!take_base64(&rest, "Private-Lines", &p->private_half, &p->private_len, &p->private_room) ||
	    (p->encrypted && p->private_len % IV_SIZE != 0))
		return damaged(err, "its private half");
	if (!take_hex(&rest, "Private-MAC", p->mac, sizeof(p->mac), &p->mac_len) ||
	    p->mac_len != (p->version == 2 ? SHA1_SIZE : MAC_MAX))
		return damaged(err, "its MAC");
	return 0;
}

/* ---- What protects it ---- */

struct secrets {
	uint8_t key[KEY_SIZE + IV_SIZE + MAC_KEY_MAX]; /* key, IV, MAC key */
	size_t mac_key_len;
};

static bool sha1(uint8_t *out, const void *first, size_t first_len, const char *second)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool done = ctx && EVP_DigestInit_ex2(ctx, EVP_sha1(), NULL) == 1 &&
		    EVP_DigestUpdate(ctx, first, first_len) == 1 &&
		    EVP_DigestUpdate(ctx, second, strlen(second)) == 1 &&
		    EVP_DigestFinal_ex(ctx, out, NULL) == 1;

	EVP_MD_CTX_free(ctx);
	return done;
}

/* Version 2: the key is SHA-1 over a counter and the passphrase, the IV zero. */
static int derive_old(const char *passphrase, struct secrets *s, haw_error *err)
{
	static const char label[] = "putty-private-key-file-mac-key";
	uint8_t digests[2 * SHA1_SIZE], counter[4] = {0};
	bool done = sha1(digests, counter, 4, passphrase);

	counter[3] = 1;
	done = done && sha1(digests + SHA1_SIZE, counter, 4, passphrase) &&
	       sha1(s->key + KEY_SIZE + IV_SIZE, label, sizeof(label) - 1, passphrase);
	memcpy(s->key, digests, KEY_SIZE);
	memset(s->key + KEY_SIZE, 0, IV_SIZE);
	s->mac_key_len = SHA1_SIZE;
	OPENSSL_cleanse(digests, sizeof(digests));
	return done ? 0
		    : haw_error_set(err, HAW_ECRYPTO, HAW_FAULT_LOCAL, 0,
				    "OpenSSL refuses SHA-1, which the key file needs");
}

static int derive(struct ppk *p, const char *passphrase, struct secrets *s, haw_error *err)
{
	if (p->version == 2)
		return derive_old(p->encrypted ? passphrase : "", s, err);
	s->mac_key_len = 0;
	if (!p->encrypted)
		return 0;
	s->mac_key_len = MAC_KEY_MAX;
	p->kdf.password = (haw_span){(const uint8_t *)passphrase, strlen(passphrase)};
	return haw_argon2(&p->kdf, s->key, sizeof(s->key), err);
}

static bool decrypt(struct ppk *p, const struct secrets *s)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n = 0, last = 0;
	bool done = ctx &&
		    EVP_DecryptInit_ex2(ctx, EVP_aes_256_cbc(), s->key, s->key + KEY_SIZE, NULL) == 1 &&
		    EVP_CIPHER_CTX_set_padding(ctx, 0) == 1 &&
		    EVP_DecryptUpdate(ctx, p->private_half, &n, p->private_half, (int)p->private_len) == 1 &&
		    EVP_DecryptFinal_ex(ctx, p->private_half + n, &last) == 1;

	EVP_CIPHER_CTX_free(ctx);
	return done;
}

static bool mac_is_right(const struct ppk *p, const struct secrets *s)
{
	uint8_t computed[MAC_MAX];
	haw_message m;
	haw_span all;
	size_t len = 0;
	bool right;

	haw_message_write(&m, HAW_KEY_FILE_MAX + 1024);
	haw_put_string(&m, p->algorithm.ptr, p->algorithm.len);
	haw_put_string(&m, p->encryption.ptr, p->encryption.len);
	haw_put_string(&m, p->comment.ptr, p->comment.len);
	haw_put_string(&m, p->public_blob, p->public_len);
	haw_put_string(&m, p->private_half, p->private_len);
	all = haw_message_all(&m);
	right = haw_message_ok(&m) &&
		EVP_Q_mac(NULL, "HMAC", NULL, p->version == 2 ? "SHA1" : "SHA256", NULL,
			  s->key + KEY_SIZE + IV_SIZE, s->mac_key_len, all.ptr, all.len, computed,
			  sizeof(computed), &len) &&
		len == p->mac_len && CRYPTO_memcmp(computed, p->mac, len) == 0;
	haw_message_free(&m);
	return right;
}

static int open_ppk(struct ppk *p, const char *passphrase, haw_error *err)
{
	struct secrets s = {.mac_key_len = 0};
	int result;

	if (p->encrypted && (!passphrase || !*passphrase))
		return haw_key_passphrase_error(err, false);
	result = derive(p, passphrase, &s, err);
	if (result == 0 && p->encrypted && !decrypt(p, &s))
		result = haw_error_set(err, HAW_ECRYPTO, HAW_FAULT_LOCAL, 0, "OpenSSL cannot run aes256-cbc");
	if (result == 0 && !mac_is_right(p, &s))
		result = p->encrypted ? haw_key_passphrase_error(err, true)
				      : damaged(err, "its MAC does not fit what it covers");
	OPENSSL_cleanse(&s, sizeof(s));
	return result;
}

/* ---- The key ---- */

/* Put the numbers of both halves into the order of OpenSSH's format. Padding may follow in PRIVATE. */
static void merge(haw_span blob, haw_span private_half, haw_message *out)
{
	haw_message in, secret;
	haw_span type, first, second;

	haw_message_read(&in, blob.ptr, blob.len);
	haw_message_read(&secret, private_half.ptr, private_half.len);
	type = haw_get_string(&in);
	haw_put_string(out, type.ptr, type.len);
	first = haw_get_string(&in);
	if (haw_span_is(type, "ssh-ed25519")) {
		second = haw_get_string(&secret);
		haw_put_string(out, first.ptr, first.len);
		haw_put_u32(out, (uint32_t)(second.len + first.len));
		haw_put_bytes(out, second.ptr, second.len);
		haw_put_bytes(out, first.ptr, first.len);
	} else if (haw_span_is(type, "ssh-rsa")) {
		haw_span d = haw_get_string(&secret), p = haw_get_string(&secret),
			 q = haw_get_string(&secret), iqmp = haw_get_string(&secret);

		second = haw_get_string(&in);
		haw_put_string(out, second.ptr, second.len);
		haw_put_string(out, first.ptr, first.len);
		haw_put_string(out, d.ptr, d.len);
		haw_put_string(out, iqmp.ptr, iqmp.len);
		haw_put_string(out, p.ptr, p.len);
		haw_put_string(out, q.ptr, q.len);
	} else {
		second = haw_get_string(&in);
		haw_put_string(out, first.ptr, first.len);
		haw_put_string(out, second.ptr, second.len);
		second = haw_get_string(&secret);
		haw_put_string(out, second.ptr, second.len);
	}
	if (!haw_message_ok(&in) || !haw_message_ok(&secret))
		haw_message_fail(out);
}

static haw_key *make_key(const struct ppk *p, haw_error *err)
{
	haw_span blob = {p->public_blob, p->public_len};
	haw_key *offered = haw_key_from_blob(blob, err), *plain = NULL, *key = NULL;
	EVP_PKEY *pkey = NULL;
	haw_message fields, m;

	if (offered)
		plain = haw_key_plain(offered, err);
	haw_message_write(&fields, 0);
	if (plain) {
		merge(haw_key_blob(plain), (haw_span){p->private_half, p->private_len}, &fields);
		haw_message_read(&m, haw_message_all(&fields).ptr, haw_message_all(&fields).len);
		pkey = haw_message_ok(&fields) ? haw_openssh_get_fields(&m, err) : NULL;
		if (!haw_message_ok(&fields))
			damaged(err, "its numbers");
	}
	if (pkey)
		key = haw_key_wrap(pkey, true, p->comment, err);
	if (key && haw_key_certificate(offered)) {
		haw_key *certified = haw_key_with_certificate(key, offered, err);

		haw_key_free(key);
		key = certified;
	}
	haw_message_free(&fields);
	haw_key_free(plain);
	haw_key_free(offered);
	return key;
}

haw_key *haw_ppk_parse(haw_span data, const char *passphrase, haw_error *err)
{
	struct ppk p = {.version = 0};
	haw_key *key = NULL;

	if (take_apart(data, &p, err) == 0 && open_ppk(&p, passphrase, err) == 0) {
		key = make_key(&p, err);
		if (key && !haw_span_is(p.algorithm, haw_key_type(key))) {
			damaged(err, "its first line names another type than its key's");
			haw_key_free(key);
			key = NULL;
		}
	}
	clear(&p);
	return key;
}

haw_key *haw_ppk_parse_public(haw_span data, bool *encrypted, haw_error *err)
{
	struct ppk p = {.version = 0};
	haw_key *key = NULL;

	if (take_apart(data, &p, err) == 0) {
		*encrypted = p.encrypted;
		key = haw_key_from_blob((haw_span){p.public_blob, p.public_len}, err);
		if (key)
			key = haw_key_with_comment(key, p.comment, err);
	}
	clear(&p);
	return key;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside haw_key, and the two families of private key files.
 */
#ifndef HAW_KEYS_KEY_INTERNAL_H
#define HAW_KEYS_KEY_INTERNAL_H

#include <stdatomic.h>

#include <openssl/types.h>

#include <hawser/key.h>

enum {
	HAW_KEY_FILE_MAX = 1 << 20,	/* bytes of a private or public key file */
	HAW_KEY_COMMENT_MAX = 4096
};

struct haw_certificate_copy;

struct haw_key {
	atomic_uint references;
	EVP_PKEY *pkey;
	bool can_sign;
	const char *type;	/* constant */
	unsigned int bits;
	uint8_t *blob;
	size_t blob_len;
	char *comment;
	char fingerprint[HAW_FINGERPRINT_SIZE];
	struct haw_certificate_copy *certificate; /* NULL: a plain key */
};

/* Make a key of PKEY, which is taken over (freed on failure too). COMMENT may be empty. */
haw_key *haw_key_wrap(EVP_PKEY *pkey, bool can_sign, haw_span comment, haw_error *err);

/* haw_key_verify, but a FIDO device need not say that somebody touched it. */
int haw_key_verify_untouched(const haw_key *key, const char *algorithm, haw_span data, haw_span signature,
			     haw_error *err);

/* A public key of BLOB, of any type but a certificate. */
haw_key *haw_key_from_plain_blob(haw_span blob, haw_error *err);

/* Another key object with the same halves, without a certificate; KEY is plain or can sign. */
haw_key *haw_key_copy_plain(const haw_key *key, haw_error *err);

/* ---- Certificates: certificate.c ---- */

/* A key of BLOB, a certificate. */
haw_key *haw_key_from_certificate(haw_span blob, haw_error *err);
const haw_certificate *haw_certificate_of(const struct haw_certificate_copy *copy);
/* The type of the key inside; constant. */
const char *haw_certificate_key_type(const struct haw_certificate_copy *copy);
void haw_certificate_free(struct haw_certificate_copy *copy);

/* Put COMMENT into KEY, which nobody else has seen yet, blanks in front of it apart. NULL, and KEY freed, if
 * out of memory. */
haw_key *haw_key_with_comment(haw_key *key, haw_span comment, haw_error *err);

/* ---- OpenSSH's format (PROTOCOL.key): openssh_format.c, openssh_cipher.c ---- */

/* Does DATA begin as such a file? */
bool haw_openssh_detect(haw_span data);
haw_key *haw_openssh_parse(haw_span data, const char *passphrase, haw_error *err);
/* The public half, which is in clear; *ENCRYPTED tells whether the private half is not. */
haw_key *haw_openssh_parse_public(haw_span data, bool *encrypted, haw_error *err);

/* A cipher of that format. */
struct haw_openssh_cipher {
	const char *name;
	const char *evp;	/* OpenSSL's name; NULL: chacha20-poly1305@openssh.com */
	uint8_t key_size, iv_size, block_size, tag_size;
};

/* The cipher called NAME, or NULL. "none" is not among them. */
const struct haw_openssh_cipher *haw_openssh_cipher_find(haw_span name);
/* Decrypt (or encrypt) LEN bytes in place, TAG being cipher->tag_size bytes, with a key derived from
 * PASSPHRASE by bcrypt over SALT. HAW_EPASSPHRASE if the tag is wrong. */
int haw_openssh_crypt(const struct haw_openssh_cipher *cipher, bool encrypt, const char *passphrase,
		      haw_span salt, uint32_t rounds, uint8_t *data, size_t len, const uint8_t *tag,
		      haw_error *err);

/* The fields of one private key: type, numbers (openssh_fields.c). Reading returns the key and leaves
 * M behind them; NULL with an error. Writing appends them to M. */
EVP_PKEY *haw_openssh_get_fields(haw_message *m, haw_error *err);
int haw_openssh_put_fields(const haw_key *key, haw_message *m, haw_error *err);

/* ---- PuTTY's format: ppk_format.c ---- */

bool haw_ppk_detect(haw_span data);
haw_key *haw_ppk_parse(haw_span data, const char *passphrase, haw_error *err);
haw_key *haw_ppk_parse_public(haw_span data, bool *encrypted, haw_error *err);

/* ---- PEM: pem_format.c ---- */

haw_key *haw_pem_parse(haw_span data, const char *passphrase, bool *encrypted, haw_error *err);

/* ---- Messages ---- */

int haw_key_format_error(haw_error *err, const char *reason);
int haw_key_passphrase_error(haw_error *err, bool given);

#endif

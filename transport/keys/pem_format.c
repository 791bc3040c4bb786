/* SPDX-License-Identifier: Apache-2.0
 *
 * PEM private keys, as OpenSSL and older programs write them: PKCS#1, SEC1 and PKCS#8, plain or with a
 * passphrase. OpenSSL reads them; this file keeps it from asking the terminal.
 */
#include "transport/keys/key_internal.h"

#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "transport/keys/text.h"

struct asked {
	const char *passphrase;
	bool asked;
};

static int give_passphrase(char *buffer, int size, int writing, void *user)
{
	struct asked *asked = user;
	size_t len;

	asked->asked = true;
	if (!asked->passphrase)
		return -1;
	len = strlen(asked->passphrase);
	if (len > (size_t)size)
		return -1;
	memcpy(buffer, asked->passphrase, len);
	return (int)len;
}

static bool looks_like_key(haw_span data)
{
	static const char begin[] = "-----BEGIN ", key[] = "PRIVATE KEY-----";
	const uint8_t *at = memmem(data.ptr, data.len, begin, sizeof(begin) - 1);

	return at && memmem(at, (size_t)(data.ptr + data.len - at), key, sizeof(key) - 1) != NULL;
}

haw_key *haw_pem_parse(haw_span data, const char *passphrase, bool *encrypted, haw_error *err)
{
	struct asked asked = {passphrase && *passphrase ? passphrase : NULL, false};
	EVP_PKEY *pkey;
	BIO *bio;

	*encrypted = false;
	if (!looks_like_key(data)) {
		haw_key_format_error(err, "not a private key in OpenSSH's format, PEM or PuTTY's format");
		return NULL;
	}
	bio = BIO_new_mem_buf(data.ptr, (int)data.len);
	if (!bio) {
		haw_no_memory(err);
		return NULL;
	}
	ERR_set_mark();
	pkey = PEM_read_bio_PrivateKey(bio, NULL, give_passphrase, &asked);
	/* What OpenSSL has to say is put in our own words; its queue is left as it was found. */
	ERR_pop_to_mark();
	BIO_free(bio);
	*encrypted = asked.asked;
	if (pkey)
		return haw_key_wrap(pkey, true, (haw_span){NULL, 0}, err);
	if (asked.asked)
		haw_key_passphrase_error(err, asked.passphrase != NULL);
	else
		haw_key_format_error(err,
				     "the PEM private key is damaged, or of a type or cipher that OpenSSL "
				     "does not know");
	return NULL;
}

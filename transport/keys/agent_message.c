/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/keys/agent_message.h"

#include <string.h>

#include "transport/keys/key_internal.h"

enum {
	FAILURE = 5,
	REQUEST_IDENTITIES = 11,
	IDENTITIES_ANSWER = 12,
	SIGN_REQUEST = 13,
	SIGN_RESPONSE = 14,
	EXTENSION_FAILURE = 28,
	OLD_FAILURE = 30,
	COM_FAILURE = 102 /* of ssh.com's agent */
};

/* Flags of SIGN_REQUEST: which digest with an RSA key, for otherwise it would be SHA-1. */
enum { RSA_SHA2_256 = 2, RSA_SHA2_512 = 4 };

/* ---- Requests ---- */

void haw_agent_put_list(haw_message *out)
{
	size_t mark = haw_put_string_begin(out);

	haw_put_byte(out, REQUEST_IDENTITIES);
	haw_put_string_end(out, mark);
}

void haw_agent_put_sign(haw_message *out, haw_span blob, haw_span data, const char *algorithm)
{
	size_t mark = haw_put_string_begin(out);
	uint32_t flags = 0;

	if (strcmp(algorithm, "rsa-sha2-256") == 0)
		flags = RSA_SHA2_256;
	else if (strcmp(algorithm, "rsa-sha2-512") == 0)
		flags = RSA_SHA2_512;
	haw_put_byte(out, SIGN_REQUEST);
	haw_put_string(out, blob.ptr, blob.len);
	haw_put_string(out, data.ptr, data.len);
	haw_put_u32(out, flags);
	haw_put_string_end(out, mark);
}

/* ---- Answers ---- */

static int malformed(haw_error *err, const char *what)
{
	return haw_error_set(err, HAW_EPROTOCOL, HAW_FAULT_PEER, 0, "the agent's answer is malformed: %s",
			     what);
}

/* Read the number of the message, which must be WANTED; OP is what was asked for. */
static int open_answer(haw_message *m, haw_span answer, uint8_t wanted, const char *op, haw_error *err)
{
	uint8_t number;

	haw_message_read(m, answer.ptr, answer.len);
	number = haw_get_byte(m);
	if (number == FAILURE || number == EXTENSION_FAILURE || number == OLD_FAILURE ||
	    number == COM_FAILURE)
		return haw_error_set(err, HAW_EREFUSED, HAW_FAULT_PEER, 0, "the agent refused to %s", op);
	if (number == wanted)
		return 0;
	return haw_error_set(err, HAW_EPROTOCOL, HAW_FAULT_PEER, 0,
			     "the agent answered with message %u when it was asked to %s", number, op);
}

/* A key of a type or size that is not known here is no error: it may serve others. */
static int take_key(haw_span blob, haw_span comment, bool (*found)(void *user, haw_key *key), void *user,
		    haw_error *err)
{
	haw_key *key = haw_key_from_blob(blob, err);

	if (!key)
		return err->code == HAW_ENOMEM ? HAW_ENOMEM : 0;
	key = haw_key_with_comment(key, comment, err);
	if (key && found(user, key))
		return 0;
	return haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "out of memory");
}

int haw_agent_get_list(haw_span answer, bool (*found)(void *user, haw_key *key), void *user, haw_error *err)
{
	haw_message m;
	uint32_t count;
	int result = open_answer(&m, answer, IDENTITIES_ANSWER, "list its keys", err);

	if (result < 0)
		return result;
	count = haw_get_u32(&m);
	if (count > HAW_AGENT_KEYS_MAX)
		return haw_error_set(err, HAW_ELIMIT, HAW_FAULT_PEER, 0,
				     "the agent says that it holds %u keys; at most %d are taken", count,
				     HAW_AGENT_KEYS_MAX);
	while (count-- > 0) {
		haw_span blob = haw_get_string(&m), comment = haw_get_string(&m);

		if (!haw_message_ok(&m))
			return malformed(err, "a list of keys ends too early");
		result = take_key(blob, comment, found, user, err);
		if (result < 0)
			return result;
	}
	return haw_message_complete(&m) ? 0 : malformed(err, "there are bytes behind a list of keys");
}

int haw_agent_get_signature(haw_span answer, haw_span *signature, haw_error *err)
{
	haw_message m;
	int result = open_answer(&m, answer, SIGN_RESPONSE, "sign", err);

	if (result < 0)
		return result;
	*signature = haw_get_string(&m);
	return haw_message_complete(&m) ? 0 : malformed(err, "a signature has a wrong length");
}

int haw_agent_check_signature(const haw_key *key, const char *algorithm, haw_span data, haw_span signature,
			      haw_error *err)
{
	if (haw_key_verify_untouched(key, algorithm, data, signature, err) == 0)
		return 0;
	haw_error_prefix(err, "the agent did not sign as it was asked to");
	return err->code = HAW_EINTEGRITY;
}

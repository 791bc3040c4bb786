/* SPDX-License-Identifier: Apache-2.0
 *
 * "publickey" (RFC 4252 §7).
 */
#include <string.h>

#include "transport/auth/method.h"
#include "transport/wire/ssh_numbers.h"

static void write_fields(haw_message *out, const struct haw_auth_attempt *attempt)
{
	haw_put_bool(out, attempt->sign);
	haw_put_string(out, attempt->algorithm, strlen(attempt->algorithm));
	haw_put_string(out, attempt->secret.ptr, attempt->secret.len);
}

static enum haw_auth_step receive(const struct haw_auth_attempt *attempt, uint8_t number, haw_message *m)
{
	haw_span algorithm = haw_get_string(m);
	haw_span blob = haw_get_string(m);

	/* PK_OK repeats what was asked; anything else would have us sign for another key. */
	if (number != HAW_MSG_USERAUTH_PK_OK || attempt->sign || !haw_message_complete(m) ||
	    !haw_span_is(algorithm, attempt->algorithm) || !haw_span_equal(blob, attempt->secret))
		return HAW_AUTH_STEP_ERROR;
	return HAW_AUTH_STEP_SIGN;
}

static void parse(haw_message *m, struct haw_auth_request *request)
{
	request->has_signature = haw_get_bool(m);
	request->key_algorithm = haw_get_string(m);
	request->key_blob = haw_get_string(m);
	request->signed_part = haw_message_so_far(m);
	if (request->has_signature)
		request->signature = haw_get_string(m);
}

const struct haw_auth_ops haw_auth_publickey = {
	.name = "publickey",
	.write = write_fields,
	.receive = receive,
	.parse = parse,
};

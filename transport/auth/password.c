/* SPDX-License-Identifier: Apache-2.0
 *
 * "password" (RFC 4252 §8).
 */
#include "transport/auth/method.h"
#include "transport/wire/ssh_numbers.h"

static void write_fields(haw_message *out, const struct haw_auth_attempt *attempt)
{
	haw_put_bool(out, attempt->change);
	haw_put_string(out, attempt->secret.ptr, attempt->secret.len);
	if (attempt->change)
		haw_put_string(out, attempt->new_secret.ptr, attempt->new_secret.len);
}

static enum haw_auth_step receive(const struct haw_auth_attempt *attempt, uint8_t number, haw_message *m)
{
	(void)attempt;
	haw_get_string(m);
	haw_get_string(m);
	return number == HAW_MSG_USERAUTH_PASSWD_CHANGEREQ && haw_message_complete(m) ? HAW_AUTH_STEP_CHANGE
										      : HAW_AUTH_STEP_ERROR;
}

static void parse(haw_message *m, struct haw_auth_request *request)
{
	request->change = haw_get_bool(m);
	request->password = haw_get_string(m);
	if (request->change)
		haw_get_string(m);
}

const struct haw_auth_ops haw_auth_password = {
	.name = "password",
	.write = write_fields,
	.receive = receive,
	.parse = parse,
};

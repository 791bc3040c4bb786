/* SPDX-License-Identifier: Apache-2.0
 *
 * "keyboard-interactive" (RFC 4256). The prompts themselves pass through to the connection's owner.
 */
#include "transport/auth/method.h"
#include "transport/wire/ssh_numbers.h"

static void write_fields(haw_message *out, const struct haw_auth_attempt *attempt)
{
	(void)attempt;
	haw_put_string(out, "", 0); /* language */
	haw_put_string(out, "", 0); /* submethods: the server's choice */
}

static enum haw_auth_step receive(const struct haw_auth_attempt *attempt, uint8_t number, haw_message *m)
{
	uint32_t prompts;

	(void)attempt;
	haw_get_string(m);
	haw_get_string(m);
	haw_get_string(m);
	prompts = haw_get_u32(m);
	if (prompts > 64)
		return HAW_AUTH_STEP_ERROR;
	while (prompts-- > 0) {
		haw_get_string(m);
		haw_get_bool(m);
	}
	return number == HAW_MSG_USERAUTH_INFO_REQUEST && haw_message_complete(m) ? HAW_AUTH_STEP_PROMPTS
										  : HAW_AUTH_STEP_ERROR;
}

static void parse(haw_message *m, struct haw_auth_request *request)
{
	(void)request;
	haw_get_string(m);
	haw_get_string(m);
}

const struct haw_auth_ops haw_auth_interactive = {
	.name = "keyboard-interactive",
	.write = write_fields,
	.receive = receive,
	.parse = parse,
};

/* SPDX-License-Identifier: Apache-2.0
 *
 * "none" (RFC 4252 §5.2): asks for the methods there are, and logs in where nothing is required.
 */
#include "transport/auth/method.h"

static void write_fields(haw_message *out, const struct haw_auth_attempt *attempt)
{
	(void)out;
	(void)attempt;
}

static enum haw_auth_step receive(const struct haw_auth_attempt *attempt, uint8_t number, haw_message *m)
{
	(void)attempt;
	(void)number;
	(void)m;
	return HAW_AUTH_STEP_ERROR;
}

static void parse(haw_message *m, struct haw_auth_request *request)
{
	(void)m;
	(void)request;
}

const struct haw_auth_ops haw_auth_none = {
	.name = "none",
	.write = write_fields,
	.receive = receive,
	.parse = parse,
};

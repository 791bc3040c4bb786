/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/auth/method.h"

static const struct haw_auth_ops *const methods[] = {
	[HAW_AUTH_NONE] = &haw_auth_none,
	[HAW_AUTH_PASSWORD] = &haw_auth_password,
	[HAW_AUTH_PUBLICKEY] = &haw_auth_publickey,
	[HAW_AUTH_INTERACTIVE] = &haw_auth_interactive,
};

const struct haw_auth_ops *haw_auth_method_at(enum haw_auth_method method)
{
	return methods[method];
}

const struct haw_auth_ops *haw_auth_method_find(haw_span name)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (haw_span_is(name, methods[i]->name))
			return methods[i];
	return NULL;
}

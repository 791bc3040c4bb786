/* SPDX-License-Identifier: Apache-2.0 */
#include <argon2.h>

#include "transport/keys/argon2.h"

int haw_argon2_library(const struct haw_argon2 *in, uint8_t *out, size_t len, haw_error *err)
{
	static const argon2_type types[] = {
		[HAW_ARGON2_D] = Argon2_d, [HAW_ARGON2_I] = Argon2_i, [HAW_ARGON2_ID] = Argon2_id};
	argon2_context context = {
		.out = out,
		.outlen = (uint32_t)len,
		.pwd = (uint8_t *)(uintptr_t)in->password.ptr,
		.pwdlen = (uint32_t)in->password.len,
		.salt = (uint8_t *)(uintptr_t)in->salt.ptr,
		.saltlen = (uint32_t)in->salt.len,
		.t_cost = in->passes,
		.m_cost = in->memory,
		.lanes = in->lanes,
		.threads = 1,
		.version = ARGON2_VERSION_13,
		.flags = ARGON2_DEFAULT_FLAGS,
	};
	int result = argon2_ctx(&context, types[in->kind]);

	if (result == ARGON2_OK)
		return 0;
	if (result == ARGON2_MEMORY_ALLOCATION_ERROR)
		return haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "out of memory");
	return haw_error_set(err, HAW_ELIMIT, HAW_FAULT_LOCAL, 0, "Argon2 does not run: %s",
			     argon2_error_message(result));
}

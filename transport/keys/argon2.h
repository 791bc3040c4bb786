/* SPDX-License-Identifier: Apache-2.0
 *
 * Argon2 (RFC 9106), which PuTTY's key files stretch passphrases with: OpenSSL's where it has one (3.2 and
 * later), else libargon2's where the build found it.
 */
#ifndef HAW_KEYS_ARGON2_H
#define HAW_KEYS_ARGON2_H

#include <hawser/message.h>

/* More memory or work than a person would wait for is a file that means harm. */
enum {
	HAW_ARGON2_MEMORY_MAX = 256 * 1024,     /* KiB */
	HAW_ARGON2_WORK_MAX = 16 * 1024 * 1024, /* KiB, over all passes */
	HAW_ARGON2_LANES_MAX = 64
};

enum haw_argon2_kind { HAW_ARGON2_D, HAW_ARGON2_I, HAW_ARGON2_ID };

struct haw_argon2 {
	enum haw_argon2_kind kind;
	uint32_t memory, passes, lanes; /* memory in KiB */
	haw_span password, salt;
};

/* Fill LEN bytes of OUT. HAW_EUNSUPPORTED where there is no Argon2, HAW_ELIMIT for parameters beyond the
 * bounds above or that Argon2 does not take, HAW_ENOMEM. One thread, whatever the number of lanes. */
int haw_argon2(const struct haw_argon2 *in, uint8_t *out, size_t len, haw_error *err);

/* libargon2's; HAW_EUNSUPPORTED in builds without it. argon2_library.c or argon2_none.c */
int haw_argon2_library(const struct haw_argon2 *in, uint8_t *out, size_t len, haw_error *err);

#endif

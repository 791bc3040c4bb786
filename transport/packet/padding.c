/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/packet/padding.h"

#include <string.h>

#include <openssl/rand.h>

bool haw_padding_length_excluded(const haw_suite *suite)
{
	/* RFC 5647 §7.2 for AES-GCM; OpenSSH's PROTOCOL files for -etm and chacha20-poly1305. */
	return suite && suite->length_mode != HAW_LENGTH_FIRST_BLOCK;
}

size_t haw_padding_unit(const haw_suite *suite)
{
	/* RFC 4253 §6: a multiple of the cipher block size or 8, whichever is larger. */
	return suite && suite->block_size > 8 ? suite->block_size : 8;
}

size_t haw_padding_size(const haw_suite *suite, size_t payload)
{
	size_t unit = haw_padding_unit(suite);
	size_t counted = (haw_padding_length_excluded(suite) ? 1 : HAW_LENGTH_SIZE + 1) + payload;
	size_t padding = unit - counted % unit;

	return padding < HAW_PADDING_MIN ? padding + unit : padding;
}

bool haw_padding_length_fits(const haw_suite *suite, uint32_t length)
{
	size_t counted = (haw_padding_length_excluded(suite) ? 0 : HAW_LENGTH_SIZE) + (size_t)length;

	/* padding_length and the least padding; whether a payload is there is judged once opened. */
	return length >= 1 + HAW_PADDING_MIN && length <= HAW_PACKET_LENGTH_MAX &&
	       counted % haw_padding_unit(suite) == 0;
}

bool haw_padding_random(struct haw_random_pool *pool, uint8_t *out, size_t n)
{
	if (n > pool->left) {
		if (RAND_bytes(pool->bytes, HAW_RANDOM_POOL) != 1)
			return false;
		pool->left = HAW_RANDOM_POOL;
	}
	pool->left -= n;
	memcpy(out, pool->bytes + pool->left, n);
	return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto-backends/guard_spare.h"

#include <openssl/crypto.h>
#include <string.h>

#include "crypto-backends/spans.h"

bool haw_spare_init(struct haw_spare *spare, haw_spare_fn make, const haw_suite *suite, const haw_keys *keys,
		    bool opens)
{
	*spare = (struct haw_spare){
		.make = make,
		.suite = suite,
		.opens = opens,
		.chained = suite->chain_mode == HAW_CHAIN_CIPHERTEXT,
	};
	if (!spare->chained) {
		spare->sealer = make(suite, keys, opens);
		return spare->sealer != NULL;
	}
	memcpy(spare->key, keys->key, suite->key_size);
	memcpy(spare->iv, keys->iv, suite->iv_size);
	if (suite->mac_key_size > 0)
		memcpy(spare->mac_key, keys->mac_key, suite->mac_key_size);
	/* Whether it can be made is known before it is needed. */
	if (!haw_spare_sealer(spare))
		return false;
	haw_spare_put_away(spare);
	return true;
}

void haw_spare_clear(struct haw_spare *spare)
{
	if (spare->sealer)
		spare->sealer->ops->free(spare->sealer);
	OPENSSL_cleanse(spare, sizeof(*spare));
}

haw_sealer *haw_spare_sealer(struct haw_spare *spare)
{
	const haw_keys keys = {spare->key, spare->iv, spare->mac_key};

	if (!spare->sealer && spare->chained)
		spare->sealer = spare->make(spare->suite, &keys, spare->opens);
	return spare->sealer;
}

/* The last block of ciphertext, which lies before the tag. */
static void read_last_block(const struct haw_spare *spare, const haw_job *job, uint8_t *block)
{
	size_t size = spare->suite->block_size, skip = HAW_LENGTH_SIZE + (size_t)job->length - size;
	struct haw_walk walk = haw_walk_start(job);

	if (spare->opens) {
		haw_walk_skip(&walk, skip);
		haw_walk_get(&walk, block, size);
		return;
	}
	while (skip > 0)
		skip -= haw_walk_out(&walk, skip).len;
	while (size > 0) {
		haw_mut_span piece = haw_walk_out(&walk, size);

		memcpy(block, piece.ptr, piece.len);
		block += piece.len;
		size -= piece.len;
	}
}

void haw_spare_follow(struct haw_spare *spare, const haw_job *job)
{
	if (spare->chained)
		read_last_block(spare, job, spare->iv);
}

void haw_spare_run(struct haw_spare *spare, haw_job *job)
{
	haw_sealer *s = haw_spare_sealer(spare);
	haw_job *done;

	job->status = HAW_EAGAIN;
	if (!s || s->ops->submit(s, &job, 1) != 1 || s->ops->poll(s, &done, 1) != 1)
		job->status = HAW_ECRYPTO;
}

void haw_spare_put_away(struct haw_spare *spare)
{
	if (!spare->chained || !spare->sealer)
		return;
	spare->sealer->ops->free(spare->sealer);
	spare->sealer = NULL;
}

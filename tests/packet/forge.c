/* SPDX-License-Identifier: Apache-2.0 */
#include "forge.h"

bool forge_open(struct forge *f, const haw_suite *suite)
{
	*f = (struct forge){.suite = suite};
	f->sealer = haw_selector_sealer(NULL, suite, test_keys(suite, FORGE_KEYS), NULL, NULL);
	return f->sealer != NULL;
}

void forge_close(struct forge *f)
{
	f->sealer->ops->free(f->sealer);
	wire_free(&f->wire);
}

bool forge_sealed(struct forge *f, uint32_t length, const uint8_t *plain, size_t len)
{
	const haw_suite *suite = f->suite;
	uint8_t *bytes = calloc(1, 4 + len + HAW_TAG_MAX);
	haw_job job = {.length = (uint32_t)len, .seq = f->seq, .number = f->seq, .block = f->block},
		*jobs = &job, *done;
	size_t enciphered = suite->length_mode == HAW_LENGTH_FIRST_BLOCK ? 4 + len : len;
	bool ok;

	bytes[0] = (uint8_t)(length >> 24);
	bytes[1] = (uint8_t)(length >> 16);
	bytes[2] = (uint8_t)(length >> 8);
	bytes[3] = (uint8_t)length;
	memcpy(bytes + 4, plain, len);
	job.in[0] = (haw_span){bytes, 4 + len};
	job.out[0] = (haw_mut_span){bytes, 4 + len + suite->tag_size};
	job.in_count = job.out_count = 1;
	ok = f->sealer->ops->submit(f->sealer, &jobs, 1) == 1 &&
	     f->sealer->ops->poll(f->sealer, &done, 1) == 1 && job.status == 0;
	wire_append(&f->wire, bytes, 4 + len + suite->tag_size);
	free(bytes);
	f->seq++;
	f->block += enciphered / (suite->block_size ? suite->block_size : 8);
	return ok;
}

bool forge_packet(struct forge *f, uint32_t length, uint8_t padding)
{
	uint8_t *plain = calloc(1, length);
	bool ok;

	plain[0] = padding;
	plain[1] = TEST_DATA;
	ok = forge_sealed(f, length, plain, length);
	free(plain);
	return ok;
}

uint32_t forge_fitting(const haw_suite *suite, uint32_t least)
{
	uint32_t unit = suite->block_size > 8 ? suite->block_size : 8;
	uint32_t outside = suite->length_mode == HAW_LENGTH_FIRST_BLOCK ? 4 : 0;

	return (least + outside + unit - 1) / unit * unit - outside;
}

bool forge_good(struct forge *f, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (!forge_packet(f, forge_fitting(f->suite, 30 + 40 * i), 4 + i))
			return false;
	return true;
}

bool forge_garbage(struct forge *f, size_t len)
{
	uint32_t seed = 1 + f->seq;
	uint8_t *bytes = malloc(len);

	if (!bytes)
		return false;
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)test_random(&seed, 256);
	wire_append(&f->wire, bytes, len);
	free(bytes);
	return true;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers that carry across every byte, and wrap: the invocation counter of AES-GCM and its block counter,
 * the 128-bit counter of AES-CTR and the count of blocks before a packet, sequence numbers.
 */
#include "sample.h"

/* Counter bytes of the IV: ONES bytes of 0xff at its end, one below a carry if BELOW, other bytes before. */
static void set_iv(struct subject *subject, unsigned ones, unsigned below)
{
	size_t size = subject->suite->iv_size ? subject->suite->iv_size : HAW_IV_MAX;

	for (size_t i = 0; i < size; i++)
		subject->iv[i] = i >= size - ones ? 0xff : (uint8_t)(0x51 + 7 * i);
	subject->iv[size - 1] = (uint8_t)(subject->iv[size - 1] - below);
}

static void check_at(struct subject *subject, uint32_t length, uint32_t seq, uint64_t number, uint64_t block)
{
	struct sample s;

	sample_make(&s, subject->suite, &subject->keys, length, seq, number, block, NULL);
	check_whole(subject, &s);
	sample_free(&s);
}

/* Every byte of the IV, by the number or block that is added and inside of the packet; more than the blocks
 * that are worked on at once, less, and many. */
static void check_ivs(struct subject *subject)
{
	static const uint32_t lengths[] = {12, 60, 300, 1500};
	unsigned step = effort(1, 3);

	for (unsigned ones = 0; ones <= subject->suite->iv_size; ones += step)
		for (unsigned below = 0; below < 20; below += 3 * step)
			for (unsigned i = 0; i < 4 && !harness.failed; i++) {
				set_iv(subject, ones, below);
				CHECK(subject_renew(subject));
				check_at(subject, lengths[i], 9, i + below, 2 * i);
			}
	/* More blocks than a byte counts. */
	for (unsigned ones = 0; ones <= subject->suite->iv_size && !harness.failed; ones += 2 * step) {
		set_iv(subject, ones, 0);
		CHECK(subject_renew(subject));
		check_at(subject, 8192, 1, 0, 0);
	}
}

static void ivs_carry_across_every_byte(void)
{
	for_each_subject(check_ivs);
}

/* Numbers, blocks and sequence numbers on both sides of each power of 256. */
static void check_numbers(struct subject *subject)
{
	for (unsigned ones = 0; ones < 3; ones++) {
		set_iv(subject, ones * 5, 0);
		CHECK(subject_renew(subject));
		for (unsigned byte = 1; byte <= 8 && !harness.failed; byte++) {
			for (int beside = -3; beside <= 3; beside += (int)effort(1, 3)) {
				uint64_t power = byte < 8 ? UINT64_C(1) << 8 * byte : 0,
					 at = power + (uint64_t)beside;

				/* Keys end after 2^32 packets of 2^14 blocks: that count never wraps. */
				check_at(subject, 60, (uint32_t)at, at, byte < 8 ? at : UINT64_MAX - 9);
				if (harness.failed)
					return;
			}
		}
		/* 2^63, where a signed number ends; and 2^32 - 1 packets, the hard limit. */
		check_at(subject, 60, 1u << 31, UINT64_C(1) << 63, UINT64_C(1) << 63);
		check_at(subject, 60, UINT32_MAX, UINT32_MAX, UINT64_C(0x7fffffffffffffff));
	}
}

static void numbers_carry_across_every_byte(void)
{
	for_each_subject(check_numbers);
}

/* A batch whose packets lie on both sides of the wraps. */
static void check_batch_across(struct subject *subject)
{
	enum { COUNT = 32 };
	static uint8_t out[COUNT][256];
	struct sample samples[COUNT];
	haw_job jobs[COUNT], *list[COUNT];

	memset(subject->iv, 0xff, sizeof(subject->iv));
	subject->iv[subject->suite->iv_size ? subject->suite->iv_size - 1 : 0] = 0xd0;
	CHECK(subject_renew(subject));
	for (unsigned i = 0; i < COUNT; i++) {
		sample_make(&samples[i], subject->suite, &subject->keys, 28 + i % 5 * 16, UINT32_MAX - 15 + i,
			    40 + i, 40 + 6 * i, i ? &samples[i - 1] : NULL);
		sample_sealing(&samples[i], &jobs[i], out[i]);
		list[i] = &jobs[i];
	}
	CHECK(drive(subject->sealer, list, COUNT));
	for (unsigned i = 0; i < COUNT; i++) {
		CHECK_MSG(jobs[i].status == 0 && memcmp(out[i], samples[i].wire, samples[i].total) == 0,
			  "sealed packet %u", i);
		sample_opening(&samples[i], &jobs[i], out[i]);
		jobs[i].in[0].ptr = out[i];
	}
	CHECK(drive(subject->opener, list, COUNT));
	for (unsigned i = 0; i < COUNT; i++) {
		CHECK_MSG(jobs[i].status == 0 && memcmp(out[i], samples[i].plain, samples[i].packet) == 0,
			  "opened packet %u", i);
		sample_free(&samples[i]);
	}
}

static void batches_across_a_wrap(void)
{
	for_each_subject(check_batch_across);
}

/* open_length works with the same numbers, ahead of what was opened. */
static void check_open_length(struct subject *subject)
{
	if (is_chained(subject->suite))
		return;
	for (unsigned ones = 0; ones <= 16; ones++) {
		struct sample s;
		uint64_t at = ones < 8 ? (UINT64_C(1) << 8 * ones) - 1 : UINT64_MAX - ones;
		uint32_t length = 0;

		set_iv(subject, ones < subject->suite->iv_size ? ones : subject->suite->iv_size, 0);
		CHECK(subject_renew(subject));
		sample_make(&s, subject->suite, &subject->keys, 100 + 300 * ones, (uint32_t)at, at, at, NULL);
		CHECK(subject->opener->ops->open_length(subject->opener, s.seq, s.number, s.block, s.wire,
							&length) == 0);
		CHECK_MSG(length == s.length, "%u instead of %u", length, s.length);
		sample_free(&s);
	}
}

static void lengths_are_read_at_any_number(void)
{
	for_each_subject(check_open_length);
}

int main(void)
{
	RUN(ivs_carry_across_every_byte);
	RUN(numbers_carry_across_every_byte);
	RUN(batches_across_a_wrap);
	RUN(lengths_are_read_at_any_number);
	return harness_end();
}

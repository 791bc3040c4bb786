/* SPDX-License-Identifier: Apache-2.0
 *
 * What must not open, and what must not even be tried: altered bytes, other numbers, spans that do not fit.
 */
#include "subject.h"

enum { LENGTH = 44, ROOM = HAW_LENGTH_SIZE + LENGTH + 16 + HAW_TAG_MAX };

struct sealed {
	uint32_t length;
	size_t packet, total;
	uint8_t plain[ROOM], wire[ROOM];
};

static bool sealed_make(struct sealed *s, struct subject *subject)
{
	haw_job job;

	s->length = fit_length(subject->suite, LENGTH);
	s->packet = HAW_LENGTH_SIZE + s->length;
	s->total = s->packet + subject->suite->tag_size;
	fill_packet(s->plain, s->length, 1);
	set_numbers(&job, s->length, 5, 5, 15);
	job.in[0] = (haw_span){s->plain, s->packet};
	job.out[0] = (haw_mut_span){s->wire, s->total};
	job.in_count = job.out_count = 1;
	return subject_restart(subject) && drive_one(subject->sealer, &job) && job.status == 0;
}

/* The status that opening WIRE with these numbers ends in; OUT has room for a packet and guards. */
static int open_status(struct subject *subject, const struct sealed *s, const uint8_t *wire, uint32_t seq,
		       uint64_t number, uint64_t block, uint8_t *out)
{
	haw_job job;

	memset(out, GUARD_BYTE, ROOM + 2 * GUARD);
	set_numbers(&job, s->length, seq, number, block);
	job.in[0] = (haw_span){wire, s->total};
	job.out[0] = (haw_mut_span){out + GUARD, s->packet};
	job.in_count = job.out_count = 1;
	if (!subject_restart(subject) || !drive_one(subject->opener, &job))
		return HAW_ECANCELED;
	if (!all_are(out, GUARD, GUARD_BYTE) ||
	    !all_are(out + GUARD + s->packet, ROOM + GUARD - s->packet, GUARD_BYTE))
		return HAW_ECHANGED;
	return job.status;
}

/* Where the tag is over the ciphertext alone, it can be judged before a byte is decrypted. */
static bool judged_first(const struct subject *subject)
{
	bool etm = subject->suite->mac && subject->suite->length_mode == HAW_LENGTH_CLEAR;

	return etm || subject->suite->length_mode == HAW_LENGTH_APART;
}

static void check_every_bit(struct subject *subject)
{
	struct sealed s;
	uint8_t out[ROOM + 2 * GUARD], wire[ROOM];

	CHECK(sealed_make(&s, subject));
	for (size_t at = 0; at < 8 * s.total; at++) {
		memcpy(wire, s.wire, s.total);
		wire[at / 8] ^= (uint8_t)(1 << at % 8);
		CHECK_MSG(open_status(subject, &s, wire, 5, 5, 15, out) == HAW_EINTEGRITY, "bit %zu", at);
		CHECK(!judged_first(subject) || all_are(out, sizeof(out), GUARD_BYTE));
	}
	CHECK(open_status(subject, &s, s.wire, 5, 5, 15, out) == 0);
	CHECK(memcmp(out + GUARD, s.plain, s.packet) == 0);
}

/* In place, each byte in turn, as a receive buffer is opened; what is around stays. */
static void check_in_place(struct subject *subject)
{
	uint8_t buffer[ROOM + 2 * GUARD];
	struct sealed s;

	CHECK(sealed_make(&s, subject));
	for (size_t at = 0; at < s.total; at++) {
		haw_job job;

		memset(buffer, GUARD_BYTE, sizeof(buffer));
		memcpy(buffer + GUARD, s.wire, s.total);
		buffer[GUARD + at] ^= 0x01;
		set_numbers(&job, s.length, 5, 5, 15);
		job.in[0] = (haw_span){buffer + GUARD, s.total};
		job.out[0] = (haw_mut_span){buffer + GUARD, s.packet};
		job.in_count = job.out_count = 1;
		CHECK(subject_restart(subject) && drive_one(subject->opener, &job));
		CHECK_MSG(job.status == HAW_EINTEGRITY, "byte %zu", at);
		CHECK(all_are(buffer, GUARD, GUARD_BYTE));
		CHECK(all_are(buffer + GUARD + s.total, ROOM + GUARD - s.total, GUARD_BYTE));
	}
}

static void every_altered_byte_is_refused_in_place(void)
{
	for_each_subject(check_in_place);
}

/* The length altered as an attacker would, so that the packet is cut where the altered length says: bytes
 * are missing, or those of the next packet are taken for it. And tags that are made up. */
static void check_cuts(struct subject *subject)
{
	uint8_t stream[3 * ROOM], out[3 * ROOM];
	struct sealed s;
	size_t unit = subject->suite->block_size;

	CHECK(sealed_make(&s, subject));
	for (int blocks = -2; blocks <= 3; blocks++) {
		size_t packet = s.packet + (size_t)(blocks * (int)unit), total = packet + s.total - s.packet;
		haw_job job;

		if (blocks == 0)
			continue;
		memcpy(stream, s.wire, s.total);
		memcpy(stream + s.total, s.wire, s.total);
		/* A clear length is authenticated; one that is enciphered can be altered bit by bit. */
		for (int i = 0; i < 4; i++)
			stream[i] ^= (uint8_t)((s.length ^ (packet - 4)) >> (24 - 8 * i));
		set_numbers(&job, (uint32_t)packet - HAW_LENGTH_SIZE, 5, 5, 15);
		memset(out, GUARD_BYTE, sizeof(out));
		job.in[0] = (haw_span){stream, total};
		job.out[0] = (haw_mut_span){out + GUARD, packet};
		job.in_count = job.out_count = 1;
		CHECK(subject_restart(subject) && drive_one(subject->opener, &job));
		CHECK_MSG(job.status == HAW_EINTEGRITY, "%d blocks longer", blocks);
		CHECK(all_are(out, GUARD, GUARD_BYTE) && all_are(out + GUARD + packet, GUARD, GUARD_BYTE));
	}
}

static void altered_lengths_are_refused(void)
{
	for_each_subject(check_cuts);
}

static void check_forged_tags(struct subject *subject)
{
	uint8_t out[ROOM + 2 * GUARD], wire[ROOM];
	uint64_t random = 3;
	struct sealed s;

	CHECK(sealed_make(&s, subject));
	for (int i = 0; i < 40; i++) {
		uint8_t *tag = wire + s.packet;
		size_t size = s.total - s.packet;

		memcpy(wire, s.wire, s.total);
		if (i < 2)
			memset(tag, i ? 0xff : 0, size);
		else if (i == 2) /* right but for its end, as one that compares too little would take it */
			memset(tag + size / 2, 0, size - size / 2);
		else if (i == 3)
			memset(tag, 0, size / 2);
		else
			draw_bytes(&random, tag, size);
		CHECK_MSG(open_status(subject, &s, wire, 5, 5, 15, out) == HAW_EINTEGRITY, "tag %d", i);
	}
}

static void forged_tags_are_refused(void)
{
	for_each_subject(check_forged_tags);
}

static void every_altered_bit_is_refused(void)
{
	for_each_subject(check_every_bit);
}

static void check_numbers(struct subject *subject)
{
	const haw_suite *suite = subject->suite;
	uint8_t out[ROOM + 2 * GUARD];
	struct sealed s;
	bool counts_packets = suite->length_mode == HAW_LENGTH_CLEAR && !suite->mac;

	CHECK(sealed_make(&s, subject));
	/* AES-GCM counts packets since the keys; the others authenticate the sequence number. */
	CHECK(open_status(subject, &s, s.wire, 6, 5, 15, out) == (counts_packets ? 0 : HAW_EINTEGRITY));
	CHECK(open_status(subject, &s, s.wire, 5, 6, 15, out) == (counts_packets ? HAW_EINTEGRITY : 0));
	CHECK(open_status(subject, &s, s.wire, 5 + (1u << 31), 5, 15, out) ==
	      (counts_packets ? 0 : HAW_EINTEGRITY));
	/* Encrypt-and-MAC notices a wrong block; encrypt-then-MAC has no way to. */
	if (suite->length_mode == HAW_LENGTH_FIRST_BLOCK && suite->chain_mode == HAW_CHAIN_BLOCKS)
		CHECK(open_status(subject, &s, s.wire, 5, 5, 16, out) == HAW_EINTEGRITY);
	CHECK(open_status(subject, &s, s.wire, 5, 5, 15, out) == 0);
}

static void other_numbers_are_refused(void)
{
	for_each_subject(check_numbers);
}

/* A bad packet in a batch spoils none of its neighbours, unless they need it to be opened. */
static void check_neighbours(struct subject *subject)
{
	uint8_t bad[ROOM], out[4][ROOM];
	haw_job jobs[4], *list[4];
	struct sealed s;

	if (is_chained(subject->suite))
		return;
	CHECK(sealed_make(&s, subject));
	memcpy(bad, s.wire, s.total);
	bad[s.total - 1] ^= 1;
	for (int i = 0; i < 4; i++) {
		set_numbers(&jobs[i], s.length, 5, 5, 15);
		jobs[i].in[0] = (haw_span){i == 1 ? bad : s.wire, s.total};
		jobs[i].out[0] = (haw_mut_span){out[i], s.packet};
		jobs[i].in_count = jobs[i].out_count = 1;
		list[i] = &jobs[i];
	}
	jobs[2].length += 1;
	CHECK(drive(subject->opener, list, 4));
	CHECK(jobs[0].status == 0 && jobs[1].status == HAW_EINTEGRITY && jobs[2].status == HAW_EINVAL &&
	      jobs[3].status == 0);
	CHECK(memcmp(out[0], s.plain, s.packet) == 0 && memcmp(out[3], s.plain, s.packet) == 0);
}

static void bad_packets_spoil_no_neighbours(void)
{
	for_each_subject(check_neighbours);
}

/* ---- Wrong use ---- */

/* A job of LENGTH with that much input and output must be refused untouched. */
static bool refused(haw_sealer *s, uint32_t length, size_t in_len, size_t out_len)
{
	static uint8_t in[HAW_PACKET_LENGTH_MAX + 256], out[HAW_PACKET_LENGTH_MAX + 256];
	haw_job job;

	memset(out, GUARD_BYTE, 512);
	set_numbers(&job, length, 0, 0, 0);
	job.in[0] = (haw_span){in, in_len};
	job.out[0] = (haw_mut_span){out, out_len};
	job.in_count = job.out_count = 1;
	return drive_one(s, &job) && job.status == HAW_EINVAL && all_are(out, 512, GUARD_BYTE);
}

static void check_lengths(struct subject *subject)
{
	size_t tag = subject->suite->tag_size;
	uint32_t fit = fit_length(subject->suite, LENGTH),
		 most = fit_length(subject->suite, HAW_PACKET_LENGTH_MAX + 1);
	const uint32_t wrong[] = {0, 1, fit - 1, fit + 1, fit + 4, most};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		size_t packet = HAW_LENGTH_SIZE + (size_t)wrong[i];

		CHECK_MSG(refused(subject->sealer, wrong[i], packet, packet + tag), "length %u", wrong[i]);
		CHECK_MSG(refused(subject->opener, wrong[i], packet + tag, packet), "length %u", wrong[i]);
	}
	CHECK(refused(subject->sealer, UINT32_MAX - 15, 64, 64) &&
	      refused(subject->opener, UINT32_MAX - 3, 64, 64));
	for (int by = -1; by <= 1; by += 2) {
		size_t packet = HAW_LENGTH_SIZE + (size_t)fit;

		CHECK(refused(subject->sealer, fit, packet + (size_t)by, packet + tag));
		CHECK(refused(subject->sealer, fit, packet, packet + tag + (size_t)by));
		CHECK(refused(subject->opener, fit, packet + tag + (size_t)by, packet));
		CHECK(refused(subject->opener, fit, packet + tag, packet + (size_t)by));
	}
}

static void lengths_out_of_range_are_refused(void)
{
	for_each_subject(check_lengths);
}

static void check_wrapping_spans(struct subject *subject)
{
	uint8_t memory[256] = {0};
	uint32_t length = fit_length(subject->suite, LENGTH);
	size_t packet = HAW_LENGTH_SIZE + length;
	haw_job job;

	/* Two spans whose lengths add up to the right sum only by wrapping. */
	set_numbers(&job, length, 0, 0, 0);
	job.in[0] = (haw_span){memory, SIZE_MAX};
	job.in[1] = (haw_span){memory, packet + 1};
	job.in_count = 2;
	job.out[0] = (haw_mut_span){memory + 128, packet + subject->suite->tag_size};
	job.out_count = 1;
	/* The late backends hash what they are given, so they are not asked. */
	if (subject->sealer->traits.completion != HAW_COMPLETES_IN_SUBMIT)
		return;
	CHECK(drive_one(subject->sealer, &job) && job.status == HAW_EINVAL);
	job.in[0].len = packet;
	job.in_count = HAW_JOB_SPANS + 1;
	CHECK(drive_one(subject->sealer, &job) && job.status == HAW_EINVAL);
}

static void sums_cannot_wrap(void)
{
	for_each_subject(check_wrapping_spans);
}

int main(void)
{
	RUN(every_altered_bit_is_refused);
	RUN(every_altered_byte_is_refused_in_place);
	RUN(altered_lengths_are_refused);
	RUN(forged_tags_are_refused);
	RUN(other_numbers_are_refused);
	RUN(bad_packets_spoil_no_neighbours);
	RUN(lengths_out_of_range_are_refused);
	RUN(sums_cannot_wrap);
	return harness_end();
}

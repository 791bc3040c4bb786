/* SPDX-License-Identifier: Apache-2.0
 *
 * Inputs and outputs at every place in a cache line: each against each, and in place, on both sides of pages
 * that must not be touched.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "sample.h"

enum { LINE = 64, ROOM = 1024 };

static _Alignas(LINE) uint8_t from[ROOM], to[ROOM];

static bool pair_works(const struct subject *subject, const struct sample *s, size_t in, size_t out)
{
	haw_job job;

	memset(to, GUARD_BYTE, sizeof(to));
	memcpy(from + in, s->plain, s->packet);
	sample_sealing(s, &job, to + LINE + out);
	job.in[0].ptr = from + in;
	if (!drive_one(subject->sealer, &job) || job.status != 0 ||
	    memcmp(to + LINE + out, s->wire, s->total) != 0 || !all_are(to, LINE + out, GUARD_BYTE) ||
	    !all_are(to + LINE + out + s->total, LINE, GUARD_BYTE) ||
	    memcmp(from + in, s->plain, s->packet) != 0)
		return false;
	memset(to, GUARD_BYTE, sizeof(to));
	memcpy(from + in, s->wire, s->total);
	sample_opening(s, &job, to + LINE + out);
	job.in[0].ptr = from + in;
	return drive_one(subject->opener, &job) && job.status == 0 &&
	       memcmp(to + LINE + out, s->plain, s->packet) == 0 && all_are(to, LINE + out, GUARD_BYTE) &&
	       all_are(to + LINE + out + s->packet, LINE, GUARD_BYTE) &&
	       memcmp(from + in, s->wire, s->total) == 0;
}

static bool in_place_works(const struct subject *subject, const struct sample *s, size_t at)
{
	uint8_t *place = to + LINE + at;
	haw_job job;

	memset(to, GUARD_BYTE, sizeof(to));
	memcpy(place, s->plain, s->packet);
	sample_sealing(s, &job, place);
	job.in[0].ptr = place;
	if (!drive_one(subject->sealer, &job) || job.status != 0 || memcmp(place, s->wire, s->total) != 0)
		return false;
	sample_opening(s, &job, place);
	job.in[0].ptr = place;
	return drive_one(subject->opener, &job) && job.status == 0 &&
	       memcmp(place, s->plain, s->packet) == 0 && all_are(to, LINE + at, GUARD_BYTE) &&
	       all_are(place + s->total, LINE, GUARD_BYTE);
}

static void check_alignments(struct subject *subject)
{
	static const uint32_t lengths[] = {12, 140};
	unsigned step = effort(1, 7);

	for (size_t i = 0; i < 2; i++) {
		struct sample s;
		bool right = true;

		sample_make(&s, subject->suite, &subject->keys, lengths[i], 2, 3, 4, NULL);
		for (size_t in = 0; in < LINE && right; in += step) {
			for (size_t out = 0; out < LINE && right; out += step)
				right = subject_restart(subject) && pair_works(subject, &s, in, out);
			right = right && subject_restart(subject) && in_place_works(subject, &s, in);
			if (!right)
				printf("    length %u, input at %zu\n", s.length, in);
		}
		sample_free(&s);
		CHECK(right);
	}
}

static void every_alignment(void)
{
	for_each_subject(check_alignments);
}

/* ---- At the edge of memory ---- */

/* Two pages of memory between two that end the program when they are touched. */
static uint8_t *fenced(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *at = mmap(NULL, 4 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED || mprotect(at + page, 2 * page, PROT_READ | PROT_WRITE) != 0)
		abort();
	return at + page;
}

/* Where the packet lies: right behind the fence, or right in front of the other. */
static uint8_t *place_in(uint8_t *memory, size_t len, bool at_end)
{
	return at_end ? memory + 2 * (size_t)sysconf(_SC_PAGESIZE) - len : memory;
}

static bool edge_works(const struct subject *subject, const struct sample *s, bool at_end, uint8_t *a,
		       uint8_t *b)
{
	uint8_t *plain = place_in(a, s->packet, at_end), *wire = place_in(b, s->total, at_end);
	haw_job job;

	memcpy(plain, s->plain, s->packet);
	sample_sealing(s, &job, wire);
	job.in[0].ptr = plain;
	if (!drive_one(subject->sealer, &job) || job.status != 0 || memcmp(wire, s->wire, s->total) != 0)
		return false;
	memset(plain, 0, s->packet);
	sample_opening(s, &job, plain);
	job.in[0].ptr = wire;
	return drive_one(subject->opener, &job) && job.status == 0 && memcmp(plain, s->plain, s->packet) == 0;
}

static void check_edges(struct subject *subject)
{
	uint8_t *a = fenced(), *b = fenced();
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	bool right = true;

	for (uint32_t length = 12; length < 1500 && right; length += 8 * effort(1, 9)) {
		struct sample s;

		sample_make(&s, subject->suite, &subject->keys, length, 2, 3, 4, NULL);
		for (int end = 0; end < 2 && right; end++)
			right = subject_restart(subject) && edge_works(subject, &s, end, a, b);
		sample_free(&s);
		if (!right)
			printf("    length %u\n", length);
	}
	munmap(a - page, 4 * page);
	munmap(b - page, 4 * page);
	CHECK(right);
}

static void nothing_is_read_beyond_a_page(void)
{
	for_each_subject(check_edges);
}

int main(void)
{
	RUN(every_alignment);
	RUN(nothing_is_read_beyond_a_page);
	return harness_end();
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto-backends/selftest.h"

#include <stdlib.h>
#include <string.h>

#include "crypto-backends/backends.h"
#include "crypto-backends/drive.h"
#include "crypto-backends/spans.h"

enum {
	GUARD = 64, /* bytes around each output that must stay as they are */
	GUARD_BYTE = 0xc3,
	FRONT_MAX = 256, /* headroom and alignment that a backend may ask for */
	SMALL = 512
};

#define PATIENCE_NS UINT64_C(5000000000)

/* What is tested. Where a packet needs those before it, each test begins with a new sealer and opener. */
struct subject {
	const haw_backend *backend;
	const haw_suite *suite;
	haw_keys keys;
	haw_sealer *sealer, *opener;
};

static bool is_chained(const haw_suite *suite)
{
	return suite->chain_mode == HAW_CHAIN_CIPHERTEXT;
}

static void let_go(struct subject *t)
{
	if (t->sealer)
		t->sealer->ops->free(t->sealer);
	if (t->opener)
		t->opener->ops->free(t->opener);
	t->sealer = t->opener = NULL;
}

static bool begin(struct subject *t)
{
	if (t->sealer && t->opener && !is_chained(t->suite))
		return true;
	let_go(t);
	t->sealer = t->backend->new_sealer(t->backend, t->suite, &t->keys, NULL);
	t->opener = t->backend->new_opener(t->backend, t->suite, &t->keys, NULL);
	return t->sealer && t->opener;
}

static const char no_keys[] = "its self-test failed: it could not take keys";

/* A place for one small job: its input, and its output in two parts with guards around. */
struct bench {
	haw_job job;
	uint8_t in[SMALL];
	uint8_t out[SMALL + FRONT_MAX + 3 * GUARD];
	size_t front, split, total; /* where the output starts, how much is in its first part, and in all */
};

/* Put N jobs through S; false if it fails or does not finish in time. */
static bool run(haw_sealer *s, haw_job *const *jobs, size_t n)
{
	return haw_drive(s, jobs, n, haw_drive_now_ns() + PATIENCE_NS);
}

static void set_numbers(haw_job *job, uint32_t length)
{
	job->length = length;
	job->seq = HAW_KNOWN_SEQ;
	job->number = HAW_KNOWN_NUMBER;
	job->block = HAW_KNOWN_BLOCK;
	job->status = HAW_EAGAIN;
}

/* Lay out the output of B: TOTAL bytes behind what S needs in front of them. */
static void place_output(struct bench *b, const haw_sealer *s, size_t total)
{
	size_t alignment = s->traits.alignment ? s->traits.alignment : 1;
	uintptr_t at = (uintptr_t)b->out + GUARD + s->traits.headroom;

	at = (at + alignment - 1) / alignment * alignment;
	b->front = (size_t)(at - (uintptr_t)b->out);
	b->total = total;
	/* One that wants aligned outputs gets one; the others meet a cut inside a block. */
	b->split = alignment > 1 ? total : 21;
	memset(b->out, GUARD_BYTE, sizeof(b->out));
	b->job.out[0] = (haw_mut_span){b->out + b->front, b->split};
	b->job.out[1] = (haw_mut_span){b->out + b->front + b->split + GUARD, total - b->split};
	b->job.out_count = 2;
}

static void place_input(struct bench *b, size_t total)
{
	b->job.in[0] = (haw_span){b->in, 9};
	b->job.in[1] = (haw_span){b->in + 9, total - 14};
	b->job.in[2] = (haw_span){b->in + total - 5, 5};
	b->job.in_count = 3;
}

static bool all_guard(const uint8_t *p, size_t len)
{
	while (len > 0 && *p == GUARD_BYTE) {
		p++;
		len--;
	}
	return len == 0;
}

static bool guards_stand(const struct bench *b, size_t headroom)
{
	const uint8_t *second = b->out + b->front + b->split + GUARD;
	const uint8_t *end = second + (b->total - b->split);

	return all_guard(b->out, b->front - headroom) && all_guard(second - GUARD, GUARD) &&
	       all_guard(end, (size_t)(b->out + sizeof(b->out) - end));
}

static bool output_is(const struct bench *b, const uint8_t *expected)
{
	const uint8_t *first = b->out + b->front;

	return memcmp(first, expected, b->split) == 0 &&
	       memcmp(first + b->split + GUARD, expected + b->split, b->total - b->split) == 0;
}

static const char *test_seal(struct subject *t, struct bench *b, const uint8_t *plain, const uint8_t *wire)
{
	const haw_suite *suite = t->suite;
	uint32_t length = haw_known_length(suite);
	haw_job *jobs[] = {&b->job};
	haw_sealer *s;

	if (!begin(t))
		return no_keys;
	s = t->sealer;
	memset(&b->job, 0, sizeof(b->job));
	set_numbers(&b->job, length);
	memcpy(b->in, plain, HAW_LENGTH_SIZE + length);
	place_input(b, HAW_LENGTH_SIZE + length);
	place_output(b, s, HAW_LENGTH_SIZE + length + suite->tag_size);
	if (!run(s, jobs, 1) || b->job.status != 0)
		return "its self-test failed: it could not seal a packet";
	if (!guards_stand(b, s->traits.headroom))
		return "its self-test failed: sealing wrote outside the packet";
	if (!output_is(b, wire))
		return "its self-test failed: it sealed a known packet wrongly";
	return NULL;
}

/* Open all in one batch, or each as the first where it must be. */
static bool open_all(struct subject *t, haw_job *const *jobs, size_t n)
{
	if (!is_chained(t->suite))
		return run(t->opener, jobs, n);
	for (size_t i = 0; i < n; i++)
		if (!begin(t) || !run(t->opener, jobs + i, 1))
			return false;
	return true;
}

/* One batch: a good packet, one for each kind of tampering, and a good one again. */
static const char *test_open(struct subject *t, struct bench *benches, const uint8_t *plain,
			     const uint8_t *wire)
{
	const haw_suite *suite = t->suite;
	size_t packet = HAW_LENGTH_SIZE + haw_known_length(suite), total = packet + suite->tag_size;
	const size_t tampered[] = {SIZE_MAX, 3, HAW_LENGTH_SIZE, packet - 1, packet, total - 1, SIZE_MAX};
	enum { COUNT = sizeof(tampered) / sizeof(tampered[0]) };
	haw_job *jobs[COUNT];

	for (size_t i = 0; i < COUNT; i++) {
		struct bench *b = &benches[i];

		memset(&b->job, 0, sizeof(b->job));
		set_numbers(&b->job, haw_known_length(suite));
		memcpy(b->in, wire, total);
		if (tampered[i] != SIZE_MAX)
			b->in[tampered[i]] ^= 0x80;
		place_input(b, total);
		place_output(b, t->opener, packet);
		jobs[i] = &b->job;
	}
	if (!open_all(t, jobs, COUNT))
		return "its self-test failed: it could not open packets";
	for (size_t i = 0; i < COUNT; i++) {
		if (!guards_stand(&benches[i], t->opener->traits.headroom))
			return "its self-test failed: opening wrote outside the packet";
		if (tampered[i] != SIZE_MAX && benches[i].job.status != HAW_EINTEGRITY)
			return "its self-test failed: it accepts packets that were altered";
		if (tampered[i] == SIZE_MAX && (benches[i].job.status != 0 || !output_is(&benches[i], plain)))
			return "its self-test failed: it opened a known packet wrongly";
	}
	return NULL;
}

static const char *test_length(haw_sealer *opener, const uint8_t *wire)
{
	uint32_t length = 0;

	if (opener->ops->open_length(opener, HAW_KNOWN_SEQ, HAW_KNOWN_NUMBER, HAW_KNOWN_BLOCK, wire,
				     &length) < 0 ||
	    length != haw_known_length(opener->suite))
		return "its self-test failed: it read the length of a known packet wrongly";
	return NULL;
}

static const char *test_small(struct subject *t, const uint8_t *wire)
{
	uint8_t plain[SMALL];
	struct bench *benches = malloc(7 * sizeof(*benches));
	const char *why;

	if (!benches)
		return "no memory for its self-test";
	haw_known_plaintext(plain, haw_known_length(t->suite));
	why = test_seal(t, benches, plain, wire);
	if (!why)
		why = test_length(t->opener, wire);
	if (!why)
		why = test_open(t, benches, plain, wire);
	free(benches);
	return why;
}

/* ---- The largest packet ---- */

/* Two areas of a largest packet with its tag and what a backend may want around it. */
struct large {
	uint8_t *plain, *wire; /* aligned, with room for headroom in front and a guard behind */
	uint32_t length;
};

static bool seal_large(haw_sealer *s, const struct large *l, uint8_t *out)
{
	size_t packet = HAW_LENGTH_SIZE + (size_t)l->length;
	haw_job job = {.out_count = 1, .in_count = 3};
	haw_job *jobs[] = {&job};

	set_numbers(&job, l->length);
	/* The shape of bulk data: a header, the payload at an odd address, padding. */
	job.in[0] = (haw_span){l->plain, 14};
	job.in[1] = (haw_span){l->plain + 14, packet - 14 - 5};
	job.in[2] = (haw_span){l->plain + packet - 5, 5};
	job.out[0] = (haw_mut_span){out, packet + s->suite->tag_size};
	return run(s, jobs, 1) && job.status == 0;
}

static bool open_large(haw_sealer *s, const struct large *l)
{
	size_t packet = HAW_LENGTH_SIZE + (size_t)l->length;
	haw_job job = {.out_count = 1, .in_count = 1};
	haw_job *jobs[] = {&job};

	set_numbers(&job, l->length);
	job.in[0] = (haw_span){l->wire, packet + s->suite->tag_size};
	job.out[0] = (haw_mut_span){l->wire, packet};
	return run(s, jobs, 1) && job.status == 0 && haw_fetch_be32(l->wire) == l->length &&
	       l->wire[4] == 0xa5 && memcmp(l->wire + 4, l->wire + 5, l->length - 1) == 0;
}

/* The largest packet with one bit of its length, of its ciphertext or of its tag altered must not open. Where
 * packets are chained a bad one uses the opener up: those are tried with the small packet. */
static const char *tamper_large(haw_sealer *s, const struct large *l)
{
	size_t packet = HAW_LENGTH_SIZE + (size_t)l->length, total = packet + s->suite->tag_size;
	const size_t places[] = {HAW_LENGTH_SIZE - 1, packet / 2, total - 1};

	if (s->suite->chain_mode == HAW_CHAIN_CIPHERTEXT)
		return NULL;
	memset(l->plain + packet, GUARD_BYTE, GUARD);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		haw_job job = {.out_count = 1, .in_count = 1};
		haw_job *jobs[] = {&job};
		bool done;

		set_numbers(&job, l->length);
		job.in[0] = (haw_span){l->wire, total};
		job.out[0] = (haw_mut_span){l->plain, packet};
		l->wire[places[i]] ^= 1;
		done = run(s, jobs, 1);
		l->wire[places[i]] ^= 1;
		if (!done)
			return "its self-test failed: it could not open the largest packet";
		if (job.status != HAW_EINTEGRITY)
			return "its self-test failed: it accepts the largest packet altered";
	}
	return all_guard(l->plain + packet, GUARD)
		       ? NULL
		       : "its self-test failed: it wrote behind the largest packet";
}

/* The same packet sealed in place by openssl must be the same bytes. */
static const char *compare_large(const struct large *l, const haw_suite *suite)
{
	size_t total = HAW_LENGTH_SIZE + (size_t)l->length + suite->tag_size;
	haw_keys keys;
	haw_sealer *s;
	bool sealed;

	haw_known_keys(&keys);
	s = haw_backend_openssl.new_sealer(&haw_backend_openssl, suite, &keys, NULL);
	if (!s)
		return NULL; /* nothing to compare with: OpenSSL is configured without the suite */
	sealed = seal_large(s, l, l->plain);
	s->ops->free(s);
	return sealed && memcmp(l->plain, l->wire, total) == 0
		       ? NULL
		       : "its self-test failed: it seals the largest packet otherwise than OpenSSL";
}

static const char *test_large_in(struct large *l, haw_sealer *sealer, haw_sealer *opener, bool compare)
{
	size_t total = HAW_LENGTH_SIZE + (size_t)l->length + sealer->suite->tag_size;
	const char *why = NULL;

	haw_store_be32(l->plain, l->length);
	memset(l->plain + HAW_LENGTH_SIZE, 0xa5, l->length);
	memset(l->wire + total, GUARD_BYTE, GUARD);
	if (!seal_large(sealer, l, l->wire))
		return "its self-test failed: it could not seal the largest packet";
	if (compare)
		why = compare_large(l, sealer->suite);
	if (!why)
		why = tamper_large(opener, l);
	if (!why && !open_large(opener, l))
		why = "its self-test failed: it could not open the largest packet";
	if (!why && !all_guard(l->wire + total, GUARD))
		why = "its self-test failed: it wrote behind the largest packet";
	return why;
}

static const char *test_large(struct subject *t, bool compare)
{
	const haw_suite *suite = t->suite;
	size_t size = FRONT_MAX + HAW_LENGTH_SIZE + HAW_PACKET_LENGTH_MAX + HAW_TAG_MAX + GUARD;
	struct large l;
	const char *why;
	uint8_t *memory;
	uint32_t limit;

	if (!begin(t))
		return no_keys;
	limit = t->sealer->traits.max_length ? t->sealer->traits.max_length : HAW_PACKET_LENGTH_MAX;
	if (t->opener->traits.max_length && t->opener->traits.max_length < limit)
		limit = t->opener->traits.max_length;
	l.length = limit < HAW_PACKET_LENGTH_MAX ? limit : HAW_PACKET_LENGTH_MAX;
	if (suite->length_mode == HAW_LENGTH_FIRST_BLOCK)
		l.length = (l.length + HAW_LENGTH_SIZE) / suite->block_size * suite->block_size -
			   HAW_LENGTH_SIZE;
	else
		l.length = l.length / suite->block_size * suite->block_size;
	size = (size + 63) / 64 * 64;
	memory = aligned_alloc(64, 2 * size);
	if (!memory)
		return "no memory for its self-test";
	l.plain = memory + FRONT_MAX;
	l.wire = memory + size + FRONT_MAX;
	why = test_large_in(&l, t->sealer, t->opener, compare);
	free(memory);
	return why;
}

/* ---- All of it ---- */

const char *haw_selftest_run(const haw_backend *backend, const haw_suite *suite)
{
	struct subject t = {.backend = backend, .suite = suite};
	uint8_t wire[HAW_KNOWN_SIZE];
	const char *why = no_keys;

	if (haw_known_wire(suite, wire) == 0)
		return "this library has no self-test for the suite";
	haw_known_keys(&t.keys);
	if (!begin(&t))
		goto out;
	why = "it asks for more room around packets than this library gives";
	if (t.sealer->traits.headroom + t.sealer->traits.alignment > FRONT_MAX ||
	    t.opener->traits.headroom + t.opener->traits.alignment > FRONT_MAX)
		goto out;
	why = test_small(&t, wire);
	if (!why)
		why = test_large(&t, backend != &haw_backend_openssl);
out:
	let_go(&t);
	return why;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a MAC covers the plaintext, nobody learns how the length of a packet deciphers that he has no keys
 * for: be it one that cannot be, or one that can and the MAC is wrong, the connection ends in the same words
 * after the same number of bytes. For each suite of that kind.
 */
#include "forge.h"

#include "late_engine.h"

enum { GOOD = 3, STEP = 60000, BLOCKS = 48 };

static const haw_suite *suite;

/* What the packetizer says, and behind how many bytes from where the bad packet begins. */
struct outcome {
	haw_error err;
	size_t bytes;
};

/* An opener that counts the bytes that it is given. */
struct counter {
	haw_sealer base;
	haw_sealer *inner;
};
static size_t counted;

static int count_submit(haw_sealer *s, haw_job *const *jobs, size_t n)
{
	haw_sealer *inner = ((struct counter *)s)->inner;
	int taken = inner->ops->submit(inner, jobs, n);

	for (int i = 0; i < taken; i++)
		counted += 4 + (size_t)jobs[i]->length;
	return taken;
}

static int count_poll(haw_sealer *s, haw_job **done, size_t max)
{
	haw_sealer *inner = ((struct counter *)s)->inner;

	return inner->ops->poll(inner, done, max);
}

static int count_open_length(haw_sealer *s, uint32_t seq, uint64_t number, uint64_t block,
			     const uint8_t *head, uint32_t *length)
{
	haw_sealer *inner = ((struct counter *)s)->inner;

	return inner->ops->open_length(inner, seq, number, block, head, length);
}

static int no_fd(haw_sealer *s)
{
	return -1;
}

static void count_free(haw_sealer *s)
{
	haw_sealer *inner = ((struct counter *)s)->inner;

	inner->ops->free(inner);
	free(s);
}

static haw_sealer *counter(void)
{
	static const haw_sealer_ops ops = {count_submit, count_poll, count_open_length, no_fd, count_free};
	struct counter *c = calloc(1, sizeof(*c));

	c->base.ops = &ops;
	c->base.suite = suite;
	c->inner = haw_selector_opener(NULL, suite, test_keys(suite, FORGE_KEYS), NULL, NULL);
	counted = 0;
	return &c->base;
}

/* Feed F's wire, whose packet at START is not authentic, byte by byte at its end, and see what comes of it.
 * ENGINE may be NULL. */
static struct outcome receive(const struct forge *f, size_t start, haw_sealer *engine, uint32_t seed)
{
	struct outcome result = {0};
	struct haw_packet packet;
	struct receiver r;
	struct pair pair;
	unsigned got = 0;
	int rc = 0;

	pair_open(&pair);
	CHECK_OR(use_engine(pair.to, HAW_INCOMING, suite, engine ? engine : counter(), NULL) == 0, result);
	receiver_open(&r, pair.to, &f->wire);
	while (rc >= 0 && r.given < r.len) {
		size_t end = start + FORGE_DISCARD, step = 1 + test_random(&seed, STEP);

		receiver_give(&r, r.given < end ? (step < end - r.given ? step : end - r.given) : 1);
		while ((rc = receiver_next(&r, &packet)) == 1)
			got++;
		receiver_release(&r);
	}
	CHECK_OR(rc < 0 && got == GOOD, result);
	CHECK_OR(receiver_next(&r, &packet) == rc && r.err.fault == HAW_FAULT_PEER, result);
	result = (struct outcome){r.err, r.given - start};
	receiver_close(&r);
	pair_close(&pair);
	return result;
}

static void must_be_hidden(const struct outcome *o, const char *what, unsigned number)
{
	char expected[128];

	snprintf(expected, sizeof(expected), "packet %d failed its integrity check (%s)", GOOD, suite->name);
	CHECK_MSG(o->err.code == HAW_EINTEGRITY && o->err.reason == 5 && strstr(o->err.message, expected),
		  "%s: %s %u: %s", suite->name, what, number, o->err.message);
	CHECK_MSG(o->bytes == FORGE_DISCARD + (size_t)suite->tag_size, "%s: %s %u: after %zu bytes",
		  suite->name, what, number, o->bytes);
}

/* As much work in each case: what lies between the end of what was cut as a packet and the next block is all
 * that is left out. */
static void must_cost_the_same(size_t start, unsigned packets)
{
	size_t all = start - GOOD * (size_t)suite->tag_size + FORGE_DISCARD;
	size_t left_out = packets * (size_t)(suite->tag_size + suite->block_size);

	CHECK_MSG(counted <= all + suite->tag_size && counted + left_out >= all, "%s: %zu of %zu bytes",
		  suite->name, counted, all);
}

/* Good packets, then room for what is bad. Returns where that begins. */
static size_t begin(struct forge *f)
{
	CHECK_OR(forge_open(f, suite) && forge_good(f, GOOD), 0);
	return f->wire.len;
}

static void end(struct forge *f, size_t start, haw_sealer *engine, const char *what, unsigned number)
{
	struct outcome o;

	CHECK(forge_garbage(f, FORGE_DISCARD + HAW_TAG_MAX));
	o = receive(f, start, engine, number + 7);
	if (!harness.failed)
		must_be_hidden(&o, what, number);
	if (!harness.failed && !engine)
		must_cost_the_same(start, strcmp(what, "tag") == 0 ? 2 + number : 2);
	forge_close(f);
}

/* Every kind of length, the possible ones among them, under a MAC that is not theirs. */
static void no_length_shows(void)
{
	static const uint32_t lengths[] = {0,      4,      5,       11,       12,        13,
					   20,     28,     100,     108,      1004,      1000,
					   32748,  100012, 262132,  262140,   262141,    262144,
					   262145, 262148, 1 << 20, 1u << 31, 0xffffffff};
	uint8_t plain[64] = {4, TEST_DATA};

	for (unsigned i = 0; i < sizeof(lengths) / sizeof(lengths[0]) && !harness.failed; i++) {
		struct forge f;
		size_t start = begin(&f);

		CHECK(forge_sealed(&f, lengths[i], plain, forge_fitting(suite, 60)));
		end(&f, start, NULL, "length", lengths[i]);
	}
}

/* Blocks that stood elsewhere: what a packet began with is what it deciphers to. */
static void no_block_shows(void)
{
	for (unsigned i = 0; i < BLOCKS && !harness.failed; i++) {
		uint32_t seed = i * 977;
		struct forge f;
		size_t start = begin(&f);

		CHECK(forge_packet(&f, forge_fitting(suite, 200), 4));
		for (size_t k = 0; k < suite->block_size; k++)
			f.wire.data[start + k] = (uint8_t)test_random(&seed, 256);
		/* The high half as it was, half of the time: lengths that are small. */
		if (i % 2)
			memcpy(f.wire.data + start, f.wire.data + start + 16, 2);
		end(&f, start, NULL, "block", i);
	}
}

static void no_tag_shows(void)
{
	for (unsigned i = 0; i < 6 && !harness.failed; i++) {
		struct forge f;
		size_t start = begin(&f);

		CHECK(forge_packet(&f, forge_fitting(suite, 40 + 500 * i), 4));
		f.wire.data[f.wire.len - 1 - i] ^= 1;
		/* Good packets behind it are opened ahead and never delivered. */
		CHECK(forge_good(&f, i));
		end(&f, start, NULL, "tag", i);
	}
}

static haw_sealer *late(const struct late_options *options, struct late_stats *stats)
{
	return late_engine_new(haw_selector_opener(NULL, suite, test_keys(suite, FORGE_KEYS), NULL, NULL),
			       options, stats);
}

/* Nor does an engine that is late, or breaks while what follows is thrown away. */
static void no_engine_shows_it(void)
{
	static const struct late_options options[] = {{.seed = 1},
						      {.seed = 2, .depth = 2},
						      {.seed = 3, .fail_at = GOOD + 2},
						      {.seed = 4, .die_at = GOOD + 2}};
	uint8_t plain[64] = {4, TEST_DATA};

	for (unsigned i = 0; i < 8 && !harness.failed; i++) {
		const struct late_options *o = &options[i % 4];
		struct late_stats stats = {0};
		struct forge f;
		size_t start = begin(&f);

		CHECK(forge_sealed(&f, i < 4 ? 3 : 28, plain, forge_fitting(suite, 60)));
		end(&f, start, late(o, &stats), "engine", i);
		CHECK(stats.freed);
	}
}

/* ---- Lengths that two deciphered ---- */

/* An opener that calls everything authentic, and deciphers nothing. */
static haw_job *blind_jobs[HAW_BATCH_MAX];
static size_t blind_count;

static int blind_submit(haw_sealer *s, haw_job *const *jobs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		jobs[i]->status = 0;
		blind_jobs[blind_count++] = jobs[i];
	}
	return (int)n;
}

static int blind_poll(haw_sealer *s, haw_job **done, size_t max)
{
	size_t n = blind_count < max ? blind_count : max;

	memcpy(done, blind_jobs, n * sizeof(*done));
	blind_count = 0;
	return (int)n;
}

static int blind_open_length(haw_sealer *s, uint32_t seq, uint64_t number, uint64_t block,
			     const uint8_t *head, uint32_t *length)
{
	*length = forge_fitting(suite, 20);
	return 0;
}

static void blind_free(haw_sealer *s)
{
	free(s);
}

static haw_sealer *blind(void)
{
	static const haw_sealer_ops ops = {blind_submit, blind_poll, blind_open_length, no_fd, blind_free};
	haw_sealer *s = calloc(1, sizeof(*s));

	s->ops = &ops;
	s->suite = suite;
	return s;
}

/* What a packet was cut by and what it deciphered to must be one. */
static void a_length_is_what_it_was_cut_by(void)
{
	uint32_t length = forge_fitting(suite, 20);
	uint8_t packet[4 + 32] = {0, 0, 0, 0, 4, TEST_DATA};

	for (int wrong = 0; wrong < 2; wrong++) {
		struct wire wire = {0};
		struct haw_packet got;
		struct receiver r;
		struct pair pair;
		int rc;

		packet[3] = (uint8_t)length + (uint8_t)wrong;
		wire_append(&wire, packet, 4 + length);
		for (int i = 0; i < 5000; i++)
			wire_append(&wire, (uint8_t[64]){0}, 64);
		pair_open(&pair);
		CHECK(use_engine(pair.to, HAW_INCOMING, suite, blind(), NULL) == 0);
		receiver_open(&r, pair.to, &wire);
		receiver_give(&r, r.len);
		rc = receiver_next(&r, &got);
		CHECK_MSG(rc == (wrong ? HAW_EINTEGRITY : 1), "%s: %d: %s", suite->name, rc, r.err.message);
		receiver_close(&r);
		wire_free(&wire);
		pair_close(&pair);
	}
}

int main(void)
{
	for (size_t i = 0; (suite = haw_suite_at(i)); i++) {
		if (suite->length_mode == HAW_LENGTH_CLEAR)
			continue;
		printf("suite %s\n", suite->name);
		RUN(a_length_is_what_it_was_cut_by);
		if (suite->length_mode != HAW_LENGTH_FIRST_BLOCK)
			continue;
		RUN(no_length_shows);
		RUN(no_block_shows);
		RUN(no_tag_shows);
		RUN(no_engine_shows_it);
	}
	return harness_end();
}

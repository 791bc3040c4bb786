/* SPDX-License-Identifier: Apache-2.0
 *
 * The ipsecmb backend at each level of the processor that the library knows: its self-tests, and what depends
 * on how packets are grouped: batches of mixed lengths that lie side by side, packets around the longest that
 * is hashed in a lane, counters whose last word wraps, threads.
 */
#include <pthread.h>

#include "crypto-backends/backends.h"
#include "crypto-backends/ipsecmb/ipsecmb.h"
#include "crypto-backends/selftest.h"
#include "harness.h"
#include "reference.h"

enum { LANE_MOST = 65024 - 8 }; /* packet_length of the longest that is hashed in a lane */

static uint8_t key[HAW_KEY_MAX], mac_key[HAW_MAC_KEY_MAX], iv[HAW_IV_MAX];
static const haw_keys keys = {key, iv, mac_key};

static void fill(uint8_t *p, size_t len, uint32_t seed)
{
	for (size_t i = 0; i < len; i++) {
		seed = seed * 1664525u + 1013904223u;
		p[i] = (uint8_t)(seed >> 24);
	}
}

static void for_each_level(void (*test)(const haw_backend *backend))
{
	const haw_backend *backend;

	for (size_t i = 0; (backend = haw_ipsecmb_at(i)) && !harness.failed; i++) {
		if (!backend->unusable(backend))
			test(backend);
		if (harness.failed)
			printf("    %s\n", backend->name);
	}
}

static void check_self_test(const haw_backend *backend)
{
	const haw_suite *suite;

	for (size_t i = 0; (suite = haw_suite_at(i)); i++)
		if (!backend->refuses(backend, suite))
			CHECK_MSG(!haw_selftest_run(backend, suite), "%s: %s", suite->name,
				  haw_selftest_run(backend, suite));
}

static void every_level_passes_its_self_tests(void)
{
	for_each_level(check_self_test);
}

static void levels_are_missing_only_where_the_machine_lacks_them(void)
{
	const haw_backend *backend;

	for (size_t i = 0; (backend = haw_ipsecmb_at(i)); i++)
		if (backend->unusable(backend))
			harness_skip(backend->name, backend->unusable(backend));
}

/* ---- Batches ---- */

/* Packets one behind the other, as a wire buffer holds them. */
struct row {
	const haw_suite *suite;
	size_t count, plain_size, wire_size;
	haw_job jobs[HAW_BATCH_MAX], *list[HAW_BATCH_MAX];
	uint8_t *plain, *wire;
};

static void row_make(struct row *r, const haw_suite *suite, const uint32_t *lengths, size_t count)
{
	uint32_t head = suite->length_mode == HAW_LENGTH_FIRST_BLOCK ? HAW_LENGTH_SIZE : 0;
	uint64_t block = 0xfffffff0; /* soon at the end of the counter's last word */

	memset(r, 0, sizeof(*r));
	r->suite = suite;
	r->count = count;
	for (size_t i = 0; i < count; i++) {
		haw_job *job = &r->jobs[i];

		r->list[i] = job;
		job->length = (lengths[i] + head + 15) / 16 * 16 - head;
		job->seq = 77 + (uint32_t)i;
		job->number = i;
		job->block = block;
		block += (job->length + head) / 16;
		r->plain_size += HAW_LENGTH_SIZE + job->length;
	}
	r->wire_size = r->plain_size + count * suite->tag_size;
	r->plain = malloc(r->plain_size);
	r->wire = malloc(r->wire_size);
	fill(r->plain, r->plain_size, (uint32_t)count);
}

static void row_free(struct row *r)
{
	free(r->plain);
	free(r->wire);
}

/* Put all packets of R through S, from IN to OUT; the wire is the output if SEALS. */
static bool row_run(struct row *r, haw_sealer *s, bool seals, const uint8_t *in, uint8_t *out)
{
	haw_job *done[HAW_BATCH_MAX];
	size_t tag = r->suite->tag_size;

	for (size_t i = 0; i < r->count; i++) {
		haw_job *job = &r->jobs[i];
		size_t packet = HAW_LENGTH_SIZE + job->length;

		job->in[0] = (haw_span){in, seals ? packet : packet + tag};
		job->out[0] = (haw_mut_span){out, seals ? packet + tag : packet};
		job->in_count = job->out_count = 1;
		out += in == out ? job->in[0].len : job->out[0].len;
		in += job->in[0].len;
	}
	if (s->ops->submit(s, r->list, r->count) != (int)r->count ||
	    s->ops->poll(s, done, HAW_BATCH_MAX) != (int)r->count)
		return false;
	for (size_t i = 0; i < r->count; i++)
		if (r->jobs[i].status != 0)
			return false;
	return true;
}

/* Open all packets of R upon themselves, the last byte of the middle one's tag being wrong: the others open,
 * and every tag is as it was. WIRE is their copy to do that with. */
static bool opens_upon_itself(struct row *r, haw_sealer *opener, uint8_t *wire)
{
	size_t middle = r->count / 2, tag = r->suite->tag_size;
	uint8_t *at = wire;
	const uint8_t *plain = r->plain, *sealed = r->wire;
	bool right = true;

	memcpy(wire, r->wire, r->wire_size);
	for (size_t i = 0; i <= middle; i++)
		at += HAW_LENGTH_SIZE + r->jobs[i].length + tag;
	at[-1] ^= 1;
	row_run(r, opener, false, wire, wire);
	at[-1] ^= 1;
	at = wire;
	for (size_t i = 0; i < r->count; i++) {
		size_t packet = HAW_LENGTH_SIZE + r->jobs[i].length;

		right = right && r->jobs[i].status == (i == middle ? HAW_EINTEGRITY : 0) &&
			(i == middle || memcmp(at, plain, packet) == 0) &&
			memcmp(at + packet, sealed + packet, tag) == 0;
		at += packet + tag;
		sealed += packet + tag;
		plain += packet;
	}
	return right;
}

/* Lengths are in the packets' first bytes. */
static void row_number(struct row *r)
{
	uint8_t *at = r->plain;

	for (size_t i = 0; i < r->count; i++) {
		for (int b = 0; b < 4; b++)
			at[b] = (uint8_t)(r->jobs[i].length >> (24 - 8 * b));
		at += HAW_LENGTH_SIZE + r->jobs[i].length;
	}
}

/* BACKEND seals R as openssl does, and opens it. */
static bool row_agrees(struct row *r, const haw_backend *backend)
{
	haw_sealer *peer = haw_backend_openssl.new_sealer(&haw_backend_openssl, r->suite, &keys, NULL);
	haw_sealer *sealer = backend->new_sealer(backend, r->suite, &keys, NULL);
	haw_sealer *opener = backend->new_opener(backend, r->suite, &keys, NULL);
	uint8_t *ours = malloc(r->wire_size + 64), *back = malloc(r->plain_size);
	bool right = peer && sealer && opener;

	row_number(r);
	memset(ours + r->wire_size, 0xc3, 64);
	right = right && row_run(r, peer, true, r->plain, r->wire) &&
		row_run(r, sealer, true, r->plain, ours) && memcmp(ours, r->wire, r->wire_size) == 0;
	for (size_t i = 0; i < 64; i++)
		right = right && ours[r->wire_size + i] == 0xc3;
	right = right && row_run(r, opener, false, ours, back) &&
		memcmp(back, r->plain, r->plain_size) == 0 && opens_upon_itself(r, opener, ours);
	if (peer)
		peer->ops->free(peer);
	if (sealer)
		sealer->ops->free(sealer);
	if (opener)
		opener->ops->free(opener);
	free(ours);
	free(back);
	return right;
}

static void check_rows(const haw_backend *backend)
{
	static const uint32_t patterns[][4] = {
		{32, 32, 32, 32},
		{1040, 1040, 1040, 1040},
		{32768, 64, 64, 64},
		{8192, 20000, 48, 65536},
		{LANE_MOST, LANE_MOST + 16, LANE_MOST - 16, LANE_MOST},
		{65408, 65520, 65536, 65552},
	};
	static const size_t counts[] = {1, 2, 3, 7, 8, 16, 17, 31, HAW_BATCH_MAX};
	static const char *const macs[] = {"hmac-sha1-etm@openssh.com", "hmac-sha2-256-etm@openssh.com",
					   "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256"};

	const haw_suite *chacha = haw_suite_find("chacha20-poly1305@openssh.com", NULL);

	for (size_t n = 0; n < sizeof(counts) / sizeof(counts[0]); n++) {
		for (size_t p = 0; p < sizeof(patterns) / sizeof(patterns[0]); p++) {
			size_t turn = (n + p) % 5;
			const haw_suite *suite = turn < 4 ? haw_suite_find("aes256-ctr", macs[turn]) : chacha;
			uint32_t lengths[HAW_BATCH_MAX];
			struct row row;
			bool right;

			if (backend->refuses(backend, suite))
				continue;
			for (size_t i = 0; i < counts[n]; i++)
				lengths[i] = patterns[p][i % 4];
			row_make(&row, suite, lengths, counts[n]);
			right = row_agrees(&row, backend);
			row_free(&row);
			CHECK_MSG(right, "%zu packets of %u, ..., %s", counts[n], patterns[p][0],
				  suite->name);
		}
	}
}

static void batches_of_all_shapes_agree_with_openssl(void)
{
	for_each_level(check_rows);
}

/* ---- The cipher's half ---- */

static void check_half(const haw_backend *backend)
{
	static const char *const ciphers[] = {"aes128-ctr", "aes192-ctr", "aes256-ctr"};
	static const char *const macs[] = {"hmac-sha2-256-etm@openssh.com", "hmac-sha2-256"};
	uint8_t plain[4 + 80] = {0, 0, 0, 76}, ours[84], expected[84], counter[16];

	fill(plain + 4, 80, 1);
	for (int c = 0; c < 3; c++) {
		for (int m = 0; m < 2; m++) {
			const haw_suite *half = haw_suite_half(haw_suite_find(ciphers[c], macs[m]));
			uint32_t length = m ? 76 : 80, clear = m ? 0 : 4;
			haw_job job = {.in = {{plain, 4 + length}},
				       .out = {{ours, 4 + length}},
				       .in_count = 1,
				       .out_count = 1,
				       .length = length,
				       .block = 3};
			haw_job *jobs[] = {&job}, *done[1];
			haw_sealer *s;

			CHECK(!backend->refuses(backend, half));
			s = backend->new_sealer(backend, half, &keys, NULL);
			plain[3] = (uint8_t)length;
			CHECK(s && s->ops->submit(s, jobs, 1) == 1 && s->ops->poll(s, done, 1) == 1);
			s->ops->free(s);
			memcpy(expected, plain, clear);
			memcpy(counter, iv, 16);
			counter[15] = (uint8_t)(counter[15] + 3);
			reference_aes_ctr(key, half->key_size, counter, plain + clear, expected + clear,
					  4 + length - clear);
			CHECK(job.status == 0 && memcmp(ours, expected, 4 + length) == 0);
		}
	}
}

static void halves_are_the_cipher_alone(void)
{
	for_each_level(check_half);
}

/* ---- Threads ---- */

static void *seal_rows(void *user)
{
	const uint32_t lengths[] = {1040, 4096, 32768, 1040, 64, 32768, 32768, 2048};
	const haw_backend *backend = &haw_backend_ipsecmb;
	bool *right = user;

	for (int i = 0; i < 20 && *right; i++) {
		struct row row;

		row_make(&row, haw_suite_find("aes128-ctr", i % 2 ? "hmac-sha2-512" : "hmac-sha1"), lengths,
			 8);
		*right = row_agrees(&row, backend);
		row_free(&row);
	}
	return NULL;
}

static void threads_do_not_meet(void)
{
	bool right[4] = {true, true, true, true};
	pthread_t threads[4];

	if (haw_backend_ipsecmb.unusable(&haw_backend_ipsecmb)) {
		harness_skip("ipsecmb", haw_backend_ipsecmb.unusable(&haw_backend_ipsecmb));
		return;
	}
	for (int i = 0; i < 4; i++)
		CHECK(pthread_create(&threads[i], NULL, seal_rows, &right[i]) == 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	CHECK(right[0] && right[1] && right[2] && right[3]);
}

int main(void)
{
	fill(key, sizeof(key), 1);
	fill(mac_key, sizeof(mac_key), 2);
	fill(iv, sizeof(iv), 3);
	iv[15] = 0;
	RUN(levels_are_missing_only_where_the_machine_lacks_them);
	RUN(every_level_passes_its_self_tests);
	RUN(batches_of_all_shapes_agree_with_openssl);
	RUN(halves_are_the_cipher_alone);
	RUN(threads_do_not_meet);
	return harness_end();
}

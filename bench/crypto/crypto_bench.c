/* SPDX-License-Identifier: Apache-2.0
 *
 * Packets by a backend beside the same packets by a peer, in turns:
 *
 *   crypto_bench [PAIRS [MILLISECONDS [SUITE]]]
 *
 * One line for each row: WORK/SUITE/BACKEND/BYTES/batch:N, the peer, and the two rates in payload GB/s of
 * each pair, "OURS:PEERS". Ours are framed as the packetizer does it: header written, padding chosen, sealed
 * from three places to one behind the other in a wire buffer; or cut out of such a buffer, opened elsewhere,
 * checked. The peer takes the same packets to and from the same places, one by one. Time is that of the
 * thread on its processor, so that other programs disturb little.
 */
#include "bench/crypto/peer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { HEADER = 14, PAIRS_MAX = 101 };

struct row {
	const char *cipher, *mac, *backend;
	size_t payload, batch;
	enum { RAW, RAW_SCATTER, EVP, EVP_PORTABLE } peer;
	bool in_place;
};

static const char *const peer_names[] = {"raw", "raw-scatter", "evp", "evp-portable"};

#define GCM128 "aes128-gcm@openssh.com", NULL
#define GCM256 "aes256-gcm@openssh.com", NULL
#define SHA2_256 "aes256-ctr", "hmac-sha2-256-etm@openssh.com"
#define SHA2_512 "aes256-ctr", "hmac-sha2-512-etm@openssh.com"
#define CHACHA "chacha20-poly1305@openssh.com", NULL

static const struct row rows[] = {
	{GCM128, "ipsecmb", 32768, 8, RAW, false},     {GCM128, "ipsecmb", 32768, 8, RAW_SCATTER, false},
	{GCM256, "ipsecmb", 32768, 8, RAW, false},     {GCM256, "ipsecmb", 32768, 8, RAW_SCATTER, false},
	{GCM128, "ipsecmb", 1024, 32, RAW, false},     {GCM128, "ipsecmb", 1024, 32, RAW_SCATTER, false},
	{GCM256, "ipsecmb", 1024, 32, RAW, false},     {GCM256, "ipsecmb", 1024, 32, RAW_SCATTER, false},
	{GCM128, NULL, 32768, 8, EVP, false},          {SHA2_256, NULL, 32768, 32, EVP, true},
	{SHA2_256, NULL, 32768, 32, EVP, false},       {SHA2_512, NULL, 32768, 32, EVP, true},
	{SHA2_512, NULL, 32768, 32, EVP, false},       {CHACHA, NULL, 32768, 8, EVP, false},
	{CHACHA, NULL, 32768, 8, EVP_PORTABLE, false}, {CHACHA, NULL, 1024, 32, EVP, false},
};

/* Both sides of one row. */
struct course {
	const struct row *row;
	const haw_suite *suite;
	const haw_backend *backend;
	haw_sealer *sealer, *opener;
	struct peer *peer;
	bool in_place;     /* as it is opened in a receive ring */
	size_t sets, turn; /* batches that take turns, and which it is */
	uint32_t length;
	uint8_t padding;
	uint8_t *payload, *plain, *wire, *back; /* the payload lies apart from the header */
	uint8_t headers[HAW_BATCH_MAX][HEADER];
	haw_job jobs[HAW_BATCH_MAX], *list[HAW_BATCH_MAX];
};

static void store_be32(uint8_t *p, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(value >> (24 - 8 * i));
}

static size_t wire_size(const struct course *c)
{
	return HAW_LENGTH_SIZE + (size_t)c->length + c->suite->tag_size;
}

/* The number of packet I of the batch whose turn it is. */
static size_t place(const struct course *c, size_t i)
{
	return c->turn % c->sets * c->row->batch + i;
}

static uint8_t *wire_at(const struct course *c, size_t i)
{
	return c->wire + place(c, i) * wire_size(c);
}

static void write_header(const struct course *c, uint8_t *header)
{
	store_be32(header, c->length);
	header[4] = c->padding;
	header[5] = 94;
	store_be32(header + 6, 0);
	store_be32(header + 10, (uint32_t)c->row->payload);
}

static void set_numbers(const struct course *c, size_t i)
{
	haw_job *job = c->list[i];

	job->length = c->length;
	job->seq = (uint32_t)place(c, i);
	/* GCM's peers use the first nonce always. */
	job->number = 0;
	job->block = place(c, i) * (c->length / 16);
}

static bool run_jobs(struct course *c, haw_sealer *s)
{
	haw_job *done[HAW_BATCH_MAX];
	size_t n = c->row->batch;

	if (s->ops->submit(s, c->list, n) != (int)n || s->ops->poll(s, done, HAW_BATCH_MAX) != (int)n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (c->jobs[i].status != 0)
			return false;
	c->turn++;
	return true;
}

static bool seal_ours(struct course *c)
{
	static const uint8_t padding[32];

	for (size_t i = 0; i < c->row->batch; i++) {
		haw_job *job = &c->jobs[i];

		write_header(c, c->headers[i]);
		set_numbers(c, i);
		job->in[0] = (haw_span){c->headers[i], HEADER};
		job->in[1] = (haw_span){c->payload + i * (c->row->payload + 1), c->row->payload};
		job->in[2] = (haw_span){padding, c->padding};
		job->in_count = 3;
		job->out[0] = (haw_mut_span){wire_at(c, i), wire_size(c)};
		job->out_count = 1;
	}
	return run_jobs(c, c->sealer);
}

static bool open_ours(struct course *c)
{
	for (size_t i = 0; i < c->row->batch; i++) {
		haw_job *job = &c->jobs[i];
		uint8_t *wire = c->in_place ? c->back + i * wire_size(c) : wire_at(c, i);
		uint32_t length;

		set_numbers(c, i);
		if (c->opener->ops->open_length(c->opener, job->seq, job->number, job->block, wire, &length) <
			    0 ||
		    length != c->length)
			return false;
		job->in[0] = (haw_span){wire, wire_size(c)};
		job->in_count = 1;
		job->out[0] = (haw_mut_span){c->back + i * wire_size(c), HAW_LENGTH_SIZE + (size_t)length};
		job->out_count = 1;
	}
	if (!run_jobs(c, c->opener))
		return false;
	for (size_t i = 0; i < c->row->batch; i++)
		if (c->back[i * wire_size(c) + 4] != c->padding)
			return false;
	return true;
}

static struct peer_packet peer_packet(const struct course *c, size_t i, bool opens)
{
	return (struct peer_packet){.plain = (opens ? c->back : c->plain) + i * wire_size(c),
				    .wire = opens && c->in_place ? c->back + i * wire_size(c) : wire_at(c, i),
				    .length = c->length,
				    .seq = (uint32_t)place(c, i)};
}

static bool seal_peer(struct course *c)
{
	for (size_t i = 0; i < c->row->batch; i++) {
		struct peer_packet packet = peer_packet(c, i, false);

		if (!c->peer->seal(c->peer, &packet))
			return false;
	}
	c->turn++;
	return true;
}

static bool open_peer(struct course *c)
{
	for (size_t i = 0; i < c->row->batch; i++) {
		struct peer_packet packet = peer_packet(c, i, true);

		if (!c->peer->open(c->peer, &packet))
			return false;
	}
	c->turn++;
	return true;
}

/* ---- Making and measuring a row ---- */

static struct peer *make_peer(const struct row *row, const haw_suite *suite, const haw_keys *keys)
{
	if (row->peer == RAW || row->peer == RAW_SCATTER)
		return peer_raw_gcm(suite, keys, row->peer == RAW_SCATTER);
	if (suite->cipher_kind == HAW_CIPHER_AES_GCM)
		return peer_evp_gcm(suite, keys);
	if (suite->cipher_kind == HAW_CIPHER_CHACHA20_POLY1305)
		return peer_evp_chacha(keys, row->peer == EVP_PORTABLE);
	return peer_evp_ctr_hmac(suite, keys);
}

static void fill_plain(struct course *c)
{
	for (size_t i = 0; i < c->row->batch; i++) {
		uint8_t *packet = c->plain + i * wire_size(c);

		write_header(c, packet);
		memcpy(packet + HEADER, c->payload + i * (c->row->payload + 1), c->row->payload);
		memset(packet + HEADER + c->row->payload, 0, c->padding);
	}
}

/* False, with a sentence, if the row cannot be measured here. */
static bool make(struct course *c, const struct row *row)
{
	static uint8_t bytes[HAW_KEY_MAX] = {1, 2, 3};
	const haw_keys keys = {bytes, bytes, bytes};
	size_t counted = 1 + HEADER - 5 + row->payload, room;

	memset(c, 0, sizeof(*c));
	c->row = row;
	c->suite = haw_suite_find(row->cipher, row->mac);
	c->backend =
		row->backend ? haw_backend_find(row->backend) : haw_selector_choose(NULL, c->suite, NULL, 0);
	if (!c->backend || haw_backend_check(c->backend, c->suite)) {
		fprintf(stderr, "crypto_bench: %s: no backend\n", c->suite->name);
		return false;
	}
	c->padding = (uint8_t)(c->suite->block_size - counted % c->suite->block_size);
	if (c->padding < 4)
		c->padding = (uint8_t)(c->padding + c->suite->block_size);
	c->length = (uint32_t)(counted + c->padding);
	c->sealer = c->backend->new_sealer(c->backend, c->suite, &keys, NULL);
	c->opener = c->backend->new_opener(c->backend, c->suite, &keys, NULL);
	c->peer = make_peer(row, c->suite, &keys);
	c->in_place = row->in_place;
	c->sets = row->payload < 4096 ? 4 : 1;
	room = row->batch * (wire_size(c) + 64);
	c->payload = malloc(room);
	c->plain = malloc(room);
	c->wire = malloc(c->sets * room);
	c->back = malloc(room);
	if (!c->sealer || !c->opener || !c->peer || !c->payload || !c->plain || !c->wire || !c->back) {
		fprintf(stderr, "crypto_bench: %s: it cannot be had here\n", c->suite->name);
		return false;
	}
	for (size_t i = 0; i < room; i++)
		c->payload[i] = (uint8_t)(i * 7 + (i >> 8));
	memset(c->back, 0, room);
	for (size_t i = 0; i < row->batch; i++)
		c->list[i] = &c->jobs[i];
	fill_plain(c);
	return true;
}

static void unmake(struct course *c)
{
	if (c->sealer)
		c->sealer->ops->free(c->sealer);
	if (c->opener)
		c->opener->ops->free(c->opener);
	if (c->peer)
		c->peer->free(c->peer);
	free(c->payload);
	free(c->plain);
	free(c->wire);
	free(c->back);
}

/* Seconds that this thread has run. */
static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* GB/s of payload; negative if WORK fails. What is opened upon itself is put there each time, untimed. */
static double rate(struct course *c, bool (*work)(struct course *), double seconds)
{
	bool fresh = c->in_place && (work == open_ours || work == open_peer);
	size_t rounds = 0, turns = fresh ? 1 : 8; /* reading the clock costs as much as a short packet */
	double spent = 0;

	while (spent < seconds) {
		double start;

		if (fresh)
			memcpy(c->back, c->wire, c->row->batch * wire_size(c));
		start = now();
		for (size_t i = 0; i < turns; i++)
			if (!work(c))
				return -1;
		spent += now() - start;
		rounds += turns;
	}
	return (double)(rounds * c->row->batch * c->row->payload) / spent / 1e9;
}

/* Each batch once. */
static bool in_turn(struct course *c, bool (*work)(struct course *))
{
	bool good = true;

	c->turn = 0;
	for (size_t i = 0; i < c->sets; i++)
		good = good && work(c);
	return good;
}

/* Chained work is refreshed: the peers' counters go on, so each side opens what it has sealed itself. */
static bool measure(struct course *c, bool opens, int pairs, double seconds)
{
	double ours[PAIRS_MAX + 1], peers[PAIRS_MAX + 1];

	for (int i = 0; i <= pairs; i++) {
		if (opens && !in_turn(c, seal_ours))
			return false;
		ours[i] = rate(c, opens ? open_ours : seal_ours, seconds);
		if (opens && c->suite->chain_mode != HAW_CHAIN_BLOCKS && !in_turn(c, seal_peer))
			return false;
		peers[i] = rate(c, opens ? open_peer : seal_peer, seconds);
		if (ours[i] < 0 || peers[i] < 0)
			return false;
	}
	printf("%s/%s/%s/%zu/batch:%zu %s",
	       !opens        ? "seal"
	       : c->in_place ? "open_in_place"
			     : "open",
	       c->suite->name, c->backend->name, c->row->payload, c->row->batch, peer_names[c->row->peer]);
	/* The first is the warm-up. */
	for (int i = 1; i <= pairs; i++)
		printf(" %.4f:%.4f", ours[i], peers[i]);
	printf("\n");
	return true;
}

/* Both must make the same wire of the same packets, or the rates are of different work. */
static bool agree(struct course *c)
{
	size_t size = c->sets * c->row->batch * wire_size(c);
	uint8_t *ours = malloc(size);
	bool same = ours && in_turn(c, seal_ours);

	if (same) {
		memcpy(ours, c->wire, size);
		same = in_turn(c, seal_peer) && memcmp(ours, c->wire, size) == 0;
	}
	free(ours);
	return same;
}

static bool number(const char *text, long least, long most, long *value)
{
	char *end;

	errno = 0;
	*value = strtol(text, &end, 10);
	return errno == 0 && end != text && *end == '\0' && *value >= least && *value <= most;
}

int main(int argc, char **argv)
{
	long pairs = 5, ms = 10;
	bool good = true;

	if (argc > 4 || (argc > 1 && !number(argv[1], 1, PAIRS_MAX, &pairs)) ||
	    (argc > 2 && !number(argv[2], 1, 10000, &ms))) {
		fprintf(stderr, "usage: crypto_bench [PAIRS [MILLISECONDS [SUITE]]]\n");
		return 2;
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		static struct course c;
		const haw_suite *suite = haw_suite_find(rows[i].cipher, rows[i].mac);

		if (argc > 3 && strcmp(argv[3], suite->name) != 0)
			continue;
		if (make(&c, &rows[i])) {
			bool same = agree(&c);

			if (!same)
				fprintf(stderr, "crypto_bench: %s: the peer makes other packets\n",
					c.suite->name);
			good = same && measure(&c, false, (int)pairs, (double)ms / 1e3) &&
			       measure(&c, true, (int)pairs, (double)ms / 1e3) && good;
		}
		unmake(&c);
	}
	return good ? 0 : 1;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "packets.h"

#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { GUARD_BYTE = 0xc3, PATIENCE_S = 5 };

/* ---- Making packets ---- */

/* Of a unit for which the length, and in some suites its own field, counts. */
uint32_t packets_length_up(const haw_suite *suite, uint32_t length)
{
	uint32_t field = suite->length_mode == HAW_LENGTH_FIRST_BLOCK ? HAW_LENGTH_SIZE : 0;
	uint32_t block = suite->block_size;

	return (length + field + block - 1) / block * block - field;
}

uint32_t packets_length_down(const haw_suite *suite, uint32_t length)
{
	uint32_t field = suite->length_mode == HAW_LENGTH_FIRST_BLOCK ? HAW_LENGTH_SIZE : 0;
	uint32_t block = suite->block_size;

	return (length + field) / block * block - field;
}

static void fill(uint8_t *out, size_t len, uint64_t *state)
{
	for (size_t i = 0; i < len; i++) {
		*state ^= *state << 13;
		*state ^= *state >> 7;
		*state ^= *state << 17;
		out[i] = (uint8_t)(*state >> 24);
	}
}

static bool make_packet(struct packet *packet, const haw_suite *suite, uint64_t *state)
{
	packet->plain_len = HAW_LENGTH_SIZE + (size_t)packet->length;
	packet->wire_len = packet->plain_len + suite->tag_size;
	packet->plain = malloc(packet->plain_len);
	packet->wire = malloc(packet->wire_len);
	if (!packet->plain || !packet->wire)
		return false;
	fill(packet->plain, packet->plain_len, state);
	for (int i = 0; i < HAW_LENGTH_SIZE; i++)
		packet->plain[i] = (uint8_t)(packet->length >> (24 - 8 * i));
	return true;
}

static void set_job(haw_job *job, const struct packet *packet)
{
	memset(job, 0, sizeof(*job));
	job->length = packet->length;
	job->seq = packet->seq;
	job->number = packet->number;
	job->block = packet->block;
	job->status = HAW_EAGAIN;
}

static const char *seal_all(struct packets *p)
{
	const haw_backend *openssl = haw_backend_find("openssl");
	haw_sealer *s = openssl ? openssl->new_sealer(openssl, p->suite, &p->keys, NULL) : NULL;
	const char *why = s ? NULL : "openssl has no such suite here to compare with";

	for (size_t i = 0; !why && i < p->count; i++) {
		struct packet *packet = &p->items[i];
		haw_job job, *jobs[] = {&job};

		set_job(&job, packet);
		job.in[0] = (haw_span){packet->plain, packet->plain_len};
		job.out[0] = (haw_mut_span){packet->wire, packet->wire_len};
		job.in_count = job.out_count = 1;
		if (!packets_drive(s, jobs, 1) || job.status != 0)
			why = "openssl could not seal a packet to compare with";
	}
	if (s)
		s->ops->free(s);
	return why;
}

const char *packets_make(struct packets *p, const haw_suite *suite, const uint32_t *lengths, size_t count,
			 unsigned seed, bool carry)
{
	uint64_t state = UINT64_C(0x9e3779b97f4a7c15) * (seed + 1), block = carry ? UINT32_MAX : 0;

	memset(p, 0, sizeof(*p));
	p->suite = suite;
	fill(p->key, sizeof(p->key), &state);
	fill(p->iv, sizeof(p->iv), &state);
	fill(p->mac_key, sizeof(p->mac_key), &state);
	if (carry)
		memset(p->iv, 0xff, sizeof(p->iv));
	p->keys = (haw_keys){p->key, p->iv, p->mac_key};
	p->items = calloc(count, sizeof(*p->items));
	if (!p->items)
		return "out of memory";
	for (p->count = 0; p->count < count; p->count++) {
		struct packet *packet = &p->items[p->count];
		size_t apart = suite->length_mode == HAW_LENGTH_FIRST_BLOCK ? 0 : HAW_LENGTH_SIZE;

		packet->length = packets_length_up(suite, lengths[p->count]);
		/* Sequence numbers wrap on their way. */
		packet->seq = UINT32_MAX - 2 + (uint32_t)p->count;
		packet->number = p->count;
		packet->block = block;
		if (!make_packet(packet, suite, &state)) {
			p->count++;
			return "out of memory";
		}
		block += (packet->plain_len - apart) / suite->block_size;
	}
	return seal_all(p);
}

void packets_free(struct packets *p)
{
	for (size_t i = 0; i < p->count; i++) {
		free(p->items[i].plain);
		free(p->items[i].wire);
	}
	free(p->items);
}

/* ---- Laying out ---- */

/* Where span I of N of LEN bytes starts: cuts stand at odd places, some spans are short. */
static size_t cut(size_t len, unsigned i, unsigned n)
{
	return i == 0 ? 0 : i == n ? len : (len * i / n) | 1;
}

static unsigned spans_of(size_t len, unsigned wanted)
{
	return len < 4 * PACKETS_SPANS ? 1 : wanted;
}

static void cut_input(haw_job *job, const uint8_t *bytes, size_t len, unsigned wanted)
{
	unsigned n = spans_of(len, wanted);

	job->in_count = (uint8_t)n;
	for (unsigned i = 0; i < n; i++)
		job->in[i] = (haw_span){bytes + cut(len, i, n), cut(len, i + 1, n) - cut(len, i, n)};
}

static void cut_output(haw_job *job, uint8_t *bytes, size_t len, unsigned wanted)
{
	unsigned n = spans_of(len, wanted);

	job->out_count = (uint8_t)n;
	for (unsigned i = 0; i < n; i++)
		job->out[i] = (haw_mut_span){bytes + cut(len, i, n), cut(len, i + 1, n) - cut(len, i, n)};
}

bool placed_make(struct placed *p, const haw_sealer *s, const struct packet *packet, const haw_suite *suite,
		 bool opens, const struct layout *layout)
{
	size_t alignment = s->traits.alignment > 64 ? s->traits.alignment : 64;
	const uint8_t *input = opens ? packet->wire : packet->plain;
	size_t input_len = opens ? packet->wire_len : packet->plain_len;
	/* One that wants aligned outputs in one piece gets them. */
	bool particular = s->traits.alignment > 1;
	unsigned spans = particular ? 1 : layout->spans;

	memset(p, 0, sizeof(*p));
	p->len = opens ? packet->plain_len : packet->wire_len;
	p->headroom = s->traits.headroom;
	p->front = (PACKETS_GUARD + p->headroom + alignment - 1) / alignment * alignment +
		   (particular ? 0 : layout->offset);
	p->room = (p->front + packet->wire_len + 2 * PACKETS_GUARD + alignment - 1) / alignment * alignment;
	p->memory = aligned_alloc(alignment, p->room);
	if (!p->memory)
		return false;
	memset(p->memory, GUARD_BYTE, p->room);
	set_job(&p->job, packet);
	if (layout->in_place) {
		memcpy(p->memory + p->front, input, input_len);
		input = p->memory + p->front;
	}
	cut_input(&p->job, input, input_len, layout->in_place ? spans : layout->spans);
	cut_output(&p->job, p->memory + p->front, p->len, spans);
	/* In place, what is read and not written stays: the tag of a packet that is opened. */
	if (layout->in_place && input_len > p->len)
		p->room = p->front + p->len;
	return true;
}

void placed_free(struct placed *p)
{
	free(p->memory);
}

bool placed_guards_stand(const struct placed *p)
{
	for (size_t i = 0; i < p->room; i++) {
		bool inside = i >= p->front - p->headroom && i < p->front + p->len;

		if (!inside && p->memory[i] != GUARD_BYTE)
			return false;
	}
	return true;
}

bool placed_is_right(const struct placed *p, const struct packet *packet, bool opens)
{
	return p->job.status == 0 &&
	       memcmp(p->memory + p->front, opens ? packet->plain : packet->wire, p->len) == 0;
}

/* ---- Driving ---- */

static void wait_for(haw_sealer *s)
{
	struct pollfd fd = {.fd = s->ops->fd ? s->ops->fd(s) : -1, .events = POLLIN};

	if (fd.fd >= 0)
		(void)poll(&fd, 1, 10);
	else
		sched_yield();
}

bool packets_drive(haw_sealer *s, haw_job *const *jobs, size_t n)
{
	size_t taken = 0, done = 0;
	time_t since = time(NULL);

	while (done < n) {
		haw_job *finished[HAW_BATCH_MAX];
		size_t rest = n - taken < HAW_BATCH_MAX ? n - taken : HAW_BATCH_MAX;
		int result = rest > 0 ? s->ops->submit(s, jobs + taken, rest) : 0;

		if (result < 0 || (size_t)result > rest)
			return false;
		taken += (size_t)result;
		result = s->ops->poll(s, finished, HAW_BATCH_MAX);
		if (result < 0)
			return false;
		done += (size_t)result;
		if (result > 0)
			since = time(NULL);
		else if (time(NULL) - since > PATIENCE_S)
			return false;
		else
			wait_for(s);
	}
	return done == n;
}

static const char *judge(const struct placed *p, const struct packet *packet, bool opens)
{
	if (!placed_guards_stand(p))
		return opens ? "opening wrote outside of the packet" : "sealing wrote outside of the packet";
	if (p->job.status != 0)
		return opens ? "a good packet was not opened" : "a packet was not sealed";
	if (!placed_is_right(p, packet, opens))
		return opens ? "a packet was opened to other bytes"
			     : "a packet was sealed to other bytes than by openssl";
	return NULL;
}

static const char *run_batch(const struct packets *p, size_t from, size_t n, haw_sealer *s, bool opens,
			     const struct layout *layout)
{
	struct placed *placed = calloc(n, sizeof(*placed));
	haw_job *jobs[HAW_BATCH_MAX] = {0};
	const char *why = placed ? NULL : "out of memory";

	for (size_t i = 0; !why && i < n; i++) {
		if (!placed_make(&placed[i], s, &p->items[from + i], p->suite, opens, layout))
			why = "out of memory";
		jobs[i] = &placed[i].job;
	}
	if (!why && !packets_drive(s, jobs, n))
		why = opens ? "it failed while opening" : "it failed while sealing";
	for (size_t i = 0; !why && i < n; i++)
		why = judge(&placed[i], &p->items[from + i], opens);
	for (size_t i = 0; placed && i < n; i++)
		placed_free(&placed[i]);
	free(placed);
	return why;
}

static const char *run_all(const struct packets *p, haw_sealer *s, bool opens, const struct layout *layout)
{
	const char *why = s ? NULL : "it could not take keys";

	for (size_t at = 0; !why && at < p->count;) {
		size_t n = p->count - at < layout->batch ? p->count - at : layout->batch;

		why = run_batch(p, at, n, s, opens, layout);
		at += n;
	}
	if (s)
		s->ops->free(s);
	return why;
}

const char *packets_agree(const struct packets *p, const haw_backend *backend, const struct layout *layout)
{
	const char *why = run_all(p, backend->new_sealer(backend, p->suite, &p->keys, NULL), false, layout);

	return why ? why : run_all(p, backend->new_opener(backend, p->suite, &p->keys, NULL), true, layout);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto-backends/measure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "crypto-backends/drive.h"
#include "crypto-backends/guard.h"
#include "crypto-backends/selftest.h"
#include "crypto-backends/selector.h"
#include "crypto-backends/spans.h"

enum {
	BATCH = 16,
	PAYLOAD_MAX = 32768,
	FRONT = 256, /* what a backend may want in front of an output, and its alignment */
	SLOT = FRONT + PAYLOAD_MAX + 256
};

/* Sizes of payloads: interactive, small and large blocks of files. */
static const struct {
	uint32_t payload;
	bool quick; /* measured when time is short, too */
} sizes[] = {{64, false}, {1024, true}, {16384, false}, {PAYLOAD_MAX, true}};

enum { SIZES = sizeof(sizes) / sizeof(sizes[0]) };

struct haw_meter_memory {
	_Alignas(64) uint8_t plain[BATCH][SLOT], wire[BATCH][SLOT], opened[BATCH][SLOT];
	haw_job jobs[BATCH];
};

struct haw_meter {
	const haw_suite *suite;
	haw_sealer *sealer, *opener;
	struct haw_meter_memory *memory;
	uint32_t seq;
	uint64_t number, block;
	double ns_per_byte; /* of the case before; 0: not known */
};

struct haw_meter_memory *haw_meter_memory_new(void)
{
	struct haw_meter_memory *memory = aligned_alloc(64, (sizeof(*memory) + 63) / 64 * 64);

	if (memory)
		memset(memory, 0x5a, sizeof(*memory));
	return memory;
}

void haw_meter_memory_free(struct haw_meter_memory *memory)
{
	free(memory);
}

/* As it will be used: what works outside of the CPU is guarded. */
static haw_sealer *make(const haw_backend *backend, const haw_suite *suite, bool opens)
{
	haw_keys keys;

	haw_known_keys(&keys);
	return haw_selector_serve(NULL, backend, suite, &keys, opens, NULL);
}

/* What was given up is no longer what is to be measured. */
static bool stands(const haw_sealer *s)
{
	struct haw_guard_count count;

	return !haw_guard_get_count(s, &count) || !count.given_up;
}

struct haw_meter *haw_meter_new(const haw_backend *backend, const haw_suite *suite,
				struct haw_meter_memory *memory)
{
	struct haw_meter *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->suite = suite;
	m->memory = memory;
	m->sealer = make(backend, suite, false);
	m->opener = make(backend, suite, true);
	if (m->sealer && m->opener && m->sealer->traits.headroom + m->sealer->traits.alignment <= FRONT &&
	    m->opener->traits.headroom + m->opener->traits.alignment <= FRONT)
		return m;
	haw_meter_free(m);
	return NULL;
}

void haw_meter_free(struct haw_meter *m)
{
	if (m->sealer)
		m->sealer->ops->free(m->sealer);
	if (m->opener)
		m->opener->ops->free(m->opener);
	free(m);
}

/* The length of a packet with PAYLOAD bytes and the least padding (RFC 4253 §6). */
static uint32_t packet_length(const haw_suite *suite, uint32_t payload)
{
	uint32_t apart = suite->length_mode == HAW_LENGTH_FIRST_BLOCK ? HAW_LENGTH_SIZE : 0;
	uint32_t least = 1 + payload + 4 + apart, block = suite->block_size;

	return (least + block - 1) / block * block - apart;
}

static void fill_job(haw_job *job, const uint8_t *in, size_t in_len, uint8_t *out, size_t out_len)
{
	job->in[0] = (haw_span){in, in_len};
	job->out[0] = (haw_mut_span){out, out_len};
	job->in_count = job->out_count = 1;
	job->status = HAW_EAGAIN;
}

/* Packets COUNT of LENGTH, numbered as a connection would. */
static void number_jobs(struct haw_meter *m, size_t count, uint32_t length)
{
	uint32_t packet = HAW_LENGTH_SIZE + length;
	uint32_t enciphered = m->suite->length_mode == HAW_LENGTH_FIRST_BLOCK ? packet : length;

	for (size_t i = 0; i < count; i++) {
		haw_job *job = &m->memory->jobs[i];

		memset(job, 0, sizeof(*job));
		job->length = length;
		job->seq = m->seq++;
		job->number = m->number++;
		job->block = m->block;
		m->block += enciphered / m->suite->block_size;
		haw_store_be32(m->memory->plain[i] + FRONT, length);
	}
}

static bool all_done(const struct haw_meter *m, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (m->memory->jobs[i].status != 0)
			return false;
	return true;
}

/* Seal COUNT packets and open them again. */
static bool there_and_back(struct haw_meter *m, size_t count, uint32_t length, uint64_t deadline_ns)
{
	size_t packet = HAW_LENGTH_SIZE + (size_t)length, total = packet + m->suite->tag_size;
	struct haw_meter_memory *memory = m->memory;
	haw_job *jobs[BATCH];

	number_jobs(m, count, length);
	for (size_t i = 0; i < count; i++) {
		jobs[i] = &memory->jobs[i];
		fill_job(jobs[i], memory->plain[i] + FRONT, packet, memory->wire[i] + FRONT, total);
	}
	if (!haw_drive(m->sealer, jobs, count, deadline_ns) || !all_done(m, count))
		return false;
	for (size_t i = 0; i < count; i++)
		fill_job(jobs[i], memory->wire[i] + FRONT, total, memory->opened[i] + FRONT, packet);
	return haw_drive(m->opener, jobs, count, deadline_ns) && all_done(m, count);
}

static uint64_t cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* One case; SPEED and COST get what it showed. */
static enum haw_round measure_case(struct haw_meter *m, size_t count, uint32_t payload, uint64_t slice_ns,
				   uint64_t deadline_ns, double *speed, double *cost)
{
	uint32_t length = packet_length(m->suite, payload);
	uint64_t cpu = cpu_ns(), start = haw_drive_now_ns(), now = start;
	double bytes = 0, once = 2.0 * (double)count * (double)payload;

	if (now >= deadline_ns || once * m->ns_per_byte > (double)(deadline_ns - now))
		return HAW_ROUND_LATE;
	do {
		if (!there_and_back(m, count, length, deadline_ns))
			return haw_drive_now_ns() > deadline_ns ? HAW_ROUND_LATE : HAW_ROUND_FAILED;
		bytes += once;
		now = haw_drive_now_ns();
		if (now > deadline_ns)
			return HAW_ROUND_LATE;
	} while (now - start < slice_ns);
	m->ns_per_byte = (double)(now > start ? now - start : 1) / bytes;
	*speed = 1e9 / m->ns_per_byte;
	cpu = cpu_ns() - cpu;
	*cost = (double)(cpu > 0 ? cpu : 1) / bytes;
	return HAW_ROUND_DONE;
}

/* To what a file keeps of it. */
static void round_off(struct haw_sample *sample)
{
	sample->speed = floor(sample->speed);
	sample->bulk_speed = floor(sample->bulk_speed);
	sample->cost = ceil(sample->cost * 1000) / 1000;
	sample->bulk_cost = ceil(sample->bulk_cost * 1000) / 1000;
}

enum haw_round haw_meter_round(struct haw_meter *m, uint64_t slice_ns, bool quick, uint64_t deadline_ns,
			       struct haw_sample *sample)
{
	double speeds = 0, costs = 0;
	int cases = 0;

	for (size_t i = 0; i < SIZES; i++) {
		if (quick && !sizes[i].quick)
			continue;
		for (size_t count = 1; count <= BATCH; count += BATCH - 1, cases++) {
			double speed, cost;
			enum haw_round result = measure_case(m, count, sizes[i].payload, slice_ns,
							     deadline_ns, &speed, &cost);

			if (result != HAW_ROUND_DONE)
				return result;
			speeds += log(speed);
			costs += log(cost);
			sample->bulk_speed = speed;
			sample->bulk_cost = cost;
		}
	}
	if (!stands(m->sealer) || !stands(m->opener))
		return HAW_ROUND_FAILED;
	sample->speed = exp(speeds / cases);
	sample->cost = exp(costs / cases);
	round_off(sample);
	return HAW_ROUND_DONE;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto-backends/provider/flight.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#include "crypto-backends/spans.h"

enum {
	ALIGNMENT = 64,
	PAGE = 4096,
	EDGE = 64, /* bytes behind each packet that must stay as they are */
	EDGE_BYTE = 0xc3
};

struct haw_flight *haw_flight_new(haw_sealer *inner, bool opens)
{
	struct haw_flight *f = calloc(1, sizeof(*f));

	if (f) {
		f->inner = inner;
		f->opens = opens;
		f->wait = ASYNC_WAIT_CTX_new();
		if (f->wait)
			return f;
		free(f);
	}
	inner->ops->free(inner);
	return NULL;
}

static void free_memory(struct haw_flight *f)
{
	if (f->memory)
		OPENSSL_cleanse(f->memory, f->room);
	free(f->memory);
	f->memory = NULL;
	f->room = 0;
}

void haw_flight_free(struct haw_flight *f)
{
	f->inner->ops->free(f->inner);
	ASYNC_WAIT_CTX_free(f->wait);
	free_memory(f);
	free(f);
}

static bool make_room(struct haw_flight *f, size_t size)
{
	if (size <= f->room)
		return true;
	free_memory(f);
	size = (size + PAGE - 1) / PAGE * PAGE;
	f->memory = aligned_alloc(ALIGNMENT, size);
	f->room = f->memory ? size : 0;
	return f->memory != NULL;
}

static size_t edge_at(const struct haw_flight *f)
{
	return HAW_LENGTH_SIZE + (size_t)f->copy.length + f->inner->suite->tag_size;
}

/* The job's body, on a stack of its own. */
static int work(void *argument)
{
	struct haw_flight *f = *(struct haw_flight **)argument;
	haw_job *jobs[] = {&f->copy}, *done;

	return f->inner->ops->submit(f->inner, jobs, 1) == 1 && f->inner->ops->poll(f->inner, &done, 1) == 1;
}

/* Whether nothing was written behind the packet. */
static bool edge_stands(const struct haw_flight *f)
{
	const uint8_t *edge = f->memory + edge_at(f);

	for (int i = 0; i < EDGE; i++)
		if (edge[i] != EDGE_BYTE)
			return false;
	return true;
}

static enum haw_flight_state land(struct haw_flight *f, int status)
{
	haw_job *packet = f->packet;
	struct haw_walk walk;

	if (!packet)
		return HAW_FLIGHT_LANDED;
	walk = haw_walk_start(packet);
	if (status == 0 && !edge_stands(f))
		status = HAW_ECRYPTO;
	if (status == 0)
		haw_walk_put(&walk, f->memory, f->copy.out[0].len);
	packet->status = status;
	f->packet = NULL;
	return HAW_FLIGHT_LANDED;
}

static int nothing(void *argument)
{
	return 1;
}

/* A job ends up in the pool of the thread that it ends in, which has one once it has started a job. */
static void prepare_thread(struct haw_flight *f)
{
	static _Thread_local bool prepared;
	ASYNC_JOB *job = NULL;
	int result;

	if (!prepared && f->job)
		(void)ASYNC_start_job(&job, f->wait, &result, nothing, NULL, 0);
	prepared = true;
}

enum haw_flight_state haw_flight_resume(struct haw_flight *f)
{
	int result = 0;

	prepare_thread(f);
	switch (ASYNC_start_job(&f->job, f->wait, &result, work, &f, sizeof(f))) {
	case ASYNC_FINISH:
		f->job = NULL;
		return land(f, result == 1 ? f->copy.status : HAW_ECRYPTO);
	case ASYNC_PAUSE:
		return HAW_FLIGHT_PAUSED;
	case ASYNC_NO_JOBS: /* the program bounds how many jobs its threads have */
		result = work(&f);
		return land(f, result == 1 ? f->copy.status : HAW_ECRYPTO);
	default:
		ERR_clear_error();
		return HAW_FLIGHT_FAILED;
	}
}

/* Inside a job of the program's own no other can be started, and that one is not ours to pause. */
static enum haw_flight_state start_within_job(struct haw_flight *f)
{
	int result;

	ASYNC_block_pause();
	result = work(&f);
	ASYNC_unblock_pause();
	return land(f, result == 1 ? f->copy.status : HAW_ECRYPTO);
}

enum haw_flight_state haw_flight_start(struct haw_flight *f, haw_job *packet)
{
	size_t tag = f->inner->suite->tag_size, bare = HAW_LENGTH_SIZE + (size_t)packet->length;
	struct haw_walk walk = haw_walk_start(packet);

	f->packet = packet;
	if (!make_room(f, bare + tag + EDGE))
		return land(f, HAW_ECRYPTO);
	haw_walk_get(&walk, f->memory, bare + (f->opens ? tag : 0));
	memset(f->memory + bare + tag, EDGE_BYTE, EDGE);
	f->copy = *packet;
	f->copy.in[0] = (haw_span){f->memory, bare + (f->opens ? tag : 0)};
	f->copy.out[0] = (haw_mut_span){f->memory, bare + (f->opens ? 0 : tag)};
	f->copy.in_count = f->copy.out_count = 1;
	return ASYNC_get_current_job() ? start_within_job(f) : haw_flight_resume(f);
}

size_t haw_flight_fds(const struct haw_flight *f, int fds[HAW_FLIGHT_FDS])
{
	OSSL_ASYNC_FD found[HAW_FLIGHT_FDS];
	size_t n = 0;

	if (!ASYNC_WAIT_CTX_get_all_fds(f->wait, NULL, &n) || n > HAW_FLIGHT_FDS ||
	    !ASYNC_WAIT_CTX_get_all_fds(f->wait, found, &n))
		return 0;
	for (size_t i = 0; i < n; i++)
		fds[i] = found[i];
	return n;
}

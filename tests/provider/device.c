/* SPDX-License-Identifier: Apache-2.0 */
#include "device.h"

#include <openssl/async.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct request {
	struct request *next;
	int (*work)(void *argument);
	void *argument;
	int result, event;
	atomic_bool done;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t more = PTHREAD_COND_INITIALIZER;
static struct request *waiting;
static const char event_key; /* its address names our descriptor in a wait context */

static long number_behind(const char *word, const char *name, size_t len)
{
	size_t name_len = strlen(name);

	return len > name_len && memcmp(word, name, name_len) == 0 ? atol(word + name_len) : 0;
}

static bool is(const char *word, size_t len, const char *name)
{
	return len == strlen(name) && memcmp(word, name, len) == 0;
}

void device_read_modes(struct device_modes *modes, const char *text)
{
	memset(modes, 0, sizeof(*modes));
	text = text ? text : getenv("HAWTEST");
	while (text && *text) {
		size_t len = strcspn(text, ",");
		long fail = number_behind(text, "fail=", len), stuck = number_behind(text, "stuck=", len);

		modes->blind = modes->blind || is(text, len, "blind");
		modes->pause = modes->pause || modes->blind || is(text, len, "pause");
		modes->forge = modes->forge || is(text, len, "forge");
		modes->behind = modes->behind || is(text, len, "behind");
		modes->mixup = modes->mixup || is(text, len, "mixup");
		modes->hash = modes->hash || modes->mixup || is(text, len, "hash");
		modes->strict = modes->strict || is(text, len, "strict");
		modes->fips = modes->fips || modes->strict || is(text, len, "fips");
		modes->fail_after = fail ? fail : modes->fail_after;
		modes->stuck_after = stuck ? stuck : modes->stuck_after;
		text += len + (text[len] == ',');
	}
}

/* Takes the newest first, so that packets overtake each other. */
static void *serve(void *unused)
{
	for (;;) {
		struct request *r;
		uint64_t value = 1;
		int event;

		pthread_mutex_lock(&lock);
		while (!waiting)
			pthread_cond_wait(&more, &lock);
		r = waiting;
		waiting = r->next;
		pthread_mutex_unlock(&lock);
		r->result = r->work(r->argument);
		event = r->event;
		/* From here on the request may be gone. */
		atomic_store(&r->done, true);
		if (event >= 0)
			(void)!write(event, &value, sizeof(value));
	}
	return unused;
}

static void start(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, serve, NULL) != 0)
		abort();
	pthread_detach(thread);
}

static void close_event(ASYNC_WAIT_CTX *wait, const void *key, OSSL_ASYNC_FD fd, void *data)
{
	close(fd);
}

static int event_of(ASYNC_JOB *job)
{
	ASYNC_WAIT_CTX *wait = ASYNC_get_wait_ctx(job);
	OSSL_ASYNC_FD fd;
	void *data;

	if (ASYNC_WAIT_CTX_get_fd(wait, &event_key, &fd, &data))
		return fd;
	fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fd < 0 || !ASYNC_WAIT_CTX_set_wait_fd(wait, &event_key, fd, NULL, close_event))
		abort();
	return fd;
}

static void submit(struct request *r)
{
	pthread_mutex_lock(&lock);
	r->next = waiting;
	waiting = r;
	pthread_cond_signal(&more);
	pthread_mutex_unlock(&lock);
}

int device_do(struct device_modes *modes, int (*work)(void *argument), void *argument)
{
	struct request r = {.work = work, .argument = argument, .event = -1};
	ASYNC_JOB *job = modes->pause ? ASYNC_get_current_job() : NULL;
	long number = atomic_fetch_add(&modes->requests, 1);
	uint64_t value;

	if (modes->fail_after && number >= modes->fail_after)
		return 0;
	if (!job)
		return work(argument);
	pthread_once(&once, start);
	if (!modes->blind)
		r.event = event_of(job);
	if (!modes->stuck_after || number < modes->stuck_after)
		submit(&r);
	/* Once at least, as hardware does, however fast the thread was. */
	do {
		ASYNC_pause_job();
	} while (!atomic_load(&r.done));
	if (r.event >= 0)
		(void)!read(r.event, &value, sizeof(value));
	return r.result;
}

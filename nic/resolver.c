/* SPDX-License-Identifier: Apache-2.0
 *
 * The resolver thread: getaddrinfo blocks for as long as name servers like, so it runs apart from
 * the loop. One thread a loop, started for the first name, one question at a time. The thread and the
 * loop share the resolver; whoever leaves last frees it.
 */
#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "nic/resolver.h"

struct question {
	struct question *next;
	struct haw_resolution *resolution;
	int family;
	char host[];
};

struct haw_resolver {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct question *first, **last;
	bool quit;
	bool busy;		/* inside getaddrinfo */
	bool orphan;		/* the loop is gone: the thread frees this */
	pthread_t thread;
};

static void destroy(struct haw_resolver *r)
{
	while (r->first) {
		struct question *q = r->first;

		r->first = q->next;
		haw_resolution_drop(q->resolution);
		free(q);
	}
	pthread_cond_destroy(&r->changed);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

static void answer(struct question *q)
{
	char text[128];
	const char *reason = NULL;
	int rc = haw_resolution_lookup(q->resolution, q->host, q->family, 0);

	if (rc == EAI_SYSTEM)
		reason = haw_reason(errno, text, sizeof(text));
	else if (rc != 0)
		reason = gai_strerror(rc);
	haw_resolution_end(q->resolution, reason);
	free(q);
}

/* With the lock held. NULL: the thread is to end. */
static struct question *next_question(struct haw_resolver *r)
{
	struct question *q;

	while (!r->quit && !r->first)
		pthread_cond_wait(&r->changed, &r->lock);
	if (r->quit)
		return NULL;
	q = r->first;
	r->first = q->next;
	if (!r->first)
		r->last = &r->first;
	return q;
}

static void *resolve(void *arg)
{
	struct haw_resolver *r = arg;
	struct question *q;
	bool orphan;

	pthread_mutex_lock(&r->lock);
	while ((q = next_question(r))) {
		r->busy = true;
		pthread_mutex_unlock(&r->lock);
		answer(q);
		pthread_mutex_lock(&r->lock);
		r->busy = false;
	}
	orphan = r->orphan;
	pthread_mutex_unlock(&r->lock);
	if (orphan)
		destroy(r);
	return NULL;
}

static struct haw_resolver *start_resolver(haw_error *err)
{
	struct haw_resolver *r = calloc(1, sizeof(*r));
	sigset_t all, old;
	char text[128];
	int e;

	if (!r) {
		haw_error_set(err, HAW_ENOMEM, HAW_FAULT_LOCAL, 0, "out of memory for name resolution");
		return NULL;
	}
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->changed, NULL);
	r->last = &r->first;
	/* The process's signals are for its own threads. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	e = pthread_create(&r->thread, NULL, resolve, r);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (e == 0)
		return r;
	destroy(r);
	haw_error_set(err, HAW_ESYSTEM, HAW_FAULT_SYSTEM, e,
		      "cannot start the thread that resolves names: %s", haw_reason(e, text, sizeof(text)));
	return NULL;
}

int haw_resolver_ask(struct haw_io *io, const char *host, int family, struct haw_resolution *resolution,
		     haw_error *err)
{
	size_t size = strlen(host) + 1;
	struct question *q = malloc(sizeof(*q) + size);
	struct haw_resolver *r;

	if (!q)
		return haw_error_set(err, HAW_ENOMEM, HAW_FAULT_LOCAL, 0,
				     "out of memory for name resolution");
	if (!io->resolver)
		io->resolver = start_resolver(err);
	r = io->resolver;
	if (!r) {
		free(q);
		return HAW_ESYSTEM;
	}
	q->next = NULL;
	q->resolution = resolution;
	q->family = family;
	memcpy(q->host, host, size);
	pthread_mutex_lock(&r->lock);
	*r->last = q;
	r->last = &q->next;
	pthread_cond_signal(&r->changed);
	pthread_mutex_unlock(&r->lock);
	return 0;
}

void haw_resolver_free(struct haw_resolver *r)
{
	pthread_t thread;
	bool busy;

	if (!r)
		return;
	thread = r->thread;
	pthread_mutex_lock(&r->lock);
	r->quit = true;
	busy = r->busy;
	r->orphan = busy;
	pthread_cond_signal(&r->changed);
	pthread_mutex_unlock(&r->lock);
	/* When busy, the thread may free R from here on. */
	if (busy) {
		pthread_detach(thread);
	} else {
		pthread_join(thread, NULL);
		destroy(r);
	}
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Waiting for a descriptor that somebody else owns and reads. A duplicate is watched, so that its owner may
 * close it at any time.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nic/loop.h"

struct haw_readable {
	struct haw_watch watch;
	struct haw_io *io;
	void (*fn)(void *user);
	void *user;
	bool *freed; /* set if it is freed during the callback */
};

static void fired(struct haw_watch *watch, unsigned event)
{
	struct haw_readable *r = (struct haw_readable *)watch;
	bool freed = false, *outer = r->freed;

	r->freed = &freed;
	r->fn(r->user);
	if (freed) {
		if (outer)
			*outer = true;
		return;
	}
	r->freed = outer;
	haw_watch_want(r->io, watch, HAW_WATCH_IN);
	/* An edge that came meanwhile is one that the call may have missed. */
	if (haw_watch_take_edge(watch, HAW_WATCH_IN))
		fired(watch, event);
}

struct haw_readable *haw_readable_new(struct haw_io *io, int fd, void (*fn)(void *user), void *user,
				      haw_error *err)
{
	struct haw_readable *r = calloc(1, sizeof(*r));

	if (!r) {
		haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "out of memory for another descriptor");
		return NULL;
	}
	r->io = io;
	r->fn = fn;
	r->user = user;
	r->watch = (struct haw_watch){.interest = HAW_WATCH_IN, .fn = fired};
	r->watch.fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (r->watch.fd < 0) {
		haw_error_set(err, HAW_ESYSTEM, HAW_FAULT_SYSTEM, errno,
			      "no descriptor is free to wait for a cryptographic engine");
		free(r);
		return NULL;
	}
	if (haw_watch_add(io, &r->watch, err) < 0) {
		close(r->watch.fd);
		free(r);
		return NULL;
	}
	haw_watch_want(io, &r->watch, HAW_WATCH_IN);
	return r;
}

void haw_readable_free(struct haw_readable *r)
{
	if (!r)
		return;
	if (r->freed)
		*r->freed = true;
	haw_watch_remove(r->io, &r->watch);
	close(r->watch.fd);
	free(r);
}

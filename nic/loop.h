/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside of the loop: what engines provide and what the files of this folder share. Users of the
 * loop include io.h only.
 *
 * An engine tells when a descriptor may be read or written; the system calls that move bytes are
 * made by the streams, and so no memory of a caller is ever the kernel's: closing and
 * cancelling wait for nothing. README.md has the measurements behind that.
 */
#ifndef HAWSER_NIC_LOOP_H
#define HAWSER_NIC_LOOP_H

#include <pthread.h>
#include <stdatomic.h>

#include "nic/io.h"

/* ---- Watches: waiting for a descriptor ---- */

enum {
	HAW_WATCH_IN = 1,
	HAW_WATCH_OUT = 2
};

/* Embedded in its owner. What is wanted is told once; wanting again is the owner's choice. Owners
 * try their system call before they want, since readiness that nobody wanted may be told only as an edge. */
struct haw_watch {
	int fd;
	unsigned interest;	/* events that will ever be wanted */
	void (*fn)(struct haw_watch *watch, unsigned event);
	uint32_t slot;		/* the loop's: index + 1, 0: not in the loop */
	unsigned wanted;	/* the loop's */
	unsigned edges;		/* events seen while they were not wanted; cleared by haw_watch_take_edge */
	bool hangup;		/* the peer has closed, or an error is waiting: readiness may come no more */
};

/* Enter WATCH, with fd, interest and fn filled in and the rest zero. */
int haw_watch_add(struct haw_io *io, struct haw_watch *watch, haw_error *err);
void haw_watch_want(struct haw_io *io, struct haw_watch *watch, unsigned events);
static inline void haw_watch_unwant(struct haw_watch *watch, unsigned events)
{
	watch->wanted &= ~events;
}
/* True if EVENT was seen since the last call. */
static inline bool haw_watch_take_edge(struct haw_watch *watch, unsigned event)
{
	bool seen = watch->edges & event;

	watch->edges &= ~event;
	return seen;
}
/* Leave the loop, before the descriptor is closed; the kernel holds no reference to it afterwards.
 * Does nothing for a watch that is not in the loop. */
void haw_watch_remove(struct haw_io *io, struct haw_watch *watch);

/* ---- Mailbox: what other threads hold of a loop; it outlives the loop ---- */

struct haw_mailbox;

struct haw_mailbox *haw_io_mailbox(struct haw_io *io);
struct haw_mailbox *haw_mailbox_hold(struct haw_mailbox *mailbox);
void haw_mailbox_release(struct haw_mailbox *mailbox);
/* Post; false if the loop is gone (POST is the caller's then). Any thread. */
bool haw_mailbox_post(struct haw_mailbox *mailbox, struct haw_post *post);
/* Take a post back; false if it is not there (any more). */
bool haw_mailbox_unpost(struct haw_mailbox *mailbox, const struct haw_post *post);

/* ---- Engines ---- */

struct haw_slot {
	struct haw_watch *watch; /* NULL: free */
	uint32_t generation;	/* tells late events of former owners apart */
	uint32_t next_free;	/* index + 1 */
	unsigned armed;		/* the engine's */
};

struct haw_timers {
	struct haw_timer *root;
	uint64_t order;
};

struct haw_io_engine {
	const char *name;
	void (*free)(struct haw_io *io);
	int (*fd)(struct haw_io *io);
	int (*add)(struct haw_io *io, struct haw_watch *watch, haw_error *err);
	/* EVENTS are wanted that were not; level or edge, but never lost after EAGAIN. May be NULL. */
	void (*want)(struct haw_io *io, struct haw_watch *watch, unsigned events);
	void (*remove)(struct haw_io *io, struct haw_watch *watch);
	/* Wait, and call haw_io_fire for what happened. */
	int (*wait)(struct haw_io *io, int64_t timeout_ns, haw_error *err);
	/* Called at the end of each turn of a loop that a foreign loop drives; may be NULL. */
	void (*flush)(struct haw_io *io);
};

/* First member of each engine's own struct. */
struct haw_io {
	const struct haw_io_engine *engine;
	struct haw_slot *slots;
	uint32_t slot_count, free_slot;	/* free_slot: index + 1 */
	struct haw_timers timers;
	struct haw_mailbox *mailbox;
	struct haw_watch wake;
	struct haw_resolver *resolver;	/* NULL until a name was resolved */
	pid_t process;			/* that made it */
	uint64_t now;
	uint64_t waited;	/* ns, in all */
	int callbacks;			/* of this turn */
	bool running, foreign;
};

struct haw_io *haw_poll_new(haw_error *err);
struct haw_io *haw_uring_new(haw_error *err);

/* What engines call. A key names a watch in an event; 0 is none. */
uint64_t haw_watch_key(const struct haw_io *io, const struct haw_watch *watch);
struct haw_slot *haw_slot_of(struct haw_io *io, uint64_t key);
/* The wait has ended: sets the turn's time. Called before the first haw_io_fire. */
void haw_io_tick(struct haw_io *io);
void haw_io_fire(struct haw_io *io, uint64_t key, unsigned events, bool hangup);

static inline void haw_callback_made(struct haw_io *io)
{
	io->callbacks++;
}

/* Fire what is due at NOW and was set before this call. */
void haw_timers_run(struct haw_io *io, uint64_t now);

/* ---- Shared by streams, connects, listeners ---- */

/* What strerror says, safe for threads, in TEXT of SIZE bytes or elsewhere. */
const char *haw_reason(int sys_errno, char *text, size_t size);
/* Set non-blocking and close-on-exec. Returns 0 or errno. */
int haw_fd_prepare(int fd);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "nic/loop.h"
#include "nic/mailbox.h"
#include "nic/resolver.h"

static uint64_t clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

const char *haw_reason(int sys_errno, char *text, size_t size)
{
	return strerror_r(sys_errno, text, size);
}

int haw_fd_prepare(int fd)
{
	int status = fcntl(fd, F_GETFL);
	int descriptor = fcntl(fd, F_GETFD);

	if (status < 0 || descriptor < 0)
		return errno;
	if (!(status & O_NONBLOCK) && fcntl(fd, F_SETFL, status | O_NONBLOCK) < 0)
		return errno;
	if (!(descriptor & FD_CLOEXEC) && fcntl(fd, F_SETFD, descriptor | FD_CLOEXEC) < 0)
		return errno;
	return 0;
}

/* ---- Watches ---- */

/* Keys: generation in the upper half, index + 1 in the lower, which leaves its two highest bits to engines.
 */
enum { SLOTS_MAX = 1 << 24 };

uint64_t haw_watch_key(const struct haw_io *io, const struct haw_watch *watch)
{
	return (uint64_t)io->slots[watch->slot - 1].generation << 32 | watch->slot;
}

struct haw_slot *haw_slot_of(struct haw_io *io, uint64_t key)
{
	uint32_t index = (uint32_t)key - 1;

	if (index >= io->slot_count || !io->slots[index].watch || io->slots[index].generation != key >> 32)
		return NULL;
	return &io->slots[index];
}

static bool grow_slots(struct haw_io *io)
{
	uint32_t count = io->slot_count ? io->slot_count * 2 : 16;
	struct haw_slot *slots = count > SLOTS_MAX ? NULL : realloc(io->slots, count * sizeof(*slots));

	if (!slots)
		return false;
	memset(slots + io->slot_count, 0, (count - io->slot_count) * sizeof(*slots));
	for (uint32_t i = count; i-- > io->slot_count;) {
		slots[i].next_free = io->free_slot;
		io->free_slot = i + 1;
	}
	io->slots = slots;
	io->slot_count = count;
	return true;
}

static void leave_slot(struct haw_io *io, struct haw_watch *watch)
{
	struct haw_slot *slot = &io->slots[watch->slot - 1];

	slot->watch = NULL;
	slot->generation++;
	slot->armed = 0;
	slot->next_free = io->free_slot;
	io->free_slot = watch->slot;
	watch->slot = 0;
	watch->wanted = 0;
}

int haw_watch_add(struct haw_io *io, struct haw_watch *watch, haw_error *err)
{
	int rc;

	if (!io->free_slot && !grow_slots(io))
		return haw_error_set(err, HAW_ENOMEM, HAW_FAULT_LOCAL, 0,
				     "out of memory for another descriptor");
	watch->slot = io->free_slot;
	io->free_slot = io->slots[watch->slot - 1].next_free;
	io->slots[watch->slot - 1].watch = watch;
	rc = io->engine->add(io, watch, err);
	if (rc < 0)
		leave_slot(io, watch);
	return rc;
}

void haw_watch_want(struct haw_io *io, struct haw_watch *watch, unsigned events)
{
	watch->wanted |= events;
	if (io->engine->want)
		io->engine->want(io, watch, events);
}

void haw_watch_remove(struct haw_io *io, struct haw_watch *watch)
{
	if (watch->slot == 0)
		return;
	/* After fork, ring and epoll descriptor are the parent's too: a child that closes what it
	 * inherited must not disarm what the parent waits for. */
	if (io->process == getpid())
		io->engine->remove(io, watch);
	leave_slot(io, watch);
}

void haw_io_tick(struct haw_io *io)
{
	io->now = clock_ns();
}

void haw_io_fire(struct haw_io *io, uint64_t key, unsigned events, bool hangup)
{
	for (unsigned event = HAW_WATCH_IN; event <= HAW_WATCH_OUT; event <<= 1) {
		/* Looked up again: the first callback may have removed the watch. */
		struct haw_slot *slot = haw_slot_of(io, key);
		struct haw_watch *watch = slot ? slot->watch : NULL;

		if (!watch)
			return;
		watch->hangup |= hangup;
		if (!(events & watch->interest & event))
			continue;
		if (!(watch->wanted & event)) {
			watch->edges |= event;
			continue;
		}
		watch->wanted &= ~event;
		watch->fn(watch, event);
	}
}

/* ---- Wake-ups and posts ---- */

static void run_posts(struct haw_io *io)
{
	struct haw_post *post = haw_mailbox_take(io->mailbox);

	while (post) {
		struct haw_post *next = post->next;

		haw_callback_made(io);
		post->fn(post);
		post = next;
	}
}

static void woken(struct haw_watch *watch, unsigned event)
{
	struct haw_io *io = (struct haw_io *)((char *)watch - offsetof(struct haw_io, wake));
	uint64_t count;

	while (read(watch->fd, &count, sizeof(count)) < 0 && errno == EINTR)
		continue;
	haw_watch_want(io, watch, event);
	/* The first post to an empty mailbox wakes, so that turns without posts take no lock. */
	run_posts(io);
}

struct haw_mailbox *haw_io_mailbox(struct haw_io *io)
{
	return io->mailbox;
}

void haw_io_post(struct haw_io *io, struct haw_post *post)
{
	struct haw_mailbox *mailbox = haw_mailbox_hold(io->mailbox);

	/* What is posted may make the loop's thread free the loop before posting has returned. */
	haw_mailbox_post(mailbox, post);
	haw_mailbox_release(mailbox);
}

void haw_io_wake(struct haw_io *io)
{
	haw_mailbox_wake(io->mailbox);
}

/* ---- The loop ---- */

int haw_io_kind_from_name(const char *name, enum haw_io_kind *kind, haw_error *err)
{
	static const char *const names[] = {
		[HAW_IO_AUTO] = "auto", [HAW_IO_URING] = "uring", [HAW_IO_POLL] = "poll"};
	char shown[64];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(name, names[i]) == 0) {
			*kind = (enum haw_io_kind)i;
			return 0;
		}
	}
	return haw_error_set(err, HAW_EINVAL, HAW_FAULT_LOCAL, 0,
			     "there is no I/O engine \"%s\"; choose auto, uring or poll",
			     haw_escape(shown, sizeof(shown), name, strlen(name)));
}

static struct haw_io *new_engine(enum haw_io_kind kind, haw_error *err)
{
	struct haw_io *io;

	if (kind == HAW_IO_POLL)
		return haw_poll_new(err);
	io = haw_uring_new(err);
	if (!io && kind == HAW_IO_AUTO)
		io = haw_poll_new(err);
	return io;
}

struct haw_io *haw_io_new(enum haw_io_kind kind, haw_error *err)
{
	struct haw_io *io = new_engine(kind, err);

	if (!io)
		return NULL;
	io->process = getpid();
	io->mailbox = haw_mailbox_new(err);
	if (!io->mailbox) {
		io->engine->free(io);
		return NULL;
	}
	io->wake = (struct haw_watch){.fd = io->mailbox->fd, .interest = HAW_WATCH_IN, .fn = woken};
	if (haw_watch_add(io, &io->wake, err) < 0) {
		haw_io_free(io);
		return NULL;
	}
	haw_watch_want(io, &io->wake, HAW_WATCH_IN);
	return io;
}

void haw_io_free(struct haw_io *io)
{
	struct haw_slot *slots;

	if (!io)
		return;
	haw_watch_remove(io, &io->wake);
	haw_mailbox_close(io->mailbox);
	haw_resolver_free(io->resolver);
	slots = io->slots;
	io->engine->free(io);
	free(slots);
}

const char *haw_io_name(const struct haw_io *io)
{
	return io->engine->name;
}

int haw_io_fd(struct haw_io *io)
{
	if (!io->foreign) {
		io->foreign = true;
		if (io->engine->flush)
			io->engine->flush(io);
	}
	return io->engine->fd(io);
}

uint64_t haw_io_now(const struct haw_io *io)
{
	return io->running ? io->now : clock_ns();
}

uint64_t haw_io_waited(const struct haw_io *io)
{
	return io->waited;
}

int haw_io_run(struct haw_io *io, int64_t timeout_ns, haw_error *err)
{
	int64_t deadline = haw_io_deadline(io);
	uint64_t before;
	int rc;

	if (io->running)
		return haw_error_set(err, HAW_EINVAL, HAW_FAULT_LOCAL, 0,
				     "the I/O loop was run from inside a callback");
	if (deadline >= 0 && timeout_ns != 0) {
		int64_t left = deadline - (int64_t)clock_ns();

		left = left < 0 ? 0 : left;
		timeout_ns = timeout_ns < 0 || left < timeout_ns ? left : timeout_ns;
	}
	io->callbacks = 0;
	io->running = true;
	before = timeout_ns != 0 ? clock_ns() : 0;
	rc = io->engine->wait(io, timeout_ns, err);
	/* The engine has read the clock when its wait ended, before it called anybody. */
	if (before && io->now > before)
		io->waited += io->now - before;
	if (rc >= 0) {
		haw_timers_run(io, io->now);
		if (io->foreign && io->engine->flush)
			io->engine->flush(io);
	}
	io->running = false;
	return rc < 0 ? rc : io->callbacks;
}

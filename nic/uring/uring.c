/* SPDX-License-Identifier: Apache-2.0
 *
 * The uring engine: readiness by one-shot io_uring polls, armed in the same system call that waits.
 *
 * SINGLE_ISSUER and DEFER_TASKRUN keep the kernel from interrupting the loop's thread, at
 * the price that no other thread may enter the ring. When one takes the loop over, the ring is made
 * anew for it; a loop that keeps changing hands gets a ring that any thread may enter. Both work
 * because polls are level-triggered and own nothing: arming again loses nothing.
 *
 * Under DEFER_TASKRUN nothing wakes who polls the ring's own descriptor, so a foreign loop gets an eventfd,
 * which the kernel signals for work that it has put off, too. It is emptied before the ring is.
 *
 * user_data of a poll: the watch's key, with the event in the two highest bits of the lower half, which keys
 * leave free. 0: nobody's.
 */
#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "nic/loop.h"

enum {
	ENTRIES = 128,
	/* Completions handled in one turn. */
	TURN = 4 * ENTRIES,
	/* Threads that may take the loop over before its ring is opened to all. */
	OWNERS = 4,
	EVENT_SHIFT = 30
};

struct uring_io {
	struct haw_io io;
	struct io_uring ring;
	pthread_t owner;
	unsigned owners;
	int event;		/* the eventfd of a foreign loop, or -1 */
	bool shared;		/* any thread may enter the ring */
	bool rearm;		/* a poll could not be armed */
};

static struct uring_io *of(struct haw_io *io)
{
	return (struct uring_io *)io;
}

static uint64_t poll_data(uint64_t key, unsigned event)
{
	return key | (uint64_t)event << EVENT_SHIFT;
}

/* ---- Rings ---- */

static int make_ring(struct io_uring *ring, bool shared)
{
	const uint32_t needed = IORING_FEAT_NODROP | IORING_FEAT_EXT_ARG;
	struct io_uring_params params = {.flags = IORING_SETUP_CLAMP};
	int rc;

	if (!shared)
		params.flags |= IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
	rc = io_uring_queue_init_params(ENTRIES, ring, &params);
	if (rc == 0 && (params.features & needed) != needed) {
		io_uring_queue_exit(ring);
		rc = -ENOSYS;
	}
	return rc;
}

/* That a ring was made proves little: filters and sandboxes differ by operation. Returns 0 or a
 * negative errno. */
static int probe(struct io_uring *ring)
{
	struct __kernel_timespec second = {.tv_sec = 1};
	struct io_uring_cqe *cqe = NULL;
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
	int rc, fd = eventfd(1, EFD_CLOEXEC);

	if (fd < 0 || !sqe)
		return fd < 0 ? -errno : -ENOMEM;
	io_uring_prep_poll_add(sqe, fd, POLLIN);
	rc = io_uring_submit_and_wait_timeout(ring, &cqe, 1, &second, NULL);
	if (rc >= 0)
		rc = !cqe ? -ENOSYS : cqe->res < 0 ? cqe->res : 0;
	if (cqe)
		io_uring_cqe_seen(ring, cqe);
	close(fd);
	return rc;
}

static void arm(struct uring_io *u, const struct haw_watch *watch, unsigned event)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);

	if (!sqe) {
		io_uring_submit(&u->ring);
		sqe = io_uring_get_sqe(&u->ring);
	}
	if (!sqe) {
		u->rearm = true;
		return;
	}
	io_uring_prep_poll_add(sqe, watch->fd, event == HAW_WATCH_IN ? POLLIN : POLLOUT);
	io_uring_sqe_set_data64(sqe, poll_data(haw_watch_key(&u->io, watch), event));
	u->io.slots[watch->slot - 1].armed |= event;
}

static void arm_wanted(struct uring_io *u, struct haw_slot *slot)
{
	for (unsigned event = HAW_WATCH_IN; event <= HAW_WATCH_OUT; event <<= 1) {
		if (slot->watch->wanted & event & ~slot->armed)
			arm(u, slot->watch, event);
	}
}

static void arm_all(struct uring_io *u)
{
	u->rearm = false;
	for (uint32_t i = 0; i < u->io.slot_count; i++) {
		if (u->io.slots[i].watch)
			arm_wanted(u, &u->io.slots[i]);
	}
}

/* ---- For a foreign loop ---- */

static void signal_event(struct uring_io *u)
{
	const uint64_t one = 1;
	ssize_t n = write(u->event, &one, sizeof(one));

	(void)n; /* one that is full is signalled already */
}

static void empty_event(struct uring_io *u)
{
	uint64_t count;
	ssize_t n = read(u->event, &count, sizeof(count));

	(void)n;
}

/* What has completed already was not signalled. */
static int register_event(struct uring_io *u)
{
	int rc = io_uring_register_eventfd(&u->ring, u->event);

	if (rc == 0)
		signal_event(u);
	return rc;
}

/* Make the ring the calling thread's. Returns 0 or a negative errno. */
static int claim(struct uring_io *u)
{
	struct io_uring ring;
	int rc;

	if (u->shared || pthread_equal(u->owner, pthread_self()))
		return 0;
	rc = make_ring(&ring, u->owners >= OWNERS);
	if (rc < 0)
		return rc;
	io_uring_queue_exit(&u->ring);
	u->ring = ring;
	u->owner = pthread_self();
	u->shared = u->owners >= OWNERS;
	u->owners++;
	for (uint32_t i = 0; i < u->io.slot_count; i++)
		u->io.slots[i].armed = 0;
	arm_all(u);
	return u->event >= 0 ? register_event(u) : 0;
}

/* ---- The engine ---- */

static void uring_free(struct haw_io *io)
{
	io_uring_queue_exit(&of(io)->ring);
	if (of(io)->event >= 0)
		close(of(io)->event);
	free(of(io));
}

static int uring_fd(struct haw_io *io)
{
	struct uring_io *u = of(io);

	if (u->event >= 0 || claim(u) < 0)
		return u->event;
	u->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (u->event >= 0 && register_event(u) < 0) {
		close(u->event);
		u->event = -1;
	}
	return u->event;
}

static int uring_add(struct haw_io *io, struct haw_watch *watch, haw_error *err)
{
	return 0;
}

static void uring_flush(struct haw_io *io)
{
	struct uring_io *u = of(io);

	if (io_uring_sq_ready(&u->ring) > 0 && claim(u) == 0)
		io_uring_submit(&u->ring);
}

static void uring_want(struct haw_io *io, struct haw_watch *watch, unsigned events)
{
	struct uring_io *u = of(io);

	if (claim(u) < 0) {
		u->rearm = true;
		return;
	}
	arm_wanted(u, &io->slots[watch->slot - 1]);
	/* Nobody but the foreign loop's poll may come next. */
	if (io->foreign && !io->running)
		uring_flush(io);
}

/* An armed poll keeps its file open, and so the peer from seeing the end: it is gone before this returns. */
static void uring_remove(struct haw_io *io, struct haw_watch *watch)
{
	struct uring_io *u = of(io);
	struct haw_slot *slot = &io->slots[watch->slot - 1];

	if (slot->armed == 0 || claim(u) < 0)
		return;
	for (unsigned event = HAW_WATCH_IN; event <= HAW_WATCH_OUT; event <<= 1) {
		struct io_uring_sqe *sqe;

		if (!(slot->armed & event))
			continue;
		sqe = io_uring_get_sqe(&u->ring);
		if (!sqe) {
			io_uring_submit(&u->ring);
			sqe = io_uring_get_sqe(&u->ring);
		}
		if (!sqe)
			break;
		io_uring_prep_poll_remove(sqe, poll_data(haw_watch_key(io, watch), event));
	}
	io_uring_submit_and_get_events(&u->ring);
}

static void completed(struct uring_io *u, uint64_t data, int result)
{
	const uint64_t bits = (uint64_t)(HAW_WATCH_IN | HAW_WATCH_OUT) << EVENT_SHIFT;
	unsigned event = (unsigned)((data & bits) >> EVENT_SHIFT);
	struct haw_slot *slot = haw_slot_of(&u->io, data & ~bits);

	if (!slot)
		return;
	slot->armed &= ~event;
	/* The thread that armed it has ended: once more, from this one. */
	if (result == -ECANCELED)
		arm_wanted(u, slot);
	else
		haw_io_fire(&u->io, data & ~bits, event, false);
}

static int enter(struct uring_io *u, int64_t timeout_ns)
{
	struct __kernel_timespec ts = {.tv_sec = timeout_ns / 1000000000, .tv_nsec = timeout_ns % 1000000000};
	struct io_uring_cqe *cqe;

	if (timeout_ns == 0)
		return io_uring_submit_and_get_events(&u->ring);
	if (timeout_ns < 0)
		return io_uring_submit_and_wait(&u->ring, 1);
	return io_uring_submit_and_wait_timeout(&u->ring, &cqe, 1, &ts, NULL);
}

static int uring_wait(struct haw_io *io, int64_t timeout_ns, haw_error *err)
{
	struct uring_io *u = of(io);
	struct io_uring_cqe *cqe;
	char text[128];
	int rc = claim(u);

	if (rc == 0 && u->rearm)
		arm_all(u);
	if (u->event >= 0)
		empty_event(u);
	if (rc == 0)
		rc = enter(u, timeout_ns);
	haw_io_tick(io);
	/* Memory shortages pass; what was not submitted is submitted by the next turn. */
	if (rc < 0 && rc != -ETIME && rc != -EINTR && rc != -EAGAIN && rc != -EBUSY)
		return haw_error_set(err, HAW_ESYSTEM, HAW_FAULT_SYSTEM, -rc,
				     "cannot wait on the I/O ring: %s", haw_reason(-rc, text, sizeof(text)));
	for (int i = 0; i < TURN && io_uring_peek_cqe(&u->ring, &cqe) == 0; i++) {
		uint64_t data = cqe->user_data;
		int result = cqe->res;

		/* Given back first: callbacks enter the ring. */
		io_uring_cqe_seen(&u->ring, cqe);
		completed(u, data, result);
	}
	if (u->event >= 0 && io_uring_cq_ready(&u->ring) > 0)
		signal_event(u);
	return 0;
}

static const struct haw_io_engine uring_engine = {
	.name = "uring",
	.free = uring_free,
	.fd = uring_fd,
	.add = uring_add,
	.want = uring_want,
	.remove = uring_remove,
	.wait = uring_wait,
	.flush = uring_flush,
};

struct haw_io *haw_uring_new(haw_error *err)
{
	struct uring_io *u = calloc(1, sizeof(*u));
	char text[128];
	int rc;

	if (!u) {
		haw_error_set(err, HAW_ENOMEM, HAW_FAULT_LOCAL, 0, "out of memory for an I/O loop");
		return NULL;
	}
	u->io.engine = &uring_engine;
	u->owner = pthread_self();
	u->owners = 1;
	u->event = -1;
	rc = make_ring(&u->ring, false);
	if (rc == -EINVAL) { /* Linux before 6.1 */
		u->shared = true;
		rc = make_ring(&u->ring, true);
	}
	if (rc == 0) {
		rc = probe(&u->ring);
		if (rc == 0)
			return &u->io;
		io_uring_queue_exit(&u->ring);
	}
	free(u);
	haw_error_set(err, HAW_EUNSUPPORTED, HAW_FAULT_SYSTEM, -rc,
		      "io_uring cannot be used here (%s); choose the poll engine",
		      haw_reason(-rc, text, sizeof(text)));
	return NULL;
}

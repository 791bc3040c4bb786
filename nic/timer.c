/* SPDX-License-Identifier: Apache-2.0
 *
 * Timers as a pairing heap of embedded nodes: setting and cancelling need no memory and little time,
 * which matters because a receiving socket sets one for each large read.
 */
#include <string.h>

#include "nic/loop.h"

static bool earlier(const struct haw_timer *a, const struct haw_timer *b)
{
	return a->deadline != b->deadline ? a->deadline < b->deadline : a->order < b->order;
}

/* Join two heaps. A node's prev is its left sibling or, for a first child, its parent. */
static struct haw_timer *meld(struct haw_timer *a, struct haw_timer *b)
{
	struct haw_timer *top, *under;

	if (!a || !b)
		return a ? a : b;
	top = earlier(a, b) ? a : b;
	under = top == a ? b : a;
	under->next = top->child;
	if (top->child)
		top->child->prev = under;
	under->prev = top;
	top->child = under;
	top->next = top->prev = NULL;
	return top;
}

/* Make one heap of the siblings that begin with FIRST: pairs from the left, then all from the right. */
static struct haw_timer *meld_siblings(struct haw_timer *first)
{
	struct haw_timer *pairs = NULL, *heap = NULL;

	while (first) {
		struct haw_timer *a = first, *b = a->next, *pair;

		first = b ? b->next : NULL;
		a->next = a->prev = NULL;
		if (b)
			b->next = b->prev = NULL;
		pair = meld(a, b);
		pair->next = pairs;
		pairs = pair;
	}
	while (pairs) {
		struct haw_timer *next = pairs->next;

		pairs->next = NULL;
		heap = meld(heap, pairs);
		pairs = next;
	}
	return heap;
}

static void take_out(struct haw_timers *timers, struct haw_timer *timer)
{
	struct haw_timer *rest = meld_siblings(timer->child);

	if (timers->root == timer) {
		timers->root = rest;
	} else {
		if (timer->prev->child == timer)
			timer->prev->child = timer->next;
		else
			timer->prev->next = timer->next;
		if (timer->next)
			timer->next->prev = timer->prev;
		timers->root = meld(timers->root, rest);
	}
	timer->child = timer->next = timer->prev = NULL;
	timer->set = false;
}

void haw_timer_set(struct haw_io *io, struct haw_timer *timer, uint64_t deadline_ns, void (*fn)(void *user),
		   void *user)
{
	if (timer->set)
		take_out(&io->timers, timer);
	*timer = (struct haw_timer){
		.deadline = deadline_ns, .order = io->timers.order++, .fn = fn, .user = user, .set = true};
	io->timers.root = meld(io->timers.root, timer);
}

void haw_timer_cancel(struct haw_io *io, struct haw_timer *timer)
{
	if (timer->set)
		take_out(&io->timers, timer);
}

/* Timers set by the callbacks made here wait for the next turn, so that one that sets itself to
 * "now" cannot keep the loop from its descriptors. An older timer behind such a one waits as well. */
void haw_timers_run(struct haw_io *io, uint64_t now)
{
	uint64_t order = io->timers.order;
	struct haw_timer *timer;

	while ((timer = io->timers.root) && timer->deadline <= now && timer->order < order) {
		take_out(&io->timers, timer);
		haw_callback_made(io);
		timer->fn(timer->user);
	}
}

int64_t haw_io_deadline(const struct haw_io *io)
{
	const struct haw_timer *first = io->timers.root;

	if (!first)
		return -1;
	return first->deadline > INT64_MAX ? INT64_MAX : (int64_t)first->deadline;
}

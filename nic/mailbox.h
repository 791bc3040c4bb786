/* SPDX-License-Identifier: Apache-2.0
 *
 * The loop's side of its mailbox; loop.h has the side of other threads.
 */
#ifndef HAWSER_NIC_MAILBOX_H
#define HAWSER_NIC_MAILBOX_H

#include "nic/loop.h"

struct haw_mailbox {
	pthread_mutex_t lock;	/* first, last, closed */
	struct haw_post *first, **last;
	bool closed;
	int fd;			/* eventfd, readable when the loop is wanted */
	atomic_uint references;
};

struct haw_mailbox *haw_mailbox_new(haw_error *err);
/* All posts that wait, oldest first. */
struct haw_post *haw_mailbox_take(struct haw_mailbox *mailbox);
/* Make the loop's wait end. Async-signal-safe. */
void haw_mailbox_wake(struct haw_mailbox *mailbox);
/* Refuse and drop posts from now on, and release the loop's hold. */
void haw_mailbox_close(struct haw_mailbox *mailbox);

#endif

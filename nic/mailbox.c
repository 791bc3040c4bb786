/* SPDX-License-Identifier: Apache-2.0
 *
 * Work that other threads leave for a loop, and the eventfd that wakes it. Whoever may
 * still post when the loop is gone (a resolver inside getaddrinfo, a user's stream) holds the mailbox.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "nic/mailbox.h"

struct haw_mailbox *haw_mailbox_new(haw_error *err)
{
	struct haw_mailbox *mailbox = calloc(1, sizeof(*mailbox));

	if (!mailbox) {
		haw_error_set(err, HAW_ENOMEM, HAW_FAULT_LOCAL, 0, "out of memory for an I/O loop");
		return NULL;
	}
	mailbox->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (mailbox->fd < 0) {
		haw_error_set(err, HAW_ESYSTEM, HAW_FAULT_SYSTEM, errno,
			      "cannot make an event descriptor: errno %d", errno);
		free(mailbox);
		return NULL;
	}
	pthread_mutex_init(&mailbox->lock, NULL);
	mailbox->last = &mailbox->first;
	atomic_init(&mailbox->references, 1);
	return mailbox;
}

struct haw_mailbox *haw_mailbox_hold(struct haw_mailbox *mailbox)
{
	atomic_fetch_add_explicit(&mailbox->references, 1, memory_order_relaxed);
	return mailbox;
}

void haw_mailbox_release(struct haw_mailbox *mailbox)
{
	if (!mailbox || atomic_fetch_sub_explicit(&mailbox->references, 1, memory_order_acq_rel) > 1)
		return;
	close(mailbox->fd);
	pthread_mutex_destroy(&mailbox->lock);
	free(mailbox);
}

void haw_mailbox_wake(struct haw_mailbox *mailbox)
{
	const uint64_t one = 1;
	int saved = errno;

	/* Fails only when the counter is full, and then the loop is awake already. */
	if (write(mailbox->fd, &one, sizeof(one)) < 0)
		errno = saved;
	errno = saved;
}

bool haw_mailbox_post(struct haw_mailbox *mailbox, struct haw_post *post)
{
	bool taken, first = false;

	pthread_mutex_lock(&mailbox->lock);
	taken = !mailbox->closed;
	if (taken) {
		first = !mailbox->first;
		post->next = NULL;
		*mailbox->last = post;
		mailbox->last = &post->next;
	}
	pthread_mutex_unlock(&mailbox->lock);
	if (first)
		haw_mailbox_wake(mailbox);
	return taken;
}

bool haw_mailbox_unpost(struct haw_mailbox *mailbox, const struct haw_post *post)
{
	struct haw_post **at;
	bool found;

	pthread_mutex_lock(&mailbox->lock);
	for (at = &mailbox->first; *at && *at != post;)
		at = &(*at)->next;
	found = *at;
	if (found) {
		*at = post->next;
		if (!*at)
			mailbox->last = at;
	}
	pthread_mutex_unlock(&mailbox->lock);
	return found;
}

struct haw_post *haw_mailbox_take(struct haw_mailbox *mailbox)
{
	struct haw_post *posts;

	pthread_mutex_lock(&mailbox->lock);
	posts = mailbox->first;
	mailbox->first = NULL;
	mailbox->last = &mailbox->first;
	pthread_mutex_unlock(&mailbox->lock);
	return posts;
}

void haw_mailbox_close(struct haw_mailbox *mailbox)
{
	struct haw_post *posts;

	pthread_mutex_lock(&mailbox->lock);
	mailbox->closed = true;
	posts = mailbox->first;
	mailbox->first = NULL;
	mailbox->last = &mailbox->first;
	pthread_mutex_unlock(&mailbox->lock);
	while (posts) {
		struct haw_post *next = posts->next;

		if (posts->drop)
			posts->drop(posts);
		posts = next;
	}
	haw_mailbox_release(mailbox);
}

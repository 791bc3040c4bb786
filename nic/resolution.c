/* SPDX-License-Identifier: Apache-2.0 */
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "nic/resolver.h"

static void deliver(struct haw_post *post)
{
	struct haw_resolution *r = (struct haw_resolution *)post;

	if (r->answered)
		r->answered(r->user, r);
	haw_resolution_drop(r);
}

static void drop_post(struct haw_post *post)
{
	haw_resolution_drop((struct haw_resolution *)post);
}

struct haw_resolution *haw_resolution_new(struct haw_io *io, uint16_t port,
					  void (*answered)(void *user, struct haw_resolution *resolution),
					  void *user)
{
	struct haw_resolution *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->post.fn = deliver;
	r->post.drop = drop_post;
	r->mailbox = haw_mailbox_hold(haw_io_mailbox(io));
	r->answered = answered;
	r->user = user;
	r->port = port;
	return r;
}

void haw_resolution_drop(struct haw_resolution *r)
{
	haw_mailbox_release(r->mailbox);
	free(r);
}

int haw_resolution_add(haw_resolution *r, const struct sockaddr *address, socklen_t length)
{
	union haw_address *to = &r->addresses[r->count];

	if (r->count == HAW_RESOLUTION_ADDRESSES)
		return HAW_ELIMIT;
	if (address->sa_family == AF_INET && length >= sizeof(to->in)) {
		memcpy(&to->in, address, sizeof(to->in));
		if (to->in.sin_port == 0)
			to->in.sin_port = htons(r->port);
	} else if (address->sa_family == AF_INET6 && length >= sizeof(to->in6)) {
		memcpy(&to->in6, address, sizeof(to->in6));
		if (to->in6.sin6_port == 0)
			to->in6.sin6_port = htons(r->port);
	} else {
		return HAW_EINVAL;
	}
	r->count++;
	return 0;
}

void haw_resolution_end(haw_resolution *r, const char *reason)
{
	struct haw_mailbox *mailbox = haw_mailbox_hold(r->mailbox);

	/* The loop may free R, and end, before posting has returned. */
	if (reason)
		haw_escape(r->reason, sizeof(r->reason), reason, strlen(reason));
	if (!haw_mailbox_post(mailbox, &r->post))
		haw_resolution_drop(r);
	haw_mailbox_release(mailbox);
}

int haw_resolution_lookup(struct haw_resolution *r, const char *host, int family, int flags)
{
	struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_STREAM, .ai_flags = flags};
	struct addrinfo *list = NULL;
	int rc = getaddrinfo(host, NULL, &hints, &list);

	if (rc != 0)
		return rc;
	for (const struct addrinfo *a = list; a; a = a->ai_next) {
		if (haw_resolution_add(r, a->ai_addr, a->ai_addrlen) == HAW_ELIMIT)
			break;
	}
	freeaddrinfo(list);
	return 0;
}

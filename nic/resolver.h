/* SPDX-License-Identifier: Apache-2.0
 *
 * Questions for the addresses of a host, and the thread that answers them with getaddrinfo.
 */
#ifndef HAWSER_NIC_RESOLVER_H
#define HAWSER_NIC_RESOLVER_H

#include <netinet/in.h>

#include "nic/loop.h"

union haw_address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

enum { HAW_RESOLUTION_REASON = 160 };

struct haw_resolution {
	struct haw_post post;
	struct haw_mailbox *mailbox;	/* held */
	/* The asker's, used on the loop only: called with the answer, before it is freed. NULL: given up. */
	void (*answered)(void *user, struct haw_resolution *resolution);
	void *user;
	uint16_t port;
	unsigned count;
	union haw_address addresses[HAW_RESOLUTION_ADDRESSES];
	char reason[HAW_RESOLUTION_REASON]; /* escaped */
};

/* A question that belongs to whoever will answer it. NULL: out of memory. */
struct haw_resolution *haw_resolution_new(struct haw_io *io, uint16_t port,
					  void (*answered)(void *user, struct haw_resolution *resolution),
					  void *user);
/* Add what getaddrinfo makes of HOST under FLAGS; 0 or its code, with errno behind EAI_SYSTEM kept. */
int haw_resolution_lookup(struct haw_resolution *resolution, const char *host, int family, int flags);
/* A question that nobody will answer. */
void haw_resolution_drop(struct haw_resolution *resolution);

struct haw_resolver;

/* Have the loop's resolver thread answer. Starts it if it is not there. On failure RESOLUTION stays the
 * caller's. */
int haw_resolver_ask(struct haw_io *io, const char *host, int family, struct haw_resolution *resolution,
		     haw_error *err);
/* End the thread; one that is inside getaddrinfo is left to end by itself. NULL is ignored. */
void haw_resolver_free(struct haw_resolver *resolver);

#endif

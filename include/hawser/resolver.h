/* SPDX-License-Identifier: Apache-2.0
 *
 * Name resolution by the caller. Without it, names are resolved by getaddrinfo on a thread that
 * belongs to the loop and is started when the first name has to be resolved.
 */
#ifndef HAWSER_RESOLVER_H
#define HAWSER_RESOLVER_H

#include <stdint.h>
#include <sys/socket.h>

#include <hawser/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One question that waits for its answer. */
typedef struct haw_resolution haw_resolution;

/* Most addresses that one answer may hold; those beyond are left out. */
#define HAW_RESOLUTION_ADDRESSES 32

/* Asked for the addresses of HOST (valid during the call) for FAMILY (AF_UNSPEC, AF_INET, AF_INET6) and
 * TCP port PORT. Must not block; it answers with haw_resolution_add for each address, in order of
 * preference, and one haw_resolution_end, during the call or later. Called by the thread that
 * runs the loop. A name of this machine to connect from (BindAddress) is asked for first, with port 0. */
typedef void (*haw_resolve_fn)(void *user, const char *host, uint16_t port, int family,
			       haw_resolution *resolution);

/* Add one address: a sockaddr_in or sockaddr_in6 of LENGTH bytes, copied, its port included (port 0 is
 * replaced by the one asked for). HAW_EINVAL for another family, HAW_ELIMIT when
 * HAW_RESOLUTION_ADDRESSES are there. One thread at a time, any thread; does not block. */
HAW_API HAW_MUST_USE int haw_resolution_add(haw_resolution *resolution, const struct sockaddr *address,
					    socklen_t length);
/* The answer is complete; RESOLUTION is gone afterwards. REASON (may be NULL; copied) says why there are no
 * addresses, and counts only then. Must be called exactly once, even if the connection has been given
 * up or its loop has been freed meanwhile (the answer is dropped then). Any thread; does not block. */
HAW_API void haw_resolution_end(haw_resolution *resolution, const char *reason);

#ifdef __cplusplus
}
#endif
#endif

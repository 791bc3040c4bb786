/* SPDX-License-Identifier: Apache-2.0
 *
 * How much may be under way at a time.
 *
 * On a path without delay more than 1-2 MiB is slower than less, because what is in flight leaves
 * the caches. On a long one the bandwidth-delay product is needed. So the limit follows twice the
 * product of the delivered rate and the least latency seen: while the limit itself holds the rate
 * down, that doubles it; once the path is full it stands still.
 */
#ifndef CP_FLOW_H
#define CP_FLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "rate.h"

enum {
	CP_FLOW_BYTES_MIN = 1 << 20,
	CP_FLOW_BYTES_MAX = 64 << 20,
	CP_FLOW_FILES_UP = 128,
	CP_FLOW_FILES_DOWN = 64,
	CP_FLOW_FILES_MAX = 768
};

struct cp_flow {
	struct cp_rate rate;
	uint64_t bytes, bytes_limit;	/* of file data in requests under way */
	uint64_t bytes_least, bytes_most; /* that the limit may be */
	uint32_t requests, requests_limit; /* those requests; limit 0: none */
	bool rests;			/* see cp_flow_pause_ns */
	uint32_t files, files_limit, files_least; /* files under way */
	uint32_t handles;		/* what the server allows to be open; 0: unknown */
	uint64_t least_ns;		/* least latency of a request so far */
	double bytes_per_ns;
	uint64_t since_ns, delivered;	/* the rate is taken over an interval */
};

/* FILES under way at least, where the server allows it: CP_FLOW_FILES_UP or _DOWN, as measured on
 * loopback. */
void cp_flow_begin(struct cp_flow *flow, uint32_t files);
/* Data move over CONNECTIONS, and MEMORY bytes may be under way on all of them. */
void cp_flow_set_budget(struct cp_flow *flow, unsigned connections, uint64_t memory);
/* The server takes HANDLES open files; 0: unknown. */
void cp_flow_set_handles(struct cp_flow *flow, uint64_t handles);
void cp_flow_sent(struct cp_flow *flow, uint64_t bytes);
/* The user has limited requests or bytes a second: no piece of data leaves unless there is room for it. */
bool cp_flow_paced(const struct cp_flow *flow);
/* BYTES are done; their request was sent at SENT_NS and is answered at NOW_NS. */
void cp_flow_done(struct cp_flow *flow, uint64_t bytes, uint64_t sent_ns, uint64_t now_ns);
/* A request without data was answered. */
void cp_flow_answered(struct cp_flow *flow, uint64_t sent_ns, uint64_t now_ns);
/* How long to rest before replies are looked at again: while large files have enough under way, each reply by
 * itself would only cost a wake-up (measured: a fifth of the CPU time). 0: not at all. Downloads rest: they
 * get faster by it. Uploads do not: they lose a twentieth of their speed. */
uint64_t cp_flow_pause_ns(const struct cp_flow *flow);
bool cp_flow_room_for_bytes(struct cp_flow *flow);
bool cp_flow_room_for_file(struct cp_flow *flow);

#endif

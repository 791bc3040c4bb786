/* SPDX-License-Identifier: Apache-2.0
 *
 * What a transfer waited for.
 *
 * Work is measured where it is done: reading here, packets, the socket, writing here. While the loop waits
 * nothing is done here, and somebody else has to be found out. Three signs tell: whether the stream takes no
 * more; how long a request takes to be answered once it has left; and how long a question takes that the
 * server's SSH answers by itself, without its file service (a keepalive, now and then). If that question
 * takes long, it stands in a queue behind data, so the network is what is full. If it comes back at once but
 * requests do not, the file service is at work. If both take the same, everything is merely on its way:
 * more could be under way, but for a window.
 */
#ifndef CP_WAITS_H
#define CP_WAITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cp_wait {
	CP_WAIT_SOURCE,
	CP_WAIT_CRYPTO,
	CP_WAIT_SOCKET,
	CP_WAIT_WINDOW,
	CP_WAIT_SINK,
	CP_WAITS,
	CP_WAIT_NONE = CP_WAITS
};

struct cp_waits {
	uint64_t ns[CP_WAITS];
	bool upload;
	bool between; /* two hosts; the other side's waits are merged with these */
};

/* What can be seen of a connection. */
struct cp_signs {
	bool upload, blocked;	/* blocked: the stream takes no more */
	uint64_t request_ns;	/* requests take so long, from their leaving to their answers */
	uint64_t ping_ns;	/* the question takes so long now */
	uint64_t least_ping_ns; /* and took at least; 0: nothing is known yet */
};

enum cp_wait cp_waits_judge(const struct cp_signs *signs);
void cp_waits_add(struct cp_waits *waits, enum cp_wait what, uint64_t ns);
/* Add what OTHER has of the same time. */
void cp_waits_merge(struct cp_waits *waits, const struct cp_waits *other);
/* Shares of the time, whose sum is 1; all 0 if there was none. */
void cp_waits_shares(const struct cp_waits *waits, double shares[CP_WAITS]);
/* One line for people: the largest, and what would help. */
void cp_waits_text(const struct cp_waits *waits, char *out, size_t size);
/* The names in the JSON. */
extern const char *const cp_wait_names[CP_WAITS];

#endif

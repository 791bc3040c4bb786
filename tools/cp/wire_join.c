/* SPDX-License-Identifier: Apache-2.0
 *
 * Two commands on two servers that talk with each other through this machine.
 */
#include <poll.h>
#include <stdlib.h>

#include "interrupt.h"
#include "wire.h"

enum { TURN_MS = 100, PIECE = 64 << 10 };

struct join {
	struct cp_wire *from, *to;
	bool over;
};

/* All that has come, as far as the other side takes it. False at its end. */
static bool move(struct cp_wire *from, struct cp_wire *to)
{
	for (;;) {
		uint8_t *piece;
		ptrdiff_t n;

		if (to->channel && !cp_wire_has_room(to))
			return true;
		piece = malloc(PIECE);
		n = piece ? cp_wire_receive(from, piece, PIECE) : 0;
		if (n <= 0) {
			free(piece);
			return n == HAW_EAGAIN;
		}
		from->s->report.bytes += (uint64_t)n;
		if (!cp_wire_lend(to, piece, (size_t)n, free, piece))
			return false;
	}
}

static bool is_over(void *user)
{
	const struct join *j = user;

	return j->over || !cp_wire_running(j->from) || !cp_wire_running(j->to);
}

static void move_both(void *user)
{
	struct join *j = user;

	j->over = j->over || !move(j->from, j->to) || !move(j->to, j->from);
}

void cp_wire_join(struct cp_wire *from, struct cp_wire *to)
{
	struct join j = {.from = from, .to = to};

	if (from->channel && to->channel) {
		cp_session_run(from->s, is_over, move_both, &j);
		return;
	}
	while (!is_over(&j)) {
		struct pollfd both[2] = {{.fd = from->fd, .events = POLLIN},
					 {.fd = to->fd, .events = POLLIN}};

		poll(both, 2, TURN_MS);
		from->s->stopped |= cp_interrupted() != 0;
		move_both(&j);
		cp_report_progress(&from->s->report);
	}
}

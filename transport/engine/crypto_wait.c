/* SPDX-License-Identifier: Apache-2.0
 *
 * Engines that complete later are waited for by their descriptor, or asked again in each turn of the loop
 * while they have work.
 */
#include "transport/engine/transport_internal.h"

static void ready(void *user)
{
	haw_transport_pump(user);
}

static void ask_again(struct haw_transport *t)
{
	if (!t->kick.set)
		haw_timer_set(t->loop->io, &t->kick, haw_io_now(t->loop->io), ready, t);
}

static void watch(struct haw_transport *t, enum haw_direction direction)
{
	struct haw_packetizer *p = haw_connection_packetizer(t->connection);
	uint64_t engine = p->ops->engine(p, direction);
	haw_error err;
	int fd;

	if (engine == t->crypto.engine[direction])
		return;
	haw_readable_free(t->crypto.readable[direction]);
	t->crypto.readable[direction] = NULL;
	t->crypto.engine[direction] = engine;
	fd = p->ops->fd(p, direction);
	if (fd < 0)
		return;
	t->crypto.readable[direction] = haw_readable_new(t->loop->io, fd, ready, t, &err);
	if (t->crypto.readable[direction])
		return;
	haw_connection_fail(t->connection, 0, &err);
	ask_again(t);
}

void haw_transport_wait_crypto(struct haw_transport *t)
{
	struct haw_packetizer *p = haw_connection_packetizer(t->connection);

	watch(t, HAW_OUTGOING);
	watch(t, HAW_INCOMING);
	if (p->ops->busy(p))
		ask_again(t);
}

void haw_transport_forget_crypto(struct haw_transport *t)
{
	for (int i = 0; i < 2; i++) {
		haw_readable_free(t->crypto.readable[i]);
		t->crypto.readable[i] = NULL;
		t->crypto.engine[i] = 0;
	}
}

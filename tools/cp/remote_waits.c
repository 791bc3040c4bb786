/* SPDX-License-Identifier: Apache-2.0
 *
 * What the connections wait for (waits.h).
 */
#include "remote_internal.h"

static const uint64_t ping_every_ns = 200000000;

/* The mean of the last few. */
static void smooth(uint64_t *mean, uint64_t value)
{
	*mean = *mean ? (*mean * 3 + value) / 4 : value;
}

void cp_conn_answered(struct cp_conn *conn, uint64_t sent_ns)
{
	smooth(&conn->request_ns, cp_now_ns() - sent_ns);
}

static void ponged(void *user, haw_op *op)
{
	struct cp_conn *conn = user;
	uint64_t took = cp_now_ns() - conn->ping_sent_ns;
	int code = haw_op_result(op, NULL);

	conn->ping = NULL;
	haw_op_free(op);
	/* No is an answer too. */
	if (code < 0 && code != HAW_EREFUSED)
		return;
	conn->ping_ns = took;
	if (!conn->least_ping_ns || took < conn->least_ping_ns)
		conn->least_ping_ns = took;
}

void cp_conn_ping(struct cp_conn *conn)
{
	const haw_span none = {NULL, 0};
	uint64_t now = cp_now_ns();

	if (!conn->client || conn->ping || now - conn->ping_sent_ns < ping_every_ns)
		return;
	conn->ping_sent_ns = now;
	conn->ping = haw_transport_global_request_start(
		haw_client_transport(conn->client), "keepalive@openssh.com", true, none, ponged, conn, NULL);
}

void cp_conn_account(struct cp_conn *conn)
{
	haw_transport_info info = {.size = sizeof(info)};
	struct cp_waits *waits = &conn->s->report.waits;

	if (!conn->client || !haw_client_transport(conn->client))
		return;
	haw_transport_get_info(haw_client_transport(conn->client), &info);
	if (conn->s->report.moving) {
		cp_waits_add(waits, CP_WAIT_CRYPTO, info.packet_ns - conn->packet_ns);
		cp_waits_add(waits, CP_WAIT_SOCKET, info.stream_ns - conn->stream_ns);
	}
	conn->packet_ns = info.packet_ns;
	conn->stream_ns = info.stream_ns;
}

/* The one with most under way speaks for all. */
static struct cp_conn *busiest(struct cp_session *s)
{
	struct cp_conn *best = NULL;

	for (unsigned i = 0; i < s->remote.count; i++) {
		struct cp_conn *conn = &s->remote.conns[i];

		if (conn->state == CP_CONN_READY && conn->count > 0 && (!best || conn->bytes > best->bytes))
			best = conn;
	}
	return best;
}

static enum cp_wait judge(struct cp_session *s)
{
	struct cp_conn *conn = busiest(s);
	haw_transport_info info = {.size = sizeof(info)};
	struct cp_signs signs = {.upload = s->report.waits.upload};
	uint64_t out;

	/* Nothing is under way: the user's own limit holds it, or it has ended. */
	if (!conn || !conn->client)
		return CP_WAIT_NONE;
	haw_transport_get_info(haw_client_transport(conn->client), &info);
	signs.blocked = info.send_blocked;
	signs.request_ns = conn->request_ns;
	signs.least_ping_ns = conn->least_ping_ns;
	signs.ping_ns = conn->ping_ns;
	out = conn->ping ? cp_now_ns() - conn->ping_sent_ns : 0;
	if (out > signs.ping_ns)
		signs.ping_ns = out;
	return cp_waits_judge(&signs);
}

static void ping_all(struct cp_session *s)
{
	for (unsigned i = 0; i < s->remote.count; i++)
		if (s->remote.conns[i].state == CP_CONN_READY && !s->remote.conns[i].lost)
			cp_conn_ping(&s->remote.conns[i]);
}

/* Of two hosts the one is waited for that has more of what may be under way. */
static enum cp_wait judge_both(struct cp_session *s, struct cp_session *other)
{
	double one = (double)s->flow.bytes / (double)s->flow.bytes_limit;
	double two = (double)other->flow.bytes / (double)other->flow.bytes_limit;
	enum cp_wait what = judge(one >= two ? s : other);

	return what == CP_WAIT_NONE ? judge(one >= two ? other : s) : what;
}

void cp_remote_wait_begins(struct cp_session *s)
{
	struct cp_session *other = s->companion;

	s->remote.waits_for = CP_WAIT_NONE;
	if (!s->report.moving)
		return;
	ping_all(s);
	if (other && other->report.moving) {
		ping_all(other);
		s->remote.waits_for = judge_both(s, other);
	} else {
		s->remote.waits_for = judge(s);
	}
}

static void account_all(struct cp_session *s)
{
	for (unsigned i = 0; i < s->remote.count; i++)
		cp_conn_account(&s->remote.conns[i]);
}

void cp_remote_wait_ended(struct cp_session *s)
{
	uint64_t waited = haw_loop_waited_ns(s->loop);

	cp_waits_add(&s->report.waits, s->remote.waits_for, waited - s->waited_ns);
	s->waited_ns = waited;
	account_all(s);
	if (s->companion)
		account_all(s->companion);
}

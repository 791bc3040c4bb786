/* SPDX-License-Identifier: Apache-2.0
 *
 * The connections: kept, brought back when they are cut, made more of.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "exec_hash.h"
#include "program.h"
#include "prompt.h"
#include "remote_internal.h"

/* Between attempts: this long at first, twice as long each time, never longer than the last; from half of
 * it to half as much again, so that many clients of one server do not come back as one. */
static const uint64_t first_pause_ns = 100000000, last_pause_ns = 15000000000;

enum { GOODBYE_MS = 2000, UNAUTHENTICATED_MAX = 8, FIRST_REQUESTS = 4 };

/* ---- What a failure means ---- */

bool cp_conn_is_code(int code)
{
	switch (code) {
	case 0:
	case HAW_ESTATUS:
	case HAW_ENOTFOUND:
	case HAW_EEND:
	case HAW_EUNSUPPORTED:
	case HAW_EINVAL:
	case HAW_ELIMIT:
	case HAW_ENOMEM:
		return false;
	default:
		return true;
	}
}

/* Whether another attempt may end better. A host or a user that was refused is refused again, and a peer
 * that breaks the protocol breaks it again. */
static bool may_pass(const haw_error *err)
{
	switch (err->code) {
	case HAW_ESYSTEM:
	case HAW_ETIMEDOUT:
	case HAW_ECLOSED:
	case HAW_EINTEGRITY:
	case HAW_ERESOLVE:
	case HAW_ECONNECT:
		return true;
	case HAW_EDISCONNECT:
		/* RFC 4253 §11.1: connection lost, by application, too many connections. */
		return err->reason >= 10 && err->reason <= 12;
	default:
		return false;
	}
}

/* ---- Looking around ---- */

static unsigned count_in(const struct cp_session *s, enum cp_conn_state state)
{
	unsigned n = 0;

	for (unsigned i = 0; i < s->remote.count; i++)
		n += s->remote.conns[i].state == state;
	return n;
}

struct cp_conn *cp_remote_ready(const struct cp_session *s)
{
	for (unsigned i = 0; i < s->remote.count; i++)
		if (s->remote.conns[i].state == CP_CONN_READY && !s->remote.conns[i].lost)
			return &s->remote.conns[i];
	return NULL;
}

struct cp_conn *cp_conn_choose(struct cp_session *s)
{
	struct cp_remote *remote = &s->remote;
	struct cp_conn *best = NULL;

	for (unsigned i = 0; i < remote->count; i++) {
		struct cp_conn *conn = &remote->conns[i];
		bool usable = conn->state == CP_CONN_READY ||
			      (remote->early && conn->state == CP_CONN_CONNECTING && conn->sftp);

		if (usable && !conn->lost && (!best || conn->count < best->count))
			best = conn;
	}
	return best;
}

/* ---- Losing ---- */

void cp_conn_lose(struct cp_conn *conn, const haw_error *err)
{
	haw_error own;

	/* What ends with a login that failed does not say why: the login does, in this turn or the next. */
	if (conn->connecting && !haw_op_done(conn->connecting))
		return;
	if (conn->lost)
		return;
	conn->lost = true;
	conn->why = *err;
	if (conn->connecting && haw_op_result(conn->connecting, &own) < 0)
		conn->why = own;
	haw_loop_wake(conn->s->loop);
}

static void give_up(struct cp_session *s, const haw_error *err)
{
	s->lost = true;
	if (!s->stopped && !s->report.wrong)
		cp_report_lost(&s->report, s->host_text, err);
	cp_request_fail_all(s, err);
}

static void free_conn(struct cp_conn *conn, bool goodbye)
{
	cp_exec_hash_turn(conn->s, conn);
	cp_conn_account(conn);
	haw_op_free(conn->ping);
	conn->ping = NULL;
	conn->packet_ns = conn->stream_ns = conn->least_ping_ns = conn->ping_ns = conn->request_ns = 0;
	cp_file_forget_conn(conn->s, conn->index);
	haw_op_free(conn->opening);
	haw_op_free(conn->connecting);
	conn->opening = conn->connecting = NULL;
	haw_sftp_free(conn->sftp);
	conn->sftp = NULL;
	if (conn->client && goodbye)
		haw_client_close(conn->client, GOODBYE_MS);
	haw_client_free(conn->client);
	conn->client = NULL;
}

static uint64_t pause_ns(unsigned tries)
{
	uint64_t pause = first_pause_ns;
	uint32_t dice = 0;

	while (tries-- > 1 && pause < last_pause_ns)
		pause *= 2;
	if (pause > last_pause_ns)
		pause = last_pause_ns;
	if (getrandom(&dice, sizeof(dice), 0) != sizeof(dice))
		dice = (uint32_t)cp_now_ns();
	return pause / 2 + (uint64_t)((double)pause * dice / UINT32_MAX);
}

/* When the next attempt is made; false: there is none. */
static bool plan_retry(struct cp_session *s, const haw_error *why)
{
	struct cp_remote *remote = &s->remote;
	uint64_t now = cp_now_ns(), limit = s->args->reconnect_s * 1000000000ull;

	if (remote->answered != remote->answered_before)
		remote->tries = 0;
	remote->answered_before = remote->answered;
	if (remote->tries == 0)
		remote->lost_ns = now;
	remote->tries++;
	/* One that came back and was cut once more is no reason to wait as long as for one that is away. */
	remote->failures++;
	remote->retry_ns = now + pause_ns(remote->failures + remote->tries / 4);
	return limit > 0 && !s->args->scp.server && may_pass(why) &&
	       remote->retry_ns - remote->lost_ns < limit &&
	       (s->attempts < 2 || remote->tries <= s->attempts);
}

/* The only one there was. */
static void lost_all(struct cp_session *s, struct cp_conn *conn)
{
	haw_error why = conn->why;
	char line[HAW_ERROR_MESSAGE_SIZE + 64];

	if (s->stopped || !plan_retry(s, &why)) {
		conn->state = CP_CONN_NONE;
		if (s->remote.tries > 1 && may_pass(&why))
			haw_error_prefix(&why, "given up after %u attempts to connect again",
					 s->remote.tries - 1);
		give_up(s, &why);
		return;
	}
	conn->state = CP_CONN_CUT;
	if (s->remote.tries == 1) {
		snprintf(line, sizeof(line), "%s; connecting again", why.message);
		cp_report_warn(&s->report, s->host_text, "%s", line);
		s->report.reconnects++;
	} else {
		cp_report_note(&s->report, 1, why.message);
	}
}

/* One of several, or one that was to be added. */
static void lost_one(struct cp_session *s, struct cp_conn *conn)
{
	char line[HAW_ERROR_MESSAGE_SIZE + 96];
	bool again = conn->had_been_ready && may_pass(&conn->why) && plan_retry(s, &conn->why);

	conn->state = again ? CP_CONN_CUT : CP_CONN_NONE;
	if (!again)
		s->remote.full = true;
	if (conn->had_been_ready && again) {
		s->report.reconnects++;
		snprintf(line, sizeof(line), "one of %u connections: %s; it is connected again",
			 count_in(s, CP_CONN_READY) + 1, conn->why.message);
	} else {
		snprintf(line, sizeof(line), "going on with %u connection%s: %s", count_in(s, CP_CONN_READY),
			 count_in(s, CP_CONN_READY) == 1 ? "" : "s", conn->why.message);
	}
	cp_report_note(&s->report, 1, line);
}

/* What was sent ahead of the login has failed, but not yet the login, which knows why. */
static bool tells_more(const struct cp_conn *conn)
{
	return conn->state == CP_CONN_CONNECTING && conn->connecting && !haw_op_done(conn->connecting);
}

/* What a device without SFTP needs. */
static void suggest_legacy(struct cp_conn *conn)
{
	if (conn->s->remote.early && conn->connecting && haw_op_done(conn->connecting) &&
	    haw_op_result(conn->connecting, NULL) == 0 &&
	    (conn->why.code == HAW_EREFUSED || conn->why.code == HAW_ECLOSED))
		haw_error_prefix(&conn->why, "no SFTP (without it, -O copies by the old scp protocol)");
}

/* How a program ends in whose place another connection is, or is to be, is no failure of the copy. */
static void forget_program(struct cp_conn *conn)
{
	struct cp_remote *remote = &conn->s->remote;

	if (!conn->program)
		return;
	conn->program->next = remote->ending;
	remote->ending = conn->program;
	conn->program = NULL;
}

static void watch_ending(struct cp_session *s)
{
	struct cp_program **at = &s->remote.ending, *next;

	while (*at) {
		next = (*at)->next;
		if (cp_program_has_ended(&s->report, *at))
			*at = next;
		else
			at = &(*at)->next;
	}
}

static void bury(struct cp_conn *conn)
{
	struct cp_session *s = conn->s;
	bool first = s->remote.early;
	haw_error why;

	if (conn->connecting && haw_op_done(conn->connecting) && haw_op_result(conn->connecting, &why) < 0)
		conn->why = why;

	suggest_legacy(conn);
	cp_answers_judge(&s->remote.answers, conn->login, false);
	free_conn(conn, false);
	cp_request_take_back(conn);
	conn->state = CP_CONN_NONE;
	conn->lost = false;
	if (first)
		give_up(s, &conn->why);
	else if (cp_remote_ready(s) || count_in(s, CP_CONN_CONNECTING) > 0)
		lost_one(s, conn);
	else
		lost_all(s, conn);
	if (!s->remote.gone.code)
		forget_program(conn);
}

/* ---- Connecting ---- */

static void begin(struct cp_conn *conn)
{
	haw_error err;

	conn->allowance = UINT_MAX;
	conn->state = CP_CONN_CONNECTING;
	conn->login = cp_answers_begin(&conn->s->remote.answers);
	if (!cp_connect_start(conn->s, conn, &err)) {
		haw_op_free(conn->connecting);
		conn->connecting = NULL;
		cp_conn_lose(conn, &err);
	} else if (conn->s->remote.batch) {
		haw_sftp_set_batch(conn->sftp, conn->s->remote.batch, conn->s->remote.batch_user);
	}
}

static void become_ready(struct cp_conn *conn)
{
	struct cp_session *s = conn->s;
	const haw_key *key = conn->client ? haw_transport_host_key(haw_client_transport(conn->client)) : NULL;
	char line[80];

	haw_op_free(conn->opening);
	haw_op_free(conn->connecting);
	conn->opening = conn->connecting = NULL;
	if (!s->remote.fingerprint[0] && key)
		snprintf(s->remote.fingerprint, sizeof(s->remote.fingerprint), "%s",
			 haw_key_fingerprint(key));
	conn->state = CP_CONN_READY;
	cp_answers_judge(&s->remote.answers, conn->login, true);
	if (conn->had_been_ready || conn->index > 0) {
		cp_prompt_end();
		snprintf(line, sizeof(line),
			 conn->had_been_ready ? "connected again" : "connection %u is ready",
			 conn->index + 1);
		cp_report_note(&s->report, 1, line);
	}
	/* On a network that cuts everything soon, answers have to come before too much has been sent. */
	conn->allowance = conn->had_been_ready ? FIRST_REQUESTS : UINT_MAX;
	conn->had_been_ready = true;
	s->remote.failures = 0;
	s->remote.early = false;
}

static void watch_connecting(struct cp_conn *conn)
{
	bool logged_in = !conn->connecting || haw_op_done(conn->connecting);
	haw_error err;
	int code;

	if (conn->connecting && logged_in && haw_op_result(conn->connecting, &err) < 0) {
		cp_conn_lose(conn, &err);
		return;
	}
	if (logged_in && !conn->deadline_ns && conn->patience_ns)
		conn->deadline_ns = cp_now_ns() + conn->patience_ns;
	if (!conn->opening && logged_in) {
		code = 0;
	} else if (conn->opening && haw_op_done(conn->opening)) {
		code = haw_op_result(conn->opening, &err);
	} else if (conn->deadline_ns && cp_now_ns() > conn->deadline_ns) {
		code = haw_error_set(&err, HAW_ETIMEDOUT, HAW_FAULT_PEER, 0, "no answer in the time allowed");
	} else {
		return;
	}
	if (code == 0) {
		become_ready(conn);
		return;
	}
	haw_error_prefix(&err, "the SFTP session could not be opened");
	cp_conn_lose(conn, &err);
}

/* One more for each that is wanted, a few at a time. */
static void grow(struct cp_session *s)
{
	struct cp_remote *remote = &s->remote;
	unsigned connecting = count_in(s, CP_CONN_CONNECTING);

	if (remote->full || remote->count < 2 || !s->report.moving || !cp_remote_ready(s) || !cp_running(s))
		return;
	for (unsigned i = 0; i < remote->count && connecting < UNAUTHENTICATED_MAX && !remote->full; i++)
		if (remote->conns[i].state == CP_CONN_NONE) {
			begin(&remote->conns[i]);
			connecting++;
		}
}

static void retry(struct cp_session *s)
{
	unsigned connecting = count_in(s, CP_CONN_CONNECTING);

	for (unsigned i = 0; i < s->remote.count && connecting < UNAUTHENTICATED_MAX; i++)
		if (s->remote.conns[i].state == CP_CONN_CUT && cp_now_ns() >= s->remote.retry_ns) {
			begin(&s->remote.conns[i]);
			connecting++;
		}
}

/* After a signal nothing is waited for that is not there. */
static void stop(struct cp_session *s)
{
	const haw_error stopped = {.code = HAW_ECANCELED, .message = "interrupted"};

	if (!cp_remote_ready(s) && !s->remote.gone.code)
		give_up(s, &stopped);
}

void cp_remote_turn(struct cp_session *s)
{
	struct cp_remote *remote = &s->remote;

	for (unsigned i = 0; i < remote->count; i++)
		if (remote->conns[i].state == CP_CONN_CONNECTING && !remote->conns[i].lost)
			watch_connecting(&remote->conns[i]);
	for (unsigned i = 0; i < remote->count; i++)
		if (remote->conns[i].lost && !tells_more(&remote->conns[i]))
			bury(&remote->conns[i]);
	watch_ending(s);
	if (s->stopped)
		stop(s);
	if (!remote->gone.code) {
		retry(s);
		grow(s);
	}
	cp_exec_hash_turn(s, NULL);
	cp_request_pump(s);
	cp_request_deliver(s);
}

uint64_t cp_remote_wait_ns(const struct cp_session *s)
{
	const struct cp_remote *remote = &s->remote;
	uint64_t now = cp_now_ns(), due = UINT64_MAX;

	if (remote->finished.first)
		return 0;
	if (remote->waiting.first && !cp_repeat_may_start(remote->waiting.first))
		due = remote->waiting.first->settled_ns;
	if (count_in(s, CP_CONN_CUT) > 0 && remote->retry_ns < due)
		due = remote->retry_ns;
	if (due == UINT64_MAX)
		return due;
	return due > now ? due - now : 0;
}

/* ---- Without requests ---- */

void cp_remote_lose(struct cp_session *s, const haw_error *err)
{
	struct cp_conn *conn = &s->remote.conns[0];

	if (conn->state == CP_CONN_READY)
		cp_conn_lose(conn, err);
}

static bool has_come_or_gone(void *user)
{
	const struct cp_session *s = user;

	return cp_remote_ready(s) || !cp_running(s);
}

static void no_turn(void *user)
{
	(void)user;
}

bool cp_remote_wait(struct cp_session *s)
{
	cp_session_run(s, has_come_or_gone, no_turn, s);
	return cp_running(s);
}

/* ---- Life ---- */

void cp_remote_set_batch(struct cp_session *s, void (*batch)(void *user), void *user)
{
	s->remote.batch = batch;
	s->remote.batch_user = user;
	for (unsigned i = 0; i < s->remote.count; i++)
		if (s->remote.conns[i].sftp)
			haw_sftp_set_batch(s->remote.conns[i].sftp, batch, user);
}

bool cp_remote_begin(struct cp_session *s, unsigned count)
{
	struct cp_remote *remote = &s->remote;

	remote->conns = calloc(count, sizeof(*remote->conns));
	if (!remote->conns)
		return false;
	remote->count = count;
	for (unsigned i = 0; i < count; i++) {
		remote->conns[i].s = s;
		remote->conns[i].index = i;
	}
	remote->waiting.end = &remote->waiting.first;
	remote->finished.end = &remote->finished.first;
	remote->early = true;
	begin(&remote->conns[0]);
	return true;
}

static void end_programs(struct cp_session *s)
{
	const struct timespec step = {.tv_nsec = 10000000};

	for (unsigned i = 0; i < s->remote.count; i++) {
		cp_program_end(&s->report, s->remote.conns[i].program);
		s->remote.conns[i].program = NULL;
	}
	for (watch_ending(s); s->remote.ending; watch_ending(s))
		nanosleep(&step, NULL);
}

void cp_remote_end(struct cp_session *s)
{
	struct cp_remote *remote = &s->remote;
	const haw_error ended = {.code = HAW_ECANCELED, .message = "ended"};

	for (unsigned i = 0; i < remote->count; i++) {
		struct cp_conn *conn = &remote->conns[i];

		free_conn(conn, conn->state == CP_CONN_READY && !s->lost);
		while (conn->first) {
			struct cp_reply *r = conn->first;

			cp_request_detach(r);
			cp_request_free(r);
		}
	}
	if (remote->conns) {
		cp_request_fail_all(s, &ended);
		while (remote->finished.first) {
			struct cp_reply *r = remote->finished.first;

			remote->finished.first = r->next;
			cp_request_free(r);
		}
	}
	while (remote->files)
		cp_file_put(remote->files);
	end_programs(s);
	cp_late_free(s);
	free(remote->conns);
	remote->conns = NULL;
	remote->count = 0;
	cp_answers_wipe(&remote->answers);
}

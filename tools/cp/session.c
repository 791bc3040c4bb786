/* SPDX-License-Identifier: Apache-2.0 */
#include "remote_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "interrupt.h"

enum { TURN_MS = 100 };

/* A turn waits no longer than until the rate has room again, or a connection is to be tried again. */
static int turn_ms(struct cp_session *s)
{
	uint64_t rate = s->flow.rate.bytes_per_s ? cp_rate_wait_ns(&s->flow.rate, cp_now_ns()) : 0;
	uint64_t wait = cp_remote_wait_ns(s), other = s->companion ? cp_remote_wait_ns(s->companion) : wait;

	if (other < wait)
		wait = other;
	if (rate > 0 && rate < wait)
		wait = rate;
	if (wait == 0)
		return 0;
	return wait < TURN_MS * 1000000ull ? (int)(wait / 1000000) + 1 : TURN_MS;
}

/* How long operations under way may take to end after a signal. */
static const uint64_t patience_ns = 3000000000u;

bool cp_running(const struct cp_session *s)
{
	return !s->lost && !s->stopped;
}

bool cp_session_ended(struct cp_session *s, int code, const haw_error *err)
{
	if (!cp_conn_is_code(code))
		return s->lost;
	s->lost = true;
	if (!s->stopped)
		cp_report_lost(&s->report, s->host_text, err);
	return true;
}

static void notice_signal(struct cp_session *s, uint64_t *deadline)
{
	if (!cp_interrupted())
		return;
	if (!s->stopped)
		*deadline = cp_now_ns() + patience_ns;
	s->stopped = true;
	if (cp_now_ns() > *deadline)
		cp_interrupt_end();
}

static void rest(const struct cp_flow *flow)
{
	struct timespec pause = {.tv_nsec = (long)cp_flow_pause_ns(flow)};

	/* A signal ends it, and the loop is awake then. */
	if (pause.tv_nsec > 0)
		nanosleep(&pause, NULL);
}

bool cp_session_paces(struct cp_session *s, uint64_t len, struct cp_paced *paced)
{
	if (cp_rate_room(&s->flow.rate, cp_now_ns())) {
		cp_rate_take(&s->flow.rate, len);
		return true;
	}
	if (!paced->queued) {
		paced->queued = true;
		paced->next = NULL;
		*(s->paced ? s->paced_end : &s->paced) = paced;
		s->paced_end = &paced->next;
	}
	return false;
}

/* One at a time, in order, so that none of many starves. */
static void run_paced(struct cp_session *s)
{
	struct cp_paced *paced;

	while ((paced = s->paced) && (!cp_running(s) || cp_rate_room(&s->flow.rate, cp_now_ns()))) {
		s->paced = paced->next;
		paced->queued = false;
		paced->again(paced->user);
	}
}

void cp_session_run(struct cp_session *s, bool (*finished)(void *user), void (*turn)(void *user), void *user)
{
	uint64_t deadline = 0;
	haw_error err;

	while (!finished(user)) {
		int result;

		rest(&s->flow);
		cp_remote_wait_begins(s);
		result = haw_loop_run(s->loop, turn_ms(s), &err);
		cp_remote_wait_ended(s);

		if (result < 0 && result != HAW_ETIMEDOUT)
			cp_session_ended(s, HAW_ESYSTEM, &err);
		notice_signal(s, &deadline);
		cp_remote_turn(s);
		if (s->companion)
			cp_remote_turn(s->companion);
		run_paced(s);
		if (s->companion)
			run_paced(s->companion);
		turn(user);
		cp_report_progress(&s->report);
	}
}

struct waiting {
	haw_op *op;
	uint64_t deadline_ns;
};

/* While one operation is waited for there is nothing to clean up yet. */
static bool has_waited(void *user)
{
	const struct waiting *w = user;

	cp_interrupt_end();
	return haw_op_done(w->op) || cp_now_ns() > w->deadline_ns;
}

static void no_turn(void *user)
{
	(void)user;
}

int cp_wait_until(struct cp_session *s, haw_op *op, uint64_t deadline_ns, haw_error *err)
{
	struct waiting w = {.op = op, .deadline_ns = deadline_ns};

	if (!op)
		return err->code;
	cp_session_run(s, has_waited, no_turn, &w);
	if (!haw_op_done(op))
		return haw_error_set(err, HAW_ETIMEDOUT, HAW_FAULT_PEER, 0, "no answer in the time allowed");
	return haw_op_result(op, err);
}

int cp_wait(struct cp_session *s, haw_op *op, haw_error *err)
{
	return cp_wait_until(s, op, UINT64_MAX, err);
}

static bool was_asked(void *user)
{
	const struct cp_session *s = user;

	return s->asked.done;
}

haw_transport *cp_session_transport(const struct cp_session *s)
{
	struct cp_conn *conn = cp_remote_ready(s);

	return conn && conn->client ? haw_client_transport(conn->client) : NULL;
}

int cp_session_asked(struct cp_session *s, haw_attrs *attrs, haw_error *err)
{
	cp_session_run(s, was_asked, no_turn, s);
	*attrs = s->asked.attrs;
	*err = s->asked.err;
	return s->asked.code;
}

char *cp_remote_name(const struct cp_session *s, const char *path)
{
	char *name = NULL;

	return asprintf(&name, "%s:%s", s->host_text, path) < 0 ? NULL : name;
}

void cp_report_remote(struct cp_session *s, const char *local, const char *final, const char *reason)
{
	char *name = cp_remote_name(s, final), shown[4400];

	haw_escape(shown, sizeof(shown), name ? name : final, strlen(name ? name : final));
	cp_report_failed(&s->report, local, "%s: %s", shown, reason);
	free(name);
}

char *cp_join(const char *directory, const char *name)
{
	size_t len = strlen(directory);
	char *path = NULL;
	int result;

	if (strcmp(directory, ".") == 0 || len == 0)
		return strdup(name);
	result = asprintf(&path, "%s%s%s", directory, directory[len - 1] == '/' ? "" : "/", name);
	return result < 0 ? NULL : path;
}

static size_t without_slashes(const char *path)
{
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		len--;
	return len;
}

static size_t start_of_name(const char *path, size_t len)
{
	while (len > 0 && path[len - 1] != '/')
		len--;
	return len;
}

char *cp_last_name(const char *path)
{
	size_t len = without_slashes(path), start = start_of_name(path, len);

	return strndup(path + start, len - start);
}

char *cp_around_name(const char *path)
{
	size_t start = start_of_name(path, without_slashes(path));

	while (start > 1 && path[start - 1] == '/')
		start--;
	return start == 0 ? strdup(".") : strndup(path, start);
}

const char *cp_reason(const haw_error *err)
{
	if (err->code == HAW_ENOTFOUND)
		return "No such file or directory";
	if (err->code == HAW_ESTATUS && err->reason == HAW_SFTP_PERMISSION_DENIED)
		return "Permission denied";
	return err->message;
}

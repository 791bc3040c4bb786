/* SPDX-License-Identifier: Apache-2.0
 *
 * Which side is where, and what the run amounts to.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "../config.h"
#include "cp.h"
#include "download.h"
#include "expand.h"
#include "fit.h"
#include "interrupt.h"
#include "legacy.h"
#include "local.h"
#include "relay.h"
#include "scan.h"
#include "session.h"
#include "upload.h"

struct operands {
	struct cp_location *sources, destination;
	size_t count;
};

static bool parse_one(struct cp_session *s, struct cp_location *location, const char *text)
{
	char reason[160], shown[512];

	if (cp_location_parse(location, text, reason, sizeof(reason)))
		return true;
	cp_report_wrong(&s->report, "%s: %s", haw_escape(shown, sizeof(shown), text, strlen(text)), reason);
	return false;
}

static bool parse(struct cp_session *s, struct operands *o)
{
	const struct cp_args *args = s->args;

	o->count = args->operand_count - 1;
	o->sources = calloc(o->count, sizeof(*o->sources));
	if (!o->sources) {
		cp_report_wrong(&s->report, "out of memory");
		return false;
	}
	for (size_t i = 0; i < o->count; i++)
		if (!parse_one(s, &o->sources[i], args->operands[i]))
			return false;
	return parse_one(s, &o->destination, args->operands[o->count]);
}

static void free_operands(struct operands *o)
{
	for (size_t i = 0; o->sources && i < o->count; i++)
		cp_location_free(&o->sources[i]);
	free(o->sources);
	cp_location_free(&o->destination);
}

/* Hawser's own configuration, for the host of one side or for none. */
static bool configure(struct cp_session *s, const struct cp_location *peer)
{
	bool json = s->report.json;
	haw_error err;

	s->tool_config = tool_config_load(peer ? peer->host : "", peer ? peer->user : NULL, &err);
	if (s->tool_config && (json || tool_config_flag(s->tool_config, "Json", &json, &err) == 0)) {
		s->report.json = json;
		s->report.progress = s->report.progress && !json;
		return true;
	}
	cp_report_wrong(&s->report, "%s", err.message);
	return false;
}

/* ---- One place ---- */

/* Sources in one place, which one connection reaches, and where they go. PATHS has room for them. */
struct group {
	struct cp_location *sources, *destination;
	char **paths;
	size_t count;
};

/* The names of the sources on the server of S, or here if that is NULL. What has none there, which has been
 * said, is left out. */
static size_t name_sources(struct cp_session *s, const struct group *g)
{
	size_t count = 0;

	for (size_t i = 0; i < g->count; i++)
		if (!s || (cp_running(s) && cp_expand_user(s, &g->sources[i])))
			g->paths[count++] = g->sources[i].path;
	return count;
}

/* What is asked as early as possible: nothing if the server has to expand the name first. */
static const char *early_question(const struct cp_location *destination)
{
	return destination->tilde ? NULL : destination->path;
}

static bool name_destination(struct cp_session *s, struct cp_location *destination)
{
	bool late = destination->tilde;

	if (!cp_expand_user(s, destination))
		return false;
	if (late)
		cp_session_ask(s, destination->path);
	return true;
}

/* By the old protocol, or by scp on the other side. TO is connected or, but for a relay, NULL. */
static void run_legacy(struct cp_session *s, struct cp_session *to, const struct group *g)
{
	const char **raw = calloc(g->count, sizeof(*raw));

	if (!raw) {
		cp_report_wrong(&s->report, "out of memory");
		return;
	}
	for (size_t i = 0; i < g->count; i++)
		raw[i] = g->sources[i].raw;
	if (!g->sources[0].remote)
		cp_legacy_upload(s, g->paths, name_sources(NULL, g), g->destination->raw);
	else if (!g->destination->remote)
		cp_legacy_download(s, raw, g->count, g->destination->path);
	else if (to)
		cp_legacy_relay(s, to, raw, g->count, g->destination->raw);
	else
		cp_legacy_on_origin(s, raw, g->count, g->destination);
	free(raw);
}

static void run_relay(struct cp_session *s, struct cp_session *to, const struct group *g)
{
	size_t count = name_sources(s, g);

	s->report.moving = s->report.waits.between = true;
	if (count > 0 && name_destination(to, g->destination))
		cp_relay(s, to, g->paths, count, g->destination->path);
}

/* From one host to another. Both sessions live on one loop; the account is that of the first. */
static void run_between(struct cp_session *s, const struct group *g)
{
	struct cp_session to = {.args = s->args, .umask = s->umask, .peer = g->destination, .companion = s};
	bool legacy = s->args->scp.legacy;

	s->peer = &g->sources[0];
	s->host_text = s->peer->host;
	s->companion = &to;
	if (s->args->scp.on_origin) {
		s->companion = NULL;
		if (cp_connect_plain(s, false))
			run_legacy(s, NULL, g);
	} else if (legacy ? cp_connect_plain(s, false) : cp_connect(s, false)) {
		to.loop = s->loop;
		to.borrows_loop = true;
		to.host_text = to.peer->host;
		to.ask_path = early_question(to.peer);
		cp_report_begin(&to.report, s->report.json, true, s->report.verbose);
		to.report.main = &s->report;
		/* The user may be asked once more. */
		s->report.moving = false;
		if (!configure(&to, to.peer))
			s->report.wrong = true;
		else if (legacy && cp_connect_plain(&to, true))
			run_legacy(s, &to, g);
		else if (!legacy && cp_connect(&to, true))
			run_relay(s, &to, g);
		cp_disconnect(&to);
		s->companion = NULL;
		haw_host_config_free(to.tool_config);
		s->report.failed += to.report.failed;
		s->report.reconnects += to.report.reconnects;
		cp_waits_merge(&s->report.waits, &to.report.waits);
		s->report.lost |= to.report.lost;
		s->report.wrong |= to.report.wrong;
	}
	cp_disconnect(s);
}

static void run_local(struct cp_session *s, const struct group *g)
{
	cp_interrupt_catch(NULL);
	s->report.protocol = "local";
	s->report.moving = true;
	cp_local(s, g->paths, name_sources(NULL, g), g->destination->path);
}

/* Between this machine and a host. */
static void run_remote(struct cp_session *s, const struct group *g)
{
	bool upload = g->destination->remote;
	size_t count;

	s->peer = upload ? g->destination : &g->sources[0];
	s->host_text = s->peer->host;
	s->ask_path = upload ? early_question(g->destination) : NULL;
	if (upload && s->report.progress && !s->several)
		cp_scan(&s->report, g->paths, name_sources(NULL, g), s->args->recursive);
	if (s->args->scp.legacy) {
		if (cp_connect_plain(s, upload))
			run_legacy(s, NULL, g);
	} else if (cp_connect(s, upload)) {
		count = name_sources(upload ? NULL : s, g);
		if (count > 0 && !upload)
			cp_download(s, g->paths, count, g->destination->path);
		else if (upload && name_destination(s, g->destination))
			cp_upload(s, g->paths, count, g->destination->path);
	}
	cp_disconnect(s);
}

static void run(struct cp_session *s, const struct group *g)
{
	bool from_here = !g->sources[0].remote, to_here = !g->destination->remote;

	if (!configure(s, from_here && to_here ? NULL : from_here ? g->destination : &g->sources[0]))
		return;
	if (from_here && to_here)
		run_local(s, g);
	else if (from_here || to_here)
		run_remote(s, g);
	else
		run_between(s, g);
}

/* ---- All of them ---- */

/* Another session with the same account. */
static void renew(struct cp_session *s)
{
	struct cp_session fresh = {.args = s->args,
				   .umask = s->umask,
				   .several = s->several,
				   .report = s->report,
				   .account = s->account};

	haw_host_config_free(s->tool_config);
	*s = fresh;
	s->report.moving = s->report.lost = s->report.wrong = false;
}

/* How many sources from the first on are in one place. */
static size_t count_together(const struct cp_location *sources, size_t count)
{
	size_t n = 1;

	while (n < count && sources[n].remote == sources[0].remote &&
	       (!sources[0].remote || cp_location_same_host(&sources[n], &sources[0])))
		n++;
	return n;
}

/* In the order in which they were written, those of each place at once. A place that cannot be reached is no
 * reason to leave out the next. */
static void run_all(struct cp_session *s, struct operands *o, char **paths)
{
	bool lost = false, wrong = false, other = false;
	size_t next = 0;

	for (size_t i = 0; i < o->count; i++)
		if (!cp_fit_check(s, &o->sources[i], &o->destination))
			return;
	while (next < o->count && !s->stopped && !cp_interrupted()) {
		struct group g = {&o->sources[next], &o->destination, paths, 0};

		g.count = count_together(g.sources, o->count - next);
		next += g.count;
		renew(s);
		run(s, &g);
		lost |= s->report.lost;
		wrong |= s->report.wrong;
		other |= !s->report.wrong;
	}
	s->report.lost = lost;
	/* Something could start. */
	s->report.failed += wrong && other;
	s->report.wrong = wrong && !other;
}

/* Directories are held open while they are worked on. */
static void raise_limits(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static void copy(struct cp_session *s)
{
	struct operands operands = {0};
	char **paths = NULL;

	if (parse(s, &operands)) {
		s->several = operands.count > 1;
		paths = calloc(operands.count, sizeof(*paths));
		if (paths)
			run_all(s, &operands, paths);
		else
			cp_report_wrong(&s->report, "out of memory");
	}
	haw_host_config_free(s->tool_config);
	free(paths);
	free_operands(&operands);
}

static int obey(const struct cp_args *given)
{
	struct cp_session session = {.args = given};
	int status;

	session.umask = umask(0);
	umask(session.umask);
	cp_report_begin(&session.report, given->json, given->quiet, given->verbose);
	session.report.verify = given->verify;
	if (given->show_config) {
		cp_show_config(&session);
	} else {
		raise_limits();
		cp_source_guard();
		copy(&session);
	}
	status = cp_report_end(&session.report);
	cp_interrupt_end();
	return status;
}

int haw_tool_cp(int argc, char **argv)
{
	struct cp_args args;
	int status = CP_STATUS_DONE;

	/* getopt speaks in this name. */
	argv[0] = (char *)"hawser cp";
	switch (cp_args_parse(&args, argc, argv)) {
	case CP_ARGS_HELP:
		fputs(cp_usage, stdout);
		break;
	case CP_ARGS_WRONG:
		status = CP_STATUS_WRONG_USE;
		break;
	case CP_ARGS_RUN:
		status = obey(&args);
		break;
	}
	tool_backends_free(&args.backends);
	cp_scp_args_free(&args.scp);
	return status;
}

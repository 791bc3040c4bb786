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

/* All sources are in one place. */
static bool check_sides(struct cp_session *s, const struct operands *o)
{
	for (size_t i = 0; i < o->count; i++) {
		if (o->sources[i].remote != o->sources[0].remote ||
		    (o->sources[i].remote && !cp_location_same_host(&o->sources[i], &o->sources[0]))) {
			cp_report_wrong(&s->report, "all sources must be local, or all on one host");
			return false;
		}
	}
	return true;
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
	return parse_one(s, &o->destination, args->operands[o->count]) && check_sides(s, o);
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

/* By the old protocol, or by scp on the other side. TO is connected or, but for a relay, NULL. */
static void run_legacy(struct cp_session *s, struct cp_session *to, const struct operands *o, char **paths)
{
	const char **raw = calloc(o->count, sizeof(*raw));

	if (!raw) {
		cp_report_wrong(&s->report, "out of memory");
		return;
	}
	for (size_t i = 0; i < o->count; i++)
		raw[i] = o->sources[i].raw;
	if (!o->sources[0].remote)
		cp_legacy_upload(s, paths, o->count, o->destination.raw);
	else if (!o->destination.remote)
		cp_legacy_download(s, raw, o->count, o->destination.path);
	else if (to)
		cp_legacy_relay(s, to, raw, o->count, o->destination.raw);
	else
		cp_legacy_on_origin(s, raw, o->count, &o->destination);
	free(raw);
}

/* From one host to another. Both sessions live on one loop; the account is that of the first. */
static void run_between(struct cp_session *s, const struct operands *o, char **paths)
{
	struct cp_session to = {.args = s->args, .umask = s->umask, .peer = &o->destination, .raw = true};
	bool legacy = s->args->scp.legacy;

	s->peer = &o->sources[0];
	s->host_text = s->peer->host;
	s->raw = true;
	s->companion = &to;
	if (s->args->scp.on_origin) {
		s->companion = NULL;
		if (cp_connect_plain(s, false))
			run_legacy(s, NULL, o, paths);
	} else if (legacy ? cp_connect_plain(s, false) : cp_connect(s, false)) {
		to.loop = s->loop;
		to.borrows_loop = true;
		to.host_text = to.peer->host;
		to.ask_path = to.peer->path;
		cp_report_begin(&to.report, s->report.json, true, s->report.verbose);
		if (!configure(&to, to.peer))
			s->report.wrong = true;
		else if (legacy && cp_connect_plain(&to, true))
			run_legacy(s, &to, o, paths);
		else if (!legacy && cp_connect(&to, true))
			cp_relay(s, &to, paths, o->count, to.peer->path);
		cp_disconnect(&to);
		s->companion = NULL;
		haw_host_config_free(to.tool_config);
		s->report.failed += to.report.failed;
		s->report.lost |= to.report.lost;
		s->report.wrong |= to.report.wrong;
	}
	cp_disconnect(s);
}

static void run(struct cp_session *s, struct operands *o, char **paths)
{
	bool upload = o->destination.remote, remote = upload || o->sources[0].remote;

	if (!configure(s, !remote ? NULL : o->sources[0].remote ? &o->sources[0] : &o->destination))
		return;
	if (!remote) {
		cp_interrupt_catch(NULL);
		s->report.protocol = "local";
		s->report.moving = true;
		cp_local(s, paths, o->count, o->destination.path);
		return;
	}
	if (upload && o->sources[0].remote) {
		run_between(s, o, paths);
		return;
	}
	s->peer = upload ? &o->destination : &o->sources[0];
	s->host_text = s->peer->host;
	s->ask_path = upload ? o->destination.path : NULL;
	if (upload && s->report.progress)
		cp_scan(&s->report, paths, o->count, s->args->recursive);
	if (s->args->scp.legacy) {
		if (cp_connect_plain(s, upload))
			run_legacy(s, NULL, o, paths);
	} else if (cp_connect(s, upload)) {
		if (upload)
			cp_upload(s, paths, o->count, o->destination.path);
		else
			cp_download(s, paths, o->count, o->destination.path);
	}
	cp_disconnect(s);
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
		paths = calloc(operands.count, sizeof(*paths));
		for (size_t i = 0; paths && i < operands.count; i++)
			paths[i] = operands.sources[i].path;
		if (paths)
			run(s, &operands, paths);
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

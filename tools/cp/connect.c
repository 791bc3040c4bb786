/* SPDX-License-Identifier: Apache-2.0
 *
 * Getting in: algorithms, backends, the connection, the SFTP session.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../calibration.h"
#include "interrupt.h"
#include "program.h"
#include "prompt.h"
#include "remote_internal.h"

enum { SFTP_TIMEOUT_MS = 120000, WINDOW_LEAST = 4 << 20 };

/* ---- Algorithms ---- */

/* "Ciphers auto": those offered by default, the fastest here first. */
static bool is_auto(const char *ciphers)
{
	return ciphers && strcmp(ciphers, "auto") == 0;
}

/* A list that names an unknown algorithm is wrong use, and known before anything is connected. */
static bool check_lists(struct cp_session *s, const haw_host_values *values)
{
	const struct {
		enum haw_algorithm_kind kind;
		const char *text;
	} lists[] = {
		{HAW_ALGORITHM_KEX, values->kex},
		{HAW_ALGORITHM_HOST_KEY, values->host_key_algorithms},
		{HAW_ALGORITHM_CIPHER, is_auto(values->ciphers) ? NULL : values->ciphers},
		{HAW_ALGORITHM_MAC, values->macs},
	};
	char list[4096];
	haw_error err;

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		if (lists[i].text &&
		    haw_algorithm_list(lists[i].kind, lists[i].text, list, sizeof(list), &err) < 0) {
			cp_report_wrong(&s->report, "%s", err.message);
			return false;
		}
	return true;
}

static void on_backend(void *user, const char *line)
{
	struct cp_session *s = user;

	if (!s->args->quiet)
		cp_report_note(&s->report, 0, line);
}

static bool choose_backends(struct cp_session *s)
{
	haw_error err;

	s->selector = tool_backends_selector(&s->args->backends, s->tool_config, &err);
	if (s->selector)
		haw_selector_set_log(s->selector, on_backend, s);
	else
		cp_report_wrong(&s->report, "%s", err.message);
	return s->selector != NULL;
}

/* ---- Measuring ---- */

static void on_note(void *user, const char *line)
{
	struct cp_session *s = user;

	cp_report_note(&s->report, 1, line);
}

/* Let the selector know what its backends can do, and sort the ciphers by it where that is asked for. */
static bool calibrate(struct cp_session *s, const haw_host_values *values)
{
	char ciphers[1024], macs[1024];
	bool sort = is_auto(values->ciphers);
	haw_error err;

	/* The lists were checked. */
	if (haw_algorithm_list(HAW_ALGORITHM_CIPHER, sort ? NULL : values->ciphers, ciphers, sizeof(ciphers),
			       NULL) < 0 ||
	    haw_algorithm_list(HAW_ALGORITHM_MAC, values->macs, macs, sizeof(macs), NULL) < 0)
		return true;
	if (tool_calibration_confirm(s->selector, ciphers, macs, &err) < 0) {
		cp_report_wrong(&s->report, "%s", err.message);
		return false;
	}
	tool_calibration_load(s->selector, on_note, s);
	tool_calibration_hasten(s->selector, ciphers, macs, sort, on_note, s);
	if (sort &&
	    haw_selector_sort_ciphers(s->selector, ciphers, macs, s->ciphers, sizeof(s->ciphers)) == 0)
		cp_report_note(&s->report, 2, s->ciphers);
	return true;
}

/* ---- What the library has to say ---- */

static void on_banner(void *user, const char *text)
{
	struct cp_conn *conn = user;
	size_t len = strlen(text);
	char *lines = strndup(text, len > 0 && text[len - 1] == '\n' ? len - 1 : len);

	/* Once is enough. */
	if (lines && !conn->s->args->quiet && !conn->s->hushed && conn->s->remote.early)
		cp_report_note(&conn->s->report, 0, lines);
	free(lines);
}

static void on_conn_log(void *user, int level, const char *line)
{
	struct cp_conn *conn = user;

	if (level == 0 && conn->s->hushed)
		return;
	/* What was said at the first login is not said at each. */
	cp_report_note(&conn->s->report, level == 0 && !conn->s->remote.early ? 1 : level, line);
}

/* A person is asked while nothing else goes on. What was typed before is used again. */
static void on_question(void *user, haw_question *question)
{
	struct cp_conn *conn = user;
	struct cp_session *s = conn->s;
	struct cp_answers *answers = &s->remote.answers;
	bool given = haw_question_kind(question) == HAW_ASK_HOST_KEY
			     ? cp_answers_give_host(answers, question)
			     : cp_answers_give(answers, conn->login, question);

	if (given)
		return;
	if (cp_remote_ready(s))
		haw_question_refuse(question);
	else
		cp_prompt(question, answers, conn->login);
}

/* ---- Connecting ---- */

static bool make_loop(struct cp_session *s)
{
	haw_error err;

	if (s->loop)
		return true;
	s->loop = haw_loop_new(NULL, &err);
	if (s->loop)
		cp_interrupt_catch(s->loop);
	else
		cp_report_wrong(&s->report, "%s", err.message);
	return s->loop != NULL;
}

static bool make_client(struct cp_session *s, struct cp_conn *conn, haw_error *err)
{
	const haw_host_values *values = haw_host_config_values(s->host_config);
	haw_client_options options = {
		.size = sizeof(options), .config = s->host_config, .hops = s->config};

	options.family = s->args->family;
	options.batch = s->args->batch || values->batch_mode;
	options.host_key_fingerprint = s->remote.fingerprint[0] ? s->remote.fingerprint : NULL;
	options.transport.size = sizeof(options.transport);
	options.transport.memory = ((size_t)s->args->memory_mib << 20) / s->args->connections;
	if (s->companion)
		options.transport.memory /= 2;
	if (options.transport.memory < WINDOW_LEAST)
		options.transport.memory = WINDOW_LEAST;
	options.transport.selector = s->selector;
	options.transport.ciphers = s->ciphers[0] ? s->ciphers : NULL;
	options.transport.ask = !options.batch && cp_prompt_possible() ? on_question : NULL;
	options.transport.banner = on_banner;
	options.transport.log = on_conn_log;
	options.transport.user = conn;
	conn->client = haw_client_new(s->loop, &options, err);
	return conn->client != NULL;
}

/* Through another program, which asks the user itself if it must, and takes its time for that. */
static bool start_program(struct cp_session *s, struct cp_conn *conn, haw_error *err)
{
	haw_stream *stream;

	conn->program = cp_program_start(&s->args->scp, s->peer, s->args->port, NULL, err);
	if (!conn->program && s->remote.early) {
		cp_report_wrong(&s->report, "%s", err->message);
		err->code = HAW_ECANCELED;
	}
	if (!conn->program)
		return false;
	stream = haw_stream_new_fds(conn->program->fd, conn->program->fd, err);
	if (!stream)
		return false;
	conn->program->fd = -1;
	/* The first time the user may be asked. */
	conn->patience_ns = conn->had_been_ready ? SFTP_TIMEOUT_MS * 1000000ull : 0;
	conn->opening = haw_sftp_start_stream(s->loop, stream, &conn->sftp, NULL, NULL, err);
	haw_stream_free(stream);
	return conn->opening != NULL;
}

static bool is_through_program(const struct cp_session *s)
{
	return s->args->scp.program || s->args->scp.server;
}

/* Log in and open the session; both are started at once, so that nothing waits that need not. */
bool cp_connect_start(struct cp_session *s, struct cp_conn *conn, haw_error *err)
{
	const haw_host_values *values;

	conn->deadline_ns = conn->patience_ns = 0;
	if (is_through_program(s))
		return start_program(s, conn, err);
	values = haw_host_config_values(s->host_config);
	conn->patience_ns =
		(values->connect_timeout_s ? values->connect_timeout_s * 1000 : SFTP_TIMEOUT_MS) * 1000000ull;
	if (!make_client(s, conn, err))
		return false;
	conn->connecting = haw_client_connect_start(conn->client, NULL, NULL, err);
	if (conn->connecting && !s->plain)
		conn->opening = haw_client_sftp_start(conn->client, &conn->sftp, NULL, NULL, err);
	return s->plain ? conn->connecting != NULL : conn->opening != NULL;
}

static void path_known(void *user, struct cp_reply *reply)
{
	struct cp_asked *asked = user;

	asked->code = cp_reply_result(reply, &asked->err);
	cp_reply_attrs(reply, &asked->attrs);
	asked->done = true;
}

void cp_session_ask(struct cp_session *s, const char *path)
{
	haw_error err;

	s->ask_path = path;
	if (cp_sftp_stat(s, path, true, path_known, &s->asked, &err))
		return;
	s->asked.code = err.code;
	s->asked.err = err;
	s->asked.done = true;
}

static bool connected(void *user)
{
	const struct cp_session *s = user;

	/* There is nothing to clean up yet. */
	cp_interrupt_end();
	return s->lost || cp_remote_ready(s);
}

static void no_turn(void *user)
{
	(void)user;
}

/* A ProxyJump that cannot be followed is wrong use, and known before anything is connected. */
static bool check_route(struct cp_session *s)
{
	struct cp_conn conn = {.s = s};
	haw_error err;

	if (is_through_program(s) || !haw_host_config_values(s->host_config)->proxy_jump)
		return true;
	if (!make_client(s, &conn, &err))
		cp_report_wrong(&s->report, "%s", err.message);
	haw_client_free(conn.client);
	return conn.client != NULL;
}

static bool open_session(struct cp_session *s)
{
	if (!make_loop(s) || !check_route(s))
		return false;
	if (!cp_remote_begin(s, s->args->scp.server || s->plain ? 1 : s->args->connections)) {
		cp_report_wrong(&s->report, "out of memory");
		return false;
	}
	if (s->ask_path && !s->plain)
		cp_session_ask(s, s->ask_path);
	cp_session_run(s, connected, no_turn, s);
	cp_prompt_end();
	return !s->lost;
}

/* Say at -v who protects packets with the suite NAME, and why. */
static void explain(struct cp_session *s, const char *name)
{
	const haw_backend *backend;
	const haw_suite *suite;
	char reason[320], line[512];

	for (size_t i = 0; (suite = haw_suite_at(i)); i++)
		if (strcmp(suite->name, name) == 0)
			break;
	backend = suite ? haw_selector_choose(s->selector, suite, reason, sizeof(reason)) : NULL;
	if (!backend)
		return;
	snprintf(line, sizeof(line), "%s by %s: %s", name, backend->name, reason);
	cp_report_note(&s->report, 1, line);
}

static void account(struct cp_session *s, bool upload, const char *protocol)
{
	haw_transport_info info = {.size = sizeof(info)};
	struct cp_account *kept = &s->account;
	const char *suite, *backend;

	haw_transport_get_info(haw_client_transport(cp_remote_ready(s)->client), &info);
	suite = upload ? info.suite_out : info.suite_in;
	backend = upload ? info.backend_out : info.backend_in;
	snprintf(kept->suite, sizeof(kept->suite), "%s", suite ? suite : "");
	snprintf(kept->backend, sizeof(kept->backend), "%s", backend ? backend : "");
	snprintf(kept->engine, sizeof(kept->engine), "%s", haw_loop_engine(s->loop));
	snprintf(kept->peer_version, sizeof(kept->peer_version), "%s",
		 info.peer_version ? info.peer_version : "");
	if (s->report.verbose >= 1 && suite)
		explain(s, suite);
	s->report.suite = kept->suite;
	s->report.backend = kept->backend;
	s->report.engine = kept->engine;
	s->report.protocol = protocol;
	s->report.peer = kept->peer_version;
}

/* ---- Both ---- */

/* What the user allows, and the server. */
static void begin_flow(struct cp_session *s, bool upload)
{
	const struct cp_scp_args *scp = &s->args->scp;
	uint64_t most = scp->buffer ? scp->buffer : UINT64_MAX;

	s->extensions = haw_sftp_extensions(cp_remote_ready(s)->sftp);
	haw_sftp_get_limits(cp_remote_ready(s)->sftp, &s->limits);
	if (s->limits.read > most)
		s->limits.read = most;
	if (s->limits.write > most)
		s->limits.write = most;
	cp_flow_begin(&s->flow, upload ? CP_FLOW_FILES_UP : CP_FLOW_FILES_DOWN);
	s->flow.rests = !upload;
	cp_flow_set_budget(&s->flow, s->args->connections, (uint64_t)s->args->memory_mib << 20);
	cp_flow_set_handles(&s->flow, s->limits.handles);
	cp_rate_begin(&s->flow.rate, s->args->rate, cp_now_ns());
	s->flow.requests_limit = scp->requests;
}

/* What the command line says of it; the program reads its configuration itself. */
static unsigned attempts_given(const struct cp_session *s)
{
	static const char keyword[] = "ConnectionAttempts";
	const struct cp_words *settings = &s->args->settings;
	haw_config *config = haw_config_new(NULL);
	haw_host_config *found = NULL;
	unsigned attempts = 0;

	for (size_t i = 0; config && i < settings->count; i++)
		if (strncasecmp(settings->items[i], keyword, sizeof(keyword) - 1) == 0 &&
		    haw_config_set(config, settings->items[i], NULL) == 0)
			found = found ? found : haw_config_lookup(config, s->peer->host, NULL);
	if (found)
		attempts = haw_host_config_values(found)->connection_attempts;
	haw_host_config_free(found);
	haw_config_free(config);
	return attempts;
}

static bool connect_program(struct cp_session *s)
{
	s->attempts = attempts_given(s);
	if (!open_session(s))
		return false;
	snprintf(s->account.engine, sizeof(s->account.engine), "%s", haw_loop_engine(s->loop));
	s->report.engine = s->account.engine;
	s->report.protocol = "sftp";
	return true;
}

static bool connect_client(struct cp_session *s, bool upload)
{
	const haw_host_values *values;
	const char *note;

	if (!cp_load_config(s))
		return false;
	values = haw_host_config_values(s->host_config);
	s->attempts = values->connection_attempts;
	s->hushed = values->log_level < HAW_LOG_LEVEL_INFO;
	if (values->log_level >= HAW_LOG_LEVEL_DEBUG1 && s->report.verbose < 1)
		s->report.verbose = (int)values->log_level - HAW_LOG_LEVEL_DEBUG1 + 1;
	if (!check_lists(s, values) || !choose_backends(s))
		return false;
	if (!calibrate(s, values))
		return false;
	for (size_t i = 0; (note = haw_host_config_note(s->host_config, i)); i++)
		cp_report_note(&s->report, 1, note);
	if (!open_session(s))
		return false;
	account(s, upload, s->plain ? "scp" : "sftp");
	return true;
}

bool cp_connect_plain(struct cp_session *s, bool upload)
{
	s->plain = true;
	if (s->args->scp.program) {
		cp_interrupt_catch(NULL);
		s->report.protocol = "scp";
	} else if (!connect_client(s, upload)) {
		return false;
	}
	cp_flow_begin(&s->flow, 1);
	cp_rate_begin(&s->flow.rate, s->args->rate, cp_now_ns());
	s->report.moving = true;
	return true;
}

bool cp_connect(struct cp_session *s, bool upload)
{
	if (is_through_program(s) ? !connect_program(s) : !connect_client(s, upload))
		return false;
	begin_flow(s, upload);
	s->report.waits.upload = upload;
	s->waited_ns = haw_loop_waited_ns(s->loop);
	s->report.moving = true;
	return true;
}

void cp_disconnect(struct cp_session *s)
{
	cp_remote_end(s);
	if (!s->borrows_loop) {
		cp_interrupt_catch(NULL);
		haw_loop_free(s->loop);
	}
	s->loop = NULL;
	haw_host_config_free(s->host_config);
	haw_config_free(s->config);
	haw_selector_free(s->selector);
}

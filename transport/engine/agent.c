/* SPDX-License-Identifier: Apache-2.0
 *
 * An agent (hawser/agent.h): requests wait in a queue, one is under way at a time, since answers carry
 * no number. Everything is done by the loop, one step of `advance` after the other; the first failure
 * is kept and ends all that waits, for after it nobody knows which answer belongs to what.
 *
 *	queue -> [connect] -> request -> sent -> length -> body -> answered -> queue
 */
#include <hawser/agent.h>

#include <stdlib.h>
#include <string.h>

#include "transport/engine/loop.h"
#include "transport/hostkey/hostkey.h"
#include "transport/keys/agent_message.h"
#include "transport/wire/load.h"

enum { LIST_TIMEOUT_MS = 5000, SIGN_TIMEOUT_MS = 120000, LENGTH_SIZE = 4 };
/* A full queue of connections is all that an agent too busy to accept shows. */
static const uint64_t retry_ns = 50 * 1000000ull;

struct agent_op {
	struct haw_op op;
	struct haw_agent *agent;
	struct agent_op *next;
	haw_message request; /* as sent */
	/* Signatures only. */
	haw_key *key;
	haw_message data;
	haw_message *signature;
	const char *algorithm; /* constant */
};

struct haw_agent {
	struct haw_loop *loop;
	char *path;
	uint64_t list_ns, sign_ns;
	struct agent_op *queue;   /* the first is under way if `asked` */
	struct agent_op *current; /* whose answer is awaited; NULL if it was cancelled meanwhile */
	bool asked, receiving, pending_send, entered, freed;
	struct haw_timer step, limit;

	struct haw_stream *stream;
	struct haw_send send;
	struct haw_receive receive;
	haw_message out;
	uint8_t length[LENGTH_SIZE];
	uint8_t *body;
	size_t body_len, got; /* of length and body together */

	haw_key **keys;
	size_t key_count, key_room;
	haw_error failure; /* code 0: none */
};

static void advance(void *user);
static void ran_out(void *user);

/* ---- Life ---- */

haw_agent *haw_agent_new(haw_loop *loop, const haw_agent_options *options, haw_error *err)
{
	haw_agent_options o = {0};
	const char *path;
	haw_agent *agent;

	if (options)
		memcpy(&o, options, options->size < sizeof(o) ? options->size : sizeof(o));
	path = o.path ? o.path : getenv("SSH_AUTH_SOCK");
	if (!path || !*path) {
		haw_error_set(err, HAW_ENOTFOUND, HAW_FAULT_LOCAL, 0,
			      "no agent: SSH_AUTH_SOCK is not set in the environment");
		return NULL;
	}
	if (strlen(path) >= 108) { /* sun_path, unix(7) */
		haw_error_set(err, HAW_EINVAL, HAW_FAULT_LOCAL, 0,
			      "the path of the agent's socket is too long");
		return NULL;
	}
	agent = calloc(1, sizeof(*agent));
	if (agent)
		agent->path = strdup(path);
	if (!agent || !agent->path) {
		free(agent);
		haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "out of memory");
		return NULL;
	}
	agent->loop = loop;
	agent->list_ns = (o.list_timeout_ms ? o.list_timeout_ms : LIST_TIMEOUT_MS) * 1000000ull;
	agent->sign_ns = (o.sign_timeout_ms ? o.sign_timeout_ms : SIGN_TIMEOUT_MS) * 1000000ull;
	haw_message_write(&agent->out, HAW_AGENT_MESSAGE_MAX + LENGTH_SIZE);
	return agent;
}

const char *haw_agent_path(const haw_agent *agent)
{
	return agent->path;
}

static void forget_keys(struct haw_agent *agent)
{
	while (agent->key_count > 0)
		haw_key_free(agent->keys[--agent->key_count]);
}

static void hang_up(struct haw_agent *agent)
{
	haw_timer_cancel(agent->loop->io, &agent->limit);
	haw_stream_close(agent->stream);
	agent->stream = NULL;
	agent->asked = agent->pending_send = agent->receiving = false;
	free(agent->body);
	agent->body = NULL;
	haw_message_reset(&agent->out);
}

static void release(struct haw_agent *agent)
{
	forget_keys(agent);
	haw_message_free(&agent->out);
	free(agent->keys);
	free(agent->path);
	free(agent);
}

/* Take OP off the queue. */
static void unlink_op(struct agent_op *op)
{
	struct haw_agent *agent = op->agent;
	struct agent_op **at;

	if (!agent)
		return;
	for (at = &agent->queue; *at && *at != op; at = &(*at)->next)
		continue;
	if (*at)
		*at = op->next;
	/* Its answer will come all the same, and is thrown away. */
	if (agent->current == op)
		agent->current = NULL;
	op->agent = NULL;
}

/* End everything that waits. AGENT may be gone afterwards, unless it is entered. */
static void end_all(struct haw_agent *agent, const haw_error *err)
{
	while (agent->queue) {
		struct agent_op *op = agent->queue;

		unlink_op(op);
		haw_op_finish(&op->op, err->code, err);
	}
}

void haw_agent_free(haw_agent *agent)
{
	haw_error gone;

	if (!agent || agent->freed)
		return;
	agent->freed = true;
	haw_error_set(&gone, HAW_ECANCELED, HAW_FAULT_LOCAL, 0, "the agent's handle was freed");
	hang_up(agent);
	haw_timer_cancel(agent->loop->io, &agent->step);
	end_all(agent, &gone);
	if (!agent->entered)
		release(agent);
}

/* ---- Failure ---- */

static void fail(struct haw_agent *agent, const haw_error *err)
{
	char shown[128];

	if (agent->failure.code)
		return;
	agent->failure = *err;
	haw_error_prefix(&agent->failure, "agent %s",
			 haw_escape(shown, sizeof(shown), agent->path, strlen(agent->path)));
	hang_up(agent);
}

static void fail_with(struct haw_agent *agent, int code, int sys_errno, const char *what)
{
	haw_error err;

	haw_error_set(&err, code, HAW_FAULT_PEER, sys_errno, "%s", what);
	fail(agent, &err);
}

static void step_soon(struct haw_agent *agent)
{
	if (!agent->freed)
		haw_timer_set(agent->loop->io, &agent->step, haw_io_now(agent->loop->io), advance, agent);
}

static void ran_out(void *user)
{
	struct haw_agent *agent = user;

	fail_with(agent, HAW_ETIMEDOUT, 0, "it did not answer in time");
	step_soon(agent);
}

/* ---- Answers ---- */

static bool add_key(void *user, haw_key *key)
{
	struct haw_agent *agent = user;

	if (agent->key_count == agent->key_room) {
		size_t room = agent->key_room ? agent->key_room * 2 : 16;
		haw_key **more = realloc(agent->keys, room * sizeof(haw_key *));

		if (!more) {
			haw_key_free(key);
			return false;
		}
		agent->keys = more;
		agent->key_room = room;
	}
	agent->keys[agent->key_count++] = key;
	return true;
}

static int take_signature(struct agent_op *op, haw_span answer, haw_error *err)
{
	haw_span signature;
	int result = haw_agent_get_signature(answer, &signature, err);

	if (result < 0)
		return result;
	result = haw_agent_check_signature(op->key, op->algorithm, haw_message_all(&op->data), signature,
					   err);
	if (result < 0)
		return result;
	haw_put_bytes(op->signature, signature.ptr, signature.len);
	return haw_message_ok(op->signature) ? 0
					     : haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0,
							     "there is no room for a signature");
}

/* A whole answer has come. */
static void answered(struct haw_agent *agent)
{
	struct agent_op *op = agent->current;
	haw_span answer = {agent->body, agent->body_len};
	haw_error err = {0};
	int result;

	haw_timer_cancel(agent->loop->io, &agent->limit);
	agent->asked = false;
	agent->got = 0;
	if (!op) {
		free(agent->body);
		agent->body = NULL;
		return;
	}
	if (op->key) {
		result = take_signature(op, answer, &err);
	} else {
		forget_keys(agent);
		result = haw_agent_get_list(answer, add_key, agent, &err);
		if (result < 0)
			forget_keys(agent);
	}
	free(agent->body);
	agent->body = NULL;
	if (result == HAW_EPROTOCOL || result == HAW_ELIMIT) {
		fail(agent, &err);
		return;
	}
	unlink_op(op);
	haw_op_finish(&op->op, result, &err);
}

/* ---- Bytes ---- */

static void received(struct haw_receive *receive)
{
	struct haw_agent *agent = receive->user;

	agent->receiving = false;
	if (receive->result > 0)
		agent->got += (size_t)receive->result;
	else if (receive->result == 0)
		fail_with(agent, HAW_ECLOSED, 0, "it hung up");
	else
		fail_with(agent, (int)receive->result, receive->sys_errno, "it cannot be read from");
	step_soon(agent);
}

static void sent(struct haw_send *send)
{
	struct haw_agent *agent = send->user;

	agent->pending_send = false;
	if (send->result < 0)
		fail_with(agent, send->result, send->sys_errno, "it cannot be written to");
	step_soon(agent);
}

/* The length is there: make room for what it announces. */
static bool begin_body(struct haw_agent *agent)
{
	uint32_t len = haw_load_be32(agent->length);

	if (len == 0 || len > HAW_AGENT_MESSAGE_MAX) {
		fail_with(agent, HAW_ELIMIT, 0, "it announces an answer of an impossible length");
		return false;
	}
	agent->body = malloc(len);
	agent->body_len = len;
	if (!agent->body)
		fail_with(agent, HAW_ENOMEM, 0, "out of memory");
	return agent->body != NULL;
}

/* One receive; false if it is pending or failed. */
static bool receive_more(struct haw_agent *agent)
{
	struct haw_receive *r = &agent->receive;
	int result;

	if (agent->got < LENGTH_SIZE) {
		r->ptr = agent->length + agent->got;
		r->len = LENGTH_SIZE - agent->got;
	} else {
		r->ptr = agent->body + (agent->got - LENGTH_SIZE);
		r->len = agent->body_len - (agent->got - LENGTH_SIZE);
	}
	r->done = received;
	r->user = agent;
	result = haw_stream_receive(agent->stream, r);
	if (result == 1 && r->result > 0) {
		agent->got += (size_t)r->result;
		return true;
	}
	if (result == 0)
		agent->receiving = true;
	else
		received(r);
	return false;
}

static void read_answer(struct haw_agent *agent)
{
	while (agent->asked && !agent->receiving && !agent->failure.code && !agent->freed) {
		if (agent->got == LENGTH_SIZE && !agent->body && !begin_body(agent))
			return;
		if (agent->body && agent->got == LENGTH_SIZE + agent->body_len)
			answered(agent);
		else if (!receive_more(agent))
			return;
	}
}

/* ---- Requests ---- */

static void set_limit(struct haw_agent *agent)
{
	uint64_t ns = agent->queue->key ? agent->sign_ns : agent->list_ns;

	if (!agent->limit.set)
		haw_timer_set(agent->loop->io, &agent->limit, haw_io_now(agent->loop->io) + ns, ran_out,
			      agent);
}

static void connect_agent(struct haw_agent *agent)
{
	haw_error err;

	set_limit(agent);
	agent->stream = haw_stream_connect_unix(agent->loop->io, agent->path, &err);
	if (agent->stream)
		return;
	if (err.code != HAW_EAGAIN)
		fail(agent, &err);
	else
		haw_timer_set(agent->loop->io, &agent->step, haw_io_now(agent->loop->io) + retry_ns, advance,
			      agent);
}

static void send_request(struct haw_agent *agent)
{
	struct agent_op *op = agent->queue;
	haw_span request = haw_message_all(&op->request);
	int result;

	/* A copy, for the operation may be cancelled while it is being sent. */
	haw_message_reset(&agent->out);
	haw_put_bytes(&agent->out, request.ptr, request.len);
	if (!haw_message_ok(&agent->out)) {
		fail_with(agent, HAW_ENOMEM, 0, "out of memory");
		return;
	}
	set_limit(agent);
	agent->asked = true;
	agent->current = op;
	agent->got = 0;
	agent->send = (struct haw_send){
		.spans = {haw_message_all(&agent->out)}, .count = 1, .done = sent, .user = agent};
	result = haw_stream_send(agent->stream, &agent->send);
	agent->pending_send = result == 0;
	if (result < 0)
		sent(&agent->send);
}

/* Everything that can be done now. */
static void advance(void *user)
{
	struct haw_agent *agent = user;

	agent->entered = true;
	while (!agent->freed && !agent->failure.code) {
		if (!agent->asked && agent->queue && !agent->stream)
			connect_agent(agent);
		if (!agent->asked && agent->queue && agent->stream && !agent->pending_send)
			send_request(agent);
		if (!agent->asked || !agent->stream)
			break;
		read_answer(agent);
		if (agent->asked)
			break;
	}
	if (!agent->freed && agent->failure.code)
		end_all(agent, &agent->failure);
	/* Whoever waited may have given up. */
	if (!agent->freed && !agent->asked && !agent->queue)
		haw_timer_cancel(agent->loop->io, &agent->limit);
	agent->entered = false;
	if (agent->freed)
		release(agent);
}

/* ---- Operations ---- */

static void op_cancel(struct haw_op *op)
{
	unlink_op((struct agent_op *)op);
}

static void op_free(struct haw_op *op)
{
	struct agent_op *top = (struct agent_op *)op;

	haw_message_free(&top->request);
	haw_message_free(&top->data);
	haw_key_free(top->key);
	free(top);
}

static const struct haw_op_ops agent_op_ops = {.cancel = op_cancel, .free = op_free};

static struct agent_op *new_op(haw_agent *agent, haw_op_fn done, void *user, haw_error *err)
{
	struct agent_op *op = calloc(1, sizeof(*op)), **at;

	if (!op) {
		haw_error_set(err, HAW_ENOMEM, HAW_FAULT_SYSTEM, 0, "out of memory");
		return NULL;
	}
	haw_op_init(&op->op, agent->loop, &agent_op_ops, done, user);
	haw_message_write(&op->request, HAW_AGENT_MESSAGE_MAX + LENGTH_SIZE);
	haw_message_write(&op->data, HAW_AGENT_MESSAGE_MAX);
	op->agent = agent;
	for (at = &agent->queue; *at; at = &(*at)->next)
		continue;
	*at = op;
	step_soon(agent);
	return op;
}

haw_op *haw_agent_list_start(haw_agent *agent, haw_op_fn done, void *user, haw_error *err)
{
	struct agent_op *op = new_op(agent, done, user, err);

	if (!op)
		return NULL;
	haw_agent_put_list(&op->request);
	return &op->op;
}

static const struct haw_signature_algorithm *find_algorithm(const char *name)
{
	bool certificate;

	return haw_key_algorithm_find((haw_span){(const uint8_t *)name, strlen(name)}, &certificate);
}

/* The plain algorithm, which signatures name, behind ALGORITHM, which may be a certificate's; NULL if KEY
 * does not serve it. */
static const char *served_algorithm(const haw_key *key, const char *algorithm)
{
	const char *known;

	for (size_t i = 0; (known = haw_key_algorithm_at(key, i)); i++)
		if (!algorithm || find_algorithm(known) == find_algorithm(algorithm))
			return find_algorithm(known)->name;
	return NULL;
}

haw_op *haw_agent_sign_start(haw_agent *agent, const haw_key *key, const char *algorithm, haw_span data,
			     haw_message *signature, haw_op_fn done, void *user, haw_error *err)
{
	struct agent_op *op;

	algorithm = served_algorithm(key, algorithm);
	if (!algorithm) {
		haw_error_set(err, HAW_EINVAL, HAW_FAULT_LOCAL, 0,
			      "a key of type %s does not serve the algorithm asked for", haw_key_type(key));
		return NULL;
	}
	op = new_op(agent, done, user, err);
	if (!op)
		return NULL;
	op->key = haw_key_ref(key);
	op->signature = signature;
	op->algorithm = algorithm;
	haw_put_bytes(&op->data, data.ptr, data.len);
	haw_agent_put_sign(&op->request, haw_key_blob(key), data, algorithm);
	if (haw_message_ok(&op->data) && haw_message_ok(&op->request))
		return &op->op;
	haw_op_free(&op->op);
	haw_error_set(err, HAW_ELIMIT, HAW_FAULT_LOCAL, 0, "that is too much for an agent to sign");
	return NULL;
}

int haw_agent_list(haw_agent *agent, int timeout_ms, haw_error *err)
{
	haw_error local;

	err = err ? err : &local;
	return haw_op_await(haw_agent_list_start(agent, NULL, NULL, err), timeout_ms, err);
}

int haw_agent_sign(haw_agent *agent, const haw_key *key, const char *algorithm, haw_span data,
		   haw_message *signature, int timeout_ms, haw_error *err)
{
	haw_error local;

	err = err ? err : &local;
	return haw_op_await(haw_agent_sign_start(agent, key, algorithm, data, signature, NULL, NULL, err),
			     timeout_ms, err);
}

const haw_key *haw_agent_key_at(const haw_agent *agent, size_t index)
{
	return index < agent->key_count ? agent->keys[index] : NULL;
}

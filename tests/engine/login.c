/* SPDX-License-Identifier: Apache-2.0
 *
 * Logging in by each method, and the questions that this takes.
 */
#include <pthread.h>
#include <unistd.h>

#include "server.h"
#include "support.h"

static struct server server;
static struct user user;
static haw_error err;

static bool begin(const char *engine)
{
	CHECK_OR(server_start(&server) && user_begin(&user, engine), false);
	user_set(&user, "StrictHostKeyChecking=accept-new");
	return true;
}

static void end(void)
{
	user_end(&user);
	server_stop(&server);
}

static void password_given(const char *engine)
{
	server.password = "right";
	CHECK(begin(engine));
	user.options.password = "right";
	CHECK_MSG(user_connect(&user, server.port, &err) == 0, "%s", err.message);
	CHECK(user.asked_count == 0 && server.passwords == 1 && server.nones == 0);
	CHECK(haw_transport_is_authenticated(haw_client_transport(user.client)));
	end();
}

static void a_given_password_logs_in_without_questions(void)
{
	for_engines(password_given);
}

static void passwords_are_asked_three_times(void)
{
	server.password = "right";
	server.methods = "password";
	CHECK(begin(NULL));
	user.texts[0] = "wrong";
	CHECK(user_connect(&user, server.port, &err) == HAW_EAUTH);
	CHECK(user.asked_count == 3 && user.asked[2] == HAW_ASK_PASSWORD && server.passwords == 3);
	CHECK_MSG(strstr(err.message, "permission denied") && strstr(err.message, "password"), "%s",
		  err.message);
	user_forget(&user);
	user_set(&user, "StrictHostKeyChecking=yes");
	user.texts[0] = "wrong";
	user.texts[1] = "right";
	CHECK_MSG(user_connect(&user, server.port, &err) == 0, "%s", err.message);
	CHECK(user.asked_count == 2);
	end();
}

static void a_refused_password_question_is_not_repeated(void)
{
	server.password = "right";
	server.methods = "password";
	CHECK(begin(NULL));
	CHECK(user_connect(&user, server.port, &err) == HAW_EAUTH);
	CHECK(user.asked_count == 1 && server.passwords == 0);
	end();
}

static void batch_mode_asks_nothing(void)
{
	server.password = "right";
	server.code = "1234";
	CHECK(begin(NULL));
	user_set(&user, "BatchMode=yes");
	user.texts[0] = "right";
	CHECK(user_connect(&user, server.port, &err) == HAW_EAUTH);
	CHECK(user.asked_count == 0 && server.passwords == 0 && server.codes == 0);
	CHECK_MSG(strstr(err.message, "nobody can be asked"), "%s", err.message);
	end();
}

static void an_expired_password_is_told(void)
{
	server.password = server.expired = "old";
	server.methods = "password";
	CHECK(begin(NULL));
	user.options.password = "old";
	user.options.batch = true;
	CHECK(user_connect(&user, server.port, &err) == HAW_EAUTH && user.asked_count == 0);
	CHECK_MSG(strstr(err.message, "has expired") && strstr(err.message, "nobody can be asked"), "%s",
		  err.message);
	CHECK(server.passwords == 1 && server.changes == 0);
	user_forget(&user);
	user_set(&user, "StrictHostKeyChecking=accept-new");
	user.options.password = "old";
	CHECK(user_connect(&user, server.port, &err) == HAW_EAUTH);
	CHECK(user.asked_count == 1 && user.asked[0] == HAW_ASK_NEW_PASSWORD && server.changes == 0);
	CHECK(strcmp(user.text, "It has expired") == 0 && strstr(err.message, "has expired"));
	end();
}

static void prompts_are_answered(void)
{
	server.code = "1234";
	server.methods = "keyboard-interactive";
	CHECK(begin(NULL));
	user.texts[0] = "0000";
	user.texts[1] = "1234";
	CHECK_MSG(user_connect(&user, server.port, &err) == 0, "%s", err.message);
	CHECK(user.asked_count == 2 && user.asked[0] == HAW_ASK_PROMPTS && server.codes == 2);
	CHECK(strcmp(user.text, "A name\nAn instruction") == 0);
	end();
}

static void none_is_enough_where_nothing_is_required(void)
{
	server.allow_none = true;
	CHECK(begin(NULL));
	CHECK_MSG(user_connect(&user, server.port, &err) == 0, "%s", err.message);
	CHECK(server.nones == 1 && user.asked_count == 0);
	end();
}

static void key_then_password(const char *engine)
{
	haw_key *key = haw_key_generate("ssh-ed25519", 0, "", NULL);
	const haw_key *keys[] = {key};

	server.key = key;
	server.password = "right";
	server.need_both = true;
	server.methods = "publickey";
	CHECK(begin(engine));
	user.options.keys = keys;
	user.options.key_count = 1;
	user.texts[0] = "right";
	CHECK_MSG(user_connect(&user, server.port, &err) == 0, "%s", err.message);
	CHECK(server.keys == 1 && server.passwords == 1 && user.asked_count == 1);
	end();
	haw_key_free(key);
}

static void partial_success_goes_on_with_the_next_method(void)
{
	for_engines(key_then_password);
}

static void the_right_key_may_be_the_last(void)
{
	haw_key *keys[5];

	for (int i = 0; i < 5; i++)
		keys[i] = haw_key_generate(i % 2 ? "ecdsa" : "ssh-ed25519", 0, "", NULL);
	server.key = keys[4];
	CHECK(begin(NULL));
	user.options.keys = (const haw_key *const *)keys;
	user.options.key_count = 5;
	CHECK_MSG(user_connect(&user, server.port, &err) == 0, "%s", err.message);
	CHECK(server.keys == 5);
	end();
	for (int i = 0; i < 5; i++)
		haw_key_free(keys[i]);
}

/* ---- Keys with a passphrase ---- */

static void passphrases(haw_key *key, unsigned asked, int result, const char *first, const char *second,
			const char *third)
{
	server.key = key;
	server.methods = "publickey";
	user.texts[0] = first;
	user.texts[1] = second;
	user.texts[2] = third;
	user_set(&user, "StrictHostKeyChecking=accept-new");
	user_set(&user, "IdentityFile=%s", user_path(&user, "id"));
	CHECK_MSG(user_connect(&user, server.port, &err) == result, "%s", err.message);
	CHECK_MSG(user.asked_count == asked && user.asked[0] == HAW_ASK_PASSPHRASE, "asked %u times",
		  user.asked_count);
	user_forget(&user);
}

static void a_passphrase_is_asked_for(void)
{
	haw_key *key = haw_key_generate("ssh-ed25519", 0, "", NULL);

	server.key = key;
	CHECK(begin(NULL));
	CHECK(haw_key_write_private(key, user_path(&user, "id"), "open", 1, &err) == 0);
	passphrases(key, 3, 0, "wrong", "wrong too", "open");
	passphrases(key, 3, HAW_EAUTH, "wrong", NULL, NULL);
	passphrases(key, 1, HAW_EAUTH, NULL, NULL, NULL);
	end();
	haw_key_free(key);
}

/* PEM has nothing in clear: without a .pub file the passphrase is needed to offer the key at all. */
static void an_encrypted_pem_key_is_asked_for_when_its_turn_comes(void)
{
	char command[400];
	haw_key *key;

	server.methods = "publickey";
	CHECK(begin(NULL));
	snprintf(command, sizeof(command),
		 "openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 2>/dev/null |"
		 " openssl pkcs8 -topk8 -passout pass:open -out %s 2>/dev/null; chmod 600 %s",
		 user_path(&user, "id"), user_path(&user, "id"));
	if (system(command) != 0 || access(user_path(&user, "id"), R_OK) != 0 ||
	    !(key = haw_key_load_private(user_path(&user, "id"), "open", &err))) {
		harness_skip("an encrypted PEM key", "no openssl command to make one with");
		end();
		return;
	}
	passphrases(key, 3, 0, "wrong", "wrong too", "open");
	passphrases(key, 3, HAW_EAUTH, "wrong", NULL, NULL);
	passphrases(key, 1, HAW_EAUTH, NULL, NULL, NULL);
	end();
	haw_key_free(key);
}

/* ---- Answers that come late ---- */

static haw_op *connect_until_asked(void)
{
	haw_op *op;

	user.keep = true;
	op = user_connect_start(&user, server.port, &err);
	for (int i = 0; op && i < 500 && !user.kept; i++)
		if (haw_loop_run(user.loop, 20, &err) < 0)
			break;
	return op;
}

static void *answer_from_elsewhere(void *question)
{
	const char *text = "right";

	usleep(30000);
	haw_question_answer(question, &text, 1);
	return NULL;
}

static void answered_later(const char *engine)
{
	pthread_t thread;
	haw_op *op;

	server.password = "right";
	server.methods = "password";
	CHECK(begin(engine));
	op = connect_until_asked();
	CHECK(op && user.kept && haw_question_kind(user.kept) == HAW_ASK_PASSWORD);
	CHECK(pthread_create(&thread, NULL, answer_from_elsewhere, user.kept) == 0);
	CHECK_MSG(haw_op_wait(op, WAIT_MS, &err) == 0, "%s", err.message);
	pthread_join(thread, NULL);
	haw_op_free(op);
	end();
}

static void another_thread_may_answer_later(void)
{
	for_engines(answered_later);
}

static void an_answer_after_the_client_has_gone_is_harmless(void)
{
	const char *text = "right";
	haw_op *op;

	server.methods = "password";
	CHECK(begin(NULL));
	op = connect_until_asked();
	CHECK(op && user.kept);
	haw_op_free(op);
	haw_client_free(user.client);
	user.client = NULL;
	haw_question_answer(user.kept, &text, 1);
	CHECK(haw_loop_run(user.loop, 0, &err) == 0);
	user.kept = NULL;
	user_forget(&user);
	user_set(&user, "StrictHostKeyChecking=accept-new");
	op = connect_until_asked();
	CHECK(op && user.kept);
	haw_op_free(op);
	end();
	/* The loop has gone too. */
	haw_question_answer(user.kept, &text, 1);
}

static void a_connection_that_ends_during_a_question_is_told(void)
{
	const char *text = "right";
	haw_op *op;

	server.methods = "password";
	CHECK(begin(NULL));
	op = connect_until_asked();
	CHECK(op && user.kept);
	server_stop(&server);
	CHECK(haw_op_wait(op, WAIT_MS, &err) == HAW_ECLOSED);
	haw_question_answer(user.kept, &text, 1);
	CHECK(haw_loop_run(user.loop, 0, &err) == 0);
	haw_op_free(op);
	user_end(&user);
}

/* Only the call that belongs to the question answers it. */
static void a_host_key_is_not_accepted_by_a_text(void)
{
	haw_op *op;

	server.allow_none = true;
	CHECK(server_start(&server) && user_begin(&user, NULL));
	op = connect_until_asked();
	CHECK(op && user.kept && haw_question_kind(user.kept) == HAW_ASK_HOST_KEY);
	haw_question_answer(user.kept, NULL, 0);
	CHECK(haw_op_wait(op, WAIT_MS, &err) == HAW_EHOSTUNKNOWN);
	haw_op_free(op);
	end();
}

/* The callback of connecting frees the client. */
static void free_client(void *context, haw_op *op)
{
	haw_client_free(user.client);
	user.client = NULL;
	*(int *)context = haw_op_result(op, NULL);
}

static void free_inside(const char *password, int expected)
{
	int result = 1;
	haw_op *op;

	user.host = haw_config_lookup(user.config, "127.0.0.1", &err);
	user.options.config = user.host;
	user.options.port = server.port;
	user.options.password = password;
	user.options.batch = true;
	user.client = haw_client_new(user.loop, &user.options, &err);
	op = haw_client_connect_start(user.client, free_client, &result, &err);
	CHECK(op);
	for (int i = 0; i < 500 && result == 1; i++)
		CHECK(haw_loop_run(user.loop, 20, &err) == 0);
	CHECK(result == expected);
	haw_op_free(op);
	user_forget(&user);
	user_set(&user, "StrictHostKeyChecking=accept-new");
}

static void a_client_may_be_freed_in_its_callback(void)
{
	server.password = "right";
	CHECK(begin(NULL));
	free_inside("right", 0);
	free_inside("wrong", HAW_EAUTH);
	end();
}

/* ---- An order of the program's own ---- */

struct own_order {
	unsigned calls;
	bool saw_methods, saw_refusal, endless;
	haw_key *key;
	haw_client *waiting;
};

static int wrong_password_then_as_usual(void *context, haw_client *client, const haw_auth_state *state,
					haw_auth_try *next, haw_error *e)
{
	struct own_order *own = context;

	own->calls++;
	if (own->calls == 1 || own->endless) {
		*next = (haw_auth_try){.kind = HAW_TRY_PASSWORD, .password = "wrong"};
		return 1;
	}
	own->saw_methods |= state->methods && strcmp(state->methods, "publickey,password") == 0;
	own->saw_refusal |= state->history_count == 1 && state->history[0].kind == HAW_TRY_PASSWORD &&
			    state->history[0].answered && !state->history[0].partial;
	return haw_client_auth_default(client, state, next, e);
}

static void own(const char *engine)
{
	haw_key *key = haw_key_generate("ssh-ed25519", 0, "", NULL);
	const haw_key *keys[] = {key};
	struct own_order order = {0};

	server.key = key;
	server.password = "right";
	server.methods = "publickey,password";
	CHECK(begin(engine));
	user.options.keys = keys;
	user.options.key_count = 1;
	user.options.auth_next = wrong_password_then_as_usual;
	user.options.auth_user = &order;
	CHECK_MSG(user_connect(&user, server.port, &err) == 0, "%s", err.message);
	CHECK(order.calls == 2 && order.saw_methods && order.saw_refusal);
	CHECK(server.passwords == 1 && server.keys == 1 && server.nones == 0 && user.asked_count == 0);
	end();
	haw_key_free(key);
}

static void a_program_may_choose_the_order(void)
{
	for_engines(own);
}

/* The server's limit of attempts ends it, or ours. */
static void an_order_without_end_ends(void)
{
	struct own_order order = {.endless = true};

	server.password = "right";
	CHECK(begin(NULL));
	user.options.auth_next = wrong_password_then_as_usual;
	user.options.auth_user = &order;
	CHECK(user_connect(&user, server.port, &err) < 0);
	CHECK_MSG(order.calls < 100, "%u", order.calls);
	end();
}

static int what_cannot_be_made(void *context, haw_client *client, const haw_auth_state *state,
			       haw_auth_try *next, haw_error *e)
{
	((struct own_order *)context)->calls++;
	next->kind = HAW_TRY_KEY; /* of no key */
	return 1;
}

static int nothing_at_all(void *context, haw_client *client, const haw_auth_state *state, haw_auth_try *next,
			  haw_error *e)
{
	return 0;
}

static int an_error(void *context, haw_client *client, const haw_auth_state *state, haw_auth_try *next,
		    haw_error *e)
{
	return haw_error_set(e, HAW_ENOTFOUND, HAW_FAULT_LOCAL, 0, "the vault is closed");
}

static void an_order_may_fail(void)
{
	struct own_order order = {0};

	CHECK(begin(NULL));
	user.options.auth_next = what_cannot_be_made;
	user.options.auth_user = &order;
	CHECK(user_connect(&user, server.port, &err) == HAW_ELIMIT && order.calls < 1000);
	user_forget(&user);
	user_set(&user, "StrictHostKeyChecking=accept-new");
	user.options.auth_next = nothing_at_all;
	CHECK(user_connect(&user, server.port, &err) == HAW_EAUTH);
	user_forget(&user);
	user_set(&user, "StrictHostKeyChecking=accept-new");
	user.options.auth_next = an_error;
	CHECK(user_connect(&user, server.port, &err) == HAW_ENOTFOUND && strstr(err.message, "vault"));
	end();
}

static int later(void *context, haw_client *client, const haw_auth_state *state, haw_auth_try *next,
		 haw_error *e)
{
	struct own_order *order = context;

	if (order->calls++ == 0) {
		order->waiting = client;
		return HAW_EAGAIN;
	}
	*next = (haw_auth_try){.kind = HAW_TRY_PASSWORD, .password = "right"};
	return 1;
}

static void an_order_may_take_its_time(void)
{
	struct own_order order = {0};
	haw_op *op;

	server.password = "right";
	CHECK(begin(NULL));
	user.options.auth_next = later;
	user.options.auth_user = &order;
	op = user_connect_start(&user, server.port, &err);
	for (int i = 0; op && i < 20; i++)
		CHECK(haw_loop_run(user.loop, 10, &err) == 0);
	CHECK(order.waiting && order.calls == 1 && !haw_op_done(op) && server.passwords == 0);
	haw_client_auth_resume(order.waiting);
	haw_client_auth_resume(order.waiting);
	CHECK_MSG(haw_op_wait(op, WAIT_MS, &err) == 0, "%s", err.message);
	CHECK(order.calls == 2);
	haw_client_auth_resume(order.waiting);
	CHECK(haw_loop_run(user.loop, 0, &err) == 0 && order.calls == 2);
	haw_op_free(op);
	end();
}

static int a_public_key(void *context, haw_client *client, const haw_auth_state *state, haw_auth_try *next,
			haw_error *e)
{
	struct own_order *order = context;

	if (state->history_count > 0)
		return 0;
	*next = (haw_auth_try){.kind = HAW_TRY_KEY, .key = order->key};
	return 1;
}

static void sign_elsewhere(void *context, haw_question *q)
{
	haw_message m;
	haw_error e;

	if (haw_question_kind(q) != HAW_ASK_SIGN) {
		haw_question_accept(q);
		return;
	}
	haw_message_write(&m, 0);
	if (haw_key_sign(server.key, haw_question_algorithm(q), haw_question_data(q), &m, &e) == 0)
		haw_question_sign(q, haw_message_all(&m).ptr, haw_message_all(&m).len);
	else
		haw_question_refuse(q);
	haw_message_free(&m);
}

static void a_key_held_elsewhere_signs_by_a_question(void)
{
	haw_key *key = haw_key_generate("ssh-ed25519", 0, "", NULL);
	struct own_order order = {.key = haw_key_from_blob(haw_key_blob(key), NULL)};

	server.key = key;
	CHECK(begin(NULL));
	user.options.auth_next = a_public_key;
	user.options.auth_user = &order;
	user.options.transport.ask = sign_elsewhere;
	CHECK_MSG(user_connect(&user, server.port, &err) == 0, "%s", err.message);
	CHECK(server.keys == 2); /* whether it would do, and the proof */
	end();
	haw_key_free(order.key);
	haw_key_free(key);
}

int main(void)
{
	RUN(a_given_password_logs_in_without_questions);
	RUN(passwords_are_asked_three_times);
	RUN(a_refused_password_question_is_not_repeated);
	RUN(batch_mode_asks_nothing);
	RUN(an_expired_password_is_told);
	RUN(prompts_are_answered);
	RUN(none_is_enough_where_nothing_is_required);
	RUN(partial_success_goes_on_with_the_next_method);
	RUN(the_right_key_may_be_the_last);
	RUN(a_passphrase_is_asked_for);
	RUN(an_encrypted_pem_key_is_asked_for_when_its_turn_comes);
	RUN(another_thread_may_answer_later);
	RUN(an_answer_after_the_client_has_gone_is_harmless);
	RUN(a_connection_that_ends_during_a_question_is_told);
	RUN(a_host_key_is_not_accepted_by_a_text);
	RUN(a_client_may_be_freed_in_its_callback);
	RUN(a_program_may_choose_the_order);
	RUN(an_order_without_end_ends);
	RUN(an_order_may_fail);
	RUN(an_order_may_take_its_time);
	RUN(a_key_held_elsewhere_signs_by_a_question);
	return harness_end();
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Hostile servers: certificates that must not be believed, and lists of host keys that are not the
 * server's own, endless, or not proved.
 */
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "server.h"
#include "support.h"
#include "transport/hostkey/hostkey.h"

#define SPAN(text) ((haw_span){(const uint8_t *)(text), sizeof(text) - 1})

static struct server server;
static struct user user;
static haw_error err;
static haw_key *authority, *other, *second, *third;

static void put_span(haw_message *m, haw_span span)
{
	haw_put_string(m, span.ptr, span.len);
}

static bool begin(void)
{
	server.allow_none = true;
	CHECK_OR(server_start(&server) && user_begin(&user, NULL), false);
	user_set(&user, "UpdateHostKeys=yes");
	return true;
}

static void end(void)
{
	user_end(&user);
	server_stop(&server);
}

static void put_known(haw_message *m, const char *names, const haw_key *key)
{
	haw_put_bytes(m, names, strlen(names));
	haw_put_byte(m, ' ');
	if (haw_key_format_public(key, m, NULL) < 0)
		haw_message_fail(m);
	haw_put_byte(m, '\n');
}

/* Write NAMES and KEY as the known hosts file. */
static bool know(const char *names, const haw_key *key)
{
	haw_message m;
	bool done;

	haw_message_write(&m, 0);
	put_known(&m, names, key);
	haw_put_byte(&m, '\0');
	done = haw_message_ok(&m) && user_write(&user, "known", (const char *)m.data);
	haw_message_free(&m);
	return done;
}

static const char *read_known(void)
{
	static char text[65536];
	FILE *file = fopen(user_path(&user, "known"), "r");

	text[file ? fread(text, 1, sizeof(text) - 1, file) : 0] = '\0';
	if (file)
		fclose(file);
	return text;
}

static unsigned lines(void)
{
	unsigned count = 0;

	for (const char *at = read_known(); *at; at++)
		count += *at == '\n';
	return count;
}

/* ---- Certificates ---- */

struct recipe {
	uint32_t kind;
	uint64_t after, before;
	const char *principal, *critical;
	const haw_key *signer, *inside;
};

static void build(haw_message *m, const struct recipe *r)
{
	haw_span blob = haw_key_blob(r->inside ? r->inside : server.host_key);
	haw_message signature;
	size_t mark;

	haw_message_write(m, 0);
	haw_put_text(m, "ssh-ed25519-cert-v01@openssh.com");
	haw_put_text(m, "nonce");
	haw_put_bytes(m, blob.ptr + 4 + 11, blob.len - 4 - 11); /* the key without its type's name */
	haw_put_u64(m, 1);
	haw_put_u32(m, r->kind ? r->kind : HAW_CERTIFICATE_HOST);
	haw_put_text(m, "id");
	mark = haw_put_string_begin(m);
	haw_put_text(m, r->principal ? r->principal : "127.0.0.1");
	haw_put_string_end(m, mark);
	haw_put_u64(m, r->after);
	haw_put_u64(m, r->before ? r->before : UINT64_MAX);
	mark = haw_put_string_begin(m);
	if (r->critical) {
		haw_put_text(m, r->critical);
		haw_put_text(m, "");
	}
	haw_put_string_end(m, mark);
	haw_put_text(m, "");
	haw_put_text(m, "");
	put_span(m, haw_key_blob(authority));
	haw_message_write(&signature, 0);
	CHECK(haw_key_sign(r->signer ? r->signer : authority, NULL, haw_message_all(m), &signature, &err) ==
	      0);
	put_span(m, haw_message_all(&signature));
	haw_message_free(&signature);
}

/* What a connection to a server with that certificate comes to. */
static int connect_certified(const struct recipe *r, const char *policy)
{
	haw_message m;
	int result;

	build(&m, r);
	server_present(&server, haw_message_all(&m));
	user_forget(&user);
	user_set(&user, "StrictHostKeyChecking=%s", policy);
	result = user_connect(&user, server.port, &err);
	haw_message_free(&m);
	return result;
}

static void certificates_in_order_are_believed(void)
{
	CHECK(begin() && know("@cert-authority [127.0.0.1]:*", authority));
	CHECK_MSG(connect_certified(&(struct recipe){0}, "yes") == 0, "%s", err.message);
	CHECK(haw_key_certificate(haw_transport_host_key(haw_client_transport(user.client))));
	end();
}

static void others_are_not(void)
{
	const uint64_t now = (uint64_t)time(NULL);
	const struct {
		struct recipe recipe;
		const char *says;
	} rows[] = {
		{{.kind = HAW_CERTIFICATE_USER}, "not a host's"},
		{{.after = now + 3600}, "not valid yet"},
		{{.before = now - 1}, "expired"},
		{{.principal = "localhost"}, "not for that name"},
		{{.principal = "*"}, "not for that name"},
		{{.critical = "force-command"}, "force-command"},
		{{.critical = "x@example.org"}, "x@example.org"},
	};

	CHECK(begin() && know("@cert-authority [127.0.0.1]:*", authority));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		/* What is left is a plain key that nobody knows. */
		CHECK_MSG(connect_certified(&rows[i].recipe, "yes") == HAW_EHOSTUNKNOWN, "%zu: %s", i,
			  err.message);
		CHECK_MSG(strstr(user.log, rows[i].says), "%zu: %s", i, user.log);
	}
	/* A plain key that is known is as good as ever. */
	CHECK(know(server_name(&server), server.host_key));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		CHECK_MSG(connect_certified(&rows[i].recipe, "yes") == 0, "%zu: %s", i, err.message);
	end();
}

static void forgeries_end_the_connection(void)
{
	CHECK(begin() && know("@cert-authority *", authority));
	/* Signed by another key than it says. */
	CHECK_MSG(connect_certified(&(struct recipe){.signer = other}, "off") < 0, "%s", err.message);
	/* Over a key that the server has not. */
	CHECK_MSG(connect_certified(&(struct recipe){.inside = other}, "off") == HAW_EHOSTKEY, "%s",
		  err.message);
	CHECK(strstr(read_known(), "@cert-authority") && lines() == 1);
	end();
}

static void every_changed_byte_is_refused(void)
{
	const bool reduced =
		getenv("HAWSER_TEST_EFFORT") && strcmp(getenv("HAWSER_TEST_EFFORT"), "reduced") == 0;
	haw_message m;

	CHECK(begin() && know("@cert-authority *", authority));
	build(&m, &(struct recipe){0});
	for (size_t at = 0; at < haw_message_all(&m).len; at += reduced ? 13 : 1) {
		m.data[at] ^= 0x11;
		server_present(&server, haw_message_all(&m));
		user_forget(&user);
		user_set(&user, "StrictHostKeyChecking=yes");
		CHECK_MSG(user_connect(&user, server.port, &err) < 0, "byte %zu was believed", at);
		m.data[at] ^= 0x11;
		server_present(&server, (haw_span){m.data, at});
		user_forget(&user);
		user_set(&user, "StrictHostKeyChecking=yes");
		CHECK_MSG(user_connect(&user, server.port, &err) < 0, "%zu bytes were believed", at);
	}
	haw_message_free(&m);
	end();
}

/* ---- Other keys than expected ---- */

/* A password that was given, and so is queued before the host's key is known, does not leave either. */
static void a_changed_host_gets_no_password(void)
{
	CHECK(begin());
	server.allow_none = false;
	server.password = "right";
	server.code = "1234";
	CHECK(know(server_name(&server), other));
	user_forget(&user);
	user_set(&user, "StrictHostKeyChecking=off");
	user.options.password = "right";
	user.texts[0] = "right";
	CHECK_MSG(user_connect(&user, server.port, &err) == HAW_EAUTH, "%s", err.message);
	CHECK(server.passwords == 0 && server.codes == 0 && user.asked_count == 0);
	CHECK(strstr(user.log, "REMOTE HOST IDENTIFICATION HAS CHANGED") && lines() == 1);
	/* A host that is only unknown is another matter. */
	CHECK(unlink(user_path(&user, "known")) == 0);
	user_forget(&user);
	user_set(&user, "StrictHostKeyChecking=off");
	user.options.password = "right";
	CHECK_MSG(user_connect(&user, server.port, &err) == 0 && server.passwords == 1, "%s", err.message);
	end();
}

static bool is_closed(void)
{
	return !haw_transport_is_open(haw_client_transport(user.client));
}

/* Even a key that is known, and under a policy that accepts all: nobody is left to ask. */
static void a_rekey_does_not_change_the_host_key(void)
{
	haw_key *changed = haw_key_generate("ed25519", 0, NULL, &err);

	CHECK(begin());
	CHECK(know(server_name(&server), server.host_key));
	server.second_key = changed;
	user_set(&user, "StrictHostKeyChecking=off");
	CHECK_MSG(user_connect(&user, server.port, &err) == 0, "%s", err.message);
	user_run_until(&user, is_closed, 3000);
	CHECK(haw_transport_error(haw_client_transport(user.client), &err) == HAW_EHOSTKEY);
	CHECK_MSG(strstr(err.message, "rekey") && lines() == 1, "%s", err.message);
	end();
	haw_key_free(changed);
}

/* ---- Lists of host keys ---- */

/* How the server proves, or does not. */
static enum {
	PROVE_WELL,
	PROVE_OTHER_KEY, /* signs with the keys in another order */
	PROVE_OTHER_SESSION,
	PROVE_OTHER_BLOB,
	PROVE_WITHOUT_NAME, /* signs the session and the key, without the request's name */
	PROVE_SHORT,        /* one signature too few */
	PROVE_LONG,         /* one too many */
	PROVE_TRAILING,
	PROVE_EMPTY,
	PROVE_CUT,
	PROVE_REFUSED,
	PROVE_NOTHING_AT_ALL, /* no answer: the connection ends */
	PROVE_COUNT
} proof;
static bool rekey_before_answer;
static void (*meanwhile)(void);

static void sign_proof(const haw_key *key, haw_span session, haw_span blob, haw_message *reply)
{
	haw_message data, signature;

	haw_message_write(&data, 0);
	haw_message_write(&signature, 0);
	if (proof != PROVE_WITHOUT_NAME)
		haw_hostkey_put_proof(&data, session, blob);
	if (proof == PROVE_WITHOUT_NAME) {
		put_span(&data, session);
		put_span(&data, blob);
	}
	if (haw_key_sign(key, NULL, haw_message_all(&data), &signature, &err) == 0)
		put_span(reply, haw_message_all(&signature));
	haw_message_free(&signature);
	haw_message_free(&data);
}

static const haw_key *key_of(haw_span blob)
{
	return haw_span_equal(blob, haw_key_blob(second))  ? second
	       : haw_span_equal(blob, haw_key_blob(third)) ? third
							   : server.host_key;
}

/* On the server's thread. */
static enum server_answer prove(struct server *s, haw_span session, haw_span request, haw_message *reply)
{
	haw_message m;
	unsigned count = 0;

	haw_message_read(&m, request.ptr, request.len);
	while (haw_message_ok(&m) && !haw_message_complete(&m)) {
		haw_span blob = haw_get_string(&m);
		const haw_key *key = key_of(blob);

		if (proof == PROVE_OTHER_KEY)
			key = key == second ? third : second;
		if (proof == PROVE_OTHER_SESSION)
			session = SPAN("another session");
		if (proof == PROVE_OTHER_BLOB)
			blob = haw_key_blob(other);
		if (proof != PROVE_SHORT || count > 0)
			sign_proof(key, session, blob, reply);
		count++;
	}
	if (proof == PROVE_LONG)
		sign_proof(second, session, haw_key_blob(second), reply);
	if (proof == PROVE_TRAILING)
		haw_put_byte(reply, 0);
	if (proof == PROVE_EMPTY)
		haw_message_reset(reply);
	if (proof == PROVE_CUT)
		reply->len -= 1;
	if (meanwhile)
		meanwhile();
	if (rekey_before_answer)
		return SERVER_REKEY_THEN_YES;
	return proof == PROVE_REFUSED          ? SERVER_NO
	       : proof == PROVE_NOTHING_AT_ALL ? SERVER_HANG_UP
					       : SERVER_YES;
}

static void put_keys(haw_message *m, const haw_key *a, const haw_key *b, const haw_key *c)
{
	const haw_key *keys[] = {a, b, c};

	haw_message_write(m, 0);
	for (int i = 0; i < 3; i++)
		if (keys[i])
			put_span(m, haw_key_blob(keys[i]));
}

static bool has_ended(void)
{
	return strstr(user.log, "up to date") || strstr(user.log, "changes nothing") ||
	       strstr(user.log, "did not prove") || !haw_transport_is_open(haw_client_transport(user.client));
}

/* Connect to a server that announces LIST; the verdict has been reached when this returns. */
static bool connect_announced(haw_span list)
{
	server_announce(&server, list, 1);
	server.prove = prove;
	user_forget(&user);
	user_set(&user, "UpdateHostKeys=yes");
	user_set(&user, "StrictHostKeyChecking=yes");
	user.log[0] = '\0';
	CHECK_OR(know(server_name(&server), server.host_key), false);
	CHECK_OR(user_connect(&user, server.port, &err) == 0, false);
	user_run_until(&user, has_ended, 3000);
	return true;
}

static void proven_keys_are_stored(void)
{
	haw_message list;

	CHECK(begin());
	put_keys(&list, server.host_key, second, third);
	proof = PROVE_WELL;
	CHECK(connect_announced(haw_message_all(&list)));
	CHECK_MSG(lines() == 3 && server.proofs == 1, "%s%s", read_known(), user.log);
	CHECK(connect_announced(haw_message_all(&list)) && lines() == 3);
	haw_message_free(&list);
	end();
}

static void unproven_keys_are_not(void)
{
	haw_message list;

	CHECK(begin());
	put_keys(&list, server.host_key, second, third);
	for (proof = PROVE_OTHER_KEY; proof < PROVE_COUNT; proof++) {
		unsigned before = server.proofs;

		CHECK(connect_announced(haw_message_all(&list)));
		CHECK_MSG(lines() == 1, "proof %d: %s%s", proof, read_known(), user.log);
		CHECK_MSG(server.proofs == before + 1, "proof %d was not asked for", proof);
		CHECK_MSG(strstr(user.log, "did not prove") || proof == PROVE_NOTHING_AT_ALL, "proof %d: %s",
			  proof, user.log);
	}
	proof = PROVE_WELL;
	haw_message_free(&list);
	end();
}

static bool is_ignored(haw_span list)
{
	unsigned before = server.proofs;

	CHECK_OR(connect_announced(list), false);
	return lines() == 1 && server.proofs == before && strstr(user.log, "changes nothing");
}

static void lists_that_cannot_be_right_are_ignored(void)
{
	haw_message list;

	CHECK(begin());
	CHECK(is_ignored(SPAN("")));
	CHECK(is_ignored(SPAN("\0\0\0\0")));
	CHECK(is_ignored(SPAN("\xff\xff\xff\xff")));
	CHECK(is_ignored(SPAN("\0\0\0\x0f\0\0\0\x0bssh-ed25519")));
	put_keys(&list, server.host_key, second, NULL);
	for (size_t len = haw_message_all(&list).len - 1; len > haw_message_all(&list).len / 2; len--)
		CHECK_MSG(is_ignored((haw_span){list.data, len}), "%zu bytes: %s", len, user.log);
	haw_message_free(&list);
	put_keys(&list, server.host_key, second, second);
	CHECK(is_ignored(haw_message_all(&list)) && strstr(user.log, "twice"));
	haw_message_free(&list);
	/* The largest list that a packet carries. */
	haw_message_write(&list, 0);
	for (int i = 0; i < 600; i++)
		put_span(&list, haw_key_blob(second));
	CHECK(is_ignored(haw_message_all(&list)));
	haw_message_reset(&list);
	for (int i = 0; i < 65; i++)
		haw_put_text(&list, "unknown");
	CHECK(is_ignored(haw_message_all(&list)) && strstr(user.log, "too many"));
	haw_message_free(&list);
	end();
}

/* A certificate in the list is passed over: only keys are followed. */
static void certificates_are_not_followed(void)
{
	haw_message list, certificate;

	CHECK(begin());
	build(&certificate, &(struct recipe){.inside = second});
	put_keys(&list, server.host_key, NULL, NULL);
	put_span(&list, haw_message_all(&certificate));
	CHECK(is_ignored(haw_message_all(&list)));
	haw_message_free(&certificate);
	haw_message_free(&list);
	end();
}

static bool is_quiet(void)
{
	return false;
}

static void endless_lists_count_once(void)
{
	haw_message list;

	CHECK(begin());
	put_keys(&list, server.host_key, second, third);
	server_announce(&server, haw_message_all(&list), 500);
	server.prove = prove;
	user_forget(&user);
	user_set(&user, "UpdateHostKeys=yes");
	CHECK(know(server_name(&server), server.host_key));
	CHECK(user_connect(&user, server.port, &err) == 0);
	user_run_until(&user, has_ended, 3000);
	user_run_until(&user, is_quiet, 200);
	CHECK_MSG(lines() == 3 && server.proofs == 1, "%u proofs, %s", server.proofs, user.log);
	CHECK(haw_transport_is_open(haw_client_transport(user.client)));
	haw_message_free(&list);
	end();
}

/* New keys of the connection do not change which session was signed: its first hash names it. */
static void proofs_cross_a_rekey(void)
{
	haw_message list;

	CHECK(begin());
	put_keys(&list, server.host_key, second, NULL);
	rekey_before_answer = true;
	CHECK(connect_announced(haw_message_all(&list)));
	rekey_before_answer = false;
	CHECK_MSG(lines() == 2 && server.key_exchanges == 2, "%u exchanges: %s", server.key_exchanges,
		  user.log);
	haw_message_free(&list);
	end();
}

/* ---- The file, meanwhile ---- */

static void replace_file(void)
{
	haw_message m;

	haw_message_write(&m, 0);
	haw_put_bytes(&m, "# by somebody else\n", 19);
	put_known(&m, server_name(&server), server.host_key);
	put_known(&m, "elsewhere.example.org", other);
	haw_put_byte(&m, '\0');
	if (!user_write(&user, "known.new", (const char *)m.data) ||
	    rename(user_path(&user, "known.new"), user_path(&user, "known")) < 0)
		printf("    the file cannot be replaced\n");
	haw_message_free(&m);
}

static void remove_file(void)
{
	unlink(user_path(&user, "known"));
}

static int lock_fd = -1;

static void lock_file(void)
{
	lock_fd = open(user_path(&user, "known"), O_RDWR);
	if (lock_fd < 0 || flock(lock_fd, LOCK_EX) < 0)
		printf("    the file cannot be locked\n");
}

static void make_directory(void)
{
	unlink(user_path(&user, "known"));
	mkdir(user_path(&user, "known"), 0700);
}

static void files_that_change_meanwhile(void)
{
	haw_message list;

	CHECK(begin());
	put_keys(&list, server.host_key, second, NULL);
	meanwhile = replace_file;
	CHECK(connect_announced(haw_message_all(&list)));
	CHECK_MSG(lines() == 4 && strstr(read_known(), "elsewhere") && strstr(read_known(), "# by"), "%s",
		  read_known());
	meanwhile = lock_file; /* others who follow ssh take no notice of locks, and nobody waits */
	CHECK(connect_announced(haw_message_all(&list)) && lines() == 2);
	close(lock_fd);
	meanwhile = remove_file;
	CHECK(connect_announced(haw_message_all(&list)));
	user_run_until(&user, is_quiet, 100);
	CHECK(access(user_path(&user, "known"), F_OK) < 0);
	meanwhile = make_directory;
	CHECK(connect_announced(haw_message_all(&list)));
	user_run_until(&user, is_quiet, 100);
	CHECK(rmdir(user_path(&user, "known")) == 0);
	meanwhile = NULL;
	haw_message_free(&list);
	end();
}

int main(void)
{
	authority = haw_key_generate("ed25519", 0, NULL, &err);
	other = haw_key_generate("ed25519", 0, NULL, &err);
	second = haw_key_generate("ecdsa", 0, NULL, &err);
	third = haw_key_generate("rsa", 2048, NULL, &err);
	RUN(certificates_in_order_are_believed);
	RUN(others_are_not);
	RUN(forgeries_end_the_connection);
	RUN(every_changed_byte_is_refused);
	RUN(a_changed_host_gets_no_password);
	RUN(a_rekey_does_not_change_the_host_key);
	RUN(proven_keys_are_stored);
	RUN(unproven_keys_are_not);
	RUN(lists_that_cannot_be_right_are_ignored);
	RUN(certificates_are_not_followed);
	RUN(endless_lists_count_once);
	RUN(proofs_cross_a_rekey);
	RUN(files_that_change_meanwhile);
	haw_key_free(authority);
	haw_key_free(other);
	haw_key_free(second);
	haw_key_free(third);
	return harness_end();
}

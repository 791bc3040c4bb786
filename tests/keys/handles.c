/* SPDX-License-Identifier: Apache-2.0
 *
 * The handles of known hosts and configuration as programs use them, and under random input.
 */
#include <errno.h>
#include <unistd.h>

#include <hawser/config.h>
#include <hawser/known_hosts.h>

#include "harness.h"

static haw_error err;
static haw_key *ed25519, *other, *ecdsa, *rsa;

/* "NAMES TYPE BASE64\n" appended to M. */
static void put_line(haw_message *m, const char *names, const haw_key *key)
{
	haw_put_bytes(m, names, strlen(names));
	haw_put_byte(m, ' ');
	if (haw_key_format_public(key, m, &err) < 0)
		haw_message_fail(m);
	haw_put_byte(m, '\n');
}

static void make_keys(void)
{
	ed25519 = haw_key_generate("ed25519", 0, NULL, &err);
	other = haw_key_generate("ed25519", 0, NULL, &err);
	ecdsa = haw_key_generate("ecdsa", 0, NULL, &err);
	rsa = haw_key_generate("rsa", 2048, NULL, &err);
	CHECK(ed25519 && other && ecdsa && rsa);
}

static int parse(haw_known_hosts *kh, const char *name, haw_message *m)
{
	haw_span all = haw_message_all(m);

	return haw_message_ok(m) ? haw_known_hosts_parse(kh, name, all.ptr, all.len, &err) : HAW_ENOMEM;
}

static void key_types(void)
{
	haw_known_hosts *kh = haw_known_hosts_new();
	const char *types[4];
	haw_message m;

	haw_message_write(&m, 0);
	put_line(&m, "alpha", rsa);
	put_line(&m, "@revoked alpha", ecdsa);
	put_line(&m, "@cert-authority *", ecdsa);
	put_line(&m, "alpha", ed25519);
	put_line(&m, "al*,!alps", other);
	put_line(&m, "[alpha]:99", ecdsa);
	CHECK(kh && parse(kh, "first", &m) == 0);
	CHECK(haw_known_hosts_key_types(kh, "ALPHA", 22, types, 4) == 2);
	CHECK(strcmp(types[0], "ssh-rsa") == 0 && strcmp(types[1], "ssh-ed25519") == 0);
	CHECK(haw_known_hosts_key_types(kh, "alpha", 22, types, 1) == 1);
	CHECK(haw_known_hosts_key_types(kh, "alpha", 99, types, 4) == 1);
	CHECK(strcmp(types[0], "ecdsa-sha2-nistp256") == 0);
	CHECK(haw_known_hosts_key_types(kh, "alpha", 98, types, 4) == 2);
	CHECK(haw_known_hosts_key_types(kh, "alps", 22, types, 4) == 0);
	haw_message_free(&m);
	haw_known_hosts_free(kh);
}

static void several_files(void)
{
	haw_known_hosts *kh = haw_known_hosts_new();
	haw_known_hosts_problem problem;
	haw_known_hosts_entry entry;
	haw_message m;
	size_t index = 0;

	haw_message_write(&m, 0);
	put_line(&m, "alpha", other);
	CHECK(kh && parse(kh, "user", &m) == 0);
	haw_message_reset(&m);
	haw_put_bytes(&m, "broken\n", 7);
	put_line(&m, "alpha", ed25519);
	CHECK(parse(kh, "global", &m) == 0);
	CHECK(haw_known_hosts_check(kh, "alpha", 22, ed25519, &entry, &err) == HAW_KNOWN_MATCH);
	CHECK(strcmp(entry.file, "global") == 0 && entry.line == 2);
	CHECK(strcmp(entry.fingerprint, haw_key_fingerprint(ed25519)) == 0);
	CHECK(haw_span_equal(entry.blob, haw_key_blob(ed25519)));
	CHECK(haw_known_hosts_check(kh, "alpha", 0, ecdsa, &entry, &err) == HAW_KNOWN_OTHER_TYPE);
	CHECK(strcmp(entry.file, "user") == 0 && entry.line == 1);
	CHECK(haw_known_hosts_check(kh, "beta", 0, ecdsa, &entry, &err) == HAW_KNOWN_UNKNOWN && !entry.file);
	CHECK(haw_known_hosts_check(kh, "beta", 0, ecdsa, NULL, NULL) == HAW_KNOWN_UNKNOWN);
	CHECK(haw_known_hosts_find(kh, "alpha", 22, &index, &entry) && index == 1);
	CHECK(haw_known_hosts_find(kh, "alpha", 22, &index, &entry) && index == 2);
	CHECK(!haw_known_hosts_find(kh, "alpha", 22, &index, &entry));
	CHECK(haw_known_hosts_problem_at(kh, 0, &problem) && strcmp(problem.file, "global") == 0);
	CHECK(problem.line == 1 && !haw_known_hosts_problem_at(kh, 1, &problem));
	CHECK(haw_known_hosts_load(kh, "/nonexistent", HAW_KNOWN_HOSTS_OPTIONAL, &err) == 0);
	CHECK(haw_known_hosts_load(kh, "/nonexistent", 0, &err) == HAW_ESYSTEM && err.sys_errno == ENOENT);
	haw_message_free(&m);
	haw_known_hosts_free(kh);
}

static void stored_names(void)
{
	char name[1100], again[1100], small[8];

	CHECK(haw_known_hosts_name("Host", 22, false, name, sizeof(name), &err) == 0);
	CHECK(strcmp(name, "host") == 0);
	CHECK(haw_known_hosts_name("::1", 2200, false, name, sizeof(name), &err) == 0);
	CHECK(strcmp(name, "[::1]:2200") == 0);
	CHECK(haw_known_hosts_name("host", 22, true, name, sizeof(name), &err) == 0);
	CHECK(haw_known_hosts_name("host", 22, true, again, sizeof(again), &err) == 0);
	CHECK(strncmp(name, "|1|", 3) == 0 && strlen(name) == 60 && strcmp(name, again) != 0);
	CHECK(haw_known_hosts_name("host", 2200, false, small, sizeof(small), &err) == HAW_ELIMIT);
	CHECK(haw_known_hosts_name("a b", 22, false, name, sizeof(name), &err) == HAW_EINVAL);
}

/* ---- Configuration ---- */

static void values_by_name(void)
{
	haw_config *config = haw_config_new(&err);
	haw_host_config *host;

	CHECK(config && haw_config_set_home(config, "/home/somebody", &err) == 0);
	CHECK(haw_config_set(config, "SendEnv A B", &err) == 0);
	CHECK(haw_config_set(config, "port=2200", &err) == 0);
	CHECK(haw_config_set(config, "Port 1", &err) == 0);
	CHECK(haw_config_set(config, "KbdInteractiveAuthentication no", &err) == 0);
	CHECK(haw_config_set(config, "Host *", &err) == HAW_EFORMAT);
	CHECK(haw_config_set(config, "Include /x", &err) == HAW_EFORMAT);
	CHECK(haw_config_set(config, "", &err) == HAW_EFORMAT);
	CHECK(haw_config_set(config, "Port", &err) == HAW_EFORMAT);
	CHECK(haw_config_set(config, "User \"a", &err) == HAW_EFORMAT);
	host = haw_config_lookup(config, "alpha", &err);
	CHECK_MSG(host, "%s", err.message);
	CHECK(strcmp(haw_host_config_get(host, "PORT"), "2200") == 0);
	CHECK(strcmp(haw_host_config_get(host, "sendenv"), "A B") == 0);
	CHECK(strcmp(haw_host_config_get(host, "challengeresponseauthentication"), "no") == 0);
	CHECK(!haw_host_config_get(host, "user") && !haw_host_config_get(host, "nonsense"));
	CHECK(haw_host_config_values(host)->size == sizeof(haw_host_values));
	CHECK(haw_host_config_values(host)->port == 2200);
	CHECK(strcmp(haw_host_config_values(host)->user_known_hosts.items[0],
		     "/home/somebody/.ssh/known_hosts") == 0);
	CHECK(strcmp(haw_host_config_note(host, 0), "command line: SendEnv has no effect here") == 0);
	CHECK(!haw_host_config_note(host, 1));
	haw_host_config_free(host);
	haw_config_free(config);
}

static void failed_load_leaves_nothing(void)
{
	static char path[] = "/tmp/hawser-config-XXXXXX";
	haw_config *config = haw_config_new(&err);
	haw_host_config *host;
	int fd = mkstemp(path);

	CHECK(config && fd >= 0 && write(fd, "Port 9\nUser \"x\n", 15) == 15);
	close(fd);
	CHECK(haw_config_load_file(config, path, 0, &err) == HAW_EFORMAT);
	CHECK(strstr(err.message, path) && strstr(err.message, ":2: "));
	host = haw_config_lookup(config, "alpha", NULL);
	CHECK(host && haw_host_config_values(host)->port == 22);
	haw_host_config_free(host);
	haw_config_free(config);
	unlink(path);
}

/* Input of any kind ends in a value or an error, never in a crash: for the sanitizers. */
static void random_input(void)
{
	static const char alphabet[] = "  \t\"'\\=#%~${}!*?,|@:[]0129azAZ/.-\r";
	static const char *const words[] = {"Port ",
					    "User ",
					    "HostName ",
					    "IdentityFile ",
					    "UserKnownHostsFile ",
					    "RekeyLimit ",
					    "LogLevel ",
					    "Ciphers ",
					    "ConnectTimeout ",
					    "ProxyJump ",
					    "SendEnv ",
					    "IgnoreUnknown ",
					    "Tunnel ",
					    "",
					    "|1|",
					    "@revoked "};
	unsigned int state = 1;
	char text[256];

	for (int round = 0; round < 20000; round++) {
		haw_config *config = haw_config_new(&err);
		haw_known_hosts *kh = haw_known_hosts_new();
		haw_known_hosts_entry entry;
		haw_host_config *host = NULL;
		size_t len, index = 0;

		CHECK(config && kh);
		state = state * 1103515245u + 12345u;
		strcpy(text, words[(state >> 16) % (sizeof(words) / sizeof(words[0]))]);
		len = strlen(text);
		for (size_t n = (state >> 8) % 40; n > 0; n--) {
			state = state * 1103515245u + 12345u;
			text[len++] = alphabet[(state >> 16) % (sizeof(alphabet) - 1)];
		}
		text[len] = '\0';
		err = (haw_error){0};
		if (haw_config_set(config, text, &err) == 0)
			host = haw_config_lookup(config, "alpha", &err);
		CHECK_MSG(host || (err.code < 0 && err.message[0]), "%s", text);
		CHECK(haw_known_hosts_parse(kh, "text", text, len, &err) == 0);
		while (haw_known_hosts_find(kh, "alpha", 22, &index, &entry))
			continue;
		haw_host_config_free(host);
		haw_known_hosts_free(kh);
		haw_config_free(config);
	}
}

int main(void)
{
	RUN(make_keys);
	if (harness.failed)
		return harness_end();
	RUN(key_types);
	RUN(several_files);
	RUN(stored_names);
	RUN(values_by_name);
	RUN(failed_load_leaves_nothing);
	RUN(random_input);
	haw_key_free(ed25519);
	haw_key_free(other);
	haw_key_free(ecdsa);
	haw_key_free(rsa);
	return harness_end();
}

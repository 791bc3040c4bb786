/* SPDX-License-Identifier: Apache-2.0
 *
 * What the user writes: options, and operands of every form.
 */
#include <sys/socket.h>

#include "args.h"
#include "harness.h"
#include "location.h"

/* ---- Options ---- */

static enum cp_args_result parse(struct cp_args *args, int argc, const char **argv)
{
	/* The result points into the vector, as it does into main's. */
	static char *kept[2 * CP_WORDS_MAX + 8];
	enum cp_args_result result;

	for (int i = 0; i <= argc; i++)
		kept[i] = (char *)argv[i];
	result = cp_args_parse(args, argc, kept);
	/* The words for another program, which no test here looks at. */
	cp_scp_args_free(&args->scp);
	return result;
}

#define PARSE(args, ...)                                                                 \
	parse(args, (int)(sizeof((const char *[]){"cp", __VA_ARGS__}) / sizeof(char *)), \
	      (const char *[]){"cp", __VA_ARGS__, NULL})

static void every_option(void)
{
	struct cp_args args;

	CHECK(PARSE(&args, "-4Bpqrvv", "-L", "-c", "aes128-ctr", "-F", "conf", "-i", "one", "-i", "two", "-o",
		    "A=b", "-P", "2222", "--json", "--backend", "x=y", "a", "h:b") == CP_ARGS_RUN);
	CHECK(args.family == AF_INET && args.batch && args.preserve && args.quiet && args.recursive &&
	      args.follow);
	CHECK(args.verbose == 2 && args.json && args.port == 2222);
	CHECK(strcmp(args.ciphers, "aes128-ctr") == 0 && strcmp(args.config_file, "conf") == 0);
	CHECK(args.identities.count == 2 && strcmp(args.identities.items[1], "two") == 0);
	CHECK(args.settings.count == 1 && strcmp(args.settings.items[0], "A=b") == 0);
	CHECK(args.backends.choices.count == 1 && strcmp(args.backends.choices.items[0], "x=y") == 0);
	tool_backends_free(&args.backends);
	CHECK(args.operand_count == 2 && strcmp(args.operands[1], "h:b") == 0);
	CHECK(PARSE(&args, "-6", "a", "b") == CP_ARGS_RUN && args.family == AF_INET6);
}

static void operands_with_dashes(void)
{
	struct cp_args args;

	CHECK(PARSE(&args, "a", "-r") == CP_ARGS_RUN && args.operand_count == 2 && !args.recursive);
	CHECK(PARSE(&args, "-r", "--", "-a", "-b") == CP_ARGS_RUN && args.recursive);
	CHECK(args.operand_count == 2 && strcmp(args.operands[0], "-a") == 0);
}

static void wrong_options(void)
{
	struct cp_args args;

	CHECK(PARSE(&args, "a") == CP_ARGS_WRONG);
	CHECK(PARSE(&args, "-r", "a") == CP_ARGS_WRONG);
	CHECK(PARSE(&args, "-Z", "a", "b") == CP_ARGS_WRONG);
	CHECK(PARSE(&args, "--unknown", "a", "b") == CP_ARGS_WRONG);
	CHECK(PARSE(&args, "a", "b", "-i") == CP_ARGS_RUN);
	CHECK(PARSE(&args, "-i") == CP_ARGS_WRONG);
	for (const char **port = (const char *[]){"0", "65536", "x", "", "-1", "22x", " 22",
						  "99999999999999999999", NULL};
	     *port; port++)
		CHECK_MSG(PARSE(&args, "-P", *port, "a", "b") == CP_ARGS_WRONG, "port \"%s\"", *port);
	CHECK(PARSE(&args, "--help") == CP_ARGS_HELP);
}

static void too_many_repeats(void)
{
	const char *argv[2 * CP_WORDS_MAX + 8] = {"cp"};
	struct cp_args args;
	int argc = 1;

	for (int i = 0; i <= CP_WORDS_MAX; i++) {
		argv[argc++] = "-o";
		argv[argc++] = "A=b";
	}
	argv[argc++] = "a";
	argv[argc++] = "b";
	CHECK(parse(&args, argc, argv) == CP_ARGS_WRONG);
}

/* ---- Operands ---- */

static bool same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static void operand_forms(void)
{
	static const struct {
		const char *text;
		bool remote;
		const char *user, *host;
		uint16_t port;
		const char *path;
	} cases[] = {
		{"file", false, NULL, NULL, 0, "file"},
		{"./host:file", false, NULL, NULL, 0, "./host:file"},
		{"/a:b", false, NULL, NULL, 0, "/a:b"},
		{"dir/a:b", false, NULL, NULL, 0, "dir/a:b"},
		{"user@host", false, NULL, NULL, 0, "user@host"},
		{"[x", false, NULL, NULL, 0, "[x"},
		{"host:", true, NULL, "host", 0, "."},
		{"host:file", true, NULL, "host", 0, "file"},
		{"host:/abs", true, NULL, "host", 0, "/abs"},
		{"host:a:b", true, NULL, "host", 0, "a:b"},
		{"host:~/x", true, NULL, "host", 0, "x"},
		{"host:~", true, NULL, "host", 0, "."},
		{"host:~/", true, NULL, "host", 0, "."},
		{"host:./~x", true, NULL, "host", 0, "./~x"},
		{"u@host:f", true, "u", "host", 0, "f"},
		{"u@dom@host:f", true, "u@dom", "host", 0, "f"},
		{"host:f@g:h", true, NULL, "host", 0, "f@g:h"},
		{"[::1]:f", true, NULL, "::1", 0, "f"},
		{"u@[fe80::1%eth0]:f", true, "u", "fe80::1%eth0", 0, "f"},
		{"[127.0.0.1]:", true, NULL, "127.0.0.1", 0, "."},
		{"sftp://host", true, NULL, "host", 0, "."},
		{"sftp://host/", true, NULL, "host", 0, "."},
		{"SFTP://host/rel", true, NULL, "host", 0, "rel"},
		{"sftp://host//abs", true, NULL, "host", 0, "/abs"},
		{"sftp://u@host:2222/a%20b%25", true, "u", "host", 2222, "a b%"},
		{"sftp://u%40d@host/%ff", true, "u@d", "host", 0, "\xff"},
		{"sftp://[::1]:22/x", true, NULL, "::1", 22, "x"},
		{"sftp://[::1]/x:y", true, NULL, "::1", 0, "x:y"},
		{"sftp://host/x@y:z", true, NULL, "host", 0, "x@y:z"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cp_location l;
		char reason[200] = "";
		bool good = cp_location_parse(&l, cases[i].text, reason, sizeof(reason));
		bool right = good && l.remote == cases[i].remote && same(l.user, cases[i].user) &&
			     same(l.host, cases[i].host) && l.port == cases[i].port &&
			     same(l.path, cases[i].path);

		CHECK_MSG(right, "%s: user %s host %s port %u path %s (%s)", cases[i].text,
			  l.user ? l.user : "-", l.host ? l.host : "-", l.port, l.path ? l.path : "-",
			  reason);
		cp_location_free(&l);
	}
}

static void operands_that_are_wrong(void)
{
	static const char *const cases[] = {
		"",
		":x",
		"@h:x",
		"-h:x",
		"u@-oProxyCommand=x:f",
		"[]:x",
		"u@:x",
		"h h:x",
		"a\tb:x",
		"sftp://",
		"sftp:///x",
		"sftp://h:/x",
		"sftp://h:0/x",
		"sftp://h:65536/x",
		"sftp://h:port/x",
		"sftp://h:2 2/x",
		"sftp://h/%",
		"sftp://h/%4",
		"sftp://h/%zz",
		"sftp://h/a%00b",
		"sftp://@h/x",
		"sftp://u%0@h/x",
		"sftp://-h/x",
		"sftp://[::1/x",
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cp_location l;
		char reason[200] = "";
		bool good = cp_location_parse(&l, cases[i], reason, sizeof(reason));

		cp_location_free(&l);
		CHECK_MSG(!good, "\"%s\" was taken", cases[i]);
		CHECK_MSG(reason[0], "\"%s\": no reason", cases[i]);
	}
}

static void same_host(void)
{
	struct cp_location a, b, c;
	char reason[200];

	CHECK(cp_location_parse(&a, "u@Host:x", reason, sizeof(reason)));
	CHECK(cp_location_parse(&b, "u@host:y", reason, sizeof(reason)));
	CHECK(cp_location_parse(&c, "v@host:y", reason, sizeof(reason)));
	CHECK(cp_location_same_host(&a, &b));
	CHECK(!cp_location_same_host(&a, &c));
	cp_location_free(&a);
	cp_location_free(&b);
	cp_location_free(&c);
}

int main(void)
{
	RUN(every_option);
	RUN(operands_with_dashes);
	RUN(wrong_options);
	RUN(too_many_repeats);
	RUN(operand_forms);
	RUN(operands_that_are_wrong);
	RUN(same_host);
	return harness_end();
}

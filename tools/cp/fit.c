/* SPDX-License-Identifier: Apache-2.0
 *
 * Options that say how connections are made hold where none is made, too: they are about nothing there. The
 * others are in the table.
 */
#include "fit.h"

enum {
	FIT_LOCAL = 1, /* both sides here */
	FIT_LEGACY = 4,
	FIT_ORIGIN = 8,
	FIT_PROGRAM = 16,
	FIT_SERVER = 32,
	FIT_LEGACY_PROGRAM = 64
};

static const struct {
	unsigned kind;
	const char *words;
} kinds[] = {
	{FIT_LOCAL, "between local names"},
	{FIT_LEGACY_PROGRAM, "with -O and -S"},
	{FIT_LEGACY, "with -O"},
	{FIT_ORIGIN, "with -R"},
	{FIT_PROGRAM, "with -S"},
	{FIT_SERVER, "with -D"},
};

static bool wants_connections(const struct cp_args *args)
{
	return args->connections > 1;
}

static bool wants_resume(const struct cp_args *args)
{
	return args->resume;
}

static bool wants_verify(const struct cp_args *args)
{
	return args->verify;
}

static bool wants_reconnect(const struct cp_args *args)
{
	return args->reconnect_given && args->reconnect_s > 0;
}

static bool wants_requests(const struct cp_args *args)
{
	return args->scp.requests || args->scp.buffer;
}

static bool wants_backends(const struct cp_args *args)
{
	const struct tool_backends *b = &args->backends;

	return b->choices.count || b->modules.count || b->provider_path || b->eal || b->prefer;
}

static const struct {
	const char *option;
	bool (*given)(const struct cp_args *args);
	unsigned kinds;
	const char *reason;
} rules[] = {
	{"-j", wants_connections, FIT_LOCAL, "nothing is connected"},
	{"-j", wants_connections, FIT_LEGACY, "the old protocol moves one file at a time"},
	{"-j", wants_connections, FIT_ORIGIN, "scp on the first host makes its own connection"},
	{"-j", wants_connections, FIT_SERVER, "it is one server, without a network"},
	{"--resume", wants_resume, FIT_LOCAL, "a copy here starts again"},
	{"--resume", wants_resume, FIT_LEGACY, "the old protocol starts each file again"},
	{"--resume", wants_resume, FIT_ORIGIN, "scp on the first host starts each file again"},
	{"--verify", wants_verify, FIT_LOCAL, "what the kernel copies is not read back; cmp(1) compares"},
	{"--verify", wants_verify, FIT_LEGACY, "the old protocol cannot read back what stands there"},
	{"--verify", wants_verify, FIT_ORIGIN, "the data are not here"},
	{"--reconnect", wants_reconnect, FIT_ORIGIN, "how far scp on the first host has come is not known"},
	{"--reconnect", wants_reconnect, FIT_SERVER, "there is no network"},
	{"--reconnect", wants_reconnect, FIT_LEGACY_PROGRAM, "a program that ended is not run again"},
	{"-X", wants_requests, FIT_LEGACY, "the old protocol has no requests"},
	{"--backend", wants_backends, FIT_PROGRAM | FIT_SERVER, "that program protects its packets itself"},
};

static unsigned kinds_of(const struct cp_args *args, bool from_host, bool to_host)
{
	const struct cp_scp_args *scp = &args->scp;
	unsigned found;

	if (!from_host && !to_host)
		return FIT_LOCAL;
	if (from_host && to_host && scp->on_origin)
		return FIT_ORIGIN | (scp->program ? FIT_PROGRAM : 0);
	found = (scp->legacy ? FIT_LEGACY : 0) | (scp->program ? FIT_PROGRAM : 0) |
		(scp->server ? FIT_SERVER : 0);
	return found | (scp->legacy && scp->program ? FIT_LEGACY_PROGRAM : 0);
}

bool cp_fit_check(struct cp_session *s, const struct cp_location *source,
		  const struct cp_location *destination)
{
	unsigned found = kinds_of(s->args, source->remote, destination->remote);

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		if (!(rules[i].kinds & found) || !rules[i].given(s->args))
			continue;
		for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
			if (kinds[k].kind & rules[i].kinds & found) {
				cp_report_wrong(&s->report, "%s cannot be had %s: %s", rules[i].option,
						kinds[k].words, rules[i].reason);
				return false;
			}
	}
	return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "scp_args.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As in scp(1): 100 Gbit/s, 256 KiB, 262144 requests. */
enum { LIMIT_MOST = 100 << 20, BUFFER_MOST = 256 << 10, REQUESTS_MOST = 256 << 10 };

/* A decimal number from 1 to MOST, with nothing around it; 0 if it is none. */
static uint64_t number(const char *text, uint64_t most)
{
	unsigned long long value;
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return 0;
	errno = 0;
	value = strtoull(text, &end, 10);
	return errno || *end || value > most ? 0 : value;
}

/* The same, also with a fraction, and with a suffix: B, K, M or G. */
static uint64_t scaled(const char *text, uint64_t most)
{
	static const char suffixes[] = "BKMG";
	size_t len = strspn(text, "0123456789.");
	const char *suffix = text[len] ? strchr(suffixes, toupper((unsigned char)text[len])) : suffixes;
	double value;
	char *end;

	if (len == 0 || !suffix || (text[len] && text[len + 1]))
		return 0;
	value = strtod(text, &end);
	if (end != text + len)
		return 0;
	value *= (double)(UINT64_C(1) << 10 * (suffix - suffixes));
	return value < 1 || value > (double)most ? 0 : (uint64_t)value;
}

static bool wrong(const char *text)
{
	fprintf(stderr, "hawser cp: %s\n", text);
	return false;
}

static bool take_limit(struct cp_scp_args *args, const char *value)
{
	uint64_t kbits = number(value, LIMIT_MOST);

	args->bytes_per_s = kbits * 1024 / 8;
	return kbits > 0 || wrong("-l takes Kbit/s, from 1 to 104857600");
}

static bool take_tuning(struct cp_scp_args *args, const char *value)
{
	if (strncmp(value, "nrequests=", 10) == 0) {
		args->requests = (uint32_t)number(value + 10, REQUESTS_MOST);
		return args->requests > 0 || wrong("-X nrequests takes a number from 1 to 262144");
	}
	if (strncmp(value, "buffer=", 7) == 0) {
		args->buffer = (uint32_t)scaled(value + 7, BUFFER_MOST);
		return args->buffer > 0 || wrong("-X buffer takes bytes from 1 to 256K");
	}
	return wrong("-X takes nrequests=N or buffer=BYTES");
}

/* ---- For the program of -S ---- */

static bool pass(struct cp_scp_args *args, const char *word)
{
	char **grown = realloc(args->passed, (args->passed_count + 1) * sizeof(*grown));

	if (!grown)
		return wrong("out of memory");
	args->passed = grown;
	grown[args->passed_count] = strdup(word);
	return grown[args->passed_count++] || wrong("out of memory");
}

static bool note(struct cp_scp_args *args, int option, const char *value)
{
	const char word[3] = {'-', (char)option, '\0'};

	switch (option) {
	case '4':
	case '6':
	case 'A':
	case 'C':
	case 'q':
	case 'v':
		return pass(args, word);
	case 'B':
		return pass(args, "-oBatchmode=yes");
	case 'c':
	case 'F':
	case 'i':
	case 'J':
	case 'o':
		return pass(args, word) && pass(args, value);
	default:
		return true;
	}
}

/* ---- Options ---- */

static bool take(struct cp_scp_args *args, int option, const char *value, bool *mine)
{
	switch (option) {
	case '3':
	case 'R':
		args->on_origin = option == 'R';
		return true;
	case 'A':
		return args->agent = true;
	case 'C':
		return args->compress = true;
	case 'D':
		args->server = value;
		return true;
	case 'J':
		args->jump = value;
		return true;
	case 'l':
		return take_limit(args, value);
	case 'O':
	case 's':
		args->legacy = option == 'O';
		return true;
	case 'S':
		args->program = value;
		return true;
	case 'T':
		return args->unchecked = true;
	case 'X':
		return take_tuning(args, value);
	default:
		*mine = false;
		return true;
	}
}

bool cp_scp_args_take(struct cp_scp_args *args, int option, const char *value, bool *mine)
{
	*mine = true;
	return note(args, option, value) && take(args, option, value, mine);
}

bool cp_scp_args_check(const struct cp_scp_args *args)
{
	if (args->server && (args->program || args->legacy || args->on_origin))
		return wrong("-D runs an SFTP server here: it goes with none of -O, -R and -S");
	if (args->agent && !args->program)
		return wrong("-A: this command does not forward an agent; -S ssh does");
	return true;
}

void cp_scp_args_free(struct cp_scp_args *args)
{
	for (size_t i = 0; i < args->passed_count; i++)
		free(args->passed[i]);
	free(args->passed);
	args->passed = NULL;
	args->passed_count = 0;
}

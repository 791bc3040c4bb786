/* SPDX-License-Identifier: Apache-2.0 */
#include "args.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "rate.h"

enum { OPTION_JSON = 256, OPTION_HELP, OPTION_BWLIMIT,
       OPTION_RECONNECT, OPTION_MEMORY, OPTION_VERIFY, OPTION_RESUME };

const char cp_usage[] =
	"usage: hawser cp [OPTIONS] SOURCE... DESTINATION\n"
	"       hawser cp -G [OPTIONS] [USER@]HOST\n"
	"\n"
	"Copies files and directory trees; either side may be [USER@]HOST:[PATH] or\n"
	"sftp://[USER@]HOST[:PORT]/[PATH], or the same with scp://.\n"
	"\n"
	"  -4, -6             IPv4 or IPv6 only\n"
	"  -B                 ask nothing (batch mode)\n"
	"  -c CIPHERS         ciphers to offer, as ssh's Ciphers\n"
	"  -F FILE            read this configuration instead of ~/.ssh/config\n"
	"  -G                 show the configuration for HOST, the only operand, and copy nothing\n"
	"  -i FILE            private key to log in with; may be repeated\n"
	"  -j CONNECTIONS     move data over so many connections at a time\n"
	"  -L                 follow symbolic links inside trees\n"
	"  -o NAME=VALUE      an option as in ssh_config; may be repeated\n"
	"  -P PORT            port of the server\n"
	"  -p                 keep modes and times\n"
	"  -q                 no progress line\n"
	"  -r                 copy directories with all that is in them\n"
	"  -v                 say more; up to three times\n"
	CP_SCP_USAGE "\n"
	"  --reconnect SECS   try so long to get a lost connection back (120); 0: do not\n"
	"  --resume           go on with partial files, and leave them for later if this run is broken off\n"
	"  --verify           compare each file with its source when it has been copied\n"
	"  --memory MIB       let so much be under way at most, on long and fast paths (64)\n"
	"  --bwlimit RATE     move at most so many KiB of file data a second, or with a suffix K, M, G\n"
	"\n" TOOL_BACKEND_USAGE "  --json                    one JSON object a line on standard output\n"
	"\n"
	"exit status: 0 all done; 1 some files failed; 2 wrong use or nothing could start;\n"
	"3 only that sources vanished or changed meanwhile; 255 connection or login failed\n";

/* '+': operands may begin with a dash once the first has been seen, and nothing is permuted. */
static const char short_options[] = "+46BGLc:F:i:j:o:P:pqrv" CP_SCP_OPTIONS;

static const struct option long_options[] = {
	TOOL_BACKEND_OPTIONS,
	{"json", no_argument, NULL, OPTION_JSON},
	{"help", no_argument, NULL, OPTION_HELP},
	{"bwlimit", required_argument, NULL, OPTION_BWLIMIT},
	{"reconnect", required_argument, NULL, OPTION_RECONNECT},
	{"verify", no_argument, NULL, OPTION_VERIFY},
	{"resume", no_argument, NULL, OPTION_RESUME},
	{"memory", required_argument, NULL, OPTION_MEMORY},
	{NULL, 0, NULL, 0},
};

enum { RECONNECT_S = 120, MEMORY_MIB = 64 };

static bool add_word(struct cp_words *words, const char *word, const char *option)
{
	if (words->count == CP_WORDS_MAX) {
		fprintf(stderr, "hawser cp: %s is given more than %d times\n", option, CP_WORDS_MAX);
		return false;
	}
	words->items[words->count++] = word;
	return true;
}

static bool parse_port(const char *text, uint16_t *port)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || *end || value == 0 || value > 65535) {
		fprintf(stderr, "hawser cp: -P takes a port from 1 to 65535\n");
		return false;
	}
	*port = (uint16_t)value;
	return true;
}

static bool parse_count(const char *option, const char *what, const char *text, unsigned least, unsigned most,
			unsigned *count)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || *end || value < least || value > most) {
		fprintf(stderr, "hawser cp: %s takes %s from %u to %u\n", option, what, least, most);
		return false;
	}
	*count = (unsigned)value;
	return true;
}

static void take_flag(struct cp_args *args, int option)
{
	switch (option) {
	case '4':
		args->family = AF_INET;
		break;
	case '6':
		args->family = AF_INET6;
		break;
	case 'B':
		args->batch = true;
		break;
	case 'G':
		args->show_config = true;
		break;
	case 'L':
		args->follow = true;
		break;
	case 'p':
		args->preserve = true;
		break;
	case 'q':
		args->quiet = true;
		break;
	case 'r':
		args->recursive = true;
		break;
	case 'v':
		args->verbose++;
		break;
	case OPTION_RESUME:
		args->resume = true;
		break;
	case OPTION_VERIFY:
		args->verify = true;
		break;
	case OPTION_JSON:
		args->json = true;
		break;
	}
}

static bool take_option(struct cp_args *args, int option)
{
	bool of_scp;

	if (!cp_scp_args_take(&args->scp, option, optarg, &of_scp))
		return false;
	if (option == 'l')
		args->rate = args->scp.bytes_per_s;
	if (of_scp)
		return true;
	switch (option) {
	case 'c':
		args->ciphers = optarg;
		return true;
	case 'F':
		args->config_file = optarg;
		return true;
	case 'i':
		return add_word(&args->identities, optarg, "-i");
	case 'j':
		return parse_count("-j", "connections", optarg, 1, CP_CONNECTIONS_MAX, &args->connections);
	case 'o':
		return add_word(&args->settings, optarg, "-o");
	case 'P':
		return parse_port(optarg, &args->port);
	case OPTION_BWLIMIT:
		if (cp_rate_parse(optarg, &args->rate))
			return true;
		fputs("hawser cp: --bwlimit takes KiB a second, or a number with K, M or G, as 5M\n", stderr);
		return false;
	case OPTION_MEMORY:
		return parse_count("--memory", "MiB", optarg, 4, 4096, &args->memory_mib);
	case OPTION_RECONNECT:
		args->reconnect_given = true;
		return parse_count("--reconnect", "seconds", optarg, 0, 86400, &args->reconnect_s);
	case '?':
		return false;
	default:
		if (!tool_backends_take(&args->backends, option, optarg))
			take_flag(args, option);
		return true;
	}
}

enum cp_args_result cp_args_parse(struct cp_args *args, int argc, char **argv)
{
	int option;

	memset(args, 0, sizeof(*args));
	args->reconnect_s = RECONNECT_S;
	args->connections = 1;
	args->memory_mib = MEMORY_MIB;
	argv[0] = (char *)"hawser cp"; /* how getopt names what is wrong */
	optind = 1;
	while ((option = getopt_long(argc, argv, short_options, long_options, NULL)) != -1) {
		if (option == OPTION_HELP)
			return CP_ARGS_HELP;
		if (!take_option(args, option)) {
			fputs("hawser cp --help lists the options\n", stderr);
			return CP_ARGS_WRONG;
		}
	}
	if (!cp_scp_args_check(&args->scp))
		return CP_ARGS_WRONG;
	args->operands = argv + optind;
	args->operand_count = (size_t)(argc - optind);
	if (args->show_config) {
		if (args->operand_count == 1)
			return CP_ARGS_RUN;
		fputs("hawser cp: -G takes one operand, [USER@]HOST\n", stderr);
		return CP_ARGS_WRONG;
	}
	if (args->operand_count < 2) {
		fputs("hawser cp: at least one source and a destination are needed\n", stderr);
		fputs("hawser cp --help lists the options\n", stderr);
		return CP_ARGS_WRONG;
	}
	return CP_ARGS_RUN;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/hardware/options.h"

#include <getopt.h>

#include <cerrno>
#include <cstdlib>

#include "bench/hardware/packet.h"

namespace bench
{

const char usage[] =
	"usage: hawser bench [--quick | --full] [OPTION]...\n"
	"       hawser bench --compare FILE... [--html FILE]\n"
	"\n"
	"Measures how fast this machine protects SSH packets, and says what to configure and\n"
	"how many cores a line rate takes. The default run ends within a minute.\n"
	"\n"
	"  --quick                   1 KiB and 32 KiB three times: within 15 seconds\n"
	"  --full                    all sizes, batches and thread counts: some minutes\n"
	"  --suite NAME[,NAME...]    these suites or ciphers instead of those offered by default\n"
	"  --backend NAME[,NAME...]  these engines only: openssl, provider:NAME, cryptodev:DEVICE\n"
	"  --backend ALG=NAME        the same, on that suite or cipher\n"
	"  --bytes N[,N...]          bytes of payload in a packet, 1 to 262080\n"
	"  --threads N[,N...]        threads that seal at the same time\n"
	"  --json FILE               write all results, as Google Benchmark does\n"
	"  --html FILE               write a page with plots\n"
	"  --compare FILE...         say which of several --json files differ, and how surely\n"
	"  --backend-module FILE     load engines from a module\n"
	"  --provider-path DIR       where OpenSSL's provider and engine modules are\n"
	"  --eal ARGUMENTS           what DPDK is started with, for cryptodev\n"
	"\n"
	"Exit status: 0 it is done; 1 something could not be measured; 2 wrong use.\n";

namespace
{

enum {
	QUICK = 1,
	FULL,
	SUITE,
	BACKEND,
	BYTES,
	THREADS,
	JSON,
	HTML,
	COMPARE,
	MODULE,
	PROVIDER_PATH,
	EAL,
	HELP
};

const struct option long_options[] = {
	{"quick", no_argument, nullptr, QUICK},
	{"full", no_argument, nullptr, FULL},
	{"suite", required_argument, nullptr, SUITE},
	{"backend", required_argument, nullptr, BACKEND},
	{"bytes", required_argument, nullptr, BYTES},
	{"threads", required_argument, nullptr, THREADS},
	{"json", required_argument, nullptr, JSON},
	{"html", required_argument, nullptr, HTML},
	{"compare", required_argument, nullptr, COMPARE},
	{"backend-module", required_argument, nullptr, MODULE},
	{"provider-path", required_argument, nullptr, PROVIDER_PATH},
	{"eal", required_argument, nullptr, EAL},
	{"help", no_argument, nullptr, HELP},
	{},
};

std::vector<std::string> words(const std::string &text)
{
	std::vector<std::string> all;

	for (size_t at = 0; at <= text.size();) {
		const size_t end = std::min(text.find(',', at), text.size());

		if (end == at)
			throw WrongUse("\"" + text + "\": a name is missing in the list");
		all.push_back(text.substr(at, end - at));
		at = end + 1;
	}
	return all;
}

std::vector<size_t> numbers(const char *option, const char *text, size_t max)
{
	std::vector<size_t> all;

	for (const std::string &word : words(text)) {
		char *end;

		errno = 0;
		const unsigned long value = strtoul(word.c_str(), &end, 10);
		if (word[0] < '0' || word[0] > '9' || *end || errno || value < 1 || value > max)
			throw WrongUse(std::string(option) + " " + word + ": give a number from 1 to " +
				       std::to_string(max));
		all.push_back(value);
	}
	return all;
}

template <class T> void append(std::vector<T> &to, const std::vector<T> &more)
{
	to.insert(to.end(), more.begin(), more.end());
}

void take_backends(Options &options, const char *text)
{
	for (const std::string &word : words(text)) {
		const size_t equals = word.find('=');

		if (equals != word.npos && word.substr(0, equals) != "*")
			options.suites.push_back(word.substr(0, equals));
		options.backends.push_back(equals == word.npos ? word : word.substr(equals + 1));
	}
}

void take(Options &options, int option, const char *text)
{
	switch (option) {
	case QUICK:
	case FULL:
		if (options.depth != Depth::normal)
			throw WrongUse("--quick and --full: choose one, once");
		options.depth = option == QUICK ? Depth::quick : Depth::full;
		break;
	case SUITE:
		append(options.suites, words(text));
		break;
	case BACKEND:
		take_backends(options, text);
		break;
	case BYTES:
		append(options.bytes, numbers("--bytes", text, payload_max));
		break;
	case THREADS:
		append(options.threads, numbers("--threads", text, 4096));
		break;
	case JSON:
		options.json = text;
		break;
	case HTML:
		options.html = text;
		break;
	case COMPARE:
		options.compare.push_back(text);
		break;
	case MODULE:
		options.engine.modules.push_back(text);
		break;
	case PROVIDER_PATH:
		options.engine.provider_path = text;
		break;
	case EAL:
		options.engine.eal = text;
		break;
	case HELP:
		options.help = true;
		break;
	default:
		throw WrongUse("");
	}
}

} // namespace

Options parse_options(int argc, char **argv)
{
	Options options;
	int option;

	while ((option = getopt_long(argc, argv, "h", long_options, nullptr)) != -1)
		take(options, option == 'h' ? int(HELP) : option, optarg);
	/* --compare takes all the files that follow. */
	for (; optind < argc; optind++) {
		if (options.compare.empty())
			throw WrongUse(std::string(argv[optind]) + ": only --compare takes names of files");
		options.compare.push_back(argv[optind]);
	}
	if (options.compare.size() == 1 && !options.help)
		throw WrongUse("--compare takes at least two files of results");
	return options;
}

} // namespace bench

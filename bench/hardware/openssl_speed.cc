/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/hardware/openssl_speed.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "bench/hardware/processors.h"

namespace bench
{

namespace
{

/* As `openssl speed -evp` wants it. */
std::string cipher_word(const haw_suite *suite)
{
	const std::string bits = std::to_string(suite->key_size * 8);

	switch (suite->cipher_kind) {
	case HAW_CIPHER_AES_GCM:
		return "aes-" + bits + "-gcm";
	case HAW_CIPHER_AES_CTR:
		return "aes-" + bits + "-ctr";
	case HAW_CIPHER_AES_CBC:
		return "aes-" + bits + "-cbc";
	case HAW_CIPHER_3DES_CBC:
		return "des-ede3-cbc";
	default:
		return "chacha20-poly1305";
	}
}

std::string mac_word(const haw_suite *suite)
{
	switch (suite->mac_kind) {
	case HAW_MAC_HMAC_SHA1:
		return "sha1";
	case HAW_MAC_HMAC_SHA2_256:
		return "sha256";
	case HAW_MAC_HMAC_SHA2_512:
		return "sha512";
	default:
		return "";
	}
}

std::string key_of(const std::string &word)
{
	return "openssl_speed_" + word;
}

/* Bytes a second out of the lines for machines: "+F:22:AES-128-GCM:5.2e+09". 0 if there are none. */
double run(const std::string &arguments)
{
	const std::string command =
		"exec openssl speed -mr -seconds 1 -bytes 32768 " + arguments + " 2>/dev/null </dev/null";
	std::unique_ptr<FILE, decltype(&pclose)> pipe(popen(command.c_str(), "re"), pclose);
	char line[512];
	double rate = 0;

	while (pipe && fgets(line, sizeof(line), pipe.get())) {
		const char *last = strrchr(line, ':');

		if (strncmp(line, "+F", 2) == 0 && last)
			rate = strtod(last + 1, nullptr);
	}
	return rate;
}

} // namespace

void record_openssl_speed(Results &results, const Plan &plan, size_t most)
{
	auto measure = [&](const std::string &word, const char *option) {
		if (word.empty() || most == 0 || !results.recorded(key_of(word)).empty())
			return;
		const double rate = run(option + word);
		most--;
		results.record.emplace_back(key_of(word),
					    rate > 0 ? fixed(rate, 0) : "unknown to this openssl");
	};

	if (system("command -v openssl >/dev/null 2>&1") != 0) {
		results.record.emplace_back("openssl_speed", "there is no openssl command here");
		return;
	}
	pin_thread(0);
	for (const haw_suite *suite : plan.suites) {
		measure(cipher_word(suite), "-evp ");
		measure(mac_word(suite), "-hmac ");
	}
	unpin_thread();
}

double openssl_speed_of(const Results &results, const std::string &name)
{
	const haw_suite *suite = nullptr;

	for (size_t i = 0; (suite = haw_suite_at(i)); i++)
		if (name == suite->name)
			break;
	if (!suite)
		return 0;
	const double cipher = strtod(results.recorded(key_of(cipher_word(suite))).c_str(), nullptr);
	if (suite->mac_kind == HAW_MAC_NONE || cipher <= 0)
		return cipher;
	const double mac = strtod(results.recorded(key_of(mac_word(suite))).c_str(), nullptr);
	return mac > 0 ? 1 / (1 / cipher + 1 / mac) : 0;
}

} // namespace bench

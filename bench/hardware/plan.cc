/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/hardware/plan.h"

#include <algorithm>
#include <cstring>

#include <hawser/transport.h>

#include "bench/hardware/processors.h"

namespace bench
{

namespace
{

std::vector<std::string> offered(enum haw_algorithm_kind kind)
{
	std::vector<std::string> names;
	const char *name;
	bool by_default;

	for (size_t i = 0; (name = haw_algorithm_at(kind, i, &by_default)); i++)
		if (by_default)
			names.push_back(name);
	return names;
}

bool same_work(const haw_suite *a, const haw_suite *b)
{
	return a->cipher_kind == b->cipher_kind && a->mac_kind == b->mac_kind && a->key_size == b->key_size &&
	       a->length_mode == b->length_mode;
}

/* Once for each kind of work: some suites differ by their names only. */
void add_suite(std::vector<const haw_suite *> &suites, const haw_suite *suite, bool by_name)
{
	for (const haw_suite *known : suites)
		if (known == suite || (!by_name && same_work(known, suite)))
			return;
	suites.push_back(suite);
}

/* What a connection of two Hawsers, or with OpenSSH, could come to by default. */
std::vector<const haw_suite *> negotiated_suites()
{
	std::vector<const haw_suite *> suites;

	for (const std::string &cipher : offered(HAW_ALGORITHM_CIPHER)) {
		for (const std::string &mac : offered(HAW_ALGORITHM_MAC)) {
			const haw_suite *suite = haw_suite_find(cipher.c_str(), mac.c_str());

			if (suite)
				add_suite(suites, suite, false);
		}
	}
	return suites;
}

std::vector<const haw_suite *> named_suites(const std::vector<std::string> &names)
{
	std::vector<const haw_suite *> suites, offered_ones = negotiated_suites();

	for (const std::string &name : names) {
		bool found = false;
		auto take = [&](const haw_suite *suite) {
			add_suite(suites, suite, true);
			found = true;
		};
		const haw_suite *suite;

		for (size_t i = 0; (suite = haw_suite_at(i)); i++)
			if (name == suite->name)
				take(suite);
		/* A cipher means the MACs that are offered with it, or all if it is not offered. */
		if (!found)
			for (const haw_suite *s : offered_ones)
				if (name == s->cipher)
					take(s);
		if (!found)
			for (size_t i = 0; (suite = haw_suite_at(i)); i++)
				if (name == suite->cipher)
					take(suite);
		if (!found)
			throw WrongUse("there is no suite or cipher \"" + name +
				       "\"; hawser ciphers lists those there are");
	}
	return suites;
}

Engines named_engines(const Options &options)
{
	Engines engines;

	auto add = [&](const std::string &name) {
		for (const auto &known : engines)
			if (known->name() == name)
				return;
		engines.push_back(std::make_unique<Engine>(name, options.engine));
	};
	for (const std::string &name : options.backends)
		add(name);
	/* What leaves the CPU is compared with the CPU. */
	const bool offload =
		std::any_of(engines.begin(), engines.end(), [](auto &e) { return e->is_offload(); });
	if (!options.backends.empty() && !offload)
		return engines;
	const haw_backend *backend;
	for (size_t i = 0; (backend = haw_backend_at(i)); i++)
		if (!backend->unusable(backend))
			add(backend->name);
	for (const std::string &name :
	     options.backends.empty() ? module_names(options.engine) : std::vector<std::string>())
		add(name);
	return engines;
}

std::vector<size_t> powers(size_t last)
{
	std::vector<size_t> all;

	for (size_t n = 1; n < last; n *= 2)
		all.push_back(n);
	all.push_back(last);
	return all;
}

} // namespace

const Engine *Plan::chosen(const haw_suite *suite) const
{
	const std::vector<const Engine *> all = able(suite);

	for (const Engine *engine : all)
		if (!engine->is_offload())
			return engine;
	return all.empty() ? nullptr : all.front();
}

std::vector<const Engine *> Plan::able(const haw_suite *suite) const
{
	std::vector<const Engine *> all;

	for (const auto &engine : engines)
		if (engine->refuses(suite).empty())
			all.push_back(engine.get());
	return all;
}

bool Plan::has_offload() const
{
	return std::any_of(engines.begin(), engines.end(), [](auto &e) { return e->is_offload(); });
}

Plan make_plan(const Options &options)
{
	Plan plan;
	const bool quick = options.depth == Depth::quick, full = options.depth == Depth::full;

	plan.engines = named_engines(options);
	plan.suites = options.suites.empty() ? negotiated_suites() : named_suites(options.suites);
	plan.repetitions = quick ? 3 : 9;
	plan.bytes = quick  ? std::vector<size_t>{1024, 32768}
		     : full ? std::vector<size_t>{64, 256, 1024, 4096, 16384, 32768, 65536, 262144}
			    : std::vector<size_t>{64, 1024, 16384, 32768};
	plan.batches = quick  ? std::vector<size_t>{32}
		       : full ? std::vector<size_t>{2, 4, 8, 16, 32, 64}
			      : std::vector<size_t>{8, 32};
	plan.threads = full ? powers(processor_count()) : std::vector<size_t>{1, processor_count()};
	plan.depths = quick ? std::vector<size_t>{1, 32} : powers(64);
	plan.seconds = quick ? 12.5 : full ? 300 : 54;
	if (!options.bytes.empty())
		plan.bytes = options.bytes;
	if (!options.threads.empty())
		plan.threads = options.threads;
	std::sort(plan.bytes.begin(), plan.bytes.end());
	std::sort(plan.threads.begin(), plan.threads.end());
	plan.bytes.erase(std::unique(plan.bytes.begin(), plan.bytes.end()), plan.bytes.end());
	plan.threads.erase(std::unique(plan.threads.begin(), plan.threads.end()), plan.threads.end());
	if (std::none_of(plan.suites.begin(), plan.suites.end(),
			 [&](auto *s) { return !plan.able(s).empty(); })) {
		const Engine &first = *plan.engines.front();

		throw WrongUse("none of the engines can serve any of the suites: " +
			       first.refuses(plan.suites.front()));
	}
	return plan;
}

} // namespace bench

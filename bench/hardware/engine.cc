/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/hardware/engine.h"

#include <cstdlib>

namespace bench
{

namespace
{

/* A selector with what the command line says; NAMES, if not NULL, receives the modules' names. */
haw_selector *new_selector(const EngineOptions &options, std::vector<std::string> *names)
{
	haw_selector *s = haw_selector_new();
	haw_selector_options given = {};
	const char *name;
	haw_error err;

	if (!s)
		throw std::bad_alloc();
	given.size = sizeof(given);
	given.eal = options.eal.empty() ? nullptr : options.eal.c_str();
	given.provider_path = options.provider_path.empty() ? nullptr : options.provider_path.c_str();
	given.module_dir = secure_getenv("HAWSER_MODULE_DIR");
	if (haw_selector_set_options(s, &given, &err) < 0) {
		haw_selector_free(s);
		throw WrongUse(err.message);
	}
	for (const std::string &file : options.modules) {
		if (haw_selector_load_module(s, file.c_str(), &name, &err) < 0) {
			haw_selector_free(s);
			throw WrongUse(std::string("--backend-module: ") + err.message);
		}
		if (names)
			names->push_back(name);
	}
	return s;
}

} // namespace

Engine::Engine(const std::string &name, const EngineOptions &options)
    : name_(name), selector_(new_selector(options, nullptr))
{
	haw_error err;

	backend_ = haw_selector_open(selector_, name.c_str(), &err);
	if (!backend_ || haw_selector_override(selector_, ("*=" + name).c_str(), &err) < 0) {
		haw_selector_free(selector_);
		throw WrongUse("backend " + name + ": " + err.message);
	}
	name_ = backend_->name;
}

Engine::~Engine()
{
	haw_selector_free(selector_);
}

std::string Engine::refuses(const haw_suite *suite) const
{
	char reason[512];
	const haw_backend *chosen = haw_selector_choose(selector_, suite, reason, sizeof(reason));

	if (!chosen)
		return reason;
	if (chosen->name != name_)
		return name_ + " cannot protect packets with " + suite->name;
	return "";
}

haw_sealer *Engine::make(const haw_suite *suite, const haw_keys *keys, bool opens) const
{
	haw_error err;
	haw_sealer *s = opens ? haw_selector_opener(selector_, suite, keys, nullptr, &err)
			      : haw_selector_sealer(selector_, suite, keys, nullptr, &err);

	if (!s)
		throw std::runtime_error(err.message);
	return s;
}

Engines built_in_engines(const EngineOptions &options)
{
	const haw_backend *backend;
	Engines all;

	for (size_t i = 0; (backend = haw_backend_at(i)); i++)
		if (!backend->unusable(backend))
			all.push_back(std::make_unique<Engine>(backend->name, options));
	return all;
}

std::vector<std::string> module_names(const EngineOptions &options)
{
	std::vector<std::string> names;

	haw_selector_free(new_selector(options, &names));
	return names;
}

} // namespace bench

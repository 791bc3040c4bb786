/* SPDX-License-Identifier: Apache-2.0
 *
 * The backends that are measured, each with a selector that chooses it wherever it can serve, so that
 * sealers and openers come about as those of a connection do: checked, with a MAC beside the cipher if need
 * be, guarded if they may go away.
 */
#ifndef HAWSER_BENCH_ENGINE_H
#define HAWSER_BENCH_ENGINE_H

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <hawser/backend.h>

namespace bench
{

/* The user asked for what cannot be: exit status 2. */
struct WrongUse : std::runtime_error {
	using std::runtime_error::runtime_error;
};

/* What is said about engines on the command line. */
struct EngineOptions {
	std::vector<std::string> modules;
	std::string provider_path, eal;
};

class Engine
{
      public:
	/* NAME: "openssl", "provider:NAME", what a module calls itself. WrongUse if there is no such engine.
	 */
	Engine(const std::string &name, const EngineOptions &options);
	~Engine();
	Engine(const Engine &) = delete;
	Engine &operator=(const Engine &) = delete;

	const std::string &name() const
	{
		return name_;
	}
	const haw_selector *selector() const
	{
		return selector_;
	}
	const haw_backend *backend() const
	{
		return backend_;
	}
	/* Why it cannot serve SUITE here; empty if it can. */
	std::string refuses(const haw_suite *suite) const;
	/* True if it works on something else than the calling CPU. */
	bool is_offload() const
	{
		return backend_->flags & HAW_BACKEND_OFFLOAD;
	}
	/* std::runtime_error with a sentence on failure. */
	haw_sealer *make(const haw_suite *suite, const haw_keys *keys, bool opens) const;

      private:
	std::string name_;
	haw_selector *selector_;
	const haw_backend *backend_ = nullptr;
};

using Engines = std::vector<std::unique_ptr<Engine>>;

/* Those built in that work here, in the static order. */
Engines built_in_engines(const EngineOptions &options);
/* The names that modules in OPTIONS give themselves. */
std::vector<std::string> module_names(const EngineOptions &options);

} // namespace bench

#endif

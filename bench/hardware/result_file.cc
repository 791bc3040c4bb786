/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/hardware/result_file.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "bench/hardware/engine.h"
#include "bench/hardware/json_value.h"

namespace bench
{

namespace
{

/* A --full run of many engines writes some megabytes. */
constexpr size_t size_max = 256u << 20;

std::string read_all(const std::string &name)
{
	std::ifstream file(name, std::ios::binary);
	std::string text;

	errno = 0;
	if (file)
		text.assign(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
	if (!file || file.bad())
		throw WrongUse(name + " cannot be read" + (errno ? std::string(": ") + strerror(errno) : ""));
	if (text.size() > size_max)
		throw WrongUse(name + " is too large to be a file of results");
	return text;
}

bool is_known_member(const std::string &key)
{
	for (const char *known : {"family_index", "per_family_instance_index", "repetitions",
				  "repetition_index", "threads", "iterations", "real_time", "cpu_time"})
		if (key == known)
			return true;
	return false;
}

void add_run(Results &results, const JsonValue &run)
{
	const std::string name = run.text_of("run_name");
	Row *row = nullptr;

	if (name.empty())
		throw std::runtime_error("a row without a name");
	for (Row &known : results.rows)
		if (known.name == name)
			row = &known;
	if (!row) {
		results.rows.emplace_back(name);
		row = &results.rows.back();
	}
	if (run.text_of("run_type") != "iteration" || run.find("error_occurred") || run.find("skipped"))
		return;
	row->seconds.push_back(run.number_of("real_time") / 1e9);
	for (const auto &[key, value] : run.members)
		if (value.kind == JsonValue::number && !is_known_member(key))
			row->counters[key].push_back(value.value);
}

} // namespace

Results read_results(const std::string &name)
{
	const std::string text = read_all(name);
	Results results;

	try {
		const JsonValue top = parse_json(text);
		const JsonValue *context = top.find("context"), *benchmarks = top.find("benchmarks");

		if (!context || !context->find("hawser") || !benchmarks ||
		    benchmarks->kind != JsonValue::array)
			throw std::runtime_error("another program has written it");
		for (const auto &[key, value] : context->members)
			if (value.kind == JsonValue::string)
				results.record.emplace_back(key, value.text);
		for (const JsonValue &run : benchmarks->items)
			add_run(results, run);
	} catch (const std::runtime_error &e) {
		throw WrongUse(name + " is no file of hawser bench --json: " + e.what());
	}
	return results;
}

} // namespace bench

/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/hardware/results.h"

#include <cstdio>
#include <cstdlib>

#include "bench/hardware/statistics.h"

namespace bench
{

namespace
{

std::vector<std::string> split(const std::string &text)
{
	std::vector<std::string> parts;
	size_t at = 0;

	for (size_t end; (end = text.find('/', at)) != text.npos; at = end + 1)
		parts.push_back(text.substr(at, end - at));
	parts.push_back(text.substr(at));
	return parts;
}

bool take_number(const std::string &part, const char *key, size_t *value)
{
	const std::string start = key;

	if (part.compare(0, start.size(), start) != 0)
		return false;
	*value = strtoul(part.c_str() + start.size(), nullptr, 10);
	return true;
}

bool is_number(const std::string &text)
{
	return !text.empty() && text.find_first_not_of("0123456789") == text.npos;
}

} // namespace

Row::Row(const std::string &row_name) : name(row_name)
{
	std::vector<std::string> parts = split(name);

	what = parts[0];
	while (parts.size() > 1 &&
	       (take_number(parts.back(), "batch:", &batch) || take_number(parts.back(), "depth:", &depth) ||
		take_number(parts.back(), "threads:", &threads)))
		parts.pop_back();
	if (parts.size() > 1 && is_number(parts.back())) {
		bytes = strtoul(parts.back().c_str(), nullptr, 10);
		parts.pop_back();
	}
	suite = parts.size() > 1 ? parts[1] : "";
	backend = parts.size() > 2 ? parts.back() : "";
}

const std::vector<double> &Row::rates() const
{
	static const std::vector<double> none;
	auto found = counters.find("bytes_per_second");

	if (found == counters.end())
		found = counters.find("items_per_second");
	return found == counters.end() ? none : found->second;
}

double Row::rate() const
{
	return median(rates());
}

double Row::counter(const std::string &counter_name) const
{
	auto found = counters.find(counter_name);

	return found == counters.end() ? 0 : median(found->second);
}

double Row::variation() const
{
	return bench::variation(rates());
}

double Row::ns_per_byte() const
{
	return rate() > 0 ? 1e9 / rate() : 0;
}

const Row *Results::find(const std::string &name) const
{
	for (const Row &row : rows)
		if (row.name == name && row.error.empty() && !row.rates().empty())
			return &row;
	return nullptr;
}

const Row *Results::find(const std::string &what, const std::string &suite, const std::string &backend,
			 size_t bytes, size_t batch, size_t depth) const
{
	for (const Row &row : rows)
		if (row.what == what && row.suite == suite && row.backend == backend && row.bytes == bytes &&
		    row.batch == batch && row.depth == depth && row.threads == 0 && row.error.empty() &&
		    !row.rates().empty())
			return &row;
	return nullptr;
}

std::string Results::recorded(const std::string &key) const
{
	for (const auto &[name, value] : record)
		if (name == key)
			return value;
	return "";
}

std::string fixed(double value, int digits)
{
	char text[64];

	snprintf(text, sizeof(text), "%.*f", digits, value);
	return text;
}

namespace
{

std::string three_digits(double value)
{
	return fixed(value, value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2);
}

} // namespace

std::string rate_text(double bytes_per_second)
{
	return bytes_per_second >= 999.5e6 ? three_digits(bytes_per_second / 1e9) + " GB/s"
					   : three_digits(bytes_per_second / 1e6) + " MB/s";
}

std::string count_text(double per_second)
{
	return per_second >= 99950 ? three_digits(per_second / 1000) + " k/s" : fixed(per_second, 0) + " /s";
}

std::string bytes_text(size_t bytes)
{
	return bytes % 1024 == 0 ? std::to_string(bytes / 1024) + " KiB" : std::to_string(bytes) + " B";
}

} // namespace bench

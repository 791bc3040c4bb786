/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading JSON (RFC 8259): enough for files of results. Depth and size are bounded.
 */
#ifndef HAWSER_BENCH_JSON_VALUE_H
#define HAWSER_BENCH_JSON_VALUE_H

#include <map>
#include <string>
#include <vector>

namespace bench
{

struct JsonValue {
	enum Kind { null, boolean, number, string, array, object } kind = null;
	double value = 0; /* number, boolean */
	std::string text;
	std::vector<JsonValue> items;
	std::map<std::string, JsonValue> members;

	/* NULL if there is no such member, or this is no object. */
	const JsonValue *find(const std::string &key) const;
	/* The text or number of a member; empty or 0 if it is not there. */
	std::string text_of(const std::string &key) const;
	double number_of(const std::string &key) const;
};

/* std::runtime_error with where it stops making sense. */
JsonValue parse_json(const std::string &text);

} // namespace bench

#endif

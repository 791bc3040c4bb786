/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/hardware/json_value.h"

#include <cstdlib>
#include <cstring>
#include <stdexcept>

namespace bench
{

namespace
{

constexpr int depth_max = 32;

class Parser
{
      public:
	explicit Parser(const std::string &text)
	    : begin_(text.c_str()), at_(begin_), end_(begin_ + text.size())
	{
	}

	JsonValue whole()
	{
		const JsonValue v = value(0);

		blanks();
		if (at_ != end_)
			fail();
		return v;
	}

      private:
	[[noreturn]] void fail() const
	{
		throw std::runtime_error("no JSON at byte " + std::to_string(at_ - begin_));
	}
	void blanks()
	{
		while (at_ < end_ && strchr(" \t\r\n", *at_) && *at_)
			at_++;
	}
	bool take(char c)
	{
		blanks();
		if (at_ == end_ || *at_ != c)
			return false;
		at_++;
		return true;
	}
	void expect(char c)
	{
		if (!take(c))
			fail();
	}
	bool take_word(const char *word)
	{
		const size_t n = strlen(word);

		if (size_t(end_ - at_) < n || strncmp(at_, word, n) != 0)
			return false;
		at_ += n;
		return true;
	}

	JsonValue value(int depth)
	{
		JsonValue v;

		blanks();
		if (at_ == end_ || depth > depth_max)
			fail();
		if (*at_ == '{')
			object(v, depth);
		else if (*at_ == '[')
			array(v, depth);
		else if (*at_ == '"')
			v = {JsonValue::string, 0, text(), {}, {}};
		else if (take_word("true"))
			v = {JsonValue::boolean, 1, "", {}, {}};
		else if (take_word("false"))
			v = {JsonValue::boolean, 0, "", {}, {}};
		else if (!take_word("null"))
			v = {JsonValue::number, number(), "", {}, {}};
		return v;
	}
	void object(JsonValue &v, int depth)
	{
		v.kind = JsonValue::object;
		expect('{');
		if (take('}'))
			return;
		do {
			blanks();
			const std::string key = text();

			expect(':');
			v.members[key] = value(depth + 1);
		} while (take(','));
		expect('}');
	}
	void array(JsonValue &v, int depth)
	{
		v.kind = JsonValue::array;
		expect('[');
		if (take(']'))
			return;
		do
			v.items.push_back(value(depth + 1));
		while (take(','));
		expect(']');
	}
	double number()
	{
		char *stop;
		const double v = strtod(at_, &stop);

		/* Google Benchmark writes "nan" and "inf" bare, which strtod takes. */
		if (stop == at_)
			fail();
		at_ = stop;
		return v;
	}
	std::string text()
	{
		std::string out;

		if (at_ == end_ || *at_ != '"')
			fail();
		for (at_++; at_ < end_ && *at_ != '"'; at_++) {
			if (*at_ != '\\') {
				out += *at_;
				continue;
			}
			if (++at_ == end_)
				fail();
			escape(out);
		}
		if (at_ == end_)
			fail();
		at_++;
		return out;
	}
	void escape(std::string &out)
	{
		static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
		const char *found = *at_ ? strchr(from, *at_) : nullptr;

		if (found) {
			out += to[found - from];
			return;
		}
		if (*at_ != 'u' || end_ - at_ < 5)
			fail();
		const unsigned long code = strtoul(std::string(at_ + 1, 4).c_str(), nullptr, 16);
		/* Names and records are ASCII; what is not is only shown. */
		out += code < 0x80 ? char(code) : '?';
		at_ += 4;
	}

	const char *begin_, *at_, *end_;
};

} // namespace

const JsonValue *JsonValue::find(const std::string &key) const
{
	const auto found = members.find(key);

	return found == members.end() ? nullptr : &found->second;
}

std::string JsonValue::text_of(const std::string &key) const
{
	const JsonValue *member = find(key);

	return member && member->kind == string ? member->text : "";
}

double JsonValue::number_of(const std::string &key) const
{
	const JsonValue *member = find(key);

	return member && member->kind == number ? member->value : 0;
}

JsonValue parse_json(const std::string &text)
{
	return Parser(text).whole();
}

} // namespace bench

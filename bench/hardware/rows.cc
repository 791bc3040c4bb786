/* SPDX-License-Identifier: Apache-2.0
 *
 * The rows of a plan.
 */
#include <algorithm>

#include "bench/hardware/compress_cases.h"
#include "bench/hardware/exchange_cases.h"
#include "bench/hardware/loopback_cases.h"
#include "bench/hardware/offload_cases.h"
#include "bench/hardware/packet_cases.h"
#include "bench/hardware/packetizer_cases.h"
#include "bench/hardware/plan.h"

namespace bench
{

namespace
{

/* The sizes at which batches, threads, the packetizer and sizing are looked at. */
constexpr size_t small = 1024, large = 32768;

using Rows = std::vector<RegisteredRow>;

void add_packets(const Plan &plan, Rows &rows)
{
	Case c;

	for (const haw_suite *suite : plan.suites) {
		c.suite = suite;
		for (const Engine *engine : plan.able(suite)) {
			c.engine = engine;
			for (size_t bytes : plan.bytes) {
				c.bytes = bytes;
				rows.push_back(add_seal(c));
				rows.push_back(add_raw(c, false));
				rows.push_back(add_open(c));
				rows.push_back(add_raw(c, true));
			}
		}
	}
}

void add_batches(const Plan &plan, Rows &rows)
{
	Case c;

	for (const haw_suite *suite : plan.suites) {
		c.suite = suite;
		c.bytes = small;
		for (const Engine *engine : plan.able(suite)) {
			c.engine = engine;
			for (size_t batch : plan.batches) {
				c.batch = batch;
				rows.push_back(add_seal(c));
				rows.push_back(add_open(c));
			}
		}
	}
}

/* The first suite of each cipher kind, by the engine that serves it unasked. */
std::vector<Case> leading_cases(const Plan &plan)
{
	std::vector<Case> all;
	Case c;

	c.bytes = large;
	for (const haw_suite *suite : plan.suites) {
		const bool known = std::any_of(all.begin(), all.end(), [&](const Case &other) {
			return other.suite->cipher_kind == suite->cipher_kind;
		});

		c.suite = suite;
		c.engine = known ? nullptr : plan.chosen(suite);
		if (c.engine)
			all.push_back(c);
	}
	return all;
}

void add_threads(const Plan &plan, Rows &rows)
{
	for (const Case &c : leading_cases(plan)) {
		for (size_t threads : plan.threads) {
			rows.push_back(add_seal(c)->Threads(int(threads))->UseRealTime());
			rows.push_back(add_open(c)->Threads(int(threads))->UseRealTime());
		}
	}
}

void add_exchanges(const Plan &plan, Rows &rows)
{
	for (const std::string &name : kex_methods())
		rows.push_back(add_kex(name));
	for (const std::string &name : signature_algorithms()) {
		rows.push_back(add_sign(name));
		rows.push_back(add_verify(name));
	}
	for (const Case &c : leading_cases(plan))
		rows.push_back(add_rekey(c));
}

void add_compression(Rows &rows)
{
	for (bool text : {true, false}) {
		rows.push_back(add_deflate(text, large));
		rows.push_back(add_inflate(text, large));
	}
}

/* The packetizer and the loopback run of the suite that sizing is computed from. */
void add_whole_path(const Plan &plan, Rows &rows, size_t transfer)
{
	for (Case c : leading_cases(plan)) {
		rows.push_back(add_packetizer_seal(c));
		rows.push_back(add_packetizer_open(c));
		c.bytes = transfer;
		rows.push_back(add_loopback(c));
	}
	rows.push_back(add_loopback_plain(transfer));
}

void add_offloads(const Plan &plan, Rows &rows)
{
	Case c;

	for (const auto &engine : plan.engines) {
		c.engine = engine.get();
		for (const haw_suite *suite : plan.suites) {
			c.suite = suite;
			if (!engine->is_offload() || !engine->refuses(suite).empty())
				continue;
			for (size_t bytes : plan.bytes) {
				c.bytes = bytes;
				for (size_t depth : plan.depths) {
					c.depth = depth;
					rows.push_back(add_offload(c, false));
					rows.push_back(add_offload(c, true));
				}
			}
		}
	}
}

} // namespace

std::vector<RegisteredRow> register_rows(const Plan &plan)
{
	const bool quick = plan.repetitions < 9;
	/* Long enough for windows and caches to settle, short enough for slow machines. */
	const size_t transfer = quick ? 32u << 20 : 64u << 20;
	Rows rows;

	add_packets(plan, rows);
	add_batches(plan, rows);
	add_threads(plan, rows);
	add_exchanges(plan, rows);
	add_compression(rows);
	add_whole_path(plan, rows, transfer);
	add_offloads(plan, rows);
	rows.erase(std::remove(rows.begin(), rows.end(), nullptr), rows.end());
	return rows;
}

} // namespace bench

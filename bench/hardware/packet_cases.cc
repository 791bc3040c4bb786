/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/hardware/packet_cases.h"

#include <algorithm>
#include <vector>

#include "bench/hardware/guard.h"
#include "bench/hardware/meter.h"
#include "bench/hardware/packet.h"
#include "bench/hardware/raw.h"

namespace bench
{

namespace
{

void run_seal(benchmark::State &state, const Case &c)
{
	PacketEnd end(*c.engine, c.suite, c.bytes, c.batch, false);
	Meter meter(state, c.engine);

	for (auto _ : state) {
		if (!end.seal()) {
			state.SkipWithError("sealing failed");
			break;
		}
		benchmark::ClobberMemory();
	}
	meter.finish(end.payload() * c.batch);
}

void run_open(benchmark::State &state, const Case &c)
{
	PacketEnd sealed(*c.engine, c.suite, c.bytes, c.batch, false);
	PacketEnd opener(*c.engine, c.suite, c.bytes, c.batch, true);

	const bool chained = c.suite->chain_mode == HAW_CHAIN_CIPHERTEXT;

	if (!sealed.seal())
		return state.SkipWithError("sealing failed");
	Meter meter(state, c.engine);
	for (auto _ : state) {
		const bool good = opener.open(sealed);

		/* What depends on the packet before it cannot be opened twice. */
		if (chained) {
			state.PauseTiming();
			sealed.seal();
			state.ResumeTiming();
		}
		if (!good) {
			state.SkipWithError("opening failed");
			break;
		}
		benchmark::ClobberMemory();
	}
	meter.finish(opener.payload() * c.batch);
}

void run_raw(benchmark::State &state, const Case &c, bool opens)
{
	/* Whole blocks, as a packet is. */
	size_t len = std::min(c.bytes, payload_max) / c.suite->block_size * c.suite->block_size;
	std::vector<uint8_t> plain(len + 64), sealed(len + 64), back(len + 64);
	uint8_t tag[64] = {};
	auto sealer = make_raw(c.engine->name(), c.suite, false),
	     primitive = make_raw(c.engine->name(), c.suite, opens);

	if (!sealer->run(plain.data(), sealed.data(), len, tag))
		return state.SkipWithError("the primitive failed");
	const uint8_t *in = opens ? sealed.data() : plain.data();
	Meter meter(state, c.engine);
	for (auto _ : state) {
		if (!primitive->run(in, back.data(), len, tag)) {
			state.SkipWithError("the primitive failed");
			break;
		}
		benchmark::ClobberMemory();
	}
	meter.finish(len);
}

} // namespace

benchmark::internal::Benchmark *add_seal(Case c)
{
	c.what = "seal";
	return add(c.name(), guarded(run_seal, c));
}

benchmark::internal::Benchmark *add_open(Case c)
{
	c.what = "open";
	return add(c.name(), guarded(run_open, c));
}

benchmark::internal::Benchmark *add_raw(Case c, bool opens)
{
	c.what = opens ? "raw_open" : "raw_seal";
	if (!make_raw(c.engine->name(), c.suite, opens))
		return nullptr;
	return add(c.name(), [=](benchmark::State &state) { run_raw(state, c, opens); });
}

} // namespace bench

/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/hardware/compress_cases.h"

#include <iterator>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/hardware/guard.h"
#include "bench/hardware/processors.h"

extern "C" {
#include "transport/packet/zstream.h"
}

namespace bench
{

namespace
{

/* Many times zlib's window, so that nothing is found again of an earlier round. */
constexpr size_t data_size = 1 << 20;

using Deflater = std::unique_ptr<struct haw_deflater, decltype(&haw_deflater_free)>;
using Inflater = std::unique_ptr<struct haw_inflater, decltype(&haw_inflater_free)>;
using Bytes = std::vector<uint8_t>;

Bytes make_text()
{
	static const char *const words[] = {"connection", "from",   "closed", "by",   "user",    "session",
					    "opened",     "failed", "for",    "port", "request", "timeout"};
	std::mt19937 random(1);
	std::string text;

	while (text.size() < data_size) {
		text += "2025-01-01T00:" + std::to_string(random() % 60) + " host" +
			std::to_string(random() % 20) + " daemon[" + std::to_string(random() % 10000) + "]:";
		for (unsigned i = 0; i < 6; i++)
			text += std::string(" ") + words[random() % std::size(words)];
		text += "\n";
	}
	return Bytes(text.begin(), text.begin() + data_size);
}

Bytes make_random()
{
	std::mt19937 random(2);
	Bytes data(data_size);

	for (uint8_t &byte : data)
		byte = uint8_t(random() >> 24);
	return data;
}

/* One packet's payload, compressed. */
haw_span deflate(struct haw_deflater *z, haw_span payload, Bytes &out)
{
	out.resize(haw_deflater_bound(z, payload.len));
	const size_t len = haw_deflater_packet(z, &payload, 1, out.data(), out.size());

	if (len == 0)
		throw std::runtime_error("zlib failed");
	return {out.data(), len};
}

/* What a row is about. */
struct Load {
	bool text;
	size_t bytes;

	Bytes data() const
	{
		return text ? make_text() : make_random();
	}
};

void run_deflate(benchmark::State &state, const Load &load)
{
	const Bytes data = load.data();
	const size_t bytes = load.bytes;
	Deflater z(haw_deflater_new(), haw_deflater_free);
	Bytes out;
	size_t at = 0, before = 0, after = 0;

	if (!z)
		throw std::runtime_error("out of memory");
	pin_thread(0);
	for (auto _ : state) {
		after += deflate(z.get(), {data.data() + at, bytes}, out).len;
		before += bytes;
		at = at + 2 * bytes > data.size() ? 0 : at + bytes;
	}
	state.SetBytesProcessed(int64_t(before));
	state.counters["ratio"] = double(before) / double(after);
}

void run_inflate(benchmark::State &state, const Load &load)
{
	const Bytes data = load.data();
	const size_t bytes = load.bytes;
	Deflater deflater(haw_deflater_new(), haw_deflater_free);
	Inflater inflater(haw_inflater_new(), haw_inflater_free);
	std::vector<Bytes> packets;
	size_t before = 0, after = 0;

	if (!deflater || !inflater)
		throw std::runtime_error("out of memory");
	for (size_t at = 0; at + bytes <= data.size(); at += bytes) {
		Bytes out;
		const haw_span packed = deflate(deflater.get(), {data.data() + at, bytes}, out);

		packets.emplace_back(packed.ptr, packed.ptr + packed.len);
	}
	pin_thread(0);
	for (auto _ : state) {
		haw_inflater_restart(inflater.get());
		for (const Bytes &packet : packets) {
			haw_span payload;
			haw_error err;

			if (haw_inflater_packet(inflater.get(), {packet.data(), packet.size()}, &payload,
						&err) < 0)
				throw std::runtime_error(err.message);
			before += payload.len;
			after += packet.size();
			haw_inflater_release(inflater.get());
		}
	}
	state.SetBytesProcessed(int64_t(before));
	state.counters["ratio"] = double(before) / double(after);
}

std::string name(const char *what, bool text, size_t bytes)
{
	return std::string(what) + "/zlib@openssh.com/" + (text ? "text" : "random") + "/" +
	       std::to_string(bytes);
}

} // namespace

benchmark::internal::Benchmark *add_deflate(bool text, size_t bytes)
{
	return add(name("deflate", text, bytes), guarded(run_deflate, Load{text, bytes}));
}

benchmark::internal::Benchmark *add_inflate(bool text, size_t bytes)
{
	return add(name("inflate", text, bytes), guarded(run_inflate, Load{text, bytes}));
}

} // namespace bench

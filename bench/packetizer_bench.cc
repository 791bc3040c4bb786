// SPDX-License-Identifier: Apache-2.0
//
// The packetizer with nothing around it: bulk framed and sealed into wire buffers, and a full
// receive ring cut and opened in place.
//
//   packetizer_seal/SUITE/BACKEND/BYTES   BYTES of payload in each packet, from memory in cache
//   packetizer_open/SUITE/BACKEND/BYTES   the same, opened
//
// Rates count payload. Compare with the raw calls of the same backend in crypto_bench.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

extern "C" {
#include "transport/packet/packetizer.h"
#include "transport/packet/ring.h"
}

namespace
{

// What one receive brings; the ring starts over at its first page each time it is empty.
constexpr size_t kRing = 256 * 1024;

// The payload that every packet carries: one piece of memory, as a file's page or a read buffer is.
std::vector<uint8_t> memory(1 << 18, 0x5a);

struct Source {
	size_t bytes = 0;
	size_t left = 0; // packets
};

bool SourceNext(void *user, struct haw_bulk *bulk)
{
	auto *source = static_cast<Source *>(user);

	if (source->left == 0)
		return false;
	source->left--;
	// CHANNEL_DATA: number, channel, length (RFC 4254 §5.2).
	memset(bulk->head, 94, 9);
	bulk->head_len = 9;
	bulk->span_count = 1;
	bulk->spans[0] = {memory.data(), source->bytes};
	bulk->cookie = nullptr;
	return true;
}

void SourceSealed(void *, void *)
{
}

class Packetizer
{
      public:
	explicit Packetizer(const std::string &backend)
	{
		haw_error err;

		selector_ = haw_selector_new();
		pool_ = haw_wire_pool_new(0, 2);
		if (haw_selector_override(selector_, ("*=" + backend).c_str(), &err) < 0)
			Die(err);
		packetizer_ = haw_packetizer_new(selector_, pool_, &err);
		if (!packetizer_)
			Die(err);
		bulk_ = {SourceNext, SourceSealed, &source};
		packetizer_->ops->set_source(packetizer_, &bulk_);
	}
	~Packetizer()
	{
		packetizer_->ops->free(packetizer_);
		haw_wire_pool_free(pool_);
		haw_selector_free(selector_);
	}
	Packetizer(const Packetizer &) = delete;
	Packetizer &operator=(const Packetizer &) = delete;

	void Key(enum haw_direction direction, const haw_suite *suite)
	{
		static const uint8_t bytes[HAW_KEY_MAX] = {1, 2, 3};
		const haw_keys keys = {bytes, bytes, bytes};
		haw_error err;

		if (packetizer_->ops->set_keys(packetizer_, direction, suite, &keys, true, &err) < 0)
			Die(err);
	}
	[[noreturn]] static void Die(const haw_error &err)
	{
		fprintf(stderr, "%s\n", err.message);
		exit(1);
	}
	const struct haw_packetizer_ops *operator->() const
	{
		return packetizer_->ops;
	}
	struct haw_packetizer *get() const
	{
		return packetizer_;
	}

	Source source;

      private:
	haw_selector *selector_;
	struct haw_wire_pool *pool_;
	struct haw_packetizer *packetizer_;
	struct haw_bulk_source bulk_;
};

void Seal(benchmark::State &state, const haw_suite *suite, const std::string &backend, size_t bytes)
{
	Packetizer p(backend);
	haw_span span;
	haw_error err;
	size_t packets = 0;

	p.Key(HAW_OUTGOING, suite);
	p.source.bytes = bytes;
	for (auto _ : state) {
		const size_t before = p.source.left = SIZE_MAX / 2;

		if (p->output(p.get(), &span, 1, &err) != 1)
			Packetizer::Die(err);
		p->sent(p.get(), span.len);
		packets += before - p.source.left;
	}
	state.SetBytesProcessed(static_cast<int64_t>(packets * bytes));
}

// As many sealed packets as the ring holds.
std::vector<uint8_t> SealedRing(const haw_suite *suite, const std::string &backend, size_t bytes,
				size_t *packets)
{
	Packetizer p(backend);
	std::vector<uint8_t> wire;
	haw_span span;
	haw_error err;

	p.Key(HAW_OUTGOING, suite);
	p.source.bytes = bytes;
	p.source.left = *packets = kRing / (bytes + 4 + 1 + 9 + 32 + suite->tag_size);
	while (p->output(p.get(), &span, 1, &err) == 1) {
		wire.insert(wire.end(), span.ptr, span.ptr + span.len);
		p->sent(p.get(), span.len);
	}
	return wire;
}

void Open(benchmark::State &state, const haw_suite *suite, const std::string &backend, size_t bytes)
{
	size_t packets = 0;
	const std::vector<uint8_t> wire = SealedRing(suite, backend, bytes, &packets);
	struct haw_ring *ring = haw_ring_new(kRing, nullptr);
	Packetizer p(backend);
	struct haw_packet packet;
	haw_error err;

	for (auto _ : state) {
		// As the kernel does it: bytes are copied into the ring, then opened. Only that is timed.
		haw_mut_span space = haw_ring_space(ring);
		memcpy(space.ptr, wire.data(), wire.size());
		haw_ring_fill(ring, wire.size());
		p.Key(HAW_INCOMING, suite);

		const auto start = std::chrono::steady_clock::now();
		const haw_mut_span data = haw_ring_data(ring);
		size_t opened = 0;
		int rc;
		p->feed(p.get(), data.ptr, data.len);
		while ((rc = p->next(p.get(), &packet, &err)) == 1)
			opened++;
		haw_ring_release(ring, p->release(p.get()));
		const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;

		if (rc < 0)
			Packetizer::Die(err);
		if (opened != packets) {
			state.SkipWithError("packets are missing");
			break;
		}
		state.SetIterationTime(took.count());
	}
	haw_ring_free(ring);
	state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * packets * bytes));
}

void RegisterAll()
{
	static const size_t sizes[] = {64, 1024, 4096, 16384, 32768, 131072, 261000};
	const haw_backend *backend;
	const haw_suite *suite;

	for (size_t b = 0; (backend = haw_backend_at(b)); b++) {
		if (backend->unusable(backend))
			continue;
		for (size_t i = 0; (suite = haw_suite_at(i)); i++) {
			if (backend->refuses(backend, suite))
				continue;
			for (size_t bytes : sizes) {
				const std::string name = std::string(suite->name) + "/" + backend->name +
							 "/" + std::to_string(bytes);
				const std::string who = backend->name;

				benchmark::RegisterBenchmark(
					("packetizer_seal/" + name).c_str(),
					[=](benchmark::State &state) { Seal(state, suite, who, bytes); });
				benchmark::RegisterBenchmark(
					("packetizer_open/" + name).c_str(),
					[=](benchmark::State &state) { Open(state, suite, who, bytes); })
					->UseManualTime();
			}
		}
	}
}

} // namespace

int main(int argc, char **argv)
{
	RegisterAll();
	benchmark::Initialize(&argc, argv);
	if (benchmark::ReportUnrecognizedArguments(argc, argv))
		return 1;
	benchmark::RunSpecifiedBenchmarks();
	return 0;
}

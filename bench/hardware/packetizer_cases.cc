/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/hardware/packetizer_cases.h"

#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/hardware/clock.h"
#include "bench/hardware/guard.h"
#include "bench/hardware/keys.h"
#include "bench/hardware/meter.h"

extern "C" {
#include "transport/packet/packetizer.h"
#include "transport/packet/ring.h"
}

namespace bench
{

namespace
{

/* What one receive brings; the ring starts over at its first page each time it is empty. */
constexpr size_t ring_size = 256 * 1024;

/* The payload that every packet carries: one piece of memory, as a file's page or a read buffer is. */
const std::vector<uint8_t> memory(1 << 18, 0x5a);

struct Source {
	size_t bytes = 0;
	size_t left = 0; /* packets */
};

bool source_next(void *user, struct haw_bulk *bulk)
{
	auto *source = static_cast<Source *>(user);

	if (source->left == 0)
		return false;
	source->left--;
	/* CHANNEL_DATA: number, channel, length (RFC 4254 §5.2). */
	memset(bulk->head, 94, 9);
	bulk->head_len = 9;
	bulk->span_count = 1;
	bulk->spans[0] = {memory.data(), source->bytes};
	bulk->cookie = nullptr;
	return true;
}

void source_sealed(void *, void *)
{
}

[[noreturn]] void fail(const haw_error &err)
{
	throw std::runtime_error(err.message);
}

class Packetizer
{
      public:
	explicit Packetizer(const Case &c) : pool_(haw_wire_pool_new(0, 2))
	{
		haw_error err;

		packetizer_ = haw_packetizer_new(c.engine->selector(), pool_, &err);
		if (!packetizer_) {
			haw_wire_pool_free(pool_);
			fail(err);
		}
		bulk_ = {source_next, source_sealed, &source};
		packetizer_->ops->set_source(packetizer_, &bulk_);
	}
	~Packetizer()
	{
		packetizer_->ops->free(packetizer_);
		haw_wire_pool_free(pool_);
	}
	Packetizer(const Packetizer &) = delete;
	Packetizer &operator=(const Packetizer &) = delete;

	void key(enum haw_direction direction, const haw_suite *suite)
	{
		haw_error err;

		if (packetizer_->ops->set_keys(packetizer_, direction, suite, &keys_.view, true, &err) < 0)
			fail(err);
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
	Keys keys_;
	struct haw_wire_pool *pool_;
	struct haw_packetizer *packetizer_ = nullptr;
	struct haw_bulk_source bulk_;
};

/* Fill one wire buffer and count it off; how many packets. */
size_t fill_buffer(Packetizer &p)
{
	const size_t before = p.source.left = SIZE_MAX / 2;
	haw_span span;
	haw_error err;
	ptrdiff_t count;

	while ((count = p->output(p.get(), &span, 1, &err)) == 0)
		if (p->poll(p.get(), &err) < 0)
			fail(err);
	if (count != 1)
		fail(err);
	p->sent(p.get(), span.len);
	return before - p.source.left;
}

void run_seal(benchmark::State &state, const Case &c)
{
	Packetizer p(c);
	size_t packets = 0;

	p.key(HAW_OUTGOING, c.suite);
	p.source.bytes = c.bytes;
	/* A connection's buffers have been touched before. */
	for (int i = 0; i < 4; i++)
		fill_buffer(p);
	Meter meter(state, c.engine);
	for (auto _ : state)
		packets += fill_buffer(p);
	meter.finish_total(packets * c.bytes);
}

/* As many sealed packets as the ring holds. */
std::vector<uint8_t> sealed_ring(const Case &c, size_t *packets)
{
	const size_t room = ring_size / (c.bytes + 4 + 1 + 9 + 32 + c.suite->tag_size);
	Packetizer p(c);
	std::vector<uint8_t> wire;
	haw_span span;
	haw_error err;

	p.key(HAW_OUTGOING, c.suite);
	p.source.bytes = c.bytes;
	p.source.left = *packets = room;
	while (p.source.left > 0 || p->pending(p.get()) > 0) {
		ptrdiff_t count = p->output(p.get(), &span, 1, &err);

		if (count < 0 || p->poll(p.get(), &err) < 0)
			fail(err);
		if (count == 0)
			continue;
		wire.insert(wire.end(), span.ptr, span.ptr + span.len);
		p->sent(p.get(), span.len);
	}
	return wire;
}

/* Cut and open what the ring holds; how many packets there were. */
size_t open_all(Packetizer &p, struct haw_ring *ring, size_t expected)
{
	const haw_mut_span data = haw_ring_data(ring);
	struct haw_packet packet;
	size_t opened = 0;
	haw_error err;
	int rc;

	p->feed(p.get(), data.ptr, data.len);
	while (opened < expected) {
		rc = p->next(p.get(), &packet, &err);
		if (rc < 0 || (rc == 0 && p->poll(p.get(), &err) < 0))
			fail(err);
		if (rc == 0 && !p->busy(p.get()) && p->fd(p.get(), HAW_INCOMING) < 0)
			break;
		opened += size_t(rc);
	}
	haw_ring_release(ring, p->release(p.get()));
	return opened;
}

void run_open(benchmark::State &state, const Case &c)
{
	size_t packets = 0;
	const std::vector<uint8_t> wire = sealed_ring(c, &packets);
	const std::unique_ptr<struct haw_ring, decltype(&haw_ring_free)> ring(
		haw_ring_new(ring_size, nullptr), haw_ring_free);
	Packetizer p(c);

	if (!ring)
		return state.SkipWithError("no ring could be mapped");
	const double clock_cost = clock_cost_ns(CLOCK_THREAD_CPUTIME_ID);
	Meter meter(state, c.engine);
	for (auto _ : state) {
		/* As the kernel does it: bytes are copied into the ring, then opened. Only that is timed. */
		haw_mut_span space = haw_ring_space(ring.get());
		memcpy(space.ptr, wire.data(), wire.size());
		haw_ring_fill(ring.get(), wire.size());
		p.key(HAW_INCOMING, c.suite);

		const double start = clock_ns(CLOCK_THREAD_CPUTIME_ID);
		const size_t opened = open_all(p, ring.get(), packets);
		const double took = clock_ns(CLOCK_THREAD_CPUTIME_ID) - start - clock_cost;

		if (opened != packets) {
			state.SkipWithError("packets are missing");
			break;
		}
		state.SetIterationTime(took / 1e9);
	}
	state.SetBytesProcessed(int64_t(size_t(state.iterations()) * packets * c.bytes));
}

} // namespace

benchmark::internal::Benchmark *add_packetizer_seal(Case c)
{
	c.what = "packetizer_seal";
	return add(c.name(), guarded(run_seal, c));
}

benchmark::internal::Benchmark *add_packetizer_open(Case c)
{
	c.what = "packetizer_open";
	return add(c.name(), guarded(run_open, c))->UseManualTime();
}

} // namespace bench

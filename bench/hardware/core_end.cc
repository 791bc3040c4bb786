/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/hardware/core_end.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "bench/hardware/clock.h"

extern "C" {
#include "transport/hostkey/hostkey.h"
}

namespace bench
{

namespace
{

/* What is sent: as large as a window of a source that stays in cache. */
const std::vector<uint8_t> bulk_memory(256 * 1024, 0x5a);

constexpr haw_span nothing = {nullptr, 0};

} // namespace

HostKey::HostKey() : key_(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"))
{
	haw_message_write(&blob_, 0);
	if (!key_ || haw_hostkey_encode(key_, &blob_, nullptr) < 0)
		throw std::runtime_error("OpenSSL makes no Ed25519 key");
	identity_ = {haw_hostkey_type_of(key_), haw_message_all(&blob_)};
}

HostKey::~HostKey()
{
	haw_message_free(&blob_);
	EVP_PKEY_free(key_);
}

CoreEnd::CoreEnd(const Engine &engine, const haw_suite *suite, const HostKey *host)
    : host_(host), pool_(haw_wire_pool_new(0, 4)), ring_(haw_ring_new(HAW_RING_SIZE, nullptr))
{
	struct haw_connection_options options = {};
	haw_error err;

	options.server = host != nullptr;
	options.ciphers = suite->cipher;
	options.macs = suite->mac;
	options.selector = engine.selector();
	options.pool = pool_;
	if (host) {
		options.identities = host->identity();
		options.identity_count = 1;
	}
	if (pool_ && ring_)
		connection_ = haw_connection_new(&options, &err);
	if (!connection_) {
		haw_ring_free(ring_);
		haw_wire_pool_free(pool_);
		throw std::runtime_error("a connection cannot be made here");
	}
	tick();
	if (!host) {
		chan_ = nullptr;
		if (haw_connection_auth(connection_, HAW_AUTH_NONE, "bench", nothing, false, &err) < 0)
			throw std::runtime_error(err.message);
	}
}

CoreEnd::~CoreEnd()
{
	haw_connection_free(connection_);
	haw_ring_free(ring_);
	haw_wire_pool_free(pool_);
}

void CoreEnd::tick()
{
	haw_connection_tick(connection_, uint64_t(clock_ns(CLOCK_MONOTONIC)));
}

void CoreEnd::sign(const struct haw_event &event)
{
	haw_message signature;

	haw_message_write(&signature, 0);
	if (haw_hostkey_sign(host_->key(), event.text, event.data, &signature, nullptr) == 0)
		haw_connection_host_signature(connection_, haw_message_all(&signature));
	haw_message_free(&signature);
}

void CoreEnd::handle(const struct haw_event &event)
{
	switch (event.kind) {
	case HAW_EVENT_HOST_KEY:
		haw_connection_accept_host_key(connection_, true, nullptr);
		break;
	case HAW_EVENT_HOST_SIGN:
		sign(event);
		break;
	case HAW_EVENT_KEYS:
		exchanges_++;
		break;
	case HAW_EVENT_AUTH_REQUEST:
		haw_connection_auth_answer(connection_, HAW_AUTH_ACCEPT, "none", nothing);
		break;
	case HAW_EVENT_AUTH_DONE:
		chan_ = haw_connection_channel_open(connection_, "session", nothing, 0, 0, this, nullptr);
		break;
	case HAW_EVENT_CHANNEL_OPEN:
		haw_connection_channel_accept(connection_, event.chan, 0, 0, this);
		ready_ = true;
		break;
	case HAW_EVENT_CHANNEL_READY:
		ready_ = true;
		break;
	case HAW_EVENT_CHANNEL_DATA:
		bulk_ += event.data.len;
		haw_chan_consumed(event.chan, event.data.len);
		break;
	case HAW_EVENT_CLOSED:
		throw std::runtime_error(haw_connection_error(connection_)->message);
	default:
		break;
	}
}

void CoreEnd::process()
{
	const haw_mut_span data = haw_ring_data(ring_);
	struct haw_event event;

	tick();
	haw_connection_crypto_poll(connection_);
	haw_connection_receive(connection_, data.ptr, data.len);
	while (haw_connection_next_event(connection_, &event))
		handle(event);
	haw_ring_release(ring_, haw_connection_released(connection_));
}

void CoreEnd::received(size_t n)
{
	haw_ring_fill(ring_, n);
	process();
}

haw_span CoreEnd::output()
{
	haw_span span = nothing;

	return haw_connection_output(connection_, &span, 1) == 1 ? span : nothing;
}

void CoreEnd::send_bulk(size_t bytes)
{
	haw_error err;

	while (bytes > 0) {
		const haw_span body = {bulk_memory.data(), std::min(bytes, bulk_memory.size())};

		if (haw_chan_send_ref(chan_, nothing, body, nullptr, nullptr, &err) < 0)
			throw std::runtime_error(err.message);
		bytes -= body.len;
	}
}

bool CoreEnd::is_busy() const
{
	struct haw_packetizer *p = haw_connection_packetizer(connection_);

	return p->ops->busy(p) || p->ops->fd(p, HAW_OUTGOING) >= 0 || p->ops->fd(p, HAW_INCOMING) >= 0;
}

bool CorePair::exchange()
{
	bool moved = false;

	for (CoreEnd *end : {&client, &server}) {
		CoreEnd *peer = end == &client ? &server : &client;

		for (haw_span out; (out = end->output()).len > 0; moved = true) {
			const haw_mut_span room = peer->space();
			const size_t n = std::min(out.len, room.len);

			memcpy(room.ptr, out.ptr, n);
			end->sent(n);
			peer->received(n);
		}
		end->process();
	}
	return moved || client.is_busy() || server.is_busy();
}

} // namespace bench

/* SPDX-License-Identifier: Apache-2.0
 *
 * One end of our own connection core, client or server, that logs in without asking anybody and then moves
 * bulk over one channel. Its bytes go where its owner wants: into another end's ring, or through a socket.
 */
#ifndef HAWSER_BENCH_CORE_END_H
#define HAWSER_BENCH_CORE_END_H

#include <cstddef>
#include <cstdint>
#include <memory>

#include <openssl/evp.h>

#include "bench/hardware/engine.h"

extern "C" {
#include "transport/channel/channel.h"
#include "transport/connection/connection.h"
#include "transport/packet/ring.h"
}

namespace bench
{

/* A server's key. */
class HostKey
{
      public:
	HostKey();
	~HostKey();
	HostKey(const HostKey &) = delete;
	HostKey &operator=(const HostKey &) = delete;
	EVP_PKEY *key() const
	{
		return key_;
	}
	const struct haw_host_identity *identity() const
	{
		return &identity_;
	}

      private:
	EVP_PKEY *key_;
	haw_message blob_;
	struct haw_host_identity identity_;
};

class CoreEnd
{
      public:
	/* HOST makes it the server. std::runtime_error on failure. */
	CoreEnd(const Engine &engine, const haw_suite *suite, const HostKey *host);
	~CoreEnd();
	CoreEnd(const CoreEnd &) = delete;
	CoreEnd &operator=(const CoreEnd &) = delete;

	/* Where received bytes go; after they are there, process them. */
	haw_mut_span space() const
	{
		return haw_ring_space(ring_);
	}
	void received(size_t n);
	/* See what there is to do without new bytes. */
	void process();
	/* The next bytes to be sent; empty: nothing now. */
	haw_span output();
	void sent(size_t n)
	{
		haw_connection_sent(connection_, n);
	}
	/* Queue BYTES of bulk on the channel, from one piece of memory over and over. */
	void send_bulk(size_t bytes);
	void rekey()
	{
		haw_connection_rekey(connection_);
	}

	/* The channel is open in both directions. */
	bool is_ready() const
	{
		return ready_;
	}
	uint64_t key_exchanges() const
	{
		return exchanges_;
	}
	uint64_t bulk_received() const
	{
		return bulk_;
	}
	/* True if an engine is at work that must be asked. */
	bool is_busy() const;

      private:
	void handle(const struct haw_event &event);
	void sign(const struct haw_event &event);
	void tick();

	const HostKey *host_;
	struct haw_wire_pool *pool_;
	struct haw_ring *ring_;
	struct haw_connection *connection_ = nullptr;
	struct haw_chan *chan_ = nullptr;
	bool ready_ = false;
	uint64_t exchanges_ = 0, bulk_ = 0;
};

/* Both roles, joined by copying bytes. */
class CorePair
{
      public:
	CorePair(const Engine &engine, const haw_suite *suite)
	    : server(engine, suite, &host), client(engine, suite, nullptr)
	{
	}
	/* Move bytes both ways until neither has any; false if there were none. */
	bool exchange();

	HostKey host;
	CoreEnd server, client;
};

} // namespace bench

#endif

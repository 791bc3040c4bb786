/* SPDX-License-Identifier: Apache-2.0
 *
 * Packets as the packetizer makes them, around a sealer or an opener: the header written, the padding
 * chosen, sealed by scatter from an odd address; the length read, opened elsewhere, the padding checked.
 */
#ifndef HAWSER_BENCH_PACKET_H
#define HAWSER_BENCH_PACKET_H

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <hawser/backend.h>

#include "bench/hardware/engine.h"
#include "bench/hardware/keys.h"

namespace bench
{

/* The payload of the largest packet. */
constexpr size_t payload_max = HAW_PACKET_LENGTH_MAX - 64;

/* One end: a sealer or opener, and the buffers of BATCH packets. */
class PacketEnd
{
      public:
	/* Throws std::runtime_error with the engine's sentence. */
	PacketEnd(const Engine &engine, const haw_suite *suite, size_t bytes, size_t batch, bool opens);
	~PacketEnd();
	PacketEnd(const PacketEnd &) = delete;
	PacketEnd &operator=(const PacketEnd &) = delete;

	/* Seal a batch, or open the one that PEER has sealed last, which stays as it is. False on failure. */
	bool seal();
	bool open(const PacketEnd &peer);
	/* The same in halves, for packets of which several are under way: lay out packet I, and check it when
	 * it is done. */
	haw_job *lay_out_seal(size_t i);
	haw_job *lay_out_open(size_t i, const PacketEnd &peer);
	bool check_opened(size_t i) const;
	/* The last N that were laid out are not sealed after all: their numbers are free again. */
	void take_back(size_t n);

	size_t payload() const
	{
		return payload_;
	}
	size_t batch() const
	{
		return packets_.size();
	}
	haw_sealer *sealer() const
	{
		return sealer_;
	}

      private:
	struct Packet {
		std::vector<uint8_t> source, wire, plain;
		uint8_t header[14], padding[32];
		haw_job job;
	};

	bool run();
	void set_numbers(haw_job *job, uint32_t length);

	Keys keys_;
	const haw_suite *suite_;
	haw_sealer *sealer_;
	size_t payload_;
	std::vector<Packet> packets_;
	uint64_t number_ = 0, block_ = 0, packet_blocks_ = 0;
};

} // namespace bench

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/hardware/packet.h"

#include <algorithm>
#include <cstring>

namespace bench
{

namespace
{

void store_be32(uint8_t *p, uint32_t value)
{
	value = __builtin_bswap32(value);
	memcpy(p, &value, sizeof(value));
}

/* Padding as RFC 4253 §6 wants it: at least four bytes, and whole blocks of what is encrypted. */
size_t padding_for(const haw_suite *suite, size_t payload)
{
	size_t block = suite->block_size;
	size_t counted = 1 + payload + (suite->length_mode == HAW_LENGTH_FIRST_BLOCK ? HAW_LENGTH_SIZE : 0);
	size_t padding = block - counted % block;

	return padding < 4 ? padding + block : padding;
}

} // namespace

PacketEnd::PacketEnd(const Engine &engine, const haw_suite *suite, size_t bytes, size_t batch, bool opens)
    : suite_(suite), sealer_(engine.make(suite, &keys_.view, opens)), payload_(std::min(bytes, payload_max)),
      packets_(batch)
{
	for (Packet &p : packets_) {
		p.job = {};
		memset(p.padding, 0, sizeof(p.padding));
		p.source.resize(payload_ + 64);
		p.wire.resize(payload_ + 256);
		p.plain.resize(payload_ + 256);
	}
}

PacketEnd::~PacketEnd()
{
	sealer_->ops->free(sealer_);
}

bool PacketEnd::run()
{
	haw_job *jobs[HAW_BATCH_MAX], *done[HAW_BATCH_MAX];
	size_t n = packets_.size(), taken = 0, finished = 0;
	bool good = true;

	for (size_t i = 0; i < n; i++)
		jobs[i] = &packets_[i].job;
	while (finished < n) {
		int count = taken < n ? sealer_->ops->submit(sealer_, jobs + taken, n - taken) : 0;

		if (count < 0)
			return false;
		taken += size_t(count);
		count = sealer_->ops->poll(sealer_, done, HAW_BATCH_MAX);
		if (count < 0)
			return false;
		for (int i = 0; i < count; i++)
			good = good && done[i]->status == 0;
		finished += size_t(count);
	}
	return good;
}

void PacketEnd::set_numbers(haw_job *job, uint32_t length)
{
	job->length = length;
	job->seq = uint32_t(number_);
	job->number = number_++;
	job->block = block_;
	packet_blocks_ =
		(length + (suite_->length_mode == HAW_LENGTH_FIRST_BLOCK ? HAW_LENGTH_SIZE : 0)) / 16;
	block_ += packet_blocks_;
}

void PacketEnd::take_back(size_t n)
{
	number_ -= n;
	block_ -= n * packet_blocks_;
}

haw_job *PacketEnd::lay_out_seal(size_t i)
{
	Packet &p = packets_[i];
	haw_job *job = &p.job;
	/* Behind the length and its own: CHANNEL_DATA with its two numbers (RFC 4254 §5.2). */
	size_t message = sizeof(p.header) - 5 + payload_, pad = padding_for(suite_, message);
	uint32_t length = uint32_t(1 + message + pad);

	store_be32(p.header, length);
	p.header[4] = uint8_t(pad);
	p.header[5] = 94;
	store_be32(p.header + 6, 0);
	store_be32(p.header + 10, uint32_t(payload_));
	set_numbers(job, length);
	job->in[0] = {p.header, sizeof(p.header)};
	job->in[1] = {p.source.data() + 5, payload_};
	job->in[2] = {p.padding, pad};
	job->in_count = 3;
	job->out[0] = {p.wire.data(), HAW_LENGTH_SIZE + length + suite_->tag_size};
	job->out_count = 1;
	return job;
}

haw_job *PacketEnd::lay_out_open(size_t i, const PacketEnd &peer)
{
	const Packet &sealed = peer.packets_[i];
	haw_job *job = &packets_[i].job;
	uint32_t length;

	if (sealer_->ops->open_length(sealer_, sealed.job.seq, sealed.job.number, sealed.job.block,
				      sealed.wire.data(), &length) < 0 ||
	    length < 8 || length > HAW_PACKET_LENGTH_MAX)
		return nullptr;
	number_ = sealed.job.number;
	block_ = sealed.job.block;
	set_numbers(job, length);
	job->in[0] = {sealed.wire.data(), HAW_LENGTH_SIZE + size_t(length) + suite_->tag_size};
	job->in_count = 1;
	job->out[0] = {packets_[i].plain.data(), HAW_LENGTH_SIZE + size_t(length)};
	job->out_count = 1;
	return job;
}

bool PacketEnd::check_opened(size_t i) const
{
	const Packet &p = packets_[i];

	return p.job.status == 0 && p.plain[4] >= 4 && p.plain[4] < p.job.length;
}

bool PacketEnd::seal()
{
	for (size_t i = 0; i < packets_.size(); i++)
		lay_out_seal(i);
	return run();
}

bool PacketEnd::open(const PacketEnd &peer)
{
	for (size_t i = 0; i < packets_.size(); i++)
		if (!lay_out_open(i, peer))
			return false;
	if (!run())
		return false;
	for (size_t i = 0; i < packets_.size(); i++)
		if (!check_opened(i))
			return false;
	return true;
}

} // namespace bench

/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/hardware/sizing.h"

#include <algorithm>
#include <cmath>

namespace bench
{

namespace
{

/* The part of a packetizer row that is its engine's: never more than all of it. */
End make_end(const Row *packetizer, const Row *packet, double kernel, double measured)
{
	const double all = packetizer->ns_per_byte();
	const double crypto = packet ? std::min(packet->ns_per_byte(), all) : all;

	return {crypto, all - crypto, kernel, measured};
}

} // namespace

double Sizing::error() const
{
	const double computed = sender.computed() + receiver.computed();
	const double measured = sender.measured + receiver.measured;

	return measured > 0 ? computed / measured - 1 : 1;
}

bool Sizing::holds() const
{
	return std::fabs(error()) <= sizing_tolerance;
}

std::string Sizing::saturates() const
{
	const bool sends = sender.computed() >= receiver.computed();
	const End &end = sends ? sender : receiver;
	const char *part = end.crypto >= end.packetizer && end.crypto >= end.kernel ? "protecting packets"
			   : end.kernel >= end.packetizer                           ? "the kernel's sockets"
										    : "framing packets";
	const double share = std::max({end.crypto, end.packetizer, end.kernel}) / end.computed();

	return std::string("the ") + (sends ? "sender" : "receiver") + "'s core, " + fixed(share * 100, 0) +
	       " % of it in " + part;
}

double Sizing::one_connection_gbit() const
{
	return 8 / std::max(sender.computed(), receiver.computed());
}

std::vector<Sizing> compute_sizing(const Results &results)
{
	const Row *plain = nullptr;
	std::vector<Sizing> all;

	for (const Row &row : results.rows)
		if (row.what == "loopback_plain" && !row.rates().empty())
			plain = &row;
	for (const Row &row : results.rows) {
		if (row.what != "loopback" || row.rates().empty() || !plain)
			continue;
		auto find = [&](const char *what) -> const Row * {
			return results.find(what, row.suite, row.backend, 32768);
		};
		const Row *seals = find("packetizer_seal"), *opens = find("packetizer_open");
		if (!seals || !opens)
			continue;
		const End sender = make_end(seals, find("seal"), plain->counter("sender_ns_per_byte"),
					    row.counter("sender_ns_per_byte"));
		const End receiver = make_end(opens, find("open"), plain->counter("receiver_ns_per_byte"),
					      row.counter("receiver_ns_per_byte"));
		all.push_back(
			{row.suite, row.backend, sender, receiver, seals->is_noisy() || opens->is_noisy()});
	}
	return all;
}

} // namespace bench

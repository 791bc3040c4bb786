/* SPDX-License-Identifier: Apache-2.0
 *
 * How many cores a line rate takes, and what is used up first: computed from rows that were measured apart
 * (the packetizer with its engine, the sockets without SSH), and checked against a connection over loopback
 * that has all of it together.
 */
#ifndef HAWSER_BENCH_SIZING_H
#define HAWSER_BENCH_SIZING_H

#include <string>
#include <vector>

#include "bench/hardware/results.h"

namespace bench
{

/* How far prediction and measurement may be apart. */
constexpr double sizing_tolerance = 0.15;

struct End {
	double crypto, packetizer, kernel; /* CPU ns a byte, computed */
	double measured;                   /* all of it, in the loopback run */

	double computed() const
	{
		return crypto + packetizer + kernel;
	}
	/* Cores that 10 Gbit/s keep busy. */
	double cores() const
	{
		return computed() * 10e9 / 8 / 1e9;
	}
};

struct Sizing {
	std::string suite, backend;
	End sender, receiver;
	bool noisy; /* some of the rows it stands on */

	double error() const; /* of the computed CPU time of both ends, against the measured one */
	bool holds() const;
	/* The end that limits one connection, and by what. */
	std::string saturates() const;
	double one_connection_gbit() const;
};

/* One for each suite of which all rows are there. */
std::vector<Sizing> compute_sizing(const Results &results);

} // namespace bench

#endif

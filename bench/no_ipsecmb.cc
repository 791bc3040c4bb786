/* SPDX-License-Identifier: Apache-2.0 */
#include "packet_bench.h"

#include <cstdlib>

std::unique_ptr<RawPrimitive> make_raw_ipsecmb(size_t, const uint8_t *, const uint8_t *, bool)
{
	abort();
}

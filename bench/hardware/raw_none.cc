/* SPDX-License-Identifier: Apache-2.0
 *
 * For builds without ipsec-mb.
 */
#include "bench/hardware/raw.h"

namespace bench
{

std::unique_ptr<RawPrimitive> make_raw_ipsecmb(const haw_suite *, bool)
{
	return nullptr;
}

} // namespace bench

/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/crypto/peer.h"

struct peer *peer_raw_gcm(const haw_suite *suite, const haw_keys *keys, bool scatter)
{
	return NULL;
}

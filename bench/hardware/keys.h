/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys that mean nothing, for whatever wants some.
 */
#ifndef HAWSER_BENCH_KEYS_H
#define HAWSER_BENCH_KEYS_H

#include <cstddef>
#include <cstdint>

#include <hawser/backend.h>

namespace bench
{

struct Keys {
	uint8_t key[HAW_KEY_MAX], iv[HAW_IV_MAX], mac_key[HAW_MAC_KEY_MAX];
	haw_keys view{key, iv, mac_key};

	Keys()
	{
		for (size_t i = 0; i < sizeof(key); i++)
			key[i] = mac_key[i % sizeof(mac_key)] = iv[i % sizeof(iv)] = uint8_t(i * 37 + 11);
	}
	Keys(const Keys &) = delete;
	Keys &operator=(const Keys &) = delete;
};

} // namespace bench

#endif

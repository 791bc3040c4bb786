/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "crypto-backends/ipsecmb/ipsecmb.h"
#include "wycheproof_gcm.h"

void wycheproof_gcm_open(const uint8_t *key, size_t key_len, const uint8_t iv[12], const uint8_t *aad,
			 size_t aad_len, const uint8_t *in, uint8_t *out, size_t len, uint8_t tag[16])
{
	const struct haw_ipsecmb_gcm *calls = haw_ipsecmb_gcm(haw_backend_find("ipsecmb"), key_len);
	_Alignas(64) struct gcm_key_data expanded;
	struct gcm_context_data context;

	calls->expand_key(key, &expanded);
	calls->open(&expanded, &context, out, in, len, iv, aad, aad_len, tag, 16);
}

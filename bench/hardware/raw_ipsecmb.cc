/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/hardware/raw.h"

#include <intel-ipsec-mb.h>
#include <openssl/crypto.h>

#include <cstdlib>
#include <cstring>

#include "bench/hardware/keys.h"

namespace bench
{

namespace
{

struct Gcm : RawPrimitive {
	IMB_MGR *mgr = alloc_mb_mgr(0);
	struct gcm_key_data *key;
	struct gcm_context_data context;
	aes_gcm_enc_dec_t call;
	Keys keys;
	bool opens;

	Gcm(size_t key_size, bool o) : opens(o)
	{
		IMB_ARCH arch;

		key = static_cast<struct gcm_key_data *>(aligned_alloc(64, (sizeof(*key) + 63) / 64 * 64));
		if (!mgr || !key)
			abort();
		init_mb_mgr_auto(mgr, &arch);
		if (key_size == 16) {
			IMB_AES128_GCM_PRE(mgr, keys.key, key);
			call = opens ? mgr->gcm128_dec : mgr->gcm128_enc;
		} else {
			IMB_AES256_GCM_PRE(mgr, keys.key, key);
			call = opens ? mgr->gcm256_dec : mgr->gcm256_enc;
		}
	}
	~Gcm() override
	{
		free_mb_mgr(mgr);
		free(key);
	}

	bool run(const uint8_t *in, uint8_t *out, size_t len, uint8_t *tag) override
	{
		static const uint8_t aad[4] = {};
		uint8_t computed[16];

		call(key, &context, out, in, len, keys.iv, aad, sizeof(aad), computed, sizeof(computed));
		if (opens)
			return CRYPTO_memcmp(computed, tag, sizeof(computed)) == 0;
		memcpy(tag, computed, sizeof(computed));
		return true;
	}
};

} // namespace

std::unique_ptr<RawPrimitive> make_raw_ipsecmb(const haw_suite *suite, bool opens)
{
	if (suite->cipher_kind == HAW_CIPHER_AES_GCM)
		return std::make_unique<Gcm>(suite->key_size, opens);
	return nullptr;
}

} // namespace bench

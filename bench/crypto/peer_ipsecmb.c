/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/crypto/peer.h"

#include <intel-ipsec-mb.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER = 10, PADDING = 10 }; /* behind the length, of a packet of channel data */

struct raw {
	struct peer base;
	IMB_MGR *mgr;
	bool wide, scatter;
	uint8_t iv[12];
	_Alignas(64) struct gcm_key_data key;
};

static void one_call(struct raw *r, const uint8_t *in, uint8_t *out, size_t len, uint8_t *tag, bool seals)
{
	IMB_MGR *m = r->mgr;
	struct gcm_context_data context;
	aes_gcm_enc_dec_t call =
		r->wide ? (seals ? m->gcm256_enc : m->gcm256_dec) : (seals ? m->gcm128_enc : m->gcm128_dec);

	call(&r->key, &context, out, in, len, r->iv, in - HAW_LENGTH_SIZE, HAW_LENGTH_SIZE, tag, 16);
}

static void in_pieces(struct raw *r, const uint8_t *in, uint8_t *out, size_t len, uint8_t *tag, bool seals)
{
	IMB_MGR *m = r->mgr;
	struct gcm_context_data context;
	aes_gcm_enc_dec_update_t more = r->wide ? (seals ? m->gcm256_enc_update : m->gcm256_dec_update)
						: (seals ? m->gcm128_enc_update : m->gcm128_dec_update);

	(r->wide ? m->gcm256_init : m->gcm128_init)(&r->key, &context, r->iv, in - HAW_LENGTH_SIZE,
						    HAW_LENGTH_SIZE);
	more(&r->key, &context, out, in, HEADER);
	more(&r->key, &context, out + HEADER, in + HEADER, len - HEADER - PADDING);
	more(&r->key, &context, out + len - PADDING, in + len - PADDING, PADDING);
	(r->wide ? m->gcm256_enc_finalize : m->gcm128_enc_finalize)(&r->key, &context, tag, 16);
}

static bool run(struct peer *peer, const struct peer_packet *p, bool seals)
{
	struct raw *r = (struct raw *)peer;
	const uint8_t *in = seals ? p->plain : p->wire;
	uint8_t *out = seals ? p->wire : p->plain, *tag = p->wire + HAW_LENGTH_SIZE + p->length;
	uint8_t computed[16];

	memcpy(out, in, HAW_LENGTH_SIZE);
	(r->scatter ? in_pieces : one_call)(r, in + HAW_LENGTH_SIZE, out + HAW_LENGTH_SIZE, p->length,
					    seals ? tag : computed, seals);
	return seals || CRYPTO_memcmp(computed, tag, sizeof(computed)) == 0;
}

static bool raw_seal(struct peer *p, const struct peer_packet *packet)
{
	return run(p, packet, true);
}

static bool raw_open(struct peer *p, const struct peer_packet *packet)
{
	return run(p, packet, false);
}

static void raw_free(struct peer *p)
{
	free_mb_mgr(((struct raw *)p)->mgr);
	free(p);
}

struct peer *peer_raw_gcm(const haw_suite *suite, const haw_keys *keys, bool scatter)
{
	struct raw *r = aligned_alloc(_Alignof(struct raw), sizeof(*r));
	IMB_ARCH arch;

	memset(r, 0, sizeof(*r));
	r->base = (struct peer){raw_seal, raw_open, raw_free};
	r->mgr = alloc_mb_mgr(0);
	r->wide = suite->key_size == 32;
	r->scatter = scatter;
	memcpy(r->iv, keys->iv, sizeof(r->iv));
	init_mb_mgr_auto(r->mgr, &arch);
	(r->wide ? r->mgr->gcm256_pre : r->mgr->gcm128_pre)(keys->key, &r->key);
	return &r->base;
}

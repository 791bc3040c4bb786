/* SPDX-License-Identifier: Apache-2.0
 *
 * A guard stands between a caller and an engine that may fail while packets are under way, since it works
 * on something else than the calling CPU or is somebody else's code. Callers see a sealer like any other that
 * always works:
 *
 *  - packets outside of the engine's min_length and max_length are done by a spare engine of the CPU;
 *  - a packet that would be sealed or opened upon itself, and any packet of an engine that wants aligned
 *    outputs or room in front of them, goes to memory of the guard first: the caller's memory keeps the
 *    input until the result is there. That costs one copy of such packets;
 *  - what the engine cannot do, or calls altered, is done again by the spare, and the spare's word holds;
 *  - when the engine fails, or finishes nothing for HAW_GUARD_PATIENCE_NS although it has work, its
 *    packets and all later ones are the spare's.
 *
 * Where packets depend on the ciphertext before them one is under way at a time, and the first that the
 * engine fails at ends its service: what comes behind can only follow the spare's.
 */
#ifndef HAW_CRYPTO_GUARD_H
#define HAW_CRYPTO_GUARD_H

#include "crypto-backends/guard_spare.h"

#define HAW_GUARD_PATIENCE_NS UINT64_C(2000000000)

/* Told once, from submit, poll or open_length, when BACKEND was given up for SUITE; WHY is one sentence. */
typedef void (*haw_guard_fn)(void *user, const haw_backend *backend, const haw_suite *suite,
			     const char *why);

struct haw_guard_count {
	uint64_t by_engine; /* packets that the engine did */
	uint64_t by_spare;  /* those left to the spare for their length, or done again by it */
	bool given_up;      /* the engine is gone */
};

/* Guard ENGINE, made by BACKEND of KEYS, with what SPARE makes. Takes ENGINE over, on failure too. NULL and
 * an error if out of memory or descriptors. ENGINE itself if there is no spare. */
haw_sealer *haw_guard_new(const haw_backend *backend, haw_sealer *engine, const haw_keys *keys,
			  haw_spare_fn spare, haw_guard_fn given_up, void *user, haw_error *err);
/* What became of the packets so far; false if S is no guard. */
bool haw_guard_get_count(const haw_sealer *s, struct haw_guard_count *count);
/* Wait only so long for an engine that finishes nothing, for tests. */
void haw_guard_set_patience(haw_sealer *s, uint64_t ns);

#endif

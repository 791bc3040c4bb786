/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside the ipsecmb backend: the library's routines for this CPU.
 *
 * The direct calls of the library touch nothing but the keys and the context they are given, so one
 * set of routines, found once per process, serves all threads.
 */
#ifndef HAW_IPSECMB_IPSECMB_H
#define HAW_IPSECMB_IPSECMB_H

#include <hawser/backend.h>

#include <intel-ipsec-mb.h>

struct haw_ipsecmb_gcm {
	aes_gcm_pre_t expand_key;
	aes_gcm_init_t start;
	aes_gcm_enc_dec_t seal, open; /* one shot */
	aes_gcm_enc_dec_update_t seal_more, open_more;
	aes_gcm_enc_dec_finalize_t seal_finish, open_finish;
};

/* The routines for keys of KEY_SIZE bytes, or NULL. Any thread. */
const struct haw_ipsecmb_gcm *haw_ipsecmb_gcm(size_t key_size);

haw_sealer *haw_ipsecmb_gcm_new(const haw_suite *suite, const haw_keys *keys, bool opens, haw_error *err);

#endif

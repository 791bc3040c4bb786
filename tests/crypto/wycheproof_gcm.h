/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HAWSER_TESTS_WYCHEPROOF_GCM_H
#define HAWSER_TESTS_WYCHEPROOF_GCM_H

#include <stddef.h>
#include <stdint.h>

/* Decrypt with the routines of the ipsecmb backend and write the tag that belongs to IN. abort()s in builds
 * without it. */
void wycheproof_gcm_open(const uint8_t *key, size_t key_len, const uint8_t iv[12], const uint8_t *aad,
			 size_t aad_len, const uint8_t *in, uint8_t *out, size_t len, uint8_t tag[16]);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * AES in counter mode by the library, over spans that are cut anywhere: runs of whole blocks are gathered to
 * bursts.
 *
 * The library counts in the last 32 bits of the counter only, as IPsec does; SSH counts in all 128 (RFC 4344
 * §4). So a run ends where those 32 wrap.
 */
#ifndef HAW_IPSECMB_STREAM_H
#define HAW_IPSECMB_STREAM_H

#include "crypto-backends/ipsecmb/workspace.h"
#include "crypto-backends/spans.h"

struct haw_ipsecmb_stream {
	struct haw_ipsecmb_workspace *workspace;
	const void *schedule; /* the expanded key */
	size_t key_size;
	const uint8_t *iv; /* the counter of block 0 */
	uint32_t count;    /* jobs not yet run */
	bool failed;
};

/* Queue the next LEN bytes of WALK, whole blocks from BLOCK on, and move WALK behind them. */
void haw_ipsecmb_stream_add(struct haw_ipsecmb_stream *s, struct haw_walk *walk, uint64_t block, size_t len);
/* Run what is queued. False if the library has failed since the last time; it does not say with what. */
bool haw_ipsecmb_stream_run(struct haw_ipsecmb_stream *s);

/* The next bytes to encrypt in one call, at most LEFT: whole blocks of BLOCK bytes while the packet goes on.
 * What lies in several inputs is gathered in the output: a block, or the whole packet if it is short. 0 if
 * the next block lies in several outputs. */
size_t haw_ipsecmb_run(struct haw_walk *walk, size_t left, size_t block, const uint8_t **in, uint8_t **out);

#endif

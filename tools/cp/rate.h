/* SPDX-License-Identifier: Apache-2.0
 *
 * A limit on the rate of file data, over all connections together: a token bucket. What is sent (or asked
 * for) takes tokens, also more than there are; then nothing follows until the debt is paid, so a whole
 * small file may go at once and the average still holds.
 */
#ifndef CP_RATE_H
#define CP_RATE_H

#include <stdbool.h>
#include <stdint.h>

struct cp_rate {
	uint64_t bytes_per_s;	/* 0: no limit */
	double tokens;		/* bytes; negative: a debt */
	uint64_t filled_ns;	/* when they were counted last */
};

/* --bwlimit: KiB a second, or with a suffix K, M or G the like of it (1024 each). False: no such rate. */
bool cp_rate_parse(const char *text, uint64_t *bytes_per_s);
/* scp's -l: Kbit a second, of 1024 bits as there. */
bool cp_rate_parse_kbits(const char *text, uint64_t *bytes_per_s);

void cp_rate_begin(struct cp_rate *rate, uint64_t bytes_per_s, uint64_t now_ns);
/* Whether something may be sent now. */
bool cp_rate_room(struct cp_rate *rate, uint64_t now_ns);
/* Nanoseconds until there is room; 0: there is. */
uint64_t cp_rate_wait_ns(struct cp_rate *rate, uint64_t now_ns);
void cp_rate_take(struct cp_rate *rate, uint64_t bytes);
/* Bytes that were taken and did not move after all. */
void cp_rate_return(struct cp_rate *rate, uint64_t bytes);
/* How large a piece may be so that the flow stays smooth; at most MOST. */
uint32_t cp_rate_piece(const struct cp_rate *rate, uint32_t most);

#endif

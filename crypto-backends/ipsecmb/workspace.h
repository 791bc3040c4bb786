/* SPDX-License-Identifier: Apache-2.0
 *
 * What one submit works with: managers of the library and memory for messages. Lent to a thread for the
 * length of a submit, so that there are as many as threads at work, however many connections there are.
 * Between submits it holds no keys, and of packets what any buffer that they went through holds.
 */
#ifndef HAW_IPSECMB_WORKSPACE_H
#define HAW_IPSECMB_WORKSPACE_H

#include "crypto-backends/ipsecmb/ipsecmb.h"

enum {
	HAW_IPSECMB_JOBS = 48, /* of one burst */
	/* For the messages of one burst, and in front of each its sequence number. */
	HAW_IPSECMB_SCRATCH = 640 * 1024
};

struct haw_ipsecmb_workspace {
	struct haw_ipsecmb_workspace *next; /* in the list of those idle */
	IMB_MGR *mgr;
	IMB_MGR *pairs;   /* with the SHA extensions; NULL without, or if it is `mgr` */
	uint8_t *scratch; /* HAW_IPSECMB_SCRATCH bytes, on a cache line */
	IMB_JOB jobs[HAW_IPSECMB_JOBS];
	uint8_t counters[HAW_IPSECMB_JOBS][16];
};

/* NULL if memory is short. Any thread. */
struct haw_ipsecmb_workspace *haw_ipsecmb_borrow(struct haw_ipsecmb *library);
void haw_ipsecmb_return(struct haw_ipsecmb *library, struct haw_ipsecmb_workspace *w);
/* The manager of W that hashes messages two by two, which is made when it is first asked for. */
IMB_MGR *haw_ipsecmb_pairs(const struct haw_ipsecmb *library, struct haw_ipsecmb_workspace *w);

#endif

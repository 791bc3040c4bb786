/* SPDX-License-Identifier: Apache-2.0
 *
 * The MAC of a job, over the packet where it lies, whose spans have their tag behind it. Each returns 0,
 * HAW_ECRYPTO, or, where it judges, HAW_EINTEGRITY.
 */
#ifndef HAW_OPENSSL_MAC_JOB_H
#define HAW_OPENSSL_MAC_JOB_H

#include "crypto-backends/openssl/mac.h"

/* Bytes that the MAC covers: those of the packet. */
static inline size_t haw_mac_covers(const haw_job *job)
{
	return (size_t)job->length + HAW_LENGTH_SIZE;
}

/* Write the tag of JOB's input, or of its output, behind the output. */
int haw_mac_tag_input(struct haw_mac *m, haw_job *job);
int haw_mac_tag_output(struct haw_mac *m, haw_job *job);
/* Compare the tag behind JOB's input with that of the input, or of the output. */
int haw_mac_judge_input(struct haw_mac *m, haw_job *job);
int haw_mac_judge_output(struct haw_mac *m, haw_job *job);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * What backends that finish inside submit share: the operations table, the queue of finished jobs, lengths
 * that travel in the clear, and the check that a job is one that can be worked on.
 */
#ifndef HAW_CRYPTO_SYNC_H
#define HAW_CRYPTO_SYNC_H

#include <hawser/backend.h>

/* First member of the sealers and openers of such backends. */
struct haw_sync {
	haw_sealer base;
	haw_job *first, *last; /* finished, linked by job->backend */
	/* Seal or open one job that has passed haw_job_fits. Returns its status. */
	int (*run)(struct haw_sync *s, haw_job *job);
	/* If set, called instead with all the fitting jobs of one submit, N >= 1; fills in each status. */
	void (*run_batch)(struct haw_sync *s, haw_job *const *jobs, size_t n);
	/* As haw_sealer_ops has it, for openers of suites whose length is enciphered. */
	int (*open_length)(haw_sealer *s, uint32_t seq, uint64_t number, uint64_t block, const uint8_t *head,
			   uint32_t *length);
	void (*free)(haw_sealer *s);
	bool opens;
};

/* Fill in all but run_batch and open_length. FREE is as haw_sealer_ops has it. */
void haw_sync_init(struct haw_sync *s, const haw_suite *suite, bool opens,
		   int (*run)(struct haw_sync *s, haw_job *job), void (*free)(haw_sealer *s));

/* True if the length of JOB is one that SUITE can have (RFC 4253 §6: the encrypted part is whole
 * blocks) and its spans together are as long as the length says. */
bool haw_job_fits(const haw_suite *suite, const haw_job *job, bool opens);

#endif

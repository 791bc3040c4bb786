/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto-backends/openssl/mac_job.h"

#include <openssl/err.h>

#include "crypto-backends/spans.h"

static int failed(void)
{
	ERR_clear_error();
	return HAW_ECRYPTO;
}

/* WALK is left behind the packet. */
static bool hash_input(struct haw_mac *m, const haw_job *job, struct haw_walk *walk)
{
	*walk = haw_walk_start(job);
	if (!haw_mac_start(m, job->seq))
		return false;
	for (size_t left = haw_mac_covers(job); left > 0;) {
		haw_span piece = haw_walk_in(walk, left);

		if (!haw_mac_update(m, piece.ptr, piece.len))
			return false;
		left -= piece.len;
	}
	return true;
}

static bool hash_output(struct haw_mac *m, const haw_job *job, struct haw_walk *walk)
{
	*walk = haw_walk_start(job);
	if (!haw_mac_start(m, job->seq))
		return false;
	for (size_t left = haw_mac_covers(job); left > 0;) {
		haw_mut_span piece = haw_walk_out(walk, left);

		if (!haw_mac_update(m, piece.ptr, piece.len))
			return false;
		left -= piece.len;
	}
	return true;
}

int haw_mac_tag_output(struct haw_mac *m, haw_job *job)
{
	uint8_t tag[HAW_TAG_MAX];
	struct haw_walk walk;

	if (!hash_output(m, job, &walk) || !haw_mac_finish(m, tag))
		return failed();
	haw_walk_put(&walk, tag, m->size);
	return 0;
}

/* The plaintext is hashed before the cipher may write upon it; the tag lies behind both. */
int haw_mac_tag_input(struct haw_mac *m, haw_job *job)
{
	uint8_t tag[HAW_TAG_MAX];
	struct haw_walk walk;
	size_t left = haw_mac_covers(job);

	if (!hash_input(m, job, &walk) || !haw_mac_finish(m, tag))
		return failed();
	while (left > 0)
		left -= haw_walk_out(&walk, left).len;
	haw_walk_put(&walk, tag, m->size);
	return 0;
}

static int judge(struct haw_mac *m, const uint8_t *received)
{
	int status = haw_mac_judge(m, received);

	return status == HAW_ECRYPTO ? failed() : status;
}

int haw_mac_judge_input(struct haw_mac *m, haw_job *job)
{
	uint8_t received[HAW_TAG_MAX];
	struct haw_walk walk;

	if (!hash_input(m, job, &walk))
		return failed();
	haw_walk_get(&walk, received, m->size);
	return judge(m, received);
}

int haw_mac_judge_output(struct haw_mac *m, haw_job *job)
{
	uint8_t received[HAW_TAG_MAX];
	struct haw_walk walk;

	if (!hash_output(m, job, &walk))
		return failed();
	haw_walk_skip(&walk, haw_mac_covers(job));
	haw_walk_get(&walk, received, m->size);
	return judge(m, received);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto-backends/drive.h"

#include <poll.h>
#include <sched.h>
#include <time.h>

uint64_t haw_drive_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Wait a little for S to finish something. */
static void wait_for(haw_sealer *s)
{
	struct pollfd fd = {.fd = s->ops->fd(s), .events = POLLIN};

	if (fd.fd >= 0)
		(void)poll(&fd, 1, 10);
	else
		sched_yield();
}

bool haw_drive(haw_sealer *s, haw_job *const *jobs, size_t n, uint64_t deadline_ns)
{
	size_t taken = 0, done = 0;

	for (;;) {
		haw_job *finished[HAW_BATCH_MAX];
		size_t rest = n - taken < HAW_BATCH_MAX ? n - taken : HAW_BATCH_MAX;
		int result = rest > 0 ? s->ops->submit(s, jobs + taken, rest) : 0;

		if (result < 0 || (size_t)result > rest)
			return false;
		taken += (size_t)result;
		result = s->ops->poll(s, finished, HAW_BATCH_MAX);
		if (result < 0)
			return false;
		done += (size_t)result;
		if (done >= n)
			return done == n;
		if (result == 0) {
			if (haw_drive_now_ns() > deadline_ns)
				return false;
			wait_for(s);
		}
	}
}

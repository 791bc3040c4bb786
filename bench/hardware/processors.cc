/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/hardware/processors.h"

#include <sched.h>

#include <vector>

namespace bench
{

namespace
{

struct Allowed {
	cpu_set_t set;
	std::vector<int> list;

	Allowed()
	{
		CPU_ZERO(&set);
		if (sched_getaffinity(0, sizeof(set), &set) == 0)
			for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
				if (CPU_ISSET(cpu, &set))
					list.push_back(cpu);
		if (list.empty())
			list.push_back(0);
	}
};

/* Read before main, when nothing has been pinned yet. */
const Allowed allowed;

} // namespace

size_t processor_count()
{
	return allowed.list.size();
}

void pin_thread(size_t index)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(allowed.list[index % allowed.list.size()], &one);
	/* Where that is forbidden the row is noisier, which its variation shows. */
	(void)sched_setaffinity(0, sizeof(one), &one);
}

void unpin_thread()
{
	(void)sched_setaffinity(0, sizeof(allowed.set), &allowed.set);
}

} // namespace bench

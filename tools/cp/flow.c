/* SPDX-License-Identifier: Apache-2.0 */
#include "flow.h"

#include <string.h>

#include "report.h"

static const uint64_t interval_ns = 10000000;
static const uint64_t pause_most_ns = 2000000;

/* With more files under way there are small ones among them, whose replies are waited for. */
enum { PAUSE_FILES = 8 };

static uint64_t clamp(uint64_t value, uint64_t least, uint64_t most)
{
	return value < least ? least : value > most ? most : value;
}

void cp_flow_begin(struct cp_flow *flow, uint32_t files)
{
	memset(flow, 0, sizeof(*flow));
	flow->bytes_limit = flow->bytes_least = CP_FLOW_BYTES_MIN;
	flow->bytes_most = CP_FLOW_BYTES_MAX;
	flow->files_limit = flow->files_least = files;
}

void cp_flow_set_budget(struct cp_flow *flow, unsigned connections, uint64_t memory)
{
	flow->bytes_most = memory < CP_FLOW_BYTES_MIN ? CP_FLOW_BYTES_MIN : memory;
	flow->bytes_least = clamp((uint64_t)CP_FLOW_BYTES_MIN * connections, 0, flow->bytes_most);
	flow->bytes_limit = flow->bytes_least;
}

void cp_flow_set_handles(struct cp_flow *flow, uint64_t handles)
{
	/* A few are left for directories that are being listed. */
	flow->handles = handles > CP_FLOW_FILES_MAX + 64 ? CP_FLOW_FILES_MAX + 64 : (uint32_t)handles;
	if (flow->handles && flow->files_limit > flow->handles * 3 / 4)
		flow->files_limit = flow->handles * 3 / 4 + 1;
}

bool cp_flow_paced(const struct cp_flow *flow)
{
	return flow->requests_limit || flow->rate.bytes_per_s;
}

void cp_flow_sent(struct cp_flow *flow, uint64_t bytes)
{
	flow->bytes += bytes;
	cp_rate_take(&flow->rate, bytes);
	flow->requests++;
}

static void adapt(struct cp_flow *flow, uint64_t now_ns)
{
	uint64_t elapsed = now_ns - flow->since_ns;
	uint64_t most_files = flow->handles ? flow->handles * 3 / 4 + 1 : flow->files_least;
	double product = (double)flow->delivered / (double)elapsed * (double)flow->least_ns;

	flow->bytes_limit = clamp((uint64_t)(2 * product), flow->bytes_least, flow->bytes_most);
	/* Small files cost a few round trips each, whatever their size: on a long path more of them. */
	flow->files_limit = (uint32_t)clamp(flow->files_least + flow->least_ns / 50000, 1, most_files);
	flow->bytes_per_ns = (double)flow->delivered / (double)elapsed;
	flow->since_ns = now_ns;
	flow->delivered = 0;
}

void cp_flow_answered(struct cp_flow *flow, uint64_t sent_ns, uint64_t now_ns)
{
	uint64_t latency = now_ns > sent_ns ? now_ns - sent_ns : 1;

	if (!flow->least_ns || latency < flow->least_ns)
		flow->least_ns = latency;
	if (!flow->since_ns)
		flow->since_ns = sent_ns;
	/* More than a round trip, so that the interval holds what one window delivers. */
	if (now_ns - flow->since_ns >= interval_ns + flow->least_ns * 5 / 4)
		adapt(flow, now_ns);
}

void cp_flow_done(struct cp_flow *flow, uint64_t bytes, uint64_t sent_ns, uint64_t now_ns)
{
	flow->bytes -= bytes < flow->bytes ? bytes : flow->bytes;
	if (flow->requests > 0)
		flow->requests--;
	flow->delivered += bytes;
	cp_flow_answered(flow, sent_ns, now_ns);
}

uint64_t cp_flow_pause_ns(const struct cp_flow *flow)
{
	double quarter = (double)flow->bytes_limit / 4;

	if (!flow->rests || flow->files >= PAUSE_FILES || (double)flow->bytes < 3 * quarter ||
	    flow->bytes_per_ns <= 0)
		return 0;
	return clamp((uint64_t)(quarter / flow->bytes_per_ns), 0, pause_most_ns);
}

bool cp_flow_room_for_bytes(struct cp_flow *flow)
{
	if (flow->requests_limit && flow->requests >= flow->requests_limit)
		return false;
	return flow->bytes < flow->bytes_limit &&
	       (!flow->rate.bytes_per_s || cp_rate_room(&flow->rate, cp_now_ns()));
}

bool cp_flow_room_for_file(struct cp_flow *flow)
{
	return flow->files < flow->files_limit && cp_flow_room_for_bytes(flow);
}

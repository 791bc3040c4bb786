/* SPDX-License-Identifier: Apache-2.0
 *
 * How much may be under way, on a path that is simulated; and the table of names.
 */
#include "flow.h"
#include "harness.h"
#include "names.h"

/* Run SECONDS over a path with this much delay and rate, always sending what the limit allows. */
static void simulate(struct cp_flow *flow, double delay_s, double bytes_per_s, double seconds)
{
	enum { PIECE = 256 << 10, RING = 1024 };
	static struct {
		uint64_t sent, done;
	} pieces[RING];
	size_t head = 0, tail = 0;
	double now = 1, free_at = 1;

	while (now < 1 + seconds) {
		while (flow->bytes < flow->bytes_limit && head - tail < RING) {
			free_at = (free_at > now ? free_at : now) + PIECE / bytes_per_s;
			pieces[head % RING].sent = (uint64_t)(now * 1e9);
			pieces[head++ % RING].done = (uint64_t)((free_at + delay_s) * 1e9);
			cp_flow_sent(flow, PIECE);
		}
		now = (double)pieces[tail % RING].done / 1e9;
		cp_flow_done(flow, PIECE, pieces[tail % RING].sent, pieces[tail % RING].done);
		tail++;
	}
}

static void short_path(void)
{
	struct cp_flow flow;

	cp_flow_begin(&flow, CP_FLOW_FILES_UP);
	simulate(&flow, 0.00005, 1e9, 2);
	CHECK_MSG(flow.bytes_limit == CP_FLOW_BYTES_MIN, "%llu", (unsigned long long)flow.bytes_limit);
}

/* 100 ms and 200 MB/s hold 20 MB: the limit finds at least that, and stays below its own. */
static void long_path(void)
{
	struct cp_flow flow;

	cp_flow_begin(&flow, CP_FLOW_FILES_UP);
	simulate(&flow, 0.1, 200e6, 10);
	CHECK_MSG(flow.bytes_limit >= 20000000 && flow.bytes_limit <= CP_FLOW_BYTES_MAX, "%llu",
		  (unsigned long long)flow.bytes_limit);
}

static void bounds(void)
{
	struct cp_flow flow;

	cp_flow_begin(&flow, CP_FLOW_FILES_UP);
	simulate(&flow, 1, 1e10, 30);
	CHECK(flow.bytes_limit == CP_FLOW_BYTES_MAX);
	cp_flow_begin(&flow, CP_FLOW_FILES_UP);
	cp_flow_set_handles(&flow, 10);
	CHECK(flow.files_limit == 8);
	simulate(&flow, 0.1, 1e8, 3);
	CHECK_MSG(flow.files_limit == 8, "%u", flow.files_limit);
	cp_flow_begin(&flow, CP_FLOW_FILES_DOWN);
	cp_flow_set_handles(&flow, 1u << 30);
	simulate(&flow, 0.1, 1e8, 3);
	CHECK_MSG(flow.files_limit > CP_FLOW_FILES_DOWN && flow.files_limit <= CP_FLOW_FILES_MAX, "%u",
		  flow.files_limit);
	flow.files = flow.files_limit;
	CHECK(!cp_flow_room_for_file(&flow));
}

/* Rest only where large files have enough under way, and never long. */
static void pauses(void)
{
	struct cp_flow flow;

	cp_flow_begin(&flow, CP_FLOW_FILES_UP);
	flow.rests = true;
	CHECK(cp_flow_pause_ns(&flow) == 0);
	simulate(&flow, 0.00005, 1e9, 2);
	flow.bytes = flow.bytes_limit;
	CHECK(cp_flow_pause_ns(&flow) > 100000 && cp_flow_pause_ns(&flow) < 1000000);
	flow.files = 50;
	CHECK(cp_flow_pause_ns(&flow) == 0);
	flow.files = 1;
	flow.bytes = flow.bytes_limit / 2;
	CHECK(cp_flow_pause_ns(&flow) == 0);
	cp_flow_begin(&flow, CP_FLOW_FILES_UP);
	flow.rests = true;
	simulate(&flow, 0.01, 1e6, 10);
	flow.bytes = flow.bytes_limit;
	CHECK(cp_flow_pause_ns(&flow) == 2000000);
	flow.rests = false;
	CHECK(cp_flow_pause_ns(&flow) == 0);
}

static void table_of_names(void)
{
	struct cp_names names = {0};
	const haw_attrs *found;
	haw_attrs attrs = {0};
	char name[16];

	CHECK(!cp_names_find(&names, "x"));
	for (uint32_t i = 0; i < 5000; i++) {
		attrs.mode = i;
		CHECK(cp_names_add(&names, (haw_span){(uint8_t *)name, (size_t)sprintf(name, "n%u", i)},
				   &attrs));
	}
	/* The first of two equal names stays. */
	attrs.mode = 9999;
	CHECK(cp_names_add(&names, (haw_span){(const uint8_t *)"n7", 2}, &attrs));
	for (uint32_t i = 0; i < 5000; i++) {
		sprintf(name, "n%u", i);
		found = cp_names_find(&names, name);
		CHECK(found && found->mode == i);
	}
	CHECK(!cp_names_find(&names, "n5000") && !cp_names_find(&names, "") && names.count == 5000);
	cp_names_free(&names);
}

int main(void)
{
	RUN(short_path);
	RUN(long_path);
	RUN(bounds);
	RUN(pauses);
	RUN(table_of_names);
	return harness_end();
}

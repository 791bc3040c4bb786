/* SPDX-License-Identifier: Apache-2.0
 *
 * The limit on the rate: what the options take, and how exact it is over a clock that is simulated.
 */
#include "harness.h"
#include "rate.h"

static void words(void)
{
	static const struct {
		const char *text;
		uint64_t rate; /* 0: refused */
	} rows[] = {
		{"1", 1024},      {"100", 102400}, {"1k", 1024}, {"5M", 5 << 20}, {"1.5m", 3 << 19},
		{"2G", 2ull << 30}, {"0", 0},	   {"", 0},	 {"-1", 0},	  {"5X", 0},
		{"5MM", 0},	    {"0x10", 0},   {"inf", 0},	 {"nan", 0},	  {"1e3", 0},
		{" 5", 0},	    {"K", 0},	   {"99999999999999999999G", 0},
	};
	uint64_t rate;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		rate = 0;
		CHECK_MSG(cp_rate_parse(rows[i].text, &rate) == (rows[i].rate != 0), "%s", rows[i].text);
		CHECK_MSG(rate == rows[i].rate, "%s", rows[i].text);
	}
	CHECK(cp_rate_parse_kbits("8", &rate) && rate == 1024);
	CHECK(!cp_rate_parse_kbits("0", &rate) && !cp_rate_parse_kbits("8K", &rate) &&
	      !cp_rate_parse_kbits("104857601", &rate));
}

/* Send SECONDS long, waking up LATE_NS after every time that was asked for; returns bytes a second. */
static double simulate(uint64_t bytes_per_s, uint64_t late_ns, uint32_t piece, double seconds)
{
	const uint64_t start = 1000000000, end = start + (uint64_t)(seconds * 1e9);
	struct cp_rate rate;
	uint64_t now = start, bytes = 0;

	cp_rate_begin(&rate, bytes_per_s, now);
	while (now < end) {
		while (cp_rate_room(&rate, now)) {
			uint32_t size = cp_rate_piece(&rate, piece);

			cp_rate_take(&rate, size);
			bytes += size;
		}
		now += cp_rate_wait_ns(&rate, now) + late_ns;
	}
	return (double)bytes / ((double)(now - start) / 1e9);
}

static void exactness(void)
{
	static const uint64_t rates[] = {4 << 10, 64 << 10, 1 << 20, 50 << 20, 1 << 30};
	static const uint64_t late[] = {0, 1000000, 20000000};

	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++)
		for (size_t k = 0; k < sizeof(late) / sizeof(late[0]); k++) {
			double is = simulate(rates[i], late[k], 128 << 10, 4);

			CHECK_MSG(is > 0.95 * (double)rates[i] && is < 1.05 * (double)rates[i],
				  "%.0f bytes/s instead of %llu, %llu ns late", is,
				  (unsigned long long)rates[i], (unsigned long long)late[k]);
		}
}

/* What was saved up while nothing was sent is little. */
static void after_idling(void)
{
	struct cp_rate rate;
	uint64_t bytes = 0;

	cp_rate_begin(&rate, 1 << 20, 1);
	while (cp_rate_room(&rate, 60000000000)) {
		cp_rate_take(&rate, 4096);
		bytes += 4096;
	}
	CHECK_MSG(bytes < (1 << 20) / 5, "%llu", (unsigned long long)bytes);
	cp_rate_begin(&rate, 0, 1);
	cp_rate_take(&rate, 1 << 30);
	CHECK(cp_rate_room(&rate, 1) && cp_rate_wait_ns(&rate, 1) == 0 && cp_rate_piece(&rate, 777) == 777);
}

int main(void)
{
	RUN(words);
	RUN(exactness);
	RUN(after_idling);
	return harness_end();
}

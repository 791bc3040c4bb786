/* SPDX-License-Identifier: Apache-2.0 */
#include "rate.h"

#include <stdlib.h>
#include <string.h>

/* What may gather while nothing is sent, and what one piece takes at most: short, so that the line is not
 * filled in bursts; not shorter than a late wake-up. */
static const double burst_s = 0.1, piece_s = 0.04;

enum { PIECE_MIN = 4096 };

/* A positive number of at most MOST, and what follows it. */
static bool parse_number(const char *text, double most, double *value, const char **rest)
{
	char *end;

	if (text[0] < '0' || text[0] > '9' || strpbrk(text, "xXeEnN"))
		return false;
	*value = strtod(text, &end);
	*rest = end;
	return *value > 0 && *value <= most;
}

bool cp_rate_parse(const char *text, uint64_t *bytes_per_s)
{
	double value, unit;
	const char *rest;

	if (!parse_number(text, 1e15, &value, &rest))
		return false;
	switch (rest[0]) {
	case '\0':
	case 'k':
	case 'K':
		unit = 1024;
		break;
	case 'm':
	case 'M':
		unit = 1024 * 1024;
		break;
	case 'g':
	case 'G':
		unit = 1024 * 1024 * 1024;
		break;
	default:
		return false;
	}
	if ((rest[0] && rest[1]) || value * unit < 1 || value * unit > 1e18)
		return false;
	*bytes_per_s = (uint64_t)(value * unit);
	return true;
}

bool cp_rate_parse_kbits(const char *text, uint64_t *bytes_per_s)
{
	double value;
	const char *rest;

	/* The range that scp takes. */
	if (!parse_number(text, 100.0 * 1024 * 1024, &value, &rest) || *rest || value < 1)
		return false;
	*bytes_per_s = (uint64_t)(value * 1024 / 8);
	return true;
}

void cp_rate_begin(struct cp_rate *rate, uint64_t bytes_per_s, uint64_t now_ns)
{
	rate->bytes_per_s = bytes_per_s;
	rate->tokens = 0;
	rate->filled_ns = now_ns;
}

static void fill(struct cp_rate *rate, uint64_t now_ns)
{
	double most = (double)rate->bytes_per_s * burst_s;

	if (now_ns <= rate->filled_ns)
		return;
	rate->tokens += (double)(now_ns - rate->filled_ns) / 1e9 * (double)rate->bytes_per_s;
	rate->filled_ns = now_ns;
	if (rate->tokens > most)
		rate->tokens = most;
}

bool cp_rate_room(struct cp_rate *rate, uint64_t now_ns)
{
	if (!rate->bytes_per_s)
		return true;
	fill(rate, now_ns);
	return rate->tokens >= 0;
}

uint64_t cp_rate_wait_ns(struct cp_rate *rate, uint64_t now_ns)
{
	if (cp_rate_room(rate, now_ns))
		return 0;
	return (uint64_t)(-rate->tokens / (double)rate->bytes_per_s * 1e9) + 1;
}

void cp_rate_take(struct cp_rate *rate, uint64_t bytes)
{
	if (rate->bytes_per_s)
		rate->tokens -= (double)bytes;
}

void cp_rate_return(struct cp_rate *rate, uint64_t bytes)
{
	if (rate->bytes_per_s)
		rate->tokens += (double)bytes;
}

uint32_t cp_rate_piece(const struct cp_rate *rate, uint32_t most)
{
	double piece = (double)rate->bytes_per_s * piece_s;

	if (!rate->bytes_per_s || piece >= most)
		return most;
	return piece < PIECE_MIN ? most < PIECE_MIN ? most : PIECE_MIN : (uint32_t)piece;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * What the signs of a connection mean.
 */
#include <string.h>

#include "harness.h"
#include "waits.h"

enum { MS = 1000000 };

static void signs(void)
{
	static const struct {
		struct cp_signs signs;
		enum cp_wait up, down;
	} rows[] = {
		/* Nothing is known yet, but a stream that takes no more speaks for itself. */
		{{.request_ns = 5 * MS}, CP_WAIT_NONE, CP_WAIT_NONE},
		{{.blocked = true}, CP_WAIT_SOCKET, CP_WAIT_SOCKET},
		/* A path of 100 ms: all merely on its way; a queue on it; the server's work. */
		{{.request_ns = 110 * MS, .ping_ns = 100 * MS, .least_ping_ns = 100 * MS},
		 CP_WAIT_WINDOW,
		 CP_WAIT_WINDOW},
		{{.request_ns = 900 * MS, .ping_ns = 800 * MS, .least_ping_ns = 100 * MS},
		 CP_WAIT_SOCKET,
		 CP_WAIT_SOCKET},
		{{.request_ns = 900 * MS, .ping_ns = 101 * MS, .least_ping_ns = 100 * MS},
		 CP_WAIT_SINK,
		 CP_WAIT_SOURCE},
		/* Next door it is always the server's turn. */
		{{.request_ns = MS / 5, .ping_ns = MS / 10, .least_ping_ns = MS / 10},
		 CP_WAIT_SINK,
		 CP_WAIT_SOURCE},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cp_signs s = rows[i].signs;

		s.upload = true;
		CHECK_MSG(cp_waits_judge(&s) == rows[i].up, "row %zu: %d", i, cp_waits_judge(&s));
		s.upload = false;
		CHECK_MSG(cp_waits_judge(&s) == rows[i].down, "row %zu: %d", i, cp_waits_judge(&s));
	}
}

static void account(void)
{
	struct cp_waits waits = {.upload = true};
	double shares[CP_WAITS], sum = 0;
	char text[200];

	cp_waits_shares(&waits, shares);
	CHECK(shares[CP_WAIT_SOURCE] == 0);
	cp_waits_text(&waits, text, sizeof(text));
	CHECK(!text[0]);
	cp_waits_add(&waits, CP_WAIT_NONE, 1000);
	cp_waits_add(&waits, CP_WAIT_SINK, 300);
	cp_waits_add(&waits, CP_WAIT_CRYPTO, 100);
	cp_waits_shares(&waits, shares);
	for (int i = 0; i < CP_WAITS; i++)
		sum += shares[i];
	CHECK(sum > 0.999 && sum < 1.001 && shares[CP_WAIT_SINK] > 0.74 && shares[CP_WAIT_SINK] < 0.76);
	cp_waits_text(&waits, text, sizeof(text));
	CHECK_MSG(strstr(text, "75 %") && strstr(text, "server"), "%s", text);
}

int main(void)
{
	RUN(signs);
	RUN(account);
	return harness_end();
}

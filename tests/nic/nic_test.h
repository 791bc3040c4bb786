/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of the I/O loop share: each test function runs once for each engine.
 */
#ifndef HAWSER_TESTS_NIC_H
#define HAWSER_TESTS_NIC_H

#include "harness.h"
#include "nic/io.h"

#define MS 1000000ll

extern enum haw_io_kind nic_kind;

/* A loop of the engine under test. */
struct haw_io *nic_loop(void);
/* Run TESTS over every engine that works here; returns the program's exit status. */
struct nic_test {
	const char *name;
	void (*fn)(void);
};
int nic_main(const struct nic_test *tests, size_t count);
/* Run the loop until *FLAG, at most LIMIT_MS; false if that was too long. */
bool nic_until(struct haw_io *io, const bool *flag, int limit_ms);
/* Run the loop for MS milliseconds. */
void nic_for(struct haw_io *io, int ms);
/* Two connected sockets: over TCP on loopback, or local ones. */
bool nic_tcp_pair(int fds[2]);
bool nic_local_pair(int fds[2]);
uint64_t nic_now(void);
/* Slow, and with descriptor limits of its own. */
bool nic_under_valgrind(void);

/* Callbacks that note that they were called: user points to one. */
struct nic_note {
	bool done;
	int count;
	int64_t result;
};
void nic_sent(struct haw_send *op);
void nic_received(struct haw_receive *op);
void nic_fired(void *user);

#endif

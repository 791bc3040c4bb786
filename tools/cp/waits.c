/* SPDX-License-Identifier: Apache-2.0 */
#include "waits.h"

#include <stdio.h>

const char *const cp_wait_names[CP_WAITS] = {"source", "crypto", "socket", "peer_window", "sink"};

/* A queue of less than this is none: the server may have been busy with something else. */
static const uint64_t queue_ns = 4000000;
/* Answers faster than this need no explanation by the path. */
static const uint64_t near_ns = 300000;

enum cp_wait cp_waits_judge(const struct cp_signs *s)
{
	uint64_t path = s->ping_ns > near_ns ? s->ping_ns : near_ns;

	if (s->blocked)
		return CP_WAIT_SOCKET;
	if (!s->least_ping_ns)
		return CP_WAIT_NONE;
	if (s->ping_ns > 2 * s->least_ping_ns + queue_ns)
		return CP_WAIT_SOCKET;
	if (s->request_ns > 2 * path)
		return s->upload ? CP_WAIT_SINK : CP_WAIT_SOURCE;
	/* Next door a window is never what is waited for: the server's turn is. */
	if (path == near_ns)
		return s->upload ? CP_WAIT_SINK : CP_WAIT_SOURCE;
	return CP_WAIT_WINDOW;
}

void cp_waits_add(struct cp_waits *waits, enum cp_wait what, uint64_t ns)
{
	if (what < CP_WAITS)
		waits->ns[what] += ns;
}

void cp_waits_merge(struct cp_waits *waits, const struct cp_waits *other)
{
	for (int i = 0; i < CP_WAITS; i++)
		waits->ns[i] += other->ns[i];
}

void cp_waits_shares(const struct cp_waits *waits, double shares[CP_WAITS])
{
	double sum = 0;

	for (int i = 0; i < CP_WAITS; i++)
		sum += (double)waits->ns[i];
	for (int i = 0; i < CP_WAITS; i++)
		shares[i] = sum > 0 ? (double)waits->ns[i] / sum : 0;
}

/* What the largest share means, and what would help against it. */
static const char *const sentences[3][CP_WAITS] = {
	{
		"reading on the server: faster disks there, or -j for several files at a time",
		"making and opening packets: a faster cipher (-c auto), or -j on a server with more cores",
		"the network: a faster line, or compression (-C) if the data are compressible",
		"the way to the server and back: more connections (-j 4)",
		"writing on this machine: a faster disk",
	},
	{
		"reading on this machine: a faster disk",
		"making and opening packets: a faster cipher (-c auto), or -j on a server with more cores",
		"the network: a faster line, or compression (-C) if the data are compressible",
		"the server's window, too small for the way there and back: more connections (-j 4)",
		"the server's taking and writing data: faster disks or cores there, or -j",
	},
	{
		"reading on the first host: faster disks there, or -j for several files at a time",
		"making and opening packets: a faster cipher (-c auto), or -j on hosts with more cores",
		"the network: a faster line, or compression (-C) if the data are compressible",
		"the way to the hosts and back: more connections (-j 4)",
		"the second host's taking and writing data: faster disks or cores there, or -j",
	},
};

void cp_waits_text(const struct cp_waits *waits, char *out, size_t size)
{
	double shares[CP_WAITS];
	int largest = 0;

	cp_waits_shares(waits, shares);
	for (int i = 1; i < CP_WAITS; i++)
		if (shares[i] > shares[largest])
			largest = i;
	if (shares[largest] > 0)
		snprintf(out, size, "limited by (%.0f %% of the time) %s", 100 * shares[largest],
			 sentences[waits->between ? 2 : waits->upload][largest]);
	else if (size > 0)
		out[0] = '\0';
}

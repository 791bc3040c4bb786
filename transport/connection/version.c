/* SPDX-License-Identifier: Apache-2.0
 *
 * The version lines (RFC 4253 §4.2), bounded in every way: a line, what may come before it, and,
 * by the handshake's time, how long it may take.
 */
#include <stdio.h>
#include <string.h>

#include "transport/connection/internal.h"

int haw_version_start(struct haw_connection *c, haw_error *err)
{
	char line[HAW_VERSION_LINE_MAX + 1];
	int n;

	snprintf(c->our_version, sizeof(c->our_version), "SSH-2.0-Hawser_%s", haw_version());
	n = snprintf(line, sizeof(line), "%s\r\n", c->our_version);
	return c->packetizer->ops->put_raw(c->packetizer, (haw_span){(const uint8_t *)line, (size_t)n}, err);
}

/* Peers that accept a channel open behind an authentication request that they have not answered. */
static bool takes_early_opens(const char *version)
{
	return strncmp(version, "SSH-2.0-OpenSSH_", 16) == 0 || strncmp(version, "SSH-2.0-Hawser_", 15) == 0;
}

static int judge_line(struct haw_connection *c, const char *line, size_t len, haw_error *err)
{
	char shown[200];

	haw_escape(shown, sizeof(shown), line, len);
	if (memchr(line, 0, len))
		return haw_protocol_error(err, "the peer's version line contains a NUL byte: \"%s\"", shown);
	if (strncmp(line, "SSH-2.0-", 8) != 0 && strncmp(line, "SSH-1.99-", 9) != 0)
		return haw_protocol_error(err, "the peer speaks another version of SSH: \"%s\"", shown);
	memcpy(c->peer_version, line, len);
	c->peer_version[len] = '\0';
	haw_escape(c->peer_version_text, sizeof(c->peer_version_text), line, len);
	c->pipelines = takes_early_opens(c->peer_version);
	c->version_received = true;
	haw_connection_event(c, HAW_EVENT_VERSION)->text = c->peer_version_text;
	return 0;
}

static int too_long(const uint8_t *data, size_t len, haw_error *err)
{
	char shown[100];

	haw_escape(shown, sizeof(shown), data, len < 60 ? len : 60);
	return haw_protocol_error(err, "this is no SSH peer: no version line within bounds; it begins \"%s\"",
				  shown);
}

/* Take lines off the received bytes until the version line was found. */
int haw_version_receive(struct haw_connection *c, haw_error *err)
{
	while (!c->version_received) {
		const uint8_t *start = c->data + c->data_used;
		size_t left = c->data_len - c->data_used;
		const uint8_t *end = left ? memchr(start, '\n', left) : NULL;
		bool is_version = left >= 4 && memcmp(start, "SSH-", 4) == 0;
		size_t len;

		if (!end) {
			if ((is_version && left > HAW_VERSION_LINE_MAX) ||
			    c->preamble + left > HAW_VERSION_PREAMBLE_MAX ||
			    (c->options.server && left > HAW_VERSION_LINE_MAX))
				return too_long(start, left, err);
			return 0;
		}
		len = (size_t)(end - start);
		c->data_used += len + 1;
		if (len > 0 && start[len - 1] == '\r')
			len--;
		if (is_version) {
			if (len > HAW_VERSION_LINE_MAX - 2)
				return too_long(start, len, err);
			return judge_line(c, (const char *)start, len, err);
		}
		/* RFC 4253 §4.2: a server may send other lines first; a client may not. */
		c->preamble += len + 1;
		if (c->options.server || c->preamble > HAW_VERSION_PREAMBLE_MAX)
			return too_long(start, len, err);
	}
	return 0;
}

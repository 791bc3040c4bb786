/* SPDX-License-Identifier: Apache-2.0
 *
 * When compression begins: with the keys (zlib, RFC 4253 §6.2), or behind the success of the login
 * (zlib@openssh.com), so that what zlib makes of a stranger's bytes is none of a server's worries. Either way
 * each new key begins a new stream.
 */
#include <string.h>

#include "transport/connection/internal.h"
#include "transport/packet/compress.h"

static const char at_once[] = "zlib", delayed[] = "zlib@openssh.com", none[] = "none";

int haw_compression_prepare(struct haw_connection *c, haw_error *err)
{
	if (strcmp(c->lists[HAW_LIST_COMPRESSION_C2S], none) == 0 &&
	    strcmp(c->lists[HAW_LIST_COMPRESSION_S2C], none) == 0)
		return 0;
	/* It takes the other over, also where it fails. */
	c->packetizer = haw_compressing_new(c->packetizer, err);
	if (!c->packetizer)
		return HAW_ENOMEM;
	c->packetizer->ops->set_source(c->packetizer, &c->source);
	return 0;
}

static const char *name_of(const struct haw_connection *c, enum haw_direction direction,
			   const struct haw_chosen *chosen)
{
	bool to_server = (direction == HAW_OUTGOING) == !c->options.server;

	return chosen->names[to_server ? HAW_LIST_COMPRESSION_C2S : HAW_LIST_COMPRESSION_S2C];
}

int haw_compression_start(struct haw_connection *c, enum haw_direction direction,
			  const struct haw_chosen *chosen, haw_error *err)
{
	const char *name = name_of(c, direction, chosen);

	if (strcmp(name, at_once) != 0 && !(strcmp(name, delayed) == 0 && c->login.success_passed))
		return 0;
	return c->packetizer->ops->set_compression(c->packetizer, direction, err);
}

bool haw_compression_is_delayed(const struct haw_connection *c)
{
	/* The first attempt leaves behind our NEWKEYS, before the peer's has come. */
	const struct haw_chosen *chosen = c->exchanges > 0 ? &c->chosen : &c->exchange.chosen;

	return !c->login.success_passed && (strcmp(name_of(c, HAW_OUTGOING, chosen), delayed) == 0 ||
					    strcmp(name_of(c, HAW_INCOMING, chosen), delayed) == 0);
}

int haw_compression_after_login(struct haw_connection *c, haw_error *err)
{
	c->login.success_passed = true;
	for (int d = HAW_OUTGOING; d <= HAW_INCOMING; d++)
		if (strcmp(name_of(c, d, &c->chosen), delayed) == 0 &&
		    c->packetizer->ops->set_compression(c->packetizer, d, err) < 0)
			return HAW_ENOMEM;
	return 0;
}

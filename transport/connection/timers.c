/* SPDX-License-Identifier: Apache-2.0
 *
 * Time, as the owner tells it: the handshake's limit, keepalive, rekeying by age.
 */
#include "transport/connection/internal.h"

static const uint64_t ms = 1000000;

void haw_connection_hold_clock(struct haw_connection *c, bool hold)
{
	if (hold && !c->clock_held)
		c->held_since = c->now;
	if (!hold && c->clock_held)
		c->held_for += c->now - c->held_since;
	c->clock_held = hold;
}

static void expire(struct haw_connection *c, const char *what)
{
	haw_error err;

	haw_error_set(&err, HAW_ETIMEDOUT, HAW_FAULT_PEER, 0, "%s", what);
	haw_connection_fail(c, 0, &err);
}

void haw_connection_count_from(struct haw_connection *c, uint64_t now)
{
	c->connecting_since = now;
}

/* The limit of the phase: until the first keys, or until the end of authentication; 0: none. */
static uint64_t handshake_limit(const struct haw_connection *c)
{
	uint64_t whole = c->options.handshake_timeout_ms * ms, exchange = c->options.exchange_timeout_ms * ms;
	uint64_t since = c->connecting_since ? c->connecting_since : c->started;

	whole = whole ? c->started + c->held_for + whole : 0;
	if (c->exchanges > 0 || !exchange)
		return whole;
	exchange += since + c->held_for;
	return whole && whole < exchange ? whole : exchange;
}

static uint64_t handshake(struct haw_connection *c)
{
	uint64_t limit = handshake_limit(c);

	if (!limit || c->login.authenticated || c->clock_held)
		return 0;
	if (c->now < limit)
		return limit;
	expire(c, !c->version_received	? "the peer did not send its version line in time"
		  : c->exchanges == 0	? "the peer did not complete the key exchange in time"
					: "authentication was not completed in time");
	return 0;
}

/* RFC 4254 §4 gives the request; OpenSSH's ServerAliveInterval the rule: after so long without a byte
 * from the peer one is sent, and after so many without an answer the peer is taken for dead. */
static uint64_t keepalive(struct haw_connection *c)
{
	uint64_t interval = c->options.keepalive_ms * ms;
	uint64_t quiet_since = c->last_received > c->last_keepalive ? c->last_received : c->last_keepalive;
	haw_error err;

	if (!interval || !c->login.authenticated)
		return 0;
	if (c->last_received > c->last_keepalive)
		c->keepalives = 0;
	if (c->now < quiet_since + interval)
		return quiet_since + interval;
	if (c->keepalives >= (c->options.keepalive_max ? c->options.keepalive_max : 3)) {
		expire(c, "the peer no longer answers");
		return 0;
	}
	c->keepalives++;
	c->last_keepalive = c->now;
	if (haw_global_keepalive(c, &err) < 0)
		haw_connection_fail(c, HAW_DISCONNECT_BY_APPLICATION, &err);
	return c->now + interval;
}

static uint64_t rekey(struct haw_connection *c)
{
	if (!c->rekey_at || c->exchange.sent_init)
		return 0;
	if (c->now < c->rekey_at)
		return c->rekey_at;
	c->rekey_at = 0;
	haw_connection_rekey(c);
	return 0;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return !a ? b : !b || a < b ? a : b;
}

uint64_t haw_connection_tick(struct haw_connection *c, uint64_t now)
{
	uint64_t next;

	if (c->closed)
		return 0;
	c->now = now;
	if (!c->started)
		c->started = c->last_received = now;
	next = handshake(c);
	if (!c->closed)
		next = earlier(next, keepalive(c));
	if (!c->closed)
		next = earlier(next, rekey(c));
	return c->closed ? 0 : next;
}

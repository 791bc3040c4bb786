/* SPDX-License-Identifier: Apache-2.0
 *
 * Each method with both roles; then messages cut and changed at every byte, and calls out of order.
 */
#include "pair.h"

static bool keys_agree(struct pair *p)
{
	haw_span session = haw_kex_hash(p->client);
	uint8_t ours[200], theirs[200], earlier[200] = {0};

	for (char letter = 'A'; letter <= 'F'; letter++) {
		if (haw_kex_derive(p->client, letter, session, ours, sizeof(ours), NULL) != 0 ||
		    haw_kex_derive(p->server, letter, session, theirs, sizeof(theirs), NULL) != 0)
			return false;
		/* Equal on both sides, different for each letter. */
		if (memcmp(ours, theirs, sizeof(ours)) != 0 || memcmp(ours, earlier, 16) == 0)
			return false;
		memcpy(earlier, ours, sizeof(ours));
	}
	return true;
}

static void exchange_by(const char *method, bool prepare)
{
	struct haw_kex_reply reply;
	haw_message out;
	struct pair p;

	CHECK(pair_init(&p, method));
	if (prepare)
		CHECK(haw_kex_prepare(p.client, NULL) == 0 && haw_kex_prepare(p.server, NULL) == 0 &&
		      haw_kex_prepare(p.client, NULL) == 0);
	CHECK(pair_make_init(&p));
	CHECK(haw_kex_hash(p.client).len == 0 && haw_kex_hash(p.server).len == 0);
	CHECK(pair_make_reply(&p));
	/* Not through pair_feed: the views must lie in the payload. */
	haw_message_write(&out, 0);
	CHECK(haw_kex_receive(p.client, haw_message_all(&p.reply), &out, &reply, NULL) == HAW_KEX_VERIFY);
	CHECK(haw_span_equal(reply.host_key, p.server_transcript.host_key));
	CHECK(haw_span_is(reply.signature, "signature"));
	CHECK(haw_span_equal(reply.hash, haw_kex_hash(p.client)));
	CHECK(haw_span_equal(haw_kex_hash(p.client), haw_kex_hash(p.server)) && reply.hash.len >= 32);
	CHECK(keys_agree(&p));
	haw_message_free(&out);
	pair_clear(&p);
}

static void both_roles_agree(void)
{
	const char *name;

	for (size_t i = 0; (name = haw_kex_method_at(i)); i++) {
		exchange_by(name, false);
		exchange_by(name, true);
	}
	CHECK(haw_kex_method_find("diffie-hellman-group1-sha1") == NULL);
	CHECK(haw_kex_method_find("") == NULL);
}

/* What a side makes of a message that it must not take. */
static bool is_refused(struct haw_kex *side, haw_span payload)
{
	haw_error err = {0};
	struct haw_kex_reply reply;
	uint8_t key[16];

	return pair_feed(side, payload, &reply, &err) == HAW_EPROTOCOL && err.code == HAW_EPROTOCOL &&
	       err.fault == HAW_FAULT_PEER && err.message[0] && reply.hash.len == 0 &&
	       haw_kex_hash(side).len == 0 &&
	       haw_kex_derive(side, 'A', payload, key, sizeof(key), NULL) == HAW_EINVAL &&
	       pair_feed(side, payload, &reply, &err) == HAW_EPROTOCOL;
}

static void cut_messages_by(const char *method)
{
	struct pair whole;

	CHECK(pair_init(&whole, method) && pair_make_init(&whole) && pair_make_reply(&whole));
	for (size_t len = 0; len < haw_message_all(&whole.init).len; len++) {
		struct pair p;

		CHECK(pair_init(&p, method) && pair_make_init(&p));
		CHECK_MSG(is_refused(p.server, (haw_span){haw_message_all(&whole.init).ptr, len}),
			  "%s: client's message cut to %zu", method, len);
		pair_clear(&p);
	}
	for (size_t len = 0; len < haw_message_all(&whole.reply).len; len++) {
		struct pair p;

		CHECK(pair_init(&p, method) && pair_make_init(&p));
		CHECK_MSG(is_refused(p.client, (haw_span){haw_message_all(&whole.reply).ptr, len}),
			  "%s: server's message cut to %zu", method, len);
		pair_clear(&p);
	}
	haw_put_byte(&whole.init, 0);
	haw_put_byte(&whole.reply, 0);
	{
		struct pair p;

		CHECK(pair_init(&p, method) && pair_make_init(&p));
		CHECK(is_refused(p.server, haw_message_all(&whole.init)));
		CHECK(is_refused(p.client, haw_message_all(&whole.reply)));
		pair_clear(&p);
	}
	pair_clear(&whole);
}

static void cut_messages_are_refused(void)
{
	cut_messages_by("curve25519-sha256");
	cut_messages_by("ecdh-sha2-nistp256");
	cut_messages_by("ecdh-sha2-nistp384");
	cut_messages_by("ecdh-sha2-nistp521");
	cut_messages_by("diffie-hellman-group14-sha256");
	cut_messages_by("mlkem768x25519-sha256");
}

/* A changed byte is refused, or the two sides end with different hashes, so that the signature
 * cannot fit. Bytes of the signature alone are not this layer's to judge. */
static bool change_shows(const char *method, size_t at, bool in_init)
{
	struct haw_kex_reply reply;
	struct pair p;
	int result;
	bool shows;

	CHECK_OR(pair_init(&p, method) && pair_make_init(&p), false);
	if (in_init) {
		/* Numbers are not always as long. */
		p.init.data[at % haw_message_all(&p.init).len] ^= 1;
		result = pair_feed(p.server, haw_message_all(&p.init), &reply, NULL);
		shows = result == HAW_EPROTOCOL;
		if (result == HAW_KEX_SIGN) {
			CHECK_OR(haw_kex_reply(p.server, p.server_transcript.host_key, SPAN("signature"),
					       &p.reply, NULL) == 0,
				 false);
			result = pair_feed(p.client, haw_message_all(&p.reply), &reply, NULL);
			CHECK_OR(result == HAW_KEX_VERIFY, false);
			shows = !haw_span_equal(haw_kex_hash(p.client), haw_kex_hash(p.server));
		}
	} else {
		CHECK_OR(pair_make_reply(&p), false);
		p.reply.data[at % (haw_message_all(&p.reply).len - strlen("signature"))] ^= 1;
		result = pair_feed(p.client, haw_message_all(&p.reply), &reply, NULL);
		shows = result == HAW_EPROTOCOL ||
			(result == HAW_KEX_VERIFY &&
			 !haw_span_equal(haw_kex_hash(p.client), haw_kex_hash(p.server)));
	}
	pair_clear(&p);
	return shows;
}

static void changes_by(const char *method)
{
	size_t init_len, reply_len;
	struct pair p;

	CHECK(pair_init(&p, method) && pair_make_init(&p) && pair_make_reply(&p));
	init_len = haw_message_all(&p.init).len;
	reply_len = haw_message_all(&p.reply).len;
	pair_clear(&p);
	for (size_t at = 0; at < init_len; at++)
		CHECK_MSG(change_shows(method, at, true), "%s: client's byte %zu", method, at);
	for (size_t at = 0; at < reply_len - strlen("signature"); at++)
		CHECK_MSG(change_shows(method, at, false), "%s: server's byte %zu", method, at);
}

static void changed_messages_show(void)
{
	changes_by("curve25519-sha256");
	changes_by("ecdh-sha2-nistp256");
	changes_by("ecdh-sha2-nistp384");
	changes_by("ecdh-sha2-nistp521");
	changes_by("diffie-hellman-group14-sha256");
	changes_by("mlkem768x25519-sha256");
}

static void every_part_of_the_transcript_counts(void)
{
	for (int part = 0; part < 5; part++) {
		struct haw_kex_reply reply;
		struct pair p;

		CHECK(pair_init(&p, "curve25519-sha256"));
		*(part == 0   ? &p.client_transcript.client_version
		  : part == 1 ? &p.client_transcript.server_version
		  : part == 2 ? &p.client_transcript.client_init
			      : &p.client_transcript.server_init) = SPAN("other");
		CHECK(pair_make_init(&p) && pair_make_reply(&p));
		/* The fifth round sends another host key than was hashed. */
		if (part == 4) {
			p.client_transcript = p.server_transcript;
			haw_kex_set_transcript(p.client, &p.client_transcript);
			p.reply.data[1 + 4] ^= 1;
		}
		CHECK(pair_feed(p.client, haw_message_all(&p.reply), &reply, NULL) == HAW_KEX_VERIFY);
		CHECK_MSG(!haw_span_equal(haw_kex_hash(p.client), haw_kex_hash(p.server)), "part %d", part);
		pair_clear(&p);
	}
}

static void calls_out_of_order_are_refused(void)
{
	haw_span session = SPAN("session");
	struct haw_kex_reply reply;
	haw_message out;
	uint8_t key[8];
	struct pair p;

	haw_message_write(&out, 0);
	CHECK(pair_init(&p, "curve25519-sha256"));
	CHECK(pair_feed(p.server, SPAN("\x1e"), &reply, NULL) == HAW_EINVAL);
	CHECK(haw_kex_reply(p.server, session, session, &out, NULL) == HAW_EINVAL);
	CHECK(haw_kex_derive(p.server, 'A', session, key, sizeof(key), NULL) == HAW_EINVAL);
	CHECK(pair_make_init(&p));
	CHECK(haw_kex_start(p.client, &out, NULL) == HAW_EINVAL);
	CHECK(pair_feed(p.server, haw_message_all(&p.init), &reply, NULL) == HAW_KEX_SIGN);
	CHECK(haw_kex_derive(p.server, 'A', session, key, sizeof(key), NULL) == HAW_EINVAL);
	CHECK(haw_kex_reply(p.server, session, session, &p.reply, NULL) == 0);
	CHECK(haw_kex_reply(p.server, session, session, &p.reply, NULL) == HAW_EINVAL);
	CHECK(haw_kex_derive(p.server, 'A', session, key, sizeof(key), NULL) == 0);
	CHECK(haw_kex_derive(p.server, 'A', session, key, 0, NULL) == 0);
	CHECK(haw_kex_derive(p.server, 'G', session, key, sizeof(key), NULL) == HAW_EINVAL);
	CHECK(haw_kex_derive(p.server, '@', session, key, sizeof(key), NULL) == HAW_EINVAL);
	/* The peer, too: a message again, the other role's message, one that the method lacks. */
	CHECK(pair_feed(p.server, haw_message_all(&p.init), &reply, NULL) == HAW_EPROTOCOL);
	CHECK(pair_feed(p.client, haw_message_all(&p.init), &reply, NULL) == HAW_EPROTOCOL);
	pair_clear(&p);
	CHECK(pair_init(&p, "curve25519-sha256") && pair_make_init(&p));
	p.init.data[0] = 34;
	CHECK(pair_feed(p.server, haw_message_all(&p.init), &reply, NULL) == HAW_EPROTOCOL);
	pair_clear(&p);
	haw_message_free(&out);
	haw_kex_free(NULL);
}

static void without_room_it_fails(void)
{
	uint8_t room[16];
	haw_message small;
	struct pair p;

	CHECK(pair_init(&p, "curve25519-sha256"));
	haw_message_write_to(&small, room, sizeof(room));
	CHECK(haw_kex_start(p.client, &small, NULL) == HAW_ENOMEM);
	pair_clear(&p);
}

int main(void)
{
	RUN(both_roles_agree);
	RUN(cut_messages_are_refused);
	RUN(changed_messages_show);
	RUN(every_part_of_the_transcript_counts);
	RUN(calls_out_of_order_are_refused);
	RUN(without_room_it_fails);
	return harness_end();
}

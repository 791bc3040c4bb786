/* SPDX-License-Identifier: Apache-2.0 */
#include "server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "transport/channel/channel.h"
#include "transport/connection/internal.h"
#include "transport/hostkey/hostkey.h"
#include "transport/packet/ring.h"

static const haw_span nothing = {NULL, 0};

struct link {
	struct server *server;
	struct haw_connection *c;
	struct haw_ring *ring;
	int fd;
	bool closed, key_passed;
	haw_message held_reply; /* until the next keys are in force */
	haw_message certificate;
	struct haw_host_identity identity;
	bool changed; /* the identity is second_key's by now */
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* ---- What the server decides ---- */

static void sign(struct link *link, const struct haw_event *event)
{
	haw_message signature;
	haw_error err;

	haw_message_write(&signature, 0);
	if (link->changed ? haw_key_sign(link->server->second_key, NULL, event->data, &signature, &err) < 0
			  : haw_hostkey_sign(link->server->host_pkey, "ssh-ed25519", event->data, &signature,
					     &err) < 0)
		printf("    the server cannot sign: %s\n", err.message);
	haw_connection_host_signature(link->c, haw_message_all(&signature));
	haw_message_free(&signature);
}

static void ask_code(struct link *link)
{
	haw_message m;

	haw_message_write(&m, 0);
	haw_put_text(&m, "A name");
	haw_put_text(&m, "An instruction");
	haw_put_text(&m, "");
	haw_put_u32(&m, 1);
	haw_put_text(&m, "Code: ");
	haw_put_bool(&m, false);
	haw_connection_auth_answer(link->c, HAW_AUTH_ASK, NULL, haw_message_all(&m));
	haw_message_free(&m);
}

static void accept_or_reject(struct link *link, bool accept)
{
	struct server *s = link->server;
	haw_error err;

	haw_connection_auth_answer(link->c, accept ? HAW_AUTH_ACCEPT : HAW_AUTH_REJECT, s->methods, nothing);
	for (unsigned i = 0; accept && i < s->announcements; i++)
		if (haw_connection_global_request(link->c, "hostkeys-00@openssh.com", false,
						  haw_message_all(&s->announced), NULL, &err) < 0)
			printf("    the server cannot announce its keys: %s\n", err.message);
	if (accept && s->second_key) {
		link->identity.blob = haw_key_blob(s->second_key);
		link->changed = true;
		haw_connection_rekey(link->c);
	}
}

static void judge_key(struct link *link, const struct haw_auth_request *r)
{
	struct server *s = link->server;

	s->keys++;
	if (!s->key || !haw_span_equal(r->key_blob, haw_key_blob(s->key))) {
		accept_or_reject(link, false);
	} else if (!r->has_signature) {
		haw_connection_auth_answer(link->c, HAW_AUTH_KEY_OK, NULL, nothing);
	} else if (s->need_both) {
		link->key_passed = true;
		haw_connection_auth_answer(link->c, HAW_AUTH_PARTIAL, "password", nothing);
	} else {
		accept_or_reject(link, true);
	}
}

/* What the server role cannot be told to do yet. */
static void want_change(struct link *link)
{
	haw_message *m = haw_connection_begin(link->c, HAW_MSG_USERAUTH_PASSWD_CHANGEREQ);

	haw_put_text(m, "It has expired");
	haw_put_text(m, "");
	link->c->login.waiting_answer = false;
	if (haw_connection_send(link->c, NULL) < 0)
		printf("    the server cannot ask for another password\n");
}

static void judge(struct link *link)
{
	const struct haw_auth_request *r = haw_connection_auth_request(link->c);
	struct server *s = link->server;

	if (haw_span_is(r->method, "none")) {
		s->nones++;
		accept_or_reject(link, s->allow_none);
	} else if (haw_span_is(r->method, "password")) {
		s->passwords++;
		s->changes += r->change;
		if (s->expired && !r->change && haw_span_is(r->password, s->expired)) {
			want_change(link);
			return;
		}
		accept_or_reject(link, s->password && haw_span_is(r->password, s->password) &&
					       (!s->need_both || link->key_passed));
	} else if (haw_span_is(r->method, "publickey")) {
		judge_key(link, r);
	} else if (haw_span_is(r->method, "keyboard-interactive") && s->code) {
		ask_code(link);
	} else {
		accept_or_reject(link, false);
	}
}

static void judge_code(struct link *link, haw_span data)
{
	haw_message m;
	bool right;

	link->server->codes++;
	haw_message_read(&m, data.ptr, data.len);
	right = haw_get_u32(&m) == 1 && haw_span_is(haw_get_string(&m), link->server->code);
	accept_or_reject(link, right);
}

static void echo(struct link *link, const struct haw_event *event)
{
	if (link->server->hold)
		return;
	haw_chan_consumed(event->chan, event->data.len);
	link->server->echoed += (unsigned)event->data.len;
	if (haw_chan_send(event->chan, event->data, 0, NULL) < 0)
		printf("    the server cannot echo\n");
}

static void global_request(struct link *link, const struct haw_event *event)
{
	struct server *s = link->server;
	haw_message reply;

	if (!s->prove || !haw_span_is(event->name, "hostkeys-prove-00@openssh.com")) {
		if (event->flag)
			haw_connection_global_reply(link->c, !haw_span_is(event->name, "no"), nothing);
		return;
	}
	s->proofs++;
	haw_message_write(&reply, 0);
	switch (s->prove(s, haw_connection_session_id(link->c), event->data, &reply)) {
	case SERVER_REKEY_THEN_YES:
		haw_connection_rekey(link->c);
		link->held_reply = reply;
		return;
	case SERVER_YES:
		haw_connection_global_reply(link->c, true, haw_message_all(&reply));
		break;
	case SERVER_NO:
		haw_connection_global_reply(link->c, false, nothing);
		break;
	case SERVER_HANG_UP:
		haw_connection_disconnect(link->c, 11, "no");
		break;
	}
	haw_message_free(&reply);
}

static void handle(struct link *link, const struct haw_event *event)
{
	switch (event->kind) {
	case HAW_EVENT_HOST_SIGN:
		sign(link, event);
		break;
	case HAW_EVENT_KEYS:
		link->server->key_exchanges++;
		if (haw_message_all(&link->held_reply).len > 0)
			haw_connection_global_reply(link->c, true, haw_message_all(&link->held_reply));
		haw_message_free(&link->held_reply);
		break;
	case HAW_EVENT_AUTH_REQUEST:
		judge(link);
		break;
	case HAW_EVENT_AUTH_RESPONSES:
		judge_code(link, event->data);
		break;
	case HAW_EVENT_CHANNEL_OPEN:
		if (link->server->refuse_channels)
			haw_connection_channel_refuse(link->c, event->chan, 4, "no\tspace");
		else
			haw_connection_channel_accept(link->c, event->chan, 0, 0, link);
		break;
	case HAW_EVENT_CHANNEL_DATA:
		echo(link, event);
		break;
	case HAW_EVENT_CHANNEL_EOF:
		event->chan->eof_wanted = true;
		event->chan->close_wanted |= link->server->ends;
		haw_chan_update_ready(event->chan);
		break;
	case HAW_EVENT_CHANNEL_CLOSED:
		haw_chan_free(event->chan);
		break;
	case HAW_EVENT_CHANNEL_REQUEST:
		if (event->flag)
			haw_connection_channel_reply(link->c, event->chan, !haw_span_is(event->name, "no"));
		break;
	case HAW_EVENT_GLOBAL_REQUEST:
		global_request(link, event);
		break;
	case HAW_EVENT_CLOSED:
		link->closed = true;
		break;
	default:
		break;
	}
}

/* ---- Bytes ---- */

static void process(struct link *link)
{
	haw_mut_span data = haw_ring_data(link->ring);
	struct haw_event event;

	haw_connection_receive(link->c, data.ptr, data.len);
	while (haw_connection_next_event(link->c, &event))
		handle(link, &event);
	haw_ring_release(link->ring, haw_connection_released(link->c));
}

/* True if something is left that the socket did not take. */
static bool flush(struct link *link)
{
	haw_span span;

	while (haw_connection_output(link->c, &span, 1) == 1) {
		ssize_t n = send(link->fd, span.ptr, span.len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN)
			return true;
		if (n < 0) {
			haw_connection_stream_ended(link->c, NULL);
			return false;
		}
		haw_connection_sent(link->c, (size_t)n);
	}
	return false;
}

static void take(struct link *link)
{
	haw_mut_span space = haw_ring_space(link->ring);
	ssize_t n = space.len ? recv(link->fd, space.ptr, space.len, MSG_DONTWAIT) : -1;

	if (n > 0)
		haw_ring_fill(link->ring, (size_t)n);
	else if (n == 0 || (space.len && errno != EAGAIN))
		haw_connection_stream_ended(link->c, NULL);
	process(link);
}

/* Wait for FD or the end of the test; false if that has come. */
static bool wait_for(struct server *server, int fd, short events, int timeout_ms)
{
	struct pollfd fds[2] = {{.fd = server->stop_fd, .events = POLLIN}, {.fd = fd, .events = events}};

	poll(fds, 2, timeout_ms);
	return !(fds[0].revents & POLLIN);
}

static void converse(struct link *link)
{
	bool blocked = false;

	while (!link->closed && wait_for(link->server, link->fd, blocked ? POLLIN | POLLOUT : POLLIN, 200)) {
		haw_connection_tick(link->c, now_ns());
		take(link);
		haw_connection_tick(link->c, now_ns());
		blocked = flush(link);
		process(link);
		blocked |= flush(link);
	}
}

static void set(haw_message *m, haw_span bytes)
{
	haw_message_free(m);
	haw_message_write(m, 0);
	haw_put_bytes(m, bytes.ptr, bytes.len);
}

static void serve(struct server *server, int fd)
{
	struct haw_wire_pool *pool = haw_wire_pool_new(0, 4);
	struct link link = {
		.server = server,
		.fd = fd,
		.identity = {haw_hostkey_type_of(server->host_pkey), haw_key_blob(server->host_key)},
	};
	struct haw_connection_options options = {
		.server = true,
		.pool = pool,
		.identities = &link.identity,
		.identity_count = 1,
		.kex = server->kex,
		.compression = server->compression,
		.moduli = {(const uint8_t *)server->moduli, server->moduli ? strlen(server->moduli) : 0},
	};

	haw_message_write(&link.held_reply, 0);
	set(&link.certificate, haw_message_all(&server->certificate));
	if (haw_message_all(&link.certificate).len > 0)
		link.identity = (struct haw_host_identity){"ssh-ed25519-cert-v01@openssh.com",
							   haw_message_all(&link.certificate)};
	link.c = haw_connection_new(&options, NULL);
	link.ring = haw_ring_new(HAW_RING_SIZE, NULL);
	if (link.c && link.ring) {
		haw_connection_tick(link.c, now_ns());
		flush(&link);
		converse(&link);
	}
	haw_message_free(&link.held_reply);
	haw_message_free(&link.certificate);
	haw_connection_free(link.c);
	haw_ring_free(link.ring);
	haw_wire_pool_free(pool);
}

static void *run(void *user)
{
	struct server *server = user;

	while (wait_for(server, server->listen_fd, POLLIN, -1)) {
		int fd = accept(server->listen_fd, NULL, NULL);

		if (fd < 0)
			continue;
		server->connections++;
		if (server->version_only && send(fd, "SSH-2.0-Silent\r\n", 16, MSG_NOSIGNAL) < 0)
			printf("    the server cannot send its version\n");
		if (server->mute || server->version_only)
			wait_for(server, -1, 0, -1);
		else
			serve(server, fd);
		close(fd);
		if (server->mute || server->version_only)
			break;
	}
	return NULL;
}

/* ---- Life ---- */

bool server_start(struct server *server)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	haw_message blob;

	if (!server->methods)
		server->methods = "publickey,password,keyboard-interactive";
	server->host_pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	haw_message_write(&blob, 0);
	if (haw_hostkey_encode(server->host_pkey, &blob, NULL) == 0)
		server->host_key = haw_key_from_blob(haw_message_all(&blob), NULL);
	haw_message_free(&blob);
	server->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	server->stop_fd = eventfd(0, EFD_CLOEXEC);
	if (!server->host_key || bind(server->listen_fd, (struct sockaddr *)&address, length) < 0 ||
	    listen(server->listen_fd, 8) < 0 ||
	    getsockname(server->listen_fd, (struct sockaddr *)&address, &length) < 0)
		return false;
	server->port = ntohs(address.sin_port);
	snprintf(server->fingerprint, sizeof(server->fingerprint), "%s",
		 haw_key_fingerprint(server->host_key));
	return pthread_create(&server->thread, NULL, run, server) == 0;
}

void server_present(struct server *server, haw_span certificate)
{
	set(&server->certificate, certificate);
}

void server_announce(struct server *server, haw_span list, unsigned times)
{
	set(&server->announced, list);
	server->announcements = times;
}

const char *server_name(const struct server *server)
{
	static char name[64];

	snprintf(name, sizeof(name), "[127.0.0.1]:%u", server->port);
	return name;
}

void server_stop(struct server *server)
{
	uint64_t one = 1;

	if (write(server->stop_fd, &one, sizeof(one)) == sizeof(one))
		pthread_join(server->thread, NULL);
	close(server->listen_fd);
	close(server->stop_fd);
	haw_message_free(&server->certificate);
	haw_message_free(&server->announced);
	haw_key_free(server->host_key);
	EVP_PKEY_free(server->host_pkey);
	memset(server, 0, sizeof(*server));
}

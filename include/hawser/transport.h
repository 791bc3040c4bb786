/* SPDX-License-Identifier: Apache-2.0
 *
 * One SSH connection (RFC 4253, RFC 4252) over any byte stream.
 *
 * A transport is made over a stream, does the handshake, asks about the host key, logs in and
 * carries channels. Everything advances only while its loop is driven. Programs that connect
 * to a host by name and have keys, known hosts and a configuration use haw_client.
 *
 * Threads: the loop's thread only, unless a function says otherwise.
 */
#ifndef HAWSER_TRANSPORT_H
#define HAWSER_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hawser/backend.h>
#include <hawser/error.h>
#include <hawser/key.h>
#include <hawser/loop.h>
#include <hawser/message.h>
#include <hawser/stream.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct haw_transport haw_transport;

/* ---- Algorithms ---- */

enum haw_algorithm_kind {
	HAW_ALGORITHM_KEX = 0,
	HAW_ALGORITHM_HOST_KEY = 1,
	HAW_ALGORITHM_CIPHER = 2,
	HAW_ALGORITHM_MAC = 3,
	HAW_ALGORITHM_COMPRESSION = 4
};

/* The name of the INDEX-th algorithm of KIND that this library has, in the order in which it is
 * offered by default, those that are offered only on request last; NULL behind the last.
 * OFFERED, if not NULL, tells whether it is offered by default. Any thread. */
HAW_API const char *haw_algorithm_at(enum haw_algorithm_kind kind, size_t index, bool *offered);
/* Apply TEXT to the default list of KIND as ssh_config does: "a,b" replaces it, "+a" appends, "-a"
 * removes (wildcards allowed), "^a" moves to the front. Names that this library does not have
 * are HAW_ENOTFOUND. Writes the list to OUT. Any thread. */
HAW_API HAW_MUST_USE int haw_algorithm_list(enum haw_algorithm_kind kind, const char *text, char *out,
					    size_t size, haw_error *err);
/* Whether this process can do the algorithm NAME of KIND, as OpenSSL is configured (for approved algorithms
 * alone, for instance) and with the backends of SELECTOR (NULL: those built in). What it cannot do is never
 * offered to a peer, whatever a list says. Runs no self-test; does not block. Any thread. */
HAW_API bool haw_algorithm_available(enum haw_algorithm_kind kind, const char *name,
				     const haw_selector *selector);

/* ---- Making one ---- */

typedef struct haw_transport_options {
	size_t size;     /* sizeof(haw_transport_options); 0 or NULL fields: the default */
	const char *kex; /* lists as haw_algorithm_list takes them */
	const char *host_keys;
	const char *ciphers;
	const char *macs;
	const haw_selector *selector;  /* borrowed for the transport's life; NULL: no overrides */
	uint32_t handshake_timeout_ms; /* from the stream's start to the end of authentication,
					* time spent in questions excepted; default 120,000 */
	uint32_t keepalive_ms;         /* keepalive@openssh.com after so long without data; 0: never */
	uint32_t keepalive_max;        /* unanswered ones that end the connection; default 3 */
	uint64_t rekey_bytes;          /* start a rekey after so many bytes; 0: the suite's limit */
	uint32_t rekey_seconds;        /* and after so many seconds; 0: never */
	size_t memory;                 /* bytes that all channels' windows together may reach;
					* default 32 MiB */
	/* Called with every question (loop.h). NULL: host keys are refused, texts not available. */
	haw_ask_fn ask;
	void *user; /* to ask, banner, debug, log and closed */
	/* Text the server shows before authentication (RFC 4252 §5.4), or in keyboard-interactive without
	 * asking anything (RFC 4256 §3.2), escaped but for newlines; of the former at most some
	 * 8 KiB at a time and 64 KiB altogether. */
	void (*banner)(void *user, const char *text);
	/* What happens, for -v: LEVEL 1 (notes) to 3 (every message); one line, escaped. */
	void (*log)(void *user, int level, const char *line);
	/* The connection has ended; not called after haw_transport_free. */
	void (*closed)(void *user, haw_transport *transport, const haw_error *error);
	/* By which algorithms users' keys may sign (PubkeyAcceptedAlgorithms): patterns, with + - ^ in
	 * front as haw_algorithm_list has them. Names that are not known are passed over. Default: all but
	 * SHA-1. */
	const char *user_keys;
	/* A list as haw_algorithm_list takes it, for both directions; default "none". "zlib@openssh.com"
	 * compresses from the login on, "zlib" from the first keys (RFC 4253 §6.2). Behind new keys it begins
	 * anew. A packet from the peer becomes at most as large as a packet may be. */
	const char *compression;
	uint32_t exchange_timeout_ms; /* from the stream's start to the first keys in force, questions
				       * excepted; 0: only handshake_timeout_ms */
} haw_transport_options;

/* Make a client's transport over STREAM (see stream.h) and begin the handshake. The transport closes STREAM,
 * when it fails here too; the maker frees its handle with haw_stream_free in any case. OPTIONS may be NULL.
 * Does not block. */
HAW_API haw_transport *haw_transport_new(haw_loop *loop, haw_stream *stream,
					 const haw_transport_options *options, haw_error *err);
/* The same over a connected socket, or a pair of pipes, whose descriptors it takes over. */
HAW_API haw_transport *haw_transport_new_fd(haw_loop *loop, int read_fd, int write_fd,
					    const haw_transport_options *options, haw_error *err);
/* Close without further ado if open, and free. Channels and operations must have been freed, or
 * only be freed from now on. NULL is allowed. */
HAW_API void haw_transport_free(haw_transport *transport);
/* Send SSH_MSG_DISCONNECT "by application" behind everything queued, then close. Ends when the
 * bytes have left or after TIMEOUT_MS. Blocks. */
HAW_API void haw_transport_close(haw_transport *transport, int timeout_ms);
HAW_API haw_loop *haw_transport_loop(const haw_transport *transport);

/* ---- In a foreign event loop ---- */

/* A descriptor to poll for the events (POLLIN, POLLOUT of poll(2)) of haw_transport_events; the
 * milliseconds until _process must be called anyway (-1: never); and the call that does all
 * that can be done without waiting: 0, or the error that ended the connection. After HAW_EAGAIN
 * from any function, any call with any buffer is legal. */
HAW_API int haw_transport_fd(const haw_transport *transport);
HAW_API short haw_transport_events(const haw_transport *transport);
HAW_API int haw_transport_deadline_ms(const haw_transport *transport);
HAW_API HAW_MUST_USE int haw_transport_process(haw_transport *transport, haw_error *err);

/* ---- Handshake ---- */

/* Ends when the host key was accepted and keys are in force. */
HAW_API haw_op *haw_transport_handshake_start(haw_transport *transport, haw_op_fn done, void *user,
					      haw_error *err);
HAW_API HAW_MUST_USE int haw_transport_handshake(haw_transport *transport, int timeout_ms, haw_error *err);
/* Start a new key exchange now; ends when its keys are in force in both directions. */
HAW_API haw_op *haw_transport_rekey_start(haw_transport *transport, haw_op_fn done, void *user,
					  haw_error *err);

/* ---- Authentication (RFC 4252, RFC 4256). An attempt may be started before the handshake has
 * ended; it is sent as soon as the host key was accepted. The operation ends with 0 when the
 * user is logged in, or with HAW_EAUTH; then haw_transport_auth_methods tells what may be tried
 * next. One attempt at a time. ---- */

HAW_API haw_op *haw_transport_auth_none_start(haw_transport *transport, const char *user_name, haw_op_fn done,
					      void *user, haw_error *err);
HAW_API haw_op *haw_transport_auth_password_start(haw_transport *transport, const char *user_name,
						  const char *password, haw_op_fn done, void *user,
						  haw_error *err);
/* KEY must hold its private part, or the transport asks HAW_ASK_SIGN. PROBE: first ask whether the
 * key would do, so that nothing is signed in vain. */
HAW_API haw_op *haw_transport_auth_publickey_start(haw_transport *transport, const char *user_name,
						   const haw_key *key, bool probe, haw_op_fn done, void *user,
						   haw_error *err);
/* Prompts arrive as HAW_ASK_PROMPTS. */
HAW_API haw_op *haw_transport_auth_interactive_start(haw_transport *transport, const char *user_name,
						     haw_op_fn done, void *user, haw_error *err);
/* Blocking forms. */
HAW_API HAW_MUST_USE int haw_transport_auth_none(haw_transport *transport, const char *user_name,
						 int timeout_ms, haw_error *err);
HAW_API HAW_MUST_USE int haw_transport_auth_password(haw_transport *transport, const char *user_name,
						     const char *password, int timeout_ms, haw_error *err);
HAW_API HAW_MUST_USE int haw_transport_auth_publickey(haw_transport *transport, const char *user_name,
						      const haw_key *key, int timeout_ms, haw_error *err);
HAW_API HAW_MUST_USE int haw_transport_auth_interactive(haw_transport *transport, const char *user_name,
							int timeout_ms, haw_error *err);
/* The methods that the server named after the last failure ("publickey,password"), and whether
 * that attempt succeeded in part (RFC 4252 §5.1). NULL before any answer. */
HAW_API const char *haw_transport_auth_methods(const haw_transport *transport, bool *partial);
HAW_API bool haw_transport_is_authenticated(const haw_transport *transport);

/* ---- Global requests (RFC 4254 §4) ---- */

/* PAYLOAD is the type-specific part. With WANT_REPLY ends with the answer (HAW_EREFUSED: no). */
HAW_API haw_op *haw_transport_global_request_start(haw_transport *transport, const char *type,
						   bool want_reply, haw_span payload, haw_op_fn done,
						   void *user, haw_error *err);

/* ---- What is in force. Strings live as long as the transport; NULL before they are known. ---- */

typedef struct haw_transport_info {
	size_t size;              /* sizeof(haw_transport_info), set by the caller */
	const char *peer_version; /* "SSH-2.0-OpenSSH_9.2p1", escaped */
	const char *kex;
	const char *host_key;             /* algorithm of the signature */
	const char *suite_out, *suite_in; /* haw_suite names */
	const char *backend_out, *backend_in;
	const char *compression; /* of what is sent */
	bool strict_kex;
	uint64_t bytes_sent, bytes_received; /* on the stream */
	uint64_t packets_sent, packets_received;
	uint32_t key_exchanges;
	uint64_t packet_ns;	/* spent on making and opening packets: protection above all */
	uint64_t stream_ns;	/* spent inside the stream's sending and receiving */
	bool send_blocked;	/* the stream takes no more at present */
} haw_transport_info;

HAW_API void haw_transport_get_info(const haw_transport *transport, haw_transport_info *info);
/* The server's host key, once accepted: borrowed. A certificate if it came as one (haw_key_certificate),
 * whether that or the key inside was what was believed. */
HAW_API const haw_key *haw_transport_host_key(const haw_transport *transport);
HAW_API haw_span haw_transport_session_id(const haw_transport *transport);
HAW_API bool haw_transport_is_open(const haw_transport *transport);
/* Why it ended: 0 while open. */
HAW_API int haw_transport_error(const haw_transport *transport, haw_error *err);

#ifdef __cplusplus
}
#endif
#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * The loop that connections live on, operations that are under way, and questions that
 * the library asks its caller.
 *
 * A loop belongs to one thread: whoever created it, or whoever drives it now. It runs only
 * while some call drives it: haw_loop_run, any blocking call (which is start + wait), or
 * haw_transport_process from a foreign event loop. All handles on a loop (transports,
 * channels, clients, SFTP sessions, operations) are used by that thread alone, except the
 * functions that say "any thread". Callbacks run inside the call that drives the loop and
 * may start, cancel and free anything, the handle that calls them included.
 *
 * A loop starts a resolver thread on the first connection to a host that is given by name
 * (unless the caller resolves names), and helper threads for user streams whose callbacks
 * block. haw_loop_free never waits for name resolution or for such a callback: a thread inside
 * one ends by itself and touches nothing of the loop any more. It starts no other. The only processes are
 * commands that the user's configuration names: ProxyCommand (client.h) and Match exec (config.h).
 */
#ifndef HAWSER_LOOP_H
#define HAWSER_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hawser/error.h>
#include <hawser/message.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- The loop ---- */

typedef struct haw_loop haw_loop;

typedef struct haw_loop_options {
	size_t size;		/* sizeof(haw_loop_options) */
	const char *engine;	/* "uring", "poll", or NULL: HAWSER_NIC from the environment, else the
				 * best that works here */
} haw_loop_options;

/* Make a loop; OPTIONS may be NULL. Does not block. NULL and ERR on failure. */
HAW_API haw_loop *haw_loop_new(const haw_loop_options *options, haw_error *err);
/* Free a loop; every handle on it must have been freed before. Its threads
 * end with it, or by themselves (see above). */
HAW_API void haw_loop_free(haw_loop *loop);
/* Which I/O engine drives it: "uring" or "poll". */
HAW_API const char *haw_loop_engine(const haw_loop *loop);

/* One turn: wait at most TIMEOUT_MS (0: not at all, negative: without limit) for something to
 * happen, and handle it. Returns 0, or a negative code if the engine itself failed. */
HAW_API HAW_MUST_USE int haw_loop_run(haw_loop *loop, int timeout_ms, haw_error *err);
/* Nanoseconds that haw_loop_run has waited for something to happen, in all. Does not block. */
HAW_API uint64_t haw_loop_waited_ns(const haw_loop *loop);
/* For a foreign event loop: a descriptor that is readable when haw_loop_run has something to
 * do, and the milliseconds until it must be run anyway (-1: no such time). */
HAW_API int haw_loop_fd(const haw_loop *loop);
HAW_API int haw_loop_deadline_ms(const haw_loop *loop);
/* Make a haw_loop_run that waits return soon. Any thread, and signal handlers. */
HAW_API void haw_loop_wake(haw_loop *loop);

/* ---- Operations ---- */

/* Something that was started and ends later. The functions named ..._start return one; it
 * belongs to the caller, who frees it. */
typedef struct haw_op haw_op;

/* Called once, from the loop, when OP has ended; never from within the ..._start call. OP may be
 * freed inside, or frees itself afterwards (haw_op_detach). */
typedef void (*haw_op_fn)(void *user, haw_op *op);

/* True once the operation has ended. */
HAW_API bool haw_op_done(const haw_op *op);
/* The result: HAW_EAGAIN while under way, else 0 or a negative code, with the details in ERR. */
HAW_API int haw_op_result(const haw_op *op, haw_error *err);
/* Run the loop until the operation has ended or TIMEOUT_MS (negative: no limit) have passed.
 * Returns the result, or HAW_ETIMEDOUT, in which case the operation goes on. Blocks. Must not be
 * called from inside a callback of the same loop (HAW_EINVAL). */
HAW_API HAW_MUST_USE int haw_op_wait(haw_op *op, int timeout_ms, haw_error *err);
/* Give up: the operation ends at once with HAW_ECANCELED, its callback is not called. What was
 * already sent to the peer may still take effect there. */
HAW_API void haw_op_cancel(haw_op *op);
/* Free an operation, cancelling it if it is under way. NULL is allowed. */
HAW_API void haw_op_free(haw_op *op);
/* Let the operation free itself after its callback has returned (or now, if it has ended). */
HAW_API void haw_op_detach(haw_op *op);

/* ---- Questions ---- */

/* Something that only the caller can answer. The ask callback receives it once; the answer may
 * be given inside the callback or later, from any thread, exactly once. The connection goes on
 * receiving meanwhile. If the connection ends first, answering is harmless. */
typedef struct haw_question haw_question;

enum haw_question_kind {
	HAW_ASK_HOST_KEY = 1,	/* accept this host key? answer with haw_question_accept */
	HAW_ASK_PASSWORD = 2,	/* the user's password: haw_question_answer with one text */
	HAW_ASK_PROMPTS = 3,	/* keyboard-interactive (RFC 4256): haw_question_answer, a text a prompt */
	HAW_ASK_SIGN = 4,	/* sign with a key held elsewhere: haw_question_sign */
	HAW_ASK_PASSPHRASE = 5,	/* of a private key file: haw_question_answer with one text */
	HAW_ASK_NEW_PASSWORD = 6 /* the password has expired (RFC 4252 §8), as the server's text says: two
				  * prompts, for the new one and for the same again, so two texts */
};

/* Why a host key is asked about. */
enum haw_host_key_state {
	HAW_HOST_KEY_UNKNOWN = 1,	/* no key is known for this host */
	HAW_HOST_KEY_OTHER_TYPE = 2,	/* only keys of other types are known for it */
	HAW_HOST_KEY_CHANGED = 3	/* another key of this type is known (asked only by transports
					 * without a known-hosts policy; a client refuses) */
};

typedef void (*haw_ask_fn)(void *user, haw_question *question);

HAW_API enum haw_question_kind haw_question_kind(const haw_question *q);
/* One or more lines for people, ready for a terminal (already escaped). Lives as long as Q. */
HAW_API const char *haw_question_text(const haw_question *q);
/* HAW_ASK_PROMPTS: how many prompts, their texts (escaped) and whether the typed answer may be
 * shown. For HAW_ASK_PASSWORD and HAW_ASK_PASSPHRASE there is one prompt. */
HAW_API size_t haw_question_prompt_count(const haw_question *q);
HAW_API const char *haw_question_prompt(const haw_question *q, size_t index, bool *echo);
/* HAW_ASK_HOST_KEY: the name that the host has in known hosts, as "[host]:port" or HostKeyAlias; empty if a
 * transport without a client asks. Lives as long as Q. */
HAW_API const char *haw_question_host(const haw_question *q);
/* HAW_ASK_HOST_KEY: the key's type, its blob, its SHA256 fingerprint, and why it is asked about. */
HAW_API const char *haw_question_key_type(const haw_question *q);
HAW_API haw_span haw_question_key_blob(const haw_question *q);
HAW_API const char *haw_question_fingerprint(const haw_question *q);
HAW_API enum haw_host_key_state haw_question_key_state(const haw_question *q);
/* HAW_ASK_SIGN: the data to be signed and the signature algorithm (key blob as above). */
HAW_API haw_span haw_question_data(const haw_question *q);
HAW_API const char *haw_question_algorithm(const haw_question *q);

/* Answers; each ends the question and releases it. Any thread. Texts are copied (and wiped
 * inside the library after use). */
HAW_API void haw_question_accept(haw_question *q);
HAW_API void haw_question_refuse(haw_question *q);
HAW_API void haw_question_answer(haw_question *q, const char *const *texts, size_t count);
/* SIGNATURE as in RFC 4253 §6.6: string algorithm, string signature. */
HAW_API void haw_question_sign(haw_question *q, const void *signature, size_t len);

#ifdef __cplusplus
}
#endif
#endif

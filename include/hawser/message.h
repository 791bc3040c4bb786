/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading and writing the data types of SSH (RFC 4251 §5).
 *
 * A haw_message is either a reader over bytes that it does not own, or a writer that
 * owns a growing buffer. It is a plain struct so that it can live on the stack; its
 * fields are private.
 *
 * Both directions are sticky: the first failure is remembered, every later call does
 * nothing (a reader returns zeroes and empty views), and haw_message_ok is asked once
 * at the end. A reader never copies and never reads outside its bytes. A writer's
 * memory is wiped when it is freed or grows, because messages carry secrets.
 *
 * No function here blocks. One message must not be used by two threads at a time.
 */
#ifndef HAWSER_MESSAGE_H
#define HAWSER_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hawser/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A view of bytes that somebody else owns. */
typedef struct haw_span {
	const uint8_t *ptr;
	size_t len;
} haw_span;

typedef struct haw_message {
	uint8_t *data;		/* reader: borrowed; writer: owned */
	size_t len;		/* reader: all bytes; writer: bytes written */
	size_t pos;		/* reader: next byte to read */
	size_t capacity;	/* writer: bytes allocated or lent */
	size_t limit;		/* writer: may not grow beyond this */
	uint8_t mode;
	bool failed;
} haw_message;

/* The largest message that a writer grows to unless told otherwise: what fits in one SSH
 * packet of 262,144 bytes (the maximum that OpenSSH accepts). */
#define HAW_MESSAGE_LIMIT 262144u

/* ---- Starting and ending ---- */

/* Start reading LEN bytes at DATA, which must outlive the message and every view taken. */
HAW_API void haw_message_read(haw_message *m, const void *data, size_t len);
/* Start writing into memory that grows to at most LIMIT bytes (0: HAW_MESSAGE_LIMIT). */
HAW_API void haw_message_write(haw_message *m, size_t limit);
/* Start writing into SIZE bytes lent at BUFFER; the message never allocates. */
HAW_API void haw_message_write_to(haw_message *m, void *buffer, size_t size);
/* Wipe and free what a writer owns; harmless on readers and after an earlier free. */
HAW_API void haw_message_free(haw_message *m);
/* Forget what was written (wiped), keep the memory; clears the failure. Writers only. */
HAW_API void haw_message_reset(haw_message *m);
/* Take the writer's allocated bytes: *LEN receives the count, the caller owns the result and
 * releases it with free() after wiping what is secret. NULL if the message failed or its
 * memory was lent. The message is empty afterwards. */
HAW_API uint8_t *haw_message_take(haw_message *m, size_t *len);

/* ---- State ---- */

/* True while nothing has failed. */
HAW_API bool haw_message_ok(const haw_message *m);
/* True if nothing failed and every byte has been read. */
HAW_API bool haw_message_complete(const haw_message *m);
/* Mark as failed, for checks that the caller makes of values it has read. */
HAW_API void haw_message_fail(haw_message *m);
/* Start reading from the first byte again; clears the failure. On a writer: turn it into a
 * reader of what was written (it still owns the memory). */
HAW_API void haw_message_rewind(haw_message *m);

/* All bytes; those read (or written) so far; those left to read. The views live as long as the
 * bytes, for a writer until its next call. */
HAW_API haw_span haw_message_all(const haw_message *m);
HAW_API haw_span haw_message_so_far(const haw_message *m);
HAW_API haw_span haw_message_remainder(const haw_message *m);

/* ---- Reading ---- */

HAW_API uint8_t haw_get_byte(haw_message *m);
/* LEN raw bytes without a length in front. */
HAW_API haw_span haw_get_bytes(haw_message *m, size_t len);
/* Any value but 0 is true (RFC 4251 §5). */
HAW_API bool haw_get_bool(haw_message *m);
HAW_API uint32_t haw_get_u32(haw_message *m);
HAW_API uint64_t haw_get_u64(haw_message *m);
/* uint32 length and that many bytes. */
HAW_API haw_span haw_get_string(haw_message *m);
/* A string that must be valid UTF-8 without NUL (RFC 3629). */
HAW_API haw_span haw_get_text(haw_message *m);
/* A comma-separated list of names: printable US-ASCII, no empty name (RFC 4251 §5). The view
 * holds the list as it came; haw_list_next walks it. */
HAW_API haw_span haw_get_name_list(haw_message *m);
/* A multiple precision integer in canonical two's complement (no redundant leading byte).
 * The view holds the bytes as they came, the sign in their first bit; zero is empty. */
HAW_API haw_span haw_get_mpint(haw_message *m);
/* The same, but a negative number fails; the view holds the magnitude without a leading zero. */
HAW_API haw_span haw_get_mpint_unsigned(haw_message *m);
/* An integer that is one uint32 if below 0xff000000, else 0xff and an mpint (the reference
 * implementation calls it adaptive). Values above 64 bits, and small ones in the long form, fail. */
HAW_API uint64_t haw_get_adaptive(haw_message *m);

/* ---- Writing ---- */

HAW_API void haw_put_byte(haw_message *m, uint8_t value);
HAW_API void haw_put_bytes(haw_message *m, const void *data, size_t len);
HAW_API void haw_put_bool(haw_message *m, bool value);
HAW_API void haw_put_u32(haw_message *m, uint32_t value);
HAW_API void haw_put_u64(haw_message *m, uint64_t value);
HAW_API void haw_put_string(haw_message *m, const void *data, size_t len);
/* A string from C text, which must be valid UTF-8. */
HAW_API void haw_put_text(haw_message *m, const char *text);
/* A name-list from C text such as "a,b,c"; invalid names fail. */
HAW_API void haw_put_name_list(haw_message *m, const char *names);
/* An mpint from LEN bytes of big-endian magnitude (leading zeroes allowed) and a sign. */
HAW_API void haw_put_mpint(haw_message *m, const void *magnitude, size_t len, bool negative);
HAW_API void haw_put_adaptive(haw_message *m, uint64_t value);
/* Room for LEN bytes that the caller fills before its next call; NULL after a failure. */
HAW_API uint8_t *haw_put_space(haw_message *m, size_t len);
/* Begin a string whose length is known later: returns a mark for haw_put_string_end. */
HAW_API size_t haw_put_string_begin(haw_message *m);
HAW_API void haw_put_string_end(haw_message *m, size_t mark);

/* ---- Views and lists ---- */

/* True if SPAN holds exactly the bytes of TEXT. Not constant in time: not for secrets. */
HAW_API bool haw_span_is(haw_span span, const char *text);
HAW_API bool haw_span_equal(haw_span a, haw_span b);
/* Take the first name off a comma-separated LIST into NAME; false when the list is empty. */
HAW_API bool haw_list_next(haw_span *list, haw_span *name);
/* True if NAME is one of the names in LIST. */
HAW_API bool haw_list_has(haw_span list, const char *name);

#ifdef __cplusplus
}
#endif
#endif

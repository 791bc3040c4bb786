/* SPDX-License-Identifier: Apache-2.0
 *
 * Errors, as every fallible function of this library reports them.
 *
 * A fallible function returns 0 (or a count) or a negative HAW_E code, or it
 * returns the new object or NULL. Its last parameter, which may be NULL, receives
 * the details. The text never contains bytes from a peer that a terminal could
 * interpret: control characters and invalid UTF-8 arrive escaped.
 */
#ifndef HAWSER_ERROR_H
#define HAWSER_ERROR_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define HAW_API __attribute__((__visibility__("default")))
#define HAW_MUST_USE __attribute__((__warn_unused_result__))
#define HAW_PRINTF(text, first) __attribute__((__format__(__printf__, text, first)))
#else
#define HAW_API
#define HAW_MUST_USE
#define HAW_PRINTF(text, first)
#endif

/* Result codes. All are negative but HAW_OK, and their values never change. */
enum haw_code {
	HAW_OK = 0,
	HAW_EAGAIN = -1,	/* nothing can be done now; try again when the descriptor or deadline says */
	HAW_EINVAL = -2,	/* an argument or the call itself is wrong */
	HAW_ENOMEM = -3,	/* out of memory, or a bound on memory reached */
	HAW_ESYSTEM = -4,	/* a system call failed; see sys_errno */
	HAW_ETIMEDOUT = -5,	/* the time allowed has passed */
	HAW_ECANCELED = -6,	/* the operation was cancelled by the caller */
	HAW_ECLOSED = -7,	/* the connection, channel or handle is closed */
	HAW_EPROTOCOL = -8,	/* the peer broke the protocol */
	HAW_EINTEGRITY = -9,	/* a packet failed authentication: altered on its way, or wrong keys */
	HAW_ENEGOTIATION = -10,	/* no algorithm in common */
	HAW_EHOSTKEY = -11,	/* the host key was not accepted, or its signature is wrong */
	HAW_EHOSTUNKNOWN = -12, /* no known key for this host */
	HAW_EHOSTCHANGED = -13, /* the host presents another key than the known one */
	HAW_EAUTH = -14,	/* authentication failed: no method left */
	HAW_ERESOLVE = -15,	/* the host's name has no address */
	HAW_ECONNECT = -16,	/* no address of the host could be connected to */
	HAW_EUNSUPPORTED = -17, /* neither end, or this build, can do that */
	HAW_EFORMAT = -18,	/* malformed file or data */
	HAW_EPASSPHRASE = -19,	/* a passphrase is needed, or the one given is wrong */
	HAW_ELIMIT = -20,	/* a limit of the protocol or of this library was reached */
	HAW_ENOTFOUND = -21,	/* no such entry, file, algorithm or backend */
	HAW_ESTATUS = -22,	/* a remote service answered with an error; see reason */
	HAW_EREFUSED = -23,	/* the peer refused a channel or request; see reason */
	HAW_EEND = -24,		/* end of file, stream or list */
	HAW_EDISCONNECT = -25,	/* the peer disconnected with a reason; see reason */
	HAW_ECRYPTO = -26,	/* the cryptographic engine failed */
	HAW_ECHANGED = -27	/* the subject changed while it was worked on */
};

/* Whose fault an error is: it decides who can mend it. */
enum haw_fault {
	HAW_FAULT_NONE = 0,
	HAW_FAULT_LOCAL = 1,	/* the caller, its files or its configuration */
	HAW_FAULT_PEER = 2,	/* the other end of the connection */
	HAW_FAULT_SYSTEM = 3	/* the operating system, the network, a device */
};

#define HAW_ERROR_MESSAGE_SIZE 512

typedef struct haw_error {
	int code;		/* enum haw_code */
	int fault;		/* enum haw_fault */
	int sys_errno;		/* errno where a system call failed, else 0 */
	uint32_t reason;	/* the protocol's own number: SSH disconnect reason (RFC 4253 §11.1),
				 * channel open failure (RFC 4254 §5.1) or SFTP status, else 0 */
	char message[HAW_ERROR_MESSAGE_SIZE]; /* one sentence: what happened and what to do */
} haw_error;

/* Fill in ERR (may be NULL) from a printf format and return CODE, so that a failing
 * function can end with `return haw_error_set(err, ...)`. Arguments that come from a
 * peer or a file pass through haw_escape first. Does not block; any thread. */
HAW_API int haw_error_set(haw_error *err, int code, int fault, int sys_errno, const char *format, ...)
	HAW_PRINTF(5, 6);

/* Put "PREFIX: " in front of the message that ERR (may be NULL) holds; the tail is cut
 * where it no longer fits. Returns err->code, or HAW_EINVAL for NULL. Any thread. */
HAW_API int haw_error_prefix(haw_error *err, const char *format, ...) HAW_PRINTF(2, 3);

/* A short name of CODE, such as "timed out"; never NULL. Any thread. */
HAW_API const char *haw_code_name(int code);

/* Write LEN bytes of TEXT to OUT (SIZE bytes, always terminated) so that they are safe to
 * show on a terminal: valid printable UTF-8 stays, a backslash and every other byte become
 * C escapes (\n, \x1b, \303). Ends with "..." where OUT is too small. Returns OUT. Any thread. */
HAW_API char *haw_escape(char *out, size_t size, const void *text, size_t len);

/* The library's version, "MAJOR.MINOR.PATCH", and the same as a number
 * (MAJOR << 16 | MINOR << 8 | PATCH). Any thread. */
HAW_API const char *haw_version(void);
HAW_API uint32_t haw_version_number(void);

#ifdef __cplusplus
}
#endif
#endif

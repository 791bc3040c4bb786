/* SPDX-License-Identifier: Apache-2.0 */
#include <hawser/error.h>

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "version.h"

int haw_error_set(haw_error *err, int code, int fault, int sys_errno, const char *format, ...)
{
	va_list args;

	if (!err)
		return code;
	err->code = code;
	err->fault = fault;
	err->sys_errno = sys_errno;
	err->reason = 0;
	va_start(args, format);
	vsnprintf(err->message, sizeof(err->message), format, args);
	va_end(args);
	return code;
}

int haw_error_prefix(haw_error *err, const char *format, ...)
{
	char message[HAW_ERROR_MESSAGE_SIZE];
	va_list args;
	int n;

	if (!err)
		return HAW_EINVAL;
	va_start(args, format);
	n = vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	if (n >= 0 && (size_t)n < sizeof(message))
		snprintf(message + n, sizeof(message) - (size_t)n, ": %.*s",
			 (int)(sizeof(message) - (size_t)n), err->message);
	memcpy(err->message, message, sizeof(message));
	return err->code;
}

const char *haw_code_name(int code)
{
	static const char *const names[] = {
		[0] = "success",
		[-HAW_EAGAIN] = "try again",
		[-HAW_EINVAL] = "invalid argument",
		[-HAW_ENOMEM] = "out of memory",
		[-HAW_ESYSTEM] = "system error",
		[-HAW_ETIMEDOUT] = "timed out",
		[-HAW_ECANCELED] = "cancelled",
		[-HAW_ECLOSED] = "closed",
		[-HAW_EPROTOCOL] = "protocol error",
		[-HAW_EINTEGRITY] = "integrity check failed",
		[-HAW_ENEGOTIATION] = "no common algorithm",
		[-HAW_EHOSTKEY] = "host key not accepted",
		[-HAW_EHOSTUNKNOWN] = "unknown host",
		[-HAW_EHOSTCHANGED] = "host key changed",
		[-HAW_EAUTH] = "authentication failed",
		[-HAW_ERESOLVE] = "name not resolved",
		[-HAW_ECONNECT] = "not connected",
		[-HAW_EUNSUPPORTED] = "unsupported",
		[-HAW_EFORMAT] = "malformed",
		[-HAW_EPASSPHRASE] = "passphrase needed or wrong",
		[-HAW_ELIMIT] = "limit reached",
		[-HAW_ENOTFOUND] = "not found",
		[-HAW_ESTATUS] = "remote error",
		[-HAW_EREFUSED] = "refused by the peer",
		[-HAW_EEND] = "end",
		[-HAW_EDISCONNECT] = "disconnected by the peer",
		[-HAW_ECRYPTO] = "cryptographic engine failed",
		[-HAW_ECHANGED] = "changed meanwhile",
	};

	if (code > 0 || code < -(int)(sizeof(names) / sizeof(names[0]) - 1))
		return "unknown error";
	return names[-code];
}

/* Length of the valid UTF-8 sequence for a printable character at TEXT, or 0. Controls of
 * Unicode (U+0080-009F), bidirectional overrides and separators are not printable here: a
 * terminal acts on them. */
static size_t printable_utf8(const unsigned char *text, size_t len)
{
	uint32_t c = text[0];
	size_t n = c < 0x80		  ? 1
		   : c >= 0xc2 && c < 0xe0 ? 2
		   : (c & 0xf0) == 0xe0	  ? 3
		   : c >= 0xf0 && c < 0xf5 ? 4
					   : 0;

	if (n == 0 || n > len)
		return 0;
	if (n == 1)
		return c >= 0x20 && c != 0x7f ? 1 : 0;
	c &= 0x7fu >> n;
	for (size_t i = 1; i < n; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (text[i] & 0x3f);
	}
	if ((n == 3 && c < 0x800) || (n == 4 && (c < 0x10000 || c > 0x10ffff)) || (c >= 0xd800 && c < 0xe000))
		return 0;
	if (c < 0xa0 || (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	    (c >= 0x2066 && c <= 0x2069) || c == 0xfeff)
		return 0;
	return n;
}

char *haw_escape(char *out, size_t size, const void *text, size_t len)
{
	const unsigned char *p = text;
	size_t at = 0;

	if (size == 0)
		return out;
	while (len > 0) {
		char piece[8];
		size_t used = printable_utf8(p, len), n = used;

		if (used > 0 && *p != '\\') {
			memcpy(piece, p, used);
		} else {
			used = 1;
			if (*p == '\\')
				n = (size_t)snprintf(piece, sizeof(piece), "\\\\");
			else if (*p == '\n')
				n = (size_t)snprintf(piece, sizeof(piece), "\\n");
			else if (*p == '\t')
				n = (size_t)snprintf(piece, sizeof(piece), "\\t");
			else if (*p == '\r')
				n = (size_t)snprintf(piece, sizeof(piece), "\\r");
			else
				n = (size_t)snprintf(piece, sizeof(piece), "\\%03o", *p);
		}
		/* Room is kept for the dots while anything is left to write. */
		if (at + n + (used < len ? 4 : 1) > size) {
			while (at + 4 > size && at > 0)
				at--;
			if (at + 4 <= size) {
				memcpy(out + at, "...", 3);
				at += 3;
			}
			break;
		}
		memcpy(out + at, piece, n);
		at += n;
		p += used;
		len -= used;
	}
	out[at] = '\0';
	return out;
}

const char *haw_version(void)
{
	return HAW_VERSION_STRING;
}

uint32_t haw_version_number(void)
{
	return HAW_VERSION_NUMBER;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * The extensions of OpenSSH by name.
 */
#include "transport/sftp/session.h"

/* What the server must announce for each bit of haw_sftp_extensions (OpenSSH's PROTOCOL §4). Another
 * version of an extension is another extension. */
static const struct {
	const char *name, *version; /* NULL: any */
	const char *request;	    /* NULL: the name */
	uint32_t bit;
} extensions[] = {
	{.name = "posix-rename@openssh.com", .version = "1", .bit = HAW_SFTP_POSIX_RENAME},
	{.name = "statvfs@openssh.com", .version = "2", .bit = HAW_SFTP_STATVFS},
	{.name = "fstatvfs@openssh.com", .version = "2", .bit = HAW_SFTP_FSTATVFS},
	{.name = "hardlink@openssh.com", .version = "1", .bit = HAW_SFTP_HARDLINK},
	{.name = "fsync@openssh.com", .version = "1", .bit = HAW_SFTP_FSYNC},
	{.name = "lsetstat@openssh.com", .version = "1", .bit = HAW_SFTP_LSETSTAT},
	{.name = "limits@openssh.com", .version = "1", .bit = HAW_SFTP_LIMITS},
	{.name = "expand-path@openssh.com", .version = "1", .bit = HAW_SFTP_EXPAND_PATH},
	{.name = "copy-data", .version = "1", .bit = HAW_SFTP_COPY_DATA},
	{.name = "home-directory", .version = "1", .bit = HAW_SFTP_HOME_DIRECTORY},
	{.name = "users-groups-by-id@openssh.com", .version = "1", .bit = HAW_SFTP_USERS_GROUPS},
	/* Announced as what both its requests have in common, with whatever its data say, or each for itself.
	 * A server that speaks later versions too may announce it only there (ProFTPD): that is found out. */
	{.name = "check-file", .request = "check-file-name", .bit = HAW_SFTP_CHECK_FILE},
	{.name = "check-file", .request = "check-file-handle", .bit = HAW_SFTP_CHECK_HANDLE},
	{.name = "check-file-name", .bit = HAW_SFTP_CHECK_FILE},
	{.name = "check-file-handle", .bit = HAW_SFTP_CHECK_HANDLE},
	{.name = "versions", .bit = HAW_SFTP_CHECK_FILE | HAW_SFTP_CHECK_HANDLE},
};

enum { EXTENSION_COUNT = sizeof(extensions) / sizeof(extensions[0]) };

const char *haw_sftp_extension_name(enum haw_sftp_extension extension)
{
	for (size_t i = 0; i < EXTENSION_COUNT; i++) {
		if (extensions[i].bit == (uint32_t)extension)
			return extensions[i].request ? extensions[i].request : extensions[i].name;
	}
	return "";
}

uint32_t haw_sftp_extension_bits(haw_span name, haw_span version)
{
	uint32_t bits = 0;

	for (size_t i = 0; i < EXTENSION_COUNT; i++) {
		if (haw_span_is(name, extensions[i].name) &&
		    (!extensions[i].version || haw_span_is(version, extensions[i].version)))
			bits |= extensions[i].bit;
	}
	return bits;
}

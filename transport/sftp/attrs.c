/* SPDX-License-Identifier: Apache-2.0
 *
 * ATTRS of files (draft-ietf-secsh-filexfer-02 §5).
 */
#include <string.h>

#include "transport/sftp/session.h"

enum { ATTR_ALL = HAW_ATTR_SIZE | HAW_ATTR_OWNER | HAW_ATTR_MODE | HAW_ATTR_TIMES };

/* Pairs of names and values behind the fields. */
static const uint32_t ATTR_EXTENDED = 0x80000000u;

size_t haw_attrs_size(const haw_attrs *attrs)
{
	size_t size = 4;

	if (!attrs)
		return size;
	size += attrs->flags & HAW_ATTR_SIZE ? 8 : 0;
	size += attrs->flags & HAW_ATTR_OWNER ? 8 : 0;
	size += attrs->flags & HAW_ATTR_MODE ? 4 : 0;
	size += attrs->flags & HAW_ATTR_TIMES ? 8 : 0;
	return size;
}

void haw_attrs_put(haw_message *m, const haw_attrs *attrs)
{
	uint32_t flags = attrs ? attrs->flags & ATTR_ALL : 0;

	haw_put_u32(m, flags);
	if (flags & HAW_ATTR_SIZE)
		haw_put_u64(m, attrs->size);
	if (flags & HAW_ATTR_OWNER) {
		haw_put_u32(m, attrs->uid);
		haw_put_u32(m, attrs->gid);
	}
	if (flags & HAW_ATTR_MODE)
		haw_put_u32(m, attrs->mode);
	if (flags & HAW_ATTR_TIMES) {
		haw_put_u32(m, attrs->atime);
		haw_put_u32(m, attrs->mtime);
	}
}

void haw_attrs_get(haw_message *m, haw_attrs *attrs)
{
	uint32_t flags = haw_get_u32(m);

	memset(attrs, 0, sizeof(*attrs));
	attrs->flags = flags & ATTR_ALL;
	if (flags & HAW_ATTR_SIZE)
		attrs->size = haw_get_u64(m);
	if (flags & HAW_ATTR_OWNER) {
		attrs->uid = haw_get_u32(m);
		attrs->gid = haw_get_u32(m);
	}
	if (flags & HAW_ATTR_MODE)
		attrs->mode = haw_get_u32(m);
	if (flags & HAW_ATTR_TIMES) {
		attrs->atime = haw_get_u32(m);
		attrs->mtime = haw_get_u32(m);
	}
	if (flags & ATTR_EXTENDED) {
		/* The reader is sticky and each pair takes 8 bytes, so that a false count ends with
		 * the packet. */
		for (uint32_t n = haw_get_u32(m); n > 0 && haw_message_ok(m); n--) {
			haw_get_string(m);
			haw_get_string(m);
		}
	}
}

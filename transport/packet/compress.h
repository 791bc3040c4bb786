/* SPDX-License-Identifier: Apache-2.0
 *
 * Compression (RFC 4253 §6.2, and OpenSSH's zlib@openssh.com): a packetizer in front of another, which
 * compresses what it is given and inflates what the other hands out, from the moment on that it is told to.
 * Until then it passes everything on.
 */
#ifndef HAW_PACKET_COMPRESS_H
#define HAW_PACKET_COMPRESS_H

#include "transport/packet/packetizer.h"

/* Takes INNER over, also on failure (NULL: out of memory). Its set_compression works. */
struct haw_packetizer *haw_compressing_new(struct haw_packetizer *inner, haw_error *err);

#endif

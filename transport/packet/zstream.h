/* SPDX-License-Identifier: Apache-2.0
 *
 * One direction of compression (RFC 4253 §6.2): the payloads of all packets are one zlib stream, which is
 * flushed behind each of them. What zlib has held is wiped.
 */
#ifndef HAW_PACKET_ZSTREAM_H
#define HAW_PACKET_ZSTREAM_H

#include <hawser/message.h>

enum {
	/* A packet may not become larger than a packet can be: a few bytes could give gigabytes. */
	HAW_INFLATED_MAX = 262144
};

struct haw_deflater;
struct haw_inflater;

/* NULL without memory. restart begins a new stream. */
struct haw_deflater *haw_deflater_new(void);
void haw_deflater_free(struct haw_deflater *z);
void haw_deflater_restart(struct haw_deflater *z);
/* How many bytes a payload of LEN becomes at most. */
size_t haw_deflater_bound(struct haw_deflater *z, size_t len);
/* The COUNT pieces of one payload into SIZE bytes at OUT; the bytes written, 0 if it failed. */
size_t haw_deflater_packet(struct haw_deflater *z, const haw_span *pieces, size_t count, uint8_t *out,
			   size_t size);

struct haw_inflater *haw_inflater_new(void);
void haw_inflater_free(struct haw_inflater *z);
/* A new stream; payloads of the last one live on until the release. */
void haw_inflater_restart(struct haw_inflater *z);
/* One payload into memory that lives until the next haw_inflater_release. HAW_EPROTOCOL: the peer's bytes
 * are no such stream, or become too many (reason: SSH_DISCONNECT_COMPRESSION_ERROR); HAW_ENOMEM. */
HAW_MUST_USE int haw_inflater_packet(struct haw_inflater *z, haw_span in, haw_span *payload, haw_error *err);
/* Bytes that payloads occupy now. */
size_t haw_inflater_held(const struct haw_inflater *z);
void haw_inflater_release(struct haw_inflater *z);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * A server as the draft allows one: no extensions, no limits, reads cut short, answers out of
 * order, and one write in the middle that fails.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "pipe.h"
#include "transport/wire/load.h"

enum { FILE_SIZE = 3000017, HELD = 7, FAIL_AT = 700000 };

static struct pipe_session s;
static haw_error err;

/* ---- The server ---- */

static uint8_t content[FILE_SIZE]; /* of its one file */
static uint8_t request[65536 + 64];
static struct {
	uint32_t id, len;
	uint64_t offset;
} held[HELD];
static unsigned held_count;

static bool get(int fd, void *data, size_t len)
{
	return len == 0 || recv(fd, data, len, MSG_WAITALL) == (ssize_t)len;
}

static void answer(int fd, uint8_t type, uint32_t id, const void *fields, size_t len)
{
	uint8_t head[9];

	haw_store_be32(head, (uint32_t)(5 + len));
	head[4] = type;
	haw_store_be32(head + 5, id);
	if (send(fd, head, sizeof(head), MSG_MORE) < 0 || send(fd, fields, len, 0) < 0)
		_exit(1);
}

static void answer_status(int fd, uint32_t id, uint32_t status)
{
	uint8_t fields[4];

	/* Neither text nor language, as old servers have it. */
	haw_store_be32(fields, status);
	answer(fd, HAW_FXP_STATUS, id, fields, 4);
}

static void answer_read(int fd, uint32_t id, uint64_t offset, uint32_t len)
{
	static uint8_t fields[4 + 65536];

	if (offset >= FILE_SIZE) {
		answer_status(fd, id, HAW_SFTP_EOF);
		return;
	}
	if (len > FILE_SIZE - offset)
		len = (uint32_t)(FILE_SIZE - offset);
	/* Short more often than not. */
	if (len > 1 && offset % 3)
		len = 1 + (uint32_t)(offset * 7919 % len);
	haw_store_be32(fields, len);
	memcpy(fields + 4, content + offset, len);
	answer(fd, HAW_FXP_DATA, id, fields, 4 + len);
}

static void answer_held(int fd)
{
	/* The last first. */
	while (held_count > 0) {
		held_count--;
		answer_read(fd, held[held_count].id, held[held_count].offset, held[held_count].len);
	}
}

static void take_write(int fd, uint32_t id)
{
	uint64_t offset = haw_load_be64(request + 10);
	uint32_t len = haw_load_be32(request + 18);

	if (offset + len > FILE_SIZE || (offset <= FAIL_AT && offset + len > FAIL_AT && content[0] == 'f'))
		answer_status(fd, id, HAW_SFTP_FAILURE);
	else
		answer_status(fd, id, HAW_SFTP_OK);
	if (offset + len <= FILE_SIZE)
		memcpy(content + offset, request + 22, len);
}

static void take_request(int fd)
{
	uint32_t id = haw_load_be32(request + 1);

	switch (request[0]) {
	case HAW_FXP_OPEN:
		answer(fd, HAW_FXP_HANDLE, id, "\0\0\0\1h", 5);
		break;
	case HAW_FXP_READ:
		held[held_count].id = id;
		held[held_count].offset = haw_load_be64(request + 10);
		held[held_count++].len = haw_load_be32(request + 18);
		break;
	case HAW_FXP_WRITE:
		take_write(fd, id);
		break;
	default:
		answer_status(fd, id, HAW_SFTP_OK);
	}
}

static void odd_server(int fd)
{
	uint8_t head[4], more;

	for (size_t i = 0; i < FILE_SIZE; i++)
		content[i] = (uint8_t)(i * 13 + i / 251);
	while (get(fd, head, 4) && haw_load_be32(head) <= sizeof(request) &&
	       get(fd, request, haw_load_be32(head))) {
		if (request[0] == HAW_FXP_INIT)
			answer(fd, HAW_FXP_VERSION, HAW_SFTP_VERSION, "", 0);
		else
			take_request(fd);
		/* Reads are answered when there is nothing more to read, or when too many wait. */
		if (held_count == HELD || (held_count && recv(fd, &more, 1, MSG_PEEK | MSG_DONTWAIT) < 0))
			answer_held(fd);
	}
}

/* ---- The tests ---- */

static void it_has_no_extensions_and_safe_limits(void)
{
	haw_sftp_limits limits;

	haw_sftp_get_limits(s.sftp, &limits);
	CHECK(haw_sftp_extensions(s.sftp) == 0 && limits.read == 32768 && limits.write == 32768);
}

static void short_and_disordered_reads_make_a_whole(void)
{
	static const size_t lengths[] = {1, 2, 32768, 32769, 1000003, FILE_SIZE, FILE_SIZE + 100000};
	haw_file *file = haw_sftp_open(s.sftp, "f", HAW_OPEN_READ, NULL, &err);
	uint8_t *buffer = malloc(FILE_SIZE + 100000);

	CHECK(file && buffer);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		for (uint64_t offset = 0; offset < 10; offset += 5) {
			size_t there = lengths[i] > FILE_SIZE - offset ? FILE_SIZE - offset : lengths[i];
			ptrdiff_t n;

			memset(buffer, 0, lengths[i]);
			n = haw_file_read(file, offset, buffer, lengths[i], &err);
			CHECK_MSG(n == (ptrdiff_t)there, "%td instead of %zu", n, there);
			for (size_t at = 0; at < there; at++)
				CHECK(buffer[at] == (uint8_t)((at + offset) * 13 + (at + offset) / 251));
		}
	}
	CHECK(haw_file_read(file, FILE_SIZE + 1, buffer, 10, &err) == 0);
	CHECK(haw_file_close(file, &err) == 0);
	free(buffer);
}

static void one_failed_write_fails_the_whole(void)
{
	haw_file *file = haw_sftp_open(s.sftp, "f", HAW_OPEN_WRITE, NULL, &err);
	uint8_t *data = malloc(FILE_SIZE);
	uint8_t back[2];

	CHECK(file && data);
	memset(data, 'g', FILE_SIZE);
	CHECK_MSG(haw_file_write(file, 0, data, FILE_SIZE, &err) == 0, "%s", err.message);
	CHECK(haw_file_read(file, FILE_SIZE - 2, back, 2, &err) == 2 && back[0] == 'g' && back[1] == 'g');
	/* From the first byte on it knows that it is to fail. */
	memset(data, 'f', FILE_SIZE);
	CHECK(haw_file_write(file, 0, data, FILE_SIZE, &err) == HAW_ESTATUS &&
	      err.reason == HAW_SFTP_FAILURE);
	CHECK(haw_sftp_pending(s.sftp) == 0);
	haw_file_free(file);
	free(data);
}

int main(void)
{
	if (!pipe_open(&s, odd_server))
		return 1;
	RUN(it_has_no_extensions_and_safe_limits);
	RUN(short_and_disordered_reads_make_a_whole);
	RUN(one_failed_write_fails_the_whole);
	pipe_close(&s);
	return harness_end();
}

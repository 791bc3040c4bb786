/* SPDX-License-Identifier: Apache-2.0
 *
 * Local files as records for `scp -t` on the server. The protocol knows no links: they are followed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "legacy.h"
#include "source.h"
#include "tempname.h"

enum { PIECE = 256 << 10 };

/* The directories around an entry. */
struct around {
	const struct around *next;
	dev_t device;
	ino_t inode;
	struct cp_done *done;
};

static bool send_entry(struct cp_legacy *l, const struct around *around, int fd, const char *name,
		       const char *local, const char *as);

static struct cp_report *report(struct cp_legacy *l)
{
	return &l->s->report;
}

static void fail(struct cp_legacy *l, const char *local, int error)
{
	if (error == ENOENT)
		cp_report_changed(report(l), local, "vanished before it was read: No such file or directory");
	else
		cp_report_failed(report(l), local, "%s",
				 error == EINVAL || error == ENXIO ? "is not a regular file"
								   : strerror(error));
}

/* ---- Records ---- */

/* A name with a line break cannot stand in a record. As scp does, it is sent in the notation of vis(3). */
static char *encode(const char *name)
{
	char *out = malloc(4 * strlen(name) + 1), *p = out;

	if (!out || !strchr(name, '\n'))
		return out ? strcpy(out, name) : NULL;
	for (; *name; name++) {
		unsigned char c = (unsigned char)*name, low = c & 0x7f;

		if (c == '\\')
			p += sprintf(p, "\\\\");
		else if (c == ' ' || c == '\t' || (c > ' ' && c < 0x7f))
			*p++ = (char)c;
		else if (low == ' ')
			p += sprintf(p, "\\%03o", c);
		else
			p += sprintf(p, "\\%s%c%c", c & 0x80 ? "M" : "", low < ' ' || low == 0x7f ? '^' : '-',
				     low == 0x7f ? '?'
				     : low < ' ' ? low + '@'
						 : low);
	}
	*p = '\0';
	return out;
}

static bool send_text(struct cp_legacy *l, const char *text, size_t len)
{
	if (cp_wire_send(l->wire, text, len))
		return true;
	cp_legacy_break(l, "has ended");
	return false;
}

static bool send_times(struct cp_legacy *l, const char *local, const struct stat *st)
{
	char record[80];
	long long mtime = st->st_mtim.tv_sec, atime = st->st_atim.tv_sec;
	int len;

	if (!l->s->args->preserve)
		return true;
	len = snprintf(record, sizeof(record), "T%lld 0 %lld 0\n", mtime < 0 ? 0 : mtime,
		       atime < 0 ? 0 : atime);
	return send_text(l, record, (size_t)len) && cp_legacy_answer(l, local);
}

/* "C0644 SIZE NAME" or the like, and its answer. */
static bool send_record(struct cp_legacy *l, char kind, const char *local, const char *name,
			const struct stat *st, uint64_t size)
{
	char *encoded = encode(name), *record = NULL;
	bool sent = false;
	int len = -1;

	if (encoded)
		len = asprintf(&record, "%c%04o %llu %s\n", kind, (unsigned)(st->st_mode & 06777),
			       (unsigned long long)size, encoded);
	if (len < 0)
		fail(l, local, ENOMEM);
	else if (len > 2000)
		fail(l, local, ENAMETOOLONG);
	else
		sent = send_times(l, local, st) && send_text(l, record, (size_t)len);
	if (len >= 0)
		free(record);
	free(encoded);
	return sent && cp_legacy_answer(l, local);
}

/* ---- Files ---- */

static void release_map(void *user)
{
	cp_map_put(user);
}

static void release_nothing(void *user)
{
	(void)user;
}

/* What was announced has to come, also when the file has none of it left. */
static bool pad(struct cp_legacy *l, uint64_t left)
{
	static const uint8_t zeroes[64 << 10];

	while (left > 0 && cp_legacy_running(l)) {
		size_t len = left < sizeof(zeroes) ? (size_t)left : sizeof(zeroes);

		if (!cp_wire_lend(l->wire, zeroes, len, release_nothing, NULL))
			return false;
		left -= len;
	}
	return left == 0;
}

/* Straight from the page cache. Returns 0 or an errno. */
static int send_data(struct cp_legacy *l, struct cp_source *source)
{
	uint64_t offset = 0;
	int error = 0;

	while (offset < source->size && cp_legacy_running(l) && !error) {
		uint32_t most = cp_rate_piece(&l->s->flow.rate, PIECE);
		uint64_t left = source->size - offset;
		const uint8_t *view;
		struct cp_map *map;
		size_t len = cp_source_view(source, offset, left < most ? (size_t)left : most, &view, &map);

		if (len == 0) {
			error = errno ? errno : EIO;
		} else if (!cp_wire_lend(l->wire, view, len, release_map, map)) {
			cp_legacy_break(l, "has ended in the middle of a file");
		} else {
			offset += len;
			report(l)->bytes += len;
		}
		cp_report_progress(report(l));
	}
	if (error && !pad(l, source->size - offset))
		cp_legacy_break(l, "has ended in the middle of a file");
	return error;
}

/* Its data, and what they are worth. */
static void send_content(struct cp_legacy *l, struct cp_source *source, const char *local)
{
	uint64_t before = report(l)->bytes;
	int error = send_data(l, source);
	bool changed = cp_source_has_changed(source), good;

	if (error || changed)
		cp_legacy_refuse(l, error ? strerror(error) : "changed while it was read");
	else if (cp_legacy_running(l))
		cp_legacy_accept(l);
	good = cp_legacy_running(l) && cp_legacy_answer(l, local);
	if (l->cut) {
		report(l)->bytes = before;
		return;
	}
	if (error)
		fail(l, local, error);
	else if (changed && cp_legacy_running(l))
		cp_report_changed(report(l), local, "changed while it was read");
	else if (good)
		cp_report_file(report(l), local, source->size);
}

/* True if it is settled, as of all of these. */
static bool send_file(struct cp_legacy *l, int fd, const char *name, const char *local, const char *as)
{
	struct cp_source source;
	int error = cp_source_open(&source, fd, name, true);

	if (error) {
		fail(l, local, error);
		return true;
	}
	if (send_record(l, 'C', local, as, &source.st, source.size))
		send_content(l, &source, local);
	cp_source_close(&source);
	return !l->cut;
}

/* ---- Directories ---- */

static void send_entries(struct cp_legacy *l, const struct around *around, int fd, const char *local)
{
	DIR *stream = fdopendir(fd);
	struct dirent *entry;

	if (!stream) {
		fail(l, local, errno);
		close(fd);
		return;
	}
	while (cp_legacy_running(l) && (entry = readdir(stream))) {
		const char *name = entry->d_name;
		char *path;

		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || cp_is_temp_name(name) ||
		    cp_done_has(around->done, name))
			continue;
		path = cp_join(local, name);
		if (!path)
			fail(l, local, ENOMEM);
		else if (send_entry(l, around, dirfd(stream), name, path, name))
			cp_legacy_settle(l, around->done, name);
		free(path);
	}
	closedir(stream);
}

static bool is_around(const struct around *around, const struct stat *st)
{
	for (; around; around = around->next)
		if (around->device == st->st_dev && around->inode == st->st_ino)
			return true;
	return false;
}

/* As AS; NULL: only what is in it. NAME is what it is remembered by. */
static bool send_directory(struct cp_legacy *l, const struct around *around, int fd, const char *name,
			   const char *local, const char *as)
{
	struct cp_done *done = around ? around->done : l->done;
	struct around self = {.next = around};
	struct stat st;
	bool again;

	if (fstat(fd, &st) != 0 || is_around(around, &st)) {
		cp_report_failed(report(l), local, "is a link to a directory around it");
		close(fd);
		return true;
	}
	self.device = st.st_dev;
	self.inode = st.st_ino;
	if (as && !send_record(l, 'D', local, as, &st, 0)) {
		close(fd);
		return !l->cut;
	}
	self.done = cp_done_enter(done, name, &again);
	send_entries(l, &self, fd, local);
	if (as && cp_legacy_running(l) && send_text(l, "E\n", 2))
		cp_legacy_answer(l, local);
	cp_done_leave(done, self.done, !l->cut);
	return !l->cut;
}

static bool is_contents(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, "/") == 0;
}

static bool send_entry(struct cp_legacy *l, const struct around *around, int fd, const char *name,
		       const char *local, const char *as)
{
	struct stat st;
	int directory;

	if (fstatat(fd, name, &st, 0) != 0) {
		fail(l, local, errno);
	} else if (S_ISREG(st.st_mode)) {
		return send_file(l, fd, name, local, as);
	} else if (!S_ISDIR(st.st_mode)) {
		fail(l, local, EINVAL);
	} else if (!l->s->args->recursive) {
		cp_report_failed(report(l), local, "is a directory, which only -r copies");
	} else {
		directory = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (directory >= 0)
			return send_directory(l, around, directory, name, local, is_contents(as) ? NULL : as);
		fail(l, local, errno);
	}
	return true;
}

void cp_legacy_send(struct cp_legacy *l, const char *local, const char *as)
{
	char *own = cp_last_name(local);

	if (!own)
		fail(l, local, ENOMEM);
	else if (send_entry(l, NULL, AT_FDCWD, local, local, as ? as : own))
		cp_legacy_settle(l, l->done, local);
	free(own);
}

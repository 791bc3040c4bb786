/* SPDX-License-Identifier: Apache-2.0
 *
 * Both sides on this machine: the same rules as over the network, with the kernel copying.
 */
#include "local.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "download.h"
#include "interrupt.h"
#include "sink.h"
#include "source.h"
#include "tempname.h"

enum { BUFFER = 1 << 20, PIECE = 8 << 20, TURN_NS = 100000000 };

/* A directory that is being filled. */
struct level {
	const struct level *parent;
	int fd;
	bool fresh, base;
	struct stat st; /* of the source */
};

struct job {
	struct cp_session *s;
	char *buffer;
	dev_t made_device; /* the topmost directory that this run makes: not to be copied into itself */
	ino_t made_inode;
	bool made;
};

static void copy_entry(struct job *job, const struct level *to, int fd, const char *name, const char *shown,
		       const char *as, bool named);

static bool running(struct job *job)
{
	if (cp_interrupted())
		job->s->stopped = true;
	return !job->s->stopped;
}

static void fail(struct job *job, const char *shown, int error)
{
	if (running(job))
		cp_report_failed(&job->s->report, shown, "%s", cp_sink_reason(error));
}

/* ---- Files ---- */

static ssize_t move_bytes(struct job *job, struct cp_source *source, struct cp_sink *sink, uint64_t offset,
			  size_t len)
{
	loff_t from = (loff_t)offset, to = (loff_t)offset;
	ssize_t n = -1;

	if (!sink->special)
		n = copy_file_range(source->fd, &from, sink->fd, &to, len, 0);
	if (n > 0)
		return n;
	/* Between file systems, to devices, and where the kernel does not want to. */
	n = pread(source->fd, job->buffer, len < BUFFER ? len : BUFFER, (off_t)offset);
	if (n <= 0)
		return n;
	errno = cp_sink_put(sink, offset, job->buffer, (size_t)n);
	if (!errno)
		errno = cp_sink_flush(sink);
	return errno ? -1 : n;
}

/* A piece of at most LEN bytes, when the rate has room for it; 0 if the run ends. */
static size_t wait_for_rate(struct job *job, size_t len)
{
	struct cp_rate *rate = &job->s->flow.rate;
	struct timespec pause;

	while (running(job) && !cp_rate_room(rate, cp_now_ns())) {
		uint64_t wait = cp_rate_wait_ns(rate, cp_now_ns());

		pause = (struct timespec){.tv_nsec = (long)(wait < TURN_NS ? wait : TURN_NS)};
		nanosleep(&pause, NULL);
		cp_report_progress(&job->s->report);
	}
	return running(job) ? cp_rate_piece(rate, (uint32_t)len) : 0;
}

static int copy_extent(struct job *job, struct cp_source *source, struct cp_sink *sink, uint64_t begin,
		       uint64_t end)
{
	while (begin < end && running(job)) {
		uint64_t left = end - begin;
		size_t len = wait_for_rate(job, left < PIECE ? (size_t)left : PIECE);
		ssize_t n = len > 0 ? move_bytes(job, source, sink, begin, len) : 0;

		if (n < 0)
			return errno;
		cp_rate_take(&job->s->flow.rate, (uint64_t)n);
		if (n == 0)
			break; /* it has become shorter: noticed at the end */
		begin += (uint64_t)n;
		job->s->report.bytes += (uint64_t)n;
		if (sink->reach < begin)
			sink->reach = begin;
		cp_report_progress(&job->s->report);
	}
	return 0;
}

static int copy_data(struct job *job, struct cp_source *source, struct cp_sink *sink)
{
	uint64_t offset = 0, begin, end;
	int error = cp_sink_flush(sink); /* opens it */

	if (sink->special)
		source->sparse = false;
	while (!error && running(job) && cp_source_extent(source, offset, &begin, &end)) {
		error = copy_extent(job, source, sink, begin, end);
		offset = end;
	}
	if (!error && !sink->special && sink->reach < source->size &&
	    ftruncate(sink->fd, (off_t)source->size) != 0)
		error = errno;
	return error;
}

static bool is_same(const struct level *to, const char *as, const struct stat *st)
{
	struct stat there;

	return fstatat(to->fd, as, &there, 0) == 0 && there.st_dev == st->st_dev &&
	       there.st_ino == st->st_ino;
}

static void copy_file(struct job *job, const struct level *to, int fd, const char *name, const char *shown,
		      const char *as, bool follow)
{
	struct cp_session *s = job->s;
	struct cp_source source;
	struct cp_sink sink;
	int error = cp_source_open(&source, fd, name, follow);

	if (error) {
		fail(job, shown, error);
		return;
	}
	if (!to->fresh && is_same(to, as, &source.st)) {
		cp_report_failed(&s->report, shown, "is the same file as the destination");
		cp_source_close(&source);
		return;
	}
	cp_sink_begin(&sink, to->fd, as, to->fresh, true, source.st.st_mode);
	error = copy_data(job, &source, &sink);
	if (error) {
		fail(job, shown, error);
		cp_sink_abandon(&sink);
	} else if (!running(job)) {
		cp_sink_abandon(&sink);
	} else if (cp_source_has_changed(&source)) {
		cp_report_changed(&s->report, shown, "changed while it was read");
		cp_sink_abandon(&sink);
	} else {
		const struct timespec times[2] = {source.st.st_atim, source.st.st_mtim};

		error = cp_sink_finish(&sink, source.size, source.st.st_mode & 07777, s->umask,
				       s->args->preserve ? times : NULL);
		if (error)
			fail(job, shown, error);
		else
			cp_report_file(&s->report, shown, source.size);
	}
	cp_source_close(&source);
}

/* ---- Links ---- */

static void copy_link(struct job *job, const struct level *to, int fd, const char *name, const char *shown,
		      const char *as)
{
	char target[PATH_MAX + 1];
	ssize_t n = readlinkat(fd, name, target, PATH_MAX);
	int error = n < 0 ? errno : 0;

	if (!error) {
		target[n] = '\0';
		error = cp_put_link(to->fd, target, as, to->fresh);
	}
	if (error == EISDIR)
		cp_report_failed(&job->s->report, shown, "cannot replace a directory by a link");
	else if (error)
		fail(job, shown, error);
}

/* ---- Directories ---- */

static int make_level(struct level *level, const struct level *to, const char *name, bool again)
{
	if (mkdirat(to->fd, name, (level->st.st_mode & 0777) | 0700) != 0) {
		int error = errno;

		if (error != EEXIST || !again)
			return error;
		error = cp_clear(to->fd, name);
		return error ? error : make_level(level, to, name, false);
	}
	level->fresh = true;
	level->fd = openat(to->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return level->fd < 0 ? errno : 0;
}

/* Find AS in TO, or make it; *WRITTEN is its temporary name, if it gets one. */
static int open_level(struct level *level, const struct level *to, const char *as, char **written)
{
	if (!as) {
		level->fd = openat(to->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		return level->fd < 0 ? errno : 0;
	}
	if (to->fresh)
		return make_level(level, to, as, false);
	level->fd = openat(to->fd, as, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (level->fd >= 0 || errno != ENOENT)
		return level->fd < 0 ? errno : 0;
	*written = cp_temp_path(as);
	return *written ? make_level(level, to, *written, true) : ENOMEM;
}

static int finish_level(struct job *job, const struct level *level, const struct level *to, const char *as,
			const char *written)
{
	const struct timespec times[2] = {level->st.st_atim, level->st.st_mtim};
	mode_t mode = level->st.st_mode;

	if (job->s->args->preserve) {
		if (fchmod(level->fd, mode & 07777) != 0 || futimens(level->fd, times) != 0)
			return errno;
	} else if (level->fresh && (mode & 0700) != 0700 &&
		   fchmod(level->fd, mode & 0777 & ~job->s->umask) != 0) {
		return errno;
	}
	if (written && running(job) && renameat(to->fd, written, to->fd, as) != 0)
		return errno;
	return 0;
}

static bool is_around(const struct level *level, const struct stat *st)
{
	for (; level; level = level->parent)
		if (!level->base && level->st.st_dev == st->st_dev && level->st.st_ino == st->st_ino)
			return true;
	return false;
}

static void fill(struct job *job, const struct level *level, int fd, const char *shown)
{
	DIR *stream = fdopendir(fd);
	struct dirent *entry;

	if (!stream) {
		fail(job, shown, errno);
		close(fd);
		return;
	}
	while (running(job) && (entry = readdir(stream))) {
		const char *name = entry->d_name;
		char *path;

		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || cp_is_temp_name(name))
			continue;
		path = cp_join(shown, name);
		if (path)
			copy_entry(job, level, dirfd(stream), name, path, name, false);
		else
			fail(job, shown, ENOMEM);
		free(path);
	}
	closedir(stream);
}

static void copy_directory(struct job *job, const struct level *to, int from, const char *shown,
			   const char *as, const struct stat *st)
{
	struct level level = {.parent = to, .fd = -1, .st = *st};
	char *written = NULL;
	struct stat there;
	int error;

	if (is_around(to, st)) {
		cp_report_failed(&job->s->report, shown, "is a link to a directory around it");
		close(from);
		return;
	}
	error = open_level(&level, to, as, &written);
	if (!error && !job->made && fstat(level.fd, &there) == 0) {
		job->made = true;
		job->made_device = there.st_dev;
		job->made_inode = there.st_ino;
	}
	if (error) {
		cp_report_failed(&job->s->report, as ? as : shown, "%s", strerror(error));
		close(from);
	} else {
		fill(job, &level, from, shown);
		error = finish_level(job, &level, to, as, written);
		if (error)
			fail(job, shown, error);
	}
	if (level.fd >= 0)
		close(level.fd);
	free(written);
}

static void enter(struct job *job, const struct level *to, int fd, const char *name, const char *shown,
		  const char *as, bool follow)
{
	int from = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW));
	struct stat st;

	if (from < 0 || fstat(from, &st) != 0) {
		fail(job, shown, errno);
		if (from >= 0)
			close(from);
	} else if (job->made && st.st_dev == job->made_device && st.st_ino == job->made_inode) {
		/* The copy itself, met inside its source. */
		cp_report_failed(&job->s->report, shown, "is the copy itself: not copied into itself");
		close(from);
	} else {
		copy_directory(job, to, from, shown, as, &st);
	}
}

/* ---- Anything ---- */

static void copy_entry(struct job *job, const struct level *to, int fd, const char *name, const char *shown,
		       const char *as, bool named)
{
	struct cp_session *s = job->s;
	bool follow = named || s->args->follow;
	struct stat st;

	if (fstatat(fd, name, &st, follow ? 0 : AT_SYMLINK_NOFOLLOW) != 0)
		fail(job, shown, errno);
	else if (S_ISDIR(st.st_mode) && !s->args->recursive)
		cp_report_failed(&s->report, shown, "is a directory, which only -r copies");
	else if (S_ISDIR(st.st_mode))
		enter(job, to, fd, name, shown, as, follow);
	else if (S_ISREG(st.st_mode))
		copy_file(job, to, fd, name, shown, as, follow);
	else if (S_ISLNK(st.st_mode))
		copy_link(job, to, fd, name, shown, as);
	else
		cp_report_failed(&s->report, shown, "is neither a file, a directory nor a link: not copied");
}

static void copy_operand(struct job *job, const struct level *base, const char *source, const char *rename_to)
{
	char *own = cp_last_name(source);
	bool contents =
		own && (!own[0] || strcmp(own, ".") == 0 || strcmp(own, "..") == 0 || strcmp(own, "/") == 0);

	job->made = false;
	if (!own)
		fail(job, source, ENOMEM);
	else
		copy_entry(job, base, AT_FDCWD, source, source,
			   rename_to  ? rename_to
			   : contents ? NULL
				      : own,
			   true);
	free(own);
}

void cp_local(struct cp_session *s, char **sources, size_t count, const char *destination)
{
	struct job job = {.s = s, .buffer = malloc(BUFFER)};
	struct level base = {.base = true, .fd = -1};
	size_t len = strlen(destination);
	char *around = NULL, *name = NULL;
	struct stat st, first;
	bool there = stat(destination, &st) == 0, directory = there && S_ISDIR(st.st_mode);

	cp_rate_begin(&s->flow.rate, s->args->rate, cp_now_ns());
	if (!directory &&
	    (s->several || (len > 0 && destination[len - 1] == '/' &&
			   (there || stat(sources[0], &first) != 0 || !S_ISDIR(first.st_mode))))) {
		cp_report_failed(&s->report, destination, there ? "is not a directory" : "No such directory");
	} else {
		around = directory ? strdup(destination) : cp_around_name(destination);
		name = directory ? NULL : cp_last_name(destination);
		base.fd = around ? open(around, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
		if (base.fd < 0 || !job.buffer)
			cp_report_failed(&s->report, destination, "%s", strerror(errno));
		for (size_t i = 0; base.fd >= 0 && job.buffer && i < count && running(&job); i++)
			copy_operand(&job, &base, sources[i], name);
	}
	if (base.fd >= 0)
		close(base.fd);
	free(around);
	free(name);
	free(job.buffer);
}

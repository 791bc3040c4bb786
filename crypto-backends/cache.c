/* SPDX-License-Identifier: Apache-2.0
 *
 * Figures in a file, so that a machine is measured once:
 *
 *   hawser calibration 1
 *   machine TEXT                        what they hold for: processor, library
 *   suite NAME COUNT
 *   figure BACKEND<tab>VERSION<tab>N... three rounds of four numbers: bytes/s and ps/byte over all sizes,
 *                                       the same of 32 KiB in batches
 *   end N                               of all that stands before
 *
 * A file that is not whole, or not of this machine, is as good as none.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto-backends/cpu.h"
#include "crypto-backends/selector.h"

enum { FILE_MAX = 1 << 20, LINE_MAX_LENGTH = 1024 };

static const char first_line[] = "hawser calibration 1";

static void describe_machine(char *out, size_t size)
{
	snprintf(out, size, "%s; %s; hawser %s", haw_cpu_model(), haw_cpu_text(), haw_version());
}

/* FNV-1a: it finds what is torn or worn, and nobody is to be kept from anything here. */
static uint64_t check_sum(const char *text, size_t len)
{
	uint64_t sum = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < len; i++)
		sum = (sum ^ (uint8_t)text[i]) * UINT64_C(0x100000001b3);
	return sum;
}

/* ---- Reading ---- */

static int failed(haw_error *err, const char *path, const char *what)
{
	char shown[256];

	return haw_error_set(err, errno == ENOENT ? HAW_ENOTFOUND : HAW_ESYSTEM, HAW_FAULT_SYSTEM, errno,
			     "%s cannot be %s: %s", haw_escape(shown, sizeof(shown), path, strlen(path)),
			     what, strerror(errno));
}

static int damaged(haw_error *err, const char *path)
{
	char shown[256];

	return haw_error_set(err, HAW_EFORMAT, HAW_FAULT_LOCAL, 0,
			     "the calibration in %s is damaged, so it is ignored and made again",
			     haw_escape(shown, sizeof(shown), path, strlen(path)));
}

/* The whole file, terminated; NULL and an error. The caller frees it. */
static char *read_file(const char *path, size_t *len, haw_error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat info;
	char *text = NULL;
	ssize_t n = 0;

	if (fd < 0) {
		failed(err, path, "read");
		return NULL;
	}
	*len = 0;
	if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size <= FILE_MAX)
		text = malloc((size_t)info.st_size + 1);
	while (text && *len < (size_t)info.st_size) {
		n = read(fd, text + *len, (size_t)info.st_size - *len);
		if (n <= 0)
			break;
		*len += (size_t)n;
	}
	close(fd);
	if (text)
		text[*len] = '\0';
	else
		damaged(err, path);
	return text;
}

/* The text is whole: its last line is the sum of the lines before. Cuts that line off. */
static bool is_whole(char *text, size_t len)
{
	char expected[32], *last;

	if (len == 0 || text[len - 1] != '\n' || memchr(text, '\0', len))
		return false;
	text[len - 1] = '\0';
	last = strrchr(text, '\n');
	if (!last)
		return false;
	last++;
	snprintf(expected, sizeof(expected), "end %016llx",
		 (unsigned long long)check_sum(text, (size_t)(last - text)));
	if (strcmp(last, expected) != 0)
		return false;
	*last = '\0';
	return true;
}

/* The next line, cut off at *AT; NULL at the end. */
static char *next_line(char **at)
{
	char *line = *at, *end = strchr(line, '\n');

	if (!end)
		return NULL;
	*end = '\0';
	*at = end + 1;
	return line;
}

static bool read_number(char **at, double unit, double *value)
{
	char *end;
	unsigned long long n = strtoull(*at, &end, 10);

	if (end == *at)
		return false;
	*value = (double)n * unit;
	*at = end;
	return true;
}

static bool read_figure(char *line, struct haw_figure *f)
{
	char *version = strchr(line, '\t'), *numbers = version ? strchr(version + 1, '\t') : NULL;

	if (!numbers || strncmp(line, "figure ", 7) != 0)
		return false;
	*version++ = *numbers++ = '\0';
	line += 7;
	if (strlen(line) >= sizeof(f->backend) || strlen(version) >= sizeof(f->version))
		return false;
	memcpy(f->backend, line, strlen(line));
	memcpy(f->version, version, strlen(version));
	for (int i = 0; i < HAW_ROUNDS; i++) {
		struct haw_sample *r = &f->rounds[i];

		if (!read_number(&numbers, 1, &r->speed) || !read_number(&numbers, 0.001, &r->cost) ||
		    !read_number(&numbers, 1, &r->bulk_speed) || !read_number(&numbers, 0.001, &r->bulk_cost))
			return false;
		/* What follows from figures divides by them. */
		if (r->speed > 0 && (r->cost <= 0 || r->bulk_speed <= 0 || r->bulk_cost <= 0))
			return false;
		if ((r->speed > 0) != (f->rounds[0].speed > 0))
			return false;
	}
	return *numbers == '\0';
}

static const haw_suite *suite_named(const char *name)
{
	const haw_suite *suite;

	for (size_t i = 0; (suite = haw_suite_at(i)); i++)
		if (strcmp(suite->name, name) == 0)
			break;
	return suite;
}

/* One suite from *AT into *LIST. */
static bool read_suite(char *line, char **at, struct haw_suite_figures **list)
{
	char *count_text = strrchr(line, ' ');
	struct haw_suite_figures *set;
	const haw_suite *suite;
	size_t count;

	if (strncmp(line, "suite ", 6) != 0 || count_text < line + 6)
		return false;
	*count_text++ = '\0';
	count = strtoul(count_text, NULL, 10);
	suite = suite_named(line + 6);
	if (!suite || haw_figures_of(*list, suite))
		return false;
	set = haw_figures_new(suite, count);
	if (!set)
		return false;
	set->next = *list;
	*list = set;
	for (size_t i = 0; i < count; i++) {
		line = next_line(at);
		if (!line || !read_figure(line, &set->figures[i]))
			return false;
	}
	return true;
}

static int parse(const char *path, char *text, struct haw_suite_figures **list, haw_error *err)
{
	char machine[512], shown[256], *line = next_line(&text);

	if (!line || strcmp(line, first_line) != 0)
		return damaged(err, path);
	line = next_line(&text);
	describe_machine(machine, sizeof(machine));
	if (!line || strncmp(line, "machine ", 8) != 0)
		return damaged(err, path);
	if (strcmp(line + 8, machine) != 0)
		return haw_error_set(
			err, HAW_ECHANGED, HAW_FAULT_LOCAL, 0,
			"the calibration in %s is of another machine or version, so it is ignored "
			"and made again",
			haw_escape(shown, sizeof(shown), path, strlen(path)));
	while ((line = next_line(&text)))
		if (!read_suite(line, &text, list))
			return damaged(err, path);
	return 0;
}

int haw_selector_load_calibration(haw_selector *s, const char *path, haw_error *err)
{
	struct haw_suite_figures *list = NULL;
	size_t len;
	haw_error own = {0};
	char *text;
	int result;

	err = err ? err : &own;
	text = read_file(path, &len, err);
	if (!text)
		return err->code;
	result = is_whole(text, len) ? parse(path, text, &list, err) : damaged(err, path);
	free(text);
	if (result < 0) {
		haw_figures_free(list);
		return result;
	}
	haw_figures_free(s->figures);
	s->figures = list;
	return 0;
}

/* ---- Writing ---- */

struct text {
	char *bytes;
	size_t len, room;
	bool failed;
};

HAW_PRINTF(2, 3)
static void put(struct text *t, const char *format, ...)
{
	char line[LINE_MAX_LENGTH], *bytes;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= sizeof(line)) {
		t->failed = true;
		return;
	}
	if (t->len + (size_t)n > t->room) {
		bytes = realloc(t->bytes, t->room + 65536);
		t->failed = t->failed || !bytes;
		if (!bytes)
			return;
		t->bytes = bytes;
		t->room += 65536;
	}
	memcpy(t->bytes + t->len, line, (size_t)n);
	t->len += (size_t)n;
}

static void put_figure(struct text *t, const struct haw_figure *f)
{
	put(t, "figure %s\t%s\t", f->backend, f->version);
	for (int i = 0; i < HAW_ROUNDS; i++) {
		const struct haw_sample *r = &f->rounds[i];

		put(t, " %llu %llu %llu %llu", (unsigned long long)r->speed,
		    (unsigned long long)(r->cost * 1000 + 0.5), (unsigned long long)r->bulk_speed,
		    (unsigned long long)(r->bulk_cost * 1000 + 0.5));
	}
	put(t, "\n");
}

static void put_all(struct text *t, const haw_selector *s)
{
	char machine[512];

	describe_machine(machine, sizeof(machine));
	put(t, "%s\nmachine %s\n", first_line, machine);
	for (const struct haw_suite_figures *set = s->figures; set; set = set->next) {
		put(t, "suite %s %zu\n", set->suite->name, set->count);
		for (size_t i = 0; i < set->count; i++)
			put_figure(t, &set->figures[i]);
	}
	put(t, "end %016llx\n", (unsigned long long)check_sum(t->bytes, t->len));
}

/* Make the directories in front of the last component of PATH, for this user alone. */
static void make_directories(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdir(path, 0700);
		*slash = '/';
	}
}

static bool write_all(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		bytes += n;
		len -= (size_t)n;
	}
	return true;
}

/* A new file beside PATH takes its place. */
static int replace(const char *path, const struct text *t, haw_error *err)
{
	char *temporary = NULL;
	bool written;
	int fd, result = 0;

	if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
		return haw_selector_no_memory(err);
	make_directories(temporary);
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0) {
		result = failed(err, path, "written");
		free(temporary);
		return result;
	}
	written = write_all(fd, t->bytes, t->len);
	if (close(fd) < 0 || !written || rename(temporary, path) < 0) {
		result = failed(err, path, "written");
		unlink(temporary);
	}
	free(temporary);
	return result;
}

int haw_selector_save_calibration(const haw_selector *s, const char *path, haw_error *err)
{
	struct text t = {0};
	int result;

	put_all(&t, s);
	result = t.failed ? haw_selector_no_memory(err) : replace(path, &t, err);
	free(t.bytes);
	return result;
}

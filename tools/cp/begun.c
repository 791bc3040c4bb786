/* SPDX-License-Identifier: Apache-2.0 */
#include "begun.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ranges.h"

/* The same name for the same file here, from wherever the command is run; it need not be there yet. */
static void put_local(FILE *out, const char *path)
{
	char *around = cp_around_name(path), *last = cp_last_name(path);
	char real[PATH_MAX];

	if (around && last && realpath(around, real))
		fprintf(out, "here\n%s/%s\n", real, last);
	else
		fprintf(out, "here\n%s\n", path);
	free(around);
	free(last);
}

/* A directory is the same whether it is named or its content. */
static size_t named_length(const char *path)
{
	size_t len = strlen(path);

	while (len > 1 && (path[len - 1] == '/' || (path[len - 1] == '.' && path[len - 2] == '/')))
		len--;
	return len;
}

static void put_side(FILE *out, const struct cp_session *s, const char *path)
{
	char *named = strndup(path, named_length(path));

	if (!named)
		return;
	if (s)
		fprintf(out, "there\n%s\n%s\n%u\n%s\n", s->peer->user ? s->peer->user : "", s->peer->host,
			s->peer->port, named);
	else
		put_local(out, named);
	free(named);
}

void cp_begun_init(struct cp_begun *begun, const struct cp_session *from, const struct cp_session *to,
		   const char *source, const char *destination)
{
	char *text = NULL;
	size_t len;
	FILE *out;

	begun->name[0] = '\0';
	if (!(from ? from : to)->args->resume || !(out = open_memstream(&text, &len)))
		return;
	fputs("begun\n", out);
	put_side(out, from, source);
	put_side(out, to, destination);
	if (fclose(out) == 0)
		cp_record_name(text, begun->name);
	free(text);
}

bool cp_begun_before(const struct cp_begun *begun)
{
	int directory = begun->name[0] ? cp_record_directory() : -1;
	bool there = directory >= 0 && faccessat(directory, begun->name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;

	if (directory >= 0)
		close(directory);
	return there;
}

void cp_begun_note(const struct cp_begun *begun)
{
	int directory = begun->name[0] ? cp_record_directory() : -1;
	int fd = directory >= 0
			 ? openat(directory, begun->name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600)
			 : -1;

	if (fd >= 0)
		close(fd);
	if (directory >= 0)
		close(directory);
}

void cp_begun_forget(const struct cp_begun *begun)
{
	int directory = begun->name[0] ? cp_record_directory() : -1;

	if (directory < 0)
		return;
	unlinkat(directory, begun->name, 0);
	close(directory);
}

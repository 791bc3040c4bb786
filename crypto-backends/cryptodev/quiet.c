/* SPDX-License-Identifier: Apache-2.0
 *
 * DPDK prints: most of it through its log, some straight to stdout and stderr, where a program's user does
 * not expect a library. The linker sends DPDK's calls of the C library's output here (--wrap in meson.build);
 * what it says about a failure becomes part of our error instead.
 */
#include "crypto-backends/cryptodev/cryptodev.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static atomic_bool is_loud;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* The last words; a line that ended is kept until another begins. */
static char words[256];
static size_t used;
static bool ended;

static void remember(const char *text, size_t len)
{
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (c == '\n') {
			ended = true;
			continue;
		}
		if (ended) {
			ended = false;
			used = 0;
		}
		if (used < sizeof(words) - 1)
			words[used++] = c >= ' ' && c <= '~' ? c : '?';
	}
	words[used] = '\0';
	pthread_mutex_unlock(&lock);
}

void haw_cryptodev_loud(bool loud)
{
	atomic_store(&is_loud, loud);
}

void haw_cryptodev_last_words(char *text, size_t size)
{
	pthread_mutex_lock(&lock);
	snprintf(text, size, "%s", words);
	pthread_mutex_unlock(&lock);
}

void haw_cryptodev_forget_words(void)
{
	pthread_mutex_lock(&lock);
	used = 0;
	words[0] = '\0';
	ended = false;
	pthread_mutex_unlock(&lock);
}

static ssize_t remember_line(void *cookie, const char *text, size_t len)
{
	remember(text, len);
	return (ssize_t)len;
}

FILE *haw_cryptodev_quiet_stream(void)
{
	return fopencookie(NULL, "w", (cookie_io_functions_t){.write = remember_line});
}

/* ---- What DPDK calls in place of the C library ---- */

int __real_fputs(const char *text, FILE *stream);
int __real_fputc(int c, FILE *stream);
size_t __real_fwrite(const void *data, size_t size, size_t count, FILE *stream);

int __wrap___fprintf_chk(FILE *stream, int flag, const char *format, ...);
int __wrap___printf_chk(int flag, const char *format, ...);
int __wrap_puts(const char *text);
int __wrap_putchar(int c);
int __wrap_fputs(const char *text, FILE *stream);
int __wrap_fputc(int c, FILE *stream);
size_t __wrap_fwrite(const void *data, size_t size, size_t count, FILE *stream);
void __wrap_perror(const char *text);

static bool muted(const FILE *stream)
{
	return (stream == stdout || stream == stderr) && !atomic_load(&is_loud);
}

static int print(FILE *stream, const char *format, va_list arguments)
{
	char text[512];
	int len;

	if (!muted(stream))
		return vfprintf(stream, format, arguments);
	len = vsnprintf(text, sizeof(text), format, arguments);
	remember(text, strnlen(text, sizeof(text)));
	return len;
}

int __wrap___fprintf_chk(FILE *stream, int flag, const char *format, ...)
{
	va_list arguments;
	int len;

	va_start(arguments, format);
	len = print(stream, format, arguments);
	va_end(arguments);
	return len;
}

int __wrap___printf_chk(int flag, const char *format, ...)
{
	va_list arguments;
	int len;

	va_start(arguments, format);
	len = print(stdout, format, arguments);
	va_end(arguments);
	return len;
}

int __wrap_fputs(const char *text, FILE *stream)
{
	if (!muted(stream))
		return __real_fputs(text, stream);
	remember(text, strlen(text));
	return 0;
}

int __wrap_fputc(int c, FILE *stream)
{
	if (!muted(stream))
		return __real_fputc(c, stream);
	remember(&(char){(char)c}, 1);
	return c;
}

size_t __wrap_fwrite(const void *data, size_t size, size_t count, FILE *stream)
{
	if (!muted(stream))
		return __real_fwrite(data, size, count, stream);
	remember(data, size * count);
	return count;
}

int __wrap_puts(const char *text)
{
	return __wrap_fputs(text, stdout) < 0 ? EOF : __wrap_fputc('\n', stdout);
}

int __wrap_putchar(int c)
{
	return __wrap_fputc(c, stdout);
}

void __wrap_perror(const char *text)
{
	__wrap_fputs(text, stderr);
	__wrap_fputc('\n', stderr);
}

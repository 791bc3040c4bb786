/* SPDX-License-Identifier: Apache-2.0
 *
 * DPDK prints: most of it through its log, some straight to stdout and stderr, where a program's user does
 * not expect a library. The linker sends DPDK's calls of the C library's output here (--wrap in meson.build);
 * the errors in its log become part of ours
 * instead.
 */
#include "crypto-backends/cryptodev/cryptodev.h"

#include <rte_log.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static atomic_bool is_loud;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* The first error is the cause, and the last what came of it. */
static char first[160], last[160];

static void keep(char *place, size_t size, const char *text, size_t len)
{
	size_t n = 0;

	if (len > 5 && memcmp(text, "EAL: ", 5) == 0) {
		text += 5;
		len -= 5;
	}
	while (n < len && n < size - 1 && text[n] != '\n') {
		place[n] = text[n] >= ' ' && text[n] <= '~' ? text[n] : '?';
		n++;
	}
	while (n > 0 && (place[n - 1] == '.' || place[n - 1] == ' '))
		n--;
	place[n] = '\0';
}

static void remember(const char *text, size_t len)
{
	pthread_mutex_lock(&lock);
	if (!first[0])
		keep(first, sizeof(first), text, len);
	else
		keep(last, sizeof(last), text, len);
	pthread_mutex_unlock(&lock);
}

void haw_cryptodev_loud(bool loud)
{
	atomic_store(&is_loud, loud);
}

void haw_cryptodev_errors(char *text, size_t size)
{
	pthread_mutex_lock(&lock);
	snprintf(text, size, "%s%s%s", first, last[0] ? "; " : "", last);
	pthread_mutex_unlock(&lock);
}

void haw_cryptodev_forget_errors(void)
{
	pthread_mutex_lock(&lock);
	first[0] = last[0] = '\0';
	pthread_mutex_unlock(&lock);
}

static ssize_t take_line(void *cookie, const char *text, size_t len)
{
	if (rte_log_cur_msg_loglevel() <= (int)RTE_LOG_ERR)
		remember(text, len);
	return (ssize_t)len;
}

FILE *haw_cryptodev_quiet_stream(void)
{
	return fopencookie(NULL, "w", (cookie_io_functions_t){.write = take_line});
}

/* ---- What DPDK calls in place of the C library ---- */

int __real_fputs(const char *text, FILE *stream);
int __real_fputc(int c, FILE *stream);
size_t __real_fwrite(const void *data, size_t size, size_t count, FILE *stream);

void __real_perror(const char *text);
int __real_puts(const char *text);

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
	return muted(stream) ? 0 : vfprintf(stream, format, arguments);
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
	return muted(stream) ? 0 : __real_fputs(text, stream);
}

int __wrap_fputc(int c, FILE *stream)
{
	return muted(stream) ? c : __real_fputc(c, stream);
}

size_t __wrap_fwrite(const void *data, size_t size, size_t count, FILE *stream)
{
	return muted(stream) ? count : __real_fwrite(data, size, count, stream);
}

int __wrap_puts(const char *text)
{
	return muted(stdout) ? 0 : __real_puts(text);
}

int __wrap_putchar(int c)
{
	return muted(stdout) ? c : __real_fputc(c, stdout);
}

void __wrap_perror(const char *text)
{
	if (!muted(stderr))
		__real_perror(text);
}

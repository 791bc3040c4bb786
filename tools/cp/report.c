/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "json.h"
#include "progress.h"

enum { SHOWN_NAME = 4400, SHOWN_LINE = 6000 };

static const uint64_t redraw_ns = 100000000;

uint64_t cp_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void cp_report_begin(struct cp_report *report, bool json, bool quiet, int verbose)
{
	memset(report, 0, sizeof(*report));
	report->json = json;
	report->verbose = verbose;
	report->progress = !quiet && !json && isatty(STDERR_FILENO);
	report->start_ns = report->drawn_ns = cp_now_ns();
}

static void clear_line(struct cp_report *report)
{
	if (report->main)
		report = report->main;
	if (!report->drawn)
		return;
	fputs("\r\033[K", stderr);
	report->drawn = false;
}

/* "hawser: NAME: TEXT" on standard error; NAME may be NULL. */
static void say(struct cp_report *report, const char *name, const char *text)
{
	char shown[SHOWN_NAME];

	clear_line(report);
	if (name)
		fprintf(stderr, "hawser: %s: %s\n", haw_escape(shown, sizeof(shown), name, strlen(name)),
			text);
	else
		fprintf(stderr, "hawser: %s\n", text);
}

static void emit(struct cp_report *report, const char *type, const char *name, const char *text)
{
	if (!report->json)
		return;
	cp_json_begin(stdout, type);
	if (name)
		cp_json_name(stdout, "path", name);
	cp_json_text(stdout, "message", text);
	cp_json_end(stdout);
}

void cp_report_failed(struct cp_report *report, const char *name, const char *format, ...)
{
	char text[SHOWN_LINE];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	report->failed++;
	say(report, name, text);
	emit(report, "error", name, text);
}

void cp_report_changed(struct cp_report *report, const char *name, const char *format, ...)
{
	char text[SHOWN_LINE];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	report->failed++;
	report->changed++;
	say(report, name, text);
	emit(report, "changed", name, text);
}

void cp_report_warn(struct cp_report *report, const char *name, const char *format, ...)
{
	char text[SHOWN_LINE];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	say(report, name, text);
	emit(report, "warning", name, text);
}

void cp_report_lost(struct cp_report *report, const char *host, const haw_error *err)
{
	if (report->lost)
		return;
	report->lost = true;
	say(report, host, err->message);
	emit(report, "error", NULL, err->message);
}

void cp_report_wrong(struct cp_report *report, const char *format, ...)
{
	char text[SHOWN_LINE];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	report->wrong = true;
	say(report, NULL, text);
	emit(report, "error", NULL, text);
}

void cp_report_note(struct cp_report *report, int level, const char *line)
{
	if (level <= report->verbose)
		say(report, NULL, line);
}

void cp_report_file(struct cp_report *report, const char *name, uint64_t bytes)
{
	char shown[SHOWN_NAME];

	report->files++;
	if (report->json) {
		cp_json_begin(stdout, "file");
		cp_json_name(stdout, "path", name);
		cp_json_count(stdout, "bytes", bytes);
		cp_json_end(stdout);
	}
	if (report->verbose >= 1) {
		clear_line(report);
		fprintf(stderr, "%s\n", haw_escape(shown, sizeof(shown), name, strlen(name)));
	}
}

static unsigned columns(void)
{
	struct winsize size;

	return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col - 1u : 79;
}

static void draw(struct cp_report *report, uint64_t now)
{
	const struct cp_progress progress = {
		.files = report->files,
		.bytes = report->bytes,
		.total_files = report->total_files,
		.total_bytes = report->total_bytes,
		.total_known = report->total_known,
		.seconds = (double)(now - report->start_ns) / 1e9,
	};
	char text[256];

	cp_progress_text(text, sizeof(text), &progress, columns());
	fprintf(stderr, "\r%s\033[K", text);
	fflush(stderr);
	report->drawn = true;
	report->drawn_ns = now;
}

void cp_report_progress(struct cp_report *report)
{
	uint64_t now;

	if (!report->progress || !report->moving)
		return;
	now = cp_now_ns();
	if (now - report->drawn_ns >= redraw_ns)
		draw(report, now);
}

static double cpu_seconds(void)
{
	struct rusage usage;

	if (getrusage(RUSAGE_SELF, &usage) != 0)
		return 0;
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static const char *const method_names[] = {"check_file", "sha256sum", "read_back"};

static void summary(struct cp_report *report)
{
	const double verified[] = {(double)report->verified[0], (double)report->verified[1],
				   (double)report->verified[2]};
	double seconds = (double)(cp_now_ns() - report->start_ns) / 1e9, shares[CP_WAITS];

	cp_waits_shares(&report->waits, shares);
	cp_json_begin(stdout, "summary");
	cp_json_count(stdout, "files", report->files);
	cp_json_count(stdout, "bytes", report->bytes);
	cp_json_count(stdout, "failed", report->failed);
	cp_json_count(stdout, "retries", report->retries);
	cp_json_count(stdout, "reconnects", report->reconnects);
	cp_json_count(stdout, "resumed_bytes", report->resumed);
	cp_json_real(stdout, "seconds", seconds);
	cp_json_real(stdout, "bytes_per_second", seconds > 0 ? (double)report->bytes / seconds : 0);
	cp_json_real(stdout, "cpu_seconds", cpu_seconds());
	cp_json_reals(stdout, "limited_by", cp_wait_names, shares, CP_WAITS);
	if (report->verify)
		cp_json_reals(stdout, "verified", method_names, verified, 3);
	cp_json_text(stdout, "suite", report->suite);
	cp_json_text(stdout, "backend", report->backend);
	cp_json_text(stdout, "engine", report->engine);
	cp_json_text(stdout, "protocol", report->protocol);
	cp_json_text(stdout, "peer", report->peer);
	cp_json_end(stdout);
}

static void say_verified(struct cp_report *report)
{
	static const char *const words[] = {"by the server's check-file", "by sha256sum on the server",
					    "by reading back"};
	char text[200];

	for (int i = 0; i < 3; i++) {
		if (report->verified[i] == 0)
			continue;
		snprintf(text, sizeof(text), "verified %s: %llu file%s", words[i],
			 (unsigned long long)report->verified[i], report->verified[i] == 1 ? "" : "s");
		say(report, NULL, text);
	}
}

int cp_report_end(struct cp_report *report)
{
	char text[200];

	if (report->progress && report->files + report->bytes > 0) {
		draw(report, cp_now_ns());
		fputs("\n", stderr);
		report->drawn = false;
	}
	clear_line(report);
	if ((report->progress || report->verbose > 0) && report->bytes > 0) {
		cp_waits_text(&report->waits, text, sizeof(text));
		if (text[0])
			say(report, NULL, text);
	}
	if (report->verify && !report->lost)
		say_verified(report);
	if (report->json)
		summary(report);
	if (fflush(stdout) != 0 && !report->failed)
		report->failed++;
	if (report->lost)
		return CP_STATUS_LOST;
	if (report->wrong)
		return CP_STATUS_WRONG_USE;
	if (report->failed > report->changed)
		return CP_STATUS_FAILED;
	return report->changed > 0 ? CP_STATUS_CHANGED : CP_STATUS_DONE;
}

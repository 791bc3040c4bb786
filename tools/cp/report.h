/* SPDX-License-Identifier: Apache-2.0
 *
 * What the user is told: errors, notes, progress, the summary, the exit status.
 *
 * Every name and every text that did not come from this program is escaped before a terminal sees it.
 */
#ifndef CP_REPORT_H
#define CP_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include <hawser/error.h>

#include "waits.h"

enum cp_status {
	CP_STATUS_DONE = 0,
	CP_STATUS_FAILED = 1,
	CP_STATUS_WRONG_USE = 2,
	CP_STATUS_CHANGED = 3,
	CP_STATUS_LOST = 255
};

struct cp_report {
	struct cp_report *main; /* NULL: this one; else whose progress line may stand on the terminal */
	bool json, progress;
	int verbose;
	uint64_t files, bytes;		/* complete files, and bytes moved */
	uint64_t failed, changed;	/* changed ones are among the failed */
	uint64_t retries, reconnects, resumed; /* resumed: bytes that were there already */
	uint64_t total_files, total_bytes;	/* as far as known */
	bool total_known;
	struct cp_waits waits;
	uint64_t verified[3];	/* files, by enum cp_verify_method */
	bool verify;
	bool lost;			/* the connection is gone, or was never there */
	bool wrong;			/* nothing could start */
	uint64_t start_ns, drawn_ns;
	bool moving;	/* nobody is asked anything any more: the progress line may be drawn */
	bool drawn;			/* the progress line stands on the terminal */
	/* For the summary; may be NULL. */
	const char *suite, *backend, *engine, *protocol, *peer;
};

uint64_t cp_now_ns(void);

void cp_report_begin(struct cp_report *report, bool json, bool quiet, int verbose);
/* NAME failed. REASON is safe to show. */
void cp_report_failed(struct cp_report *report, const char *name, const char *format, ...) HAW_PRINTF(3, 4);
/* NAME vanished or changed while it was read. */
void cp_report_changed(struct cp_report *report, const char *name, const char *format, ...) HAW_PRINTF(3, 4);
/* NAME is worth a word, but no failure. */
void cp_report_warn(struct cp_report *report, const char *name, const char *format, ...) HAW_PRINTF(3, 4);
/* The connection failed; said once. */
void cp_report_lost(struct cp_report *report, const char *host, const haw_error *err);
/* Nothing can start. */
void cp_report_wrong(struct cp_report *report, const char *format, ...) HAW_PRINTF(2, 3);
/* A line for -v, level 1 to 3; 0 is always shown. LINE is safe to show. */
void cp_report_note(struct cp_report *report, int level, const char *line);
/* NAME is complete. */
void cp_report_file(struct cp_report *report, const char *name, uint64_t bytes);
/* Redraw the progress line if it is time. */
void cp_report_progress(struct cp_report *report);
/* Clear the progress line, write the summary, and return the exit status. */
int cp_report_end(struct cp_report *report);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside this folder: a backend over algorithms of somebody else's, an OpenSSL provider or an engine.
 *
 * The packets are protected by the openssl backend's own code; only the source of its algorithms differs.
 * Where the algorithms pause jobs (they work on something else than this CPU), many packets are kept under
 * way (paused.c); else each is done inside submit.
 */
#ifndef HAW_PROVIDER_OPENED_H
#define HAW_PROVIDER_OPENED_H

#include <hawser/backend.h>

#include <stdatomic.h>

#include "crypto-backends/openssl/openssl.h"

struct haw_opened {
	haw_backend base; /* first, so that the backend is the whole */
	struct haw_openssl_source source;
	/* Give back what the source stands upon. */
	void (*unload)(struct haw_opened *opened);
	void *library, *beside; /* whatever unload needs */
	bool pauses;
	bool own; /* OpenSSL's own provider: its failure would be that of the openssl backend too */
	/* Packets that were under way, for ever, when their sealer was freed: their memory and what they
	 * stand upon stay. */
	atomic_uint abandoned;
	char name[256], version[128], properties[256];
};

/* A backend called KIND:ARGUMENT, without a source. NULL and an error if that is no name. */
struct haw_opened *haw_opened_new(const char *kind, const char *argument, haw_error *err);
/* Find out whether the source pauses jobs, and finish. On failure O is closed, and NULL returned. */
haw_backend *haw_opened_finish(struct haw_opened *o, haw_error *err);
void haw_opened_close(haw_backend *backend);

/* Whether TEXT is made of letters, digits and characters of MORE alone, and starts with a letter. */
bool haw_opened_good_name(const char *text, size_t len, const char *more);
/* Report that WHAT failed, with the oldest error that OpenSSL has queued and its details, and a HINT of
 * what to do (may be ""). Empties the queue. */
int haw_opened_error(haw_error *err, int code, const char *what, const char *hint);

#endif

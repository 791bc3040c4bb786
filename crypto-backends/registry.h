/* SPDX-License-Identifier: Apache-2.0
 *
 * What this build has: its backends in the static order of preference, and the kinds of backends that are
 * opened by name.
 */
#ifndef HAW_CRYPTO_REGISTRY_H
#define HAW_CRYPTO_REGISTRY_H

#include <hawser/backend.h>

/* The kind at INDEX (0, 1, ...), or NULL behind the last. */
const haw_backend_module *haw_module_at(size_t index);
/* Why this build has no backend or kind called NAME, though others have; NULL if no build has one. */
const char *haw_registry_why_missing(const char *name);
/* Whether the backend NAME, or the kind that it is one of, could serve SUITE on some machine. False for what
 * is not known here. */
bool haw_registry_could(const char *name, const haw_suite *suite);
/* The INDEX-th (0, 1, ...) backend or kind that other builds have built in, or that has to be opened, and why
 * it does not serve as it is; NULL behind the last. */
const char *haw_registry_other(size_t index, const char **why);

#endif

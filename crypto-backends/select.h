/* SPDX-License-Identifier: Apache-2.0
 *
 * The one place that decides which backend serves which suite, and can say why.
 */
#ifndef HAW_CRYPTO_SELECT_H
#define HAW_CRYPTO_SELECT_H

#include <hawser/backend.h>

/* Whether a backend says that it can serve SUITE here: no self-test is run, so that it is fit for each
 * connection's offer. S may be NULL. Any thread. */
bool haw_selector_could(const haw_selector *s, const haw_suite *suite);

/* Let S choose BACKEND too, which is not built in: after those that are, or where an override names it.
 * BACKEND is borrowed for the life of S. Its self-tests are run, and remembered, by S. Before S is
 * shared by threads. HAW_EINVAL: it speaks another version of the interface, or its name is taken. */
int haw_selector_add(haw_selector *s, const haw_backend *backend);

#endif

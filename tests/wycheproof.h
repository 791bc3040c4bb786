/* SPDX-License-Identifier: Apache-2.0
 *
 * Test vectors of Project Wycheproof: JSON files of one shape, a list of groups with a list of
 * tests each. They are read from the folder that HAWSER_VECTORS names, else from shared/vectors
 * beside the checkout; where neither exists the test says SKIP.
 */
#ifndef HAWSER_TESTS_WYCHEPROOF_H
#define HAWSER_TESTS_WYCHEPROOF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wycheproof_case;

/* The text that NAME has in this test, or, where the test has none, in its group; "" if neither. */
const char *wycheproof_text(const struct wycheproof_case *c, const char *name);
/* The same read as hexadecimal digits: *LEN bytes that live until the callback returns. */
const uint8_t *wycheproof_bytes(const struct wycheproof_case *c, const char *name, size_t *len);
/* Whether "flags" has FLAG. */
bool wycheproof_flag(const struct wycheproof_case *c, const char *flag);

/* Call EACH for every test of FILE; returns their number. If the folder is missing, harness_skip
 * is called with TEST and the reason, and the result is 0. */
size_t wycheproof_run(const char *test, const char *file,
		      void (*each)(const struct wycheproof_case *c, void *user), void *user);

#endif

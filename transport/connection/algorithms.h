/* SPDX-License-Identifier: Apache-2.0
 *
 * The table behind haw_algorithm_at (hawser/transport.h).
 */
#ifndef HAW_CONNECTION_ALGORITHMS_H
#define HAW_CONNECTION_ALGORITHMS_H

#include <hawser/transport.h>

/* What KIND is called in a sentence. */
const char *haw_algorithm_noun(enum haw_algorithm_kind kind);

#endif

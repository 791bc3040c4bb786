/* SPDX-License-Identifier: Apache-2.0
 *
 * Included in front of the sources of the key encapsulations when they are compiled for tests/kex/timing.c:
 * random numbers come out undefined, as Valgrind sees it, and what may be known is defined again. With
 * TIMING_KEEPS_SECRETS nothing is.
 */
#ifndef HAWSER_TESTS_KEX_TIMING_MARKS_H
#define HAWSER_TESTS_KEX_TIMING_MARKS_H

#include <stddef.h>

#include <openssl/rand.h>
#include <valgrind/memcheck.h>

#ifdef TIMING_KEEPS_SECRETS
#define HAW_DECLASSIFY(pointer, size) ((void)(pointer), (void)(size))
#else
#define HAW_DECLASSIFY(pointer, size) ((void)VALGRIND_MAKE_MEM_DEFINED(pointer, size))
#endif

int timing_random(OSSL_LIB_CTX *ctx, unsigned char *out, size_t len, unsigned int strength);
#define RAND_priv_bytes_ex timing_random

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * Which algorithms the keys of users may sign by: what PubkeyAcceptedAlgorithms says, applied to what
 * there is.
 */
#ifndef HAW_CONNECTION_USER_ALGORITHMS_H
#define HAW_CONNECTION_USER_ALGORITHMS_H

#include <stddef.h>

#include <hawser/message.h>

enum { HAW_USER_ALGORITHMS_MAX = 1024 };

/* Apply TEXT (NULL: the default) to the list of all that there are and write the result to OUT. As in
 * ssh_config: patterns; "+" adds to the default, "-" takes away, "^" moves to the front. What is not
 * known here is passed over: it could not be used. */
void haw_user_algorithms(const char *text, char out[HAW_USER_ALGORITHMS_MAX]);
/* The first name in LIST by which the key of BLOB may sign and whose signatures are in ACCEPTED (the server's
 * server-sig-algs, RFC 8308; empty: unknown, and anything is), else the first by which it may sign; empty if
 * there is none. Only for RSA do ACCEPTED and order matter: other keys have one algorithm. */
haw_span haw_user_algorithm_for(haw_span blob, const char *list, haw_span accepted);

#endif

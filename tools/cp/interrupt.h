/* SPDX-License-Identifier: Apache-2.0
 *
 * SIGINT, SIGTERM and SIGHUP: the command cleans up, then ends by the signal, as shells expect.
 */
#ifndef CP_INTERRUPT_H
#define CP_INTERRUPT_H

#include <hawser/loop.h>

/* Catch the signals; they wake LOOP (may be NULL). */
void cp_interrupt_catch(haw_loop *loop);
/* The signal that came, or 0. */
int cp_interrupted(void);
/* End the process by the signal that came, if one did. */
void cp_interrupt_end(void);

#endif

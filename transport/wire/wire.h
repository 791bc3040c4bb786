/* SPDX-License-Identifier: Apache-2.0
 *
 * What reader, writer and lists share (hawser/message.h).
 */
#ifndef HAW_WIRE_WIRE_H
#define HAW_WIRE_WIRE_H

#include <hawser/message.h>

enum haw_message_mode { HAW_MESSAGE_READS, HAW_MESSAGE_WRITES, HAW_MESSAGE_WRITES_LENT };

/* RFC 4251 §5: names are non-empty, at most 64 printable characters, no comma; lists of other
 * standards (and of later peers) hold longer ones, so length is not judged here. */
bool haw_is_name_list(haw_span list);
/* RFC 3629, and no NUL. */
bool haw_is_text(haw_span text);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * Questions (hawser/loop.h) from the inside. Whoever asks fills one in, hands it to the ask
 * callback, and gets it back on the loop's thread once it is answered from whatever thread.
 */
#ifndef HAW_ENGINE_QUESTION_H
#define HAW_ENGINE_QUESTION_H

#include <hawser/loop.h>

#include "nic/io.h"
#include "nic/mailbox.h"

enum { HAW_PROMPTS_MAX = 64 };

/* Write TEXT, which a server wants shown, to OUT as haw_escape does; but line ends stay (RFC 4252 §5.4, RFC
 * 4256 §3.2). Returns OUT. */
char *haw_escape_lines(char *out, size_t size, haw_span text);

struct haw_question {
	struct haw_post post;	/* first: the loop hands it back */
	struct haw_mailbox *mailbox; /* held: an answer may come when the loop has gone */
	enum haw_question_kind kind;
	/* The asker, on the loop's thread; NULL once it has gone. The question is freed after answered. */
	void (*answered)(void *asker, struct haw_question *q);
	void *asker;
	char *text;
	struct { char *text; bool echo; } prompts[HAW_PROMPTS_MAX];
	size_t prompt_count;
	haw_message blob, data;
	char algorithm[65], key_type[65], fingerprint[80], host[600];
	enum haw_host_key_state key_state;
	/* The answer. */
	bool accepted;
	char *answers[HAW_PROMPTS_MAX];
	size_t answer_count;
	haw_message signature;
};

/* A question of KIND with TEXT (copied), for ANSWERED(ASKER, q). NULL if out of memory. */
struct haw_question *haw_question_new(struct haw_io *io, enum haw_question_kind kind, const char *text,
				      void (*answered)(void *asker, struct haw_question *q), void *asker);
int haw_question_add_prompt(struct haw_question *q, haw_span text, bool echo);
/* The asker has gone: an answer is thrown away. */
void haw_question_abandon(struct haw_question *q);
void haw_question_free(struct haw_question *q);

#endif

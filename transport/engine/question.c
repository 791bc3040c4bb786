/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/engine/question.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

char *haw_escape_lines(char *out, size_t size, haw_span text)
{
	size_t at = 0;

	while (text.len > 0 && at < size - 1) {
		const uint8_t *end = memchr(text.ptr, '\n', text.len);
		size_t len = end ? (size_t)(end - text.ptr) : text.len, used = len + (end ? 1 : 0);

		if (len > 0 && text.ptr[len - 1] == '\r')
			len--;
		haw_escape(out + at, size - 1 - at, text.ptr, len);
		at += strlen(out + at);
		if (end && at < size - 1)
			out[at++] = '\n';
		text.ptr += used;
		text.len -= used;
	}
	out[at] = '\0';
	return out;
}

static void answered_on_loop(struct haw_post *post)
{
	struct haw_question *q = (struct haw_question *)post;

	if (q->asker)
		q->answered(q->asker, q);
	haw_question_free(q);
}

static void dropped(struct haw_post *post)
{
	haw_question_free((struct haw_question *)post);
}

struct haw_question *haw_question_new(struct haw_io *io, enum haw_question_kind kind, const char *text,
				      void (*answered)(void *asker, struct haw_question *q), void *asker)
{
	struct haw_question *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	q->post.fn = answered_on_loop;
	q->post.drop = dropped;
	q->mailbox = haw_mailbox_hold(haw_io_mailbox(io));
	q->kind = kind;
	q->answered = answered;
	q->asker = asker;
	q->text = strdup(text);
	haw_message_write(&q->blob, 0);
	haw_message_write(&q->data, 0);
	haw_message_write(&q->signature, 0);
	if (q->text)
		return q;
	haw_question_free(q);
	return NULL;
}

int haw_question_add_prompt(struct haw_question *q, haw_span text, bool echo)
{
	size_t size = text.len * 4 + 1;
	char *shown;

	if (q->prompt_count == HAW_PROMPTS_MAX)
		return HAW_ELIMIT;
	if (size > 4096)
		size = 4096;
	shown = malloc(size);
	if (!shown)
		return HAW_ENOMEM;
	q->prompts[q->prompt_count].text = haw_escape(shown, size, text.ptr, text.len);
	q->prompts[q->prompt_count++].echo = echo;
	return 0;
}

void haw_question_abandon(struct haw_question *q)
{
	if (q)
		q->asker = NULL;
}

void haw_question_free(struct haw_question *q)
{
	if (!q)
		return;
	for (size_t i = 0; i < q->prompt_count; i++)
		free(q->prompts[i].text);
	for (size_t i = 0; i < q->answer_count; i++) {
		OPENSSL_cleanse(q->answers[i], strlen(q->answers[i]));
		free(q->answers[i]);
	}
	haw_message_free(&q->blob);
	haw_message_free(&q->data);
	haw_message_free(&q->signature);
	free(q->text);
	haw_mailbox_release(q->mailbox);
	free(q);
}

/* ---- What is asked ---- */

enum haw_question_kind haw_question_kind(const haw_question *q)
{
	return q->kind;
}

const char *haw_question_text(const haw_question *q)
{
	return q->text;
}

size_t haw_question_prompt_count(const haw_question *q)
{
	return q->prompt_count;
}

const char *haw_question_prompt(const haw_question *q, size_t index, bool *echo)
{
	if (index >= q->prompt_count)
		return NULL;
	if (echo)
		*echo = q->prompts[index].echo;
	return q->prompts[index].text;
}

const char *haw_question_host(const haw_question *q)
{
	return q->host;
}

const char *haw_question_key_type(const haw_question *q)
{
	return q->key_type;
}

haw_span haw_question_key_blob(const haw_question *q)
{
	return haw_message_all(&q->blob);
}

const char *haw_question_fingerprint(const haw_question *q)
{
	return q->fingerprint;
}

enum haw_host_key_state haw_question_key_state(const haw_question *q)
{
	return q->key_state;
}

haw_span haw_question_data(const haw_question *q)
{
	return haw_message_all(&q->data);
}

const char *haw_question_algorithm(const haw_question *q)
{
	return q->algorithm;
}

/* ---- Answers: any thread ---- */

static void give_back(struct haw_question *q)
{
	struct haw_mailbox *mailbox = haw_mailbox_hold(q->mailbox);

	/* The loop may free Q, and end, before posting has returned. */
	if (!haw_mailbox_post(mailbox, &q->post))
		haw_question_free(q);
	haw_mailbox_release(mailbox);
}

void haw_question_accept(haw_question *q)
{
	q->accepted = q->kind == HAW_ASK_HOST_KEY;
	give_back(q);
}

void haw_question_refuse(haw_question *q)
{
	q->accepted = false;
	give_back(q);
}

void haw_question_answer(haw_question *q, const char *const *texts, size_t count)
{
	/* Only texts were asked for where there are prompts: no other question is answered by them. */
	q->accepted = count > 0 && count == q->prompt_count;
	for (size_t i = 0; i < count && q->accepted; i++) {
		q->answers[i] = strdup(texts[i]);
		if (q->answers[i])
			q->answer_count++;
		else
			q->accepted = false;
	}
	give_back(q);
}

void haw_question_sign(haw_question *q, const void *signature, size_t len)
{
	haw_put_bytes(&q->signature, signature, len);
	q->accepted = q->kind == HAW_ASK_SIGN && haw_message_ok(&q->signature) && len > 0;
	give_back(q);
}

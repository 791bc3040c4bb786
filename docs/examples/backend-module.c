/* SPDX-License-Identifier: Apache-2.0
 *
 * A backend in one file, to start one's own from: AES-GCM (RFC 5647) by OpenSSL's EVP.
 *
 *   cc -O2 -fPIC -shared -o example.so backend-module.c $(pkg-config --cflags libhawser) -lcrypto
 *   hawser backend-test ./example.so
 *   hawser cp --backend-module ./example.so --backend 'aes256-gcm@openssh.com=example' ...
 *
 * It uses the types of <hawser/backend.h> and links nothing of libhawser. Everything is done inside submit;
 * an engine that works elsewhere keeps the jobs, returns from submit at once, and hands them out by poll.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <hawser/backend.h>

enum { TAG = 16, NONCE = 12 };

/* One direction of one connection, under one set of keys. */
struct example {
	haw_sealer base; /* what the library sees */
	EVP_CIPHER_CTX *ctx;
	uint8_t iv[NONCE];
	bool opens;
	haw_job *first, *last; /* done, until poll takes them; linked by job->backend */
};

/* ---- Bytes that lie in several places ---- */

struct places {
	const haw_job *job;
	unsigned in, out;     /* spans behind us */
	size_t in_at, out_at; /* bytes behind us in the next ones */
};

/* How many bytes lie together at the next place, at most MAX; 0 at the end. */
static size_t input(struct places *p, const uint8_t **ptr, size_t max)
{
	const haw_span *span = &p->job->in[p->in];
	size_t n;

	for (; p->in < p->job->in_count && p->in_at == span->len; p->in_at = 0)
		span = &p->job->in[++p->in];
	if (p->in == p->job->in_count)
		return 0;
	*ptr = span->ptr + p->in_at;
	n = span->len - p->in_at;
	return n < max ? n : max;
}

static size_t output(struct places *p, uint8_t **ptr, size_t max)
{
	const haw_mut_span *span = &p->job->out[p->out];
	size_t n;

	for (; p->out < p->job->out_count && p->out_at == span->len; p->out_at = 0)
		span = &p->job->out[++p->out];
	if (p->out == p->job->out_count)
		return 0;
	*ptr = span->ptr + p->out_at;
	n = span->len - p->out_at;
	return n < max ? n : max;
}

static bool take(struct places *p, uint8_t *to, size_t len)
{
	const uint8_t *from;

	for (size_t n; len > 0; len -= n) {
		n = input(p, &from, len);
		if (n == 0)
			return false;
		memcpy(to, from, n);
		to += n;
		p->in_at += n;
	}
	return true;
}

static bool give(struct places *p, const uint8_t *from, size_t len)
{
	uint8_t *to;

	for (size_t n; len > 0; len -= n) {
		n = output(p, &to, len);
		if (n == 0)
			return false;
		memcpy(to, from, n);
		from += n;
		p->out_at += n;
	}
	return true;
}

/* ---- One packet ---- */

static bool run_body(struct example *e, struct places *p, size_t len)
{
	while (len > 0) {
		const uint8_t *from;
		uint8_t *to;
		size_t n = input(p, &from, len);
		int done;

		n = n > 0 ? output(p, &to, n) : 0;
		if (n == 0 || EVP_CipherUpdate(e->ctx, to, &done, from, (int)n) != 1)
			return false;
		p->in_at += n;
		p->out_at += n;
		len -= n;
	}
	return true;
}

/* The tag is made, or it is judged: nothing of a packet whose tag is wrong is ever used. */
static int finish(struct example *e, struct places *p)
{
	uint8_t tag[TAG], nothing[TAG];
	int n = 0;

	if (e->opens) {
		if (!take(p, tag, TAG))
			return HAW_EINVAL;
		if (EVP_CIPHER_CTX_ctrl(e->ctx, EVP_CTRL_AEAD_SET_TAG, TAG, tag) != 1)
			return HAW_ECRYPTO;
		return EVP_CipherFinal_ex(e->ctx, nothing, &n) == 1 ? 0 : HAW_EINTEGRITY;
	}
	if (EVP_CipherFinal_ex(e->ctx, nothing, &n) != 1 ||
	    EVP_CIPHER_CTX_ctrl(e->ctx, EVP_CTRL_AEAD_GET_TAG, TAG, tag) != 1)
		return HAW_ECRYPTO;
	return give(p, tag, TAG) ? 0 : HAW_EINVAL;
}

static int run(struct example *e, haw_job *job)
{
	struct places p = {.job = job};
	uint8_t nonce[NONCE], length[HAW_LENGTH_SIZE];
	uint64_t count = job->number;
	int n;

	if (job->length == 0 || job->length > HAW_PACKET_LENGTH_MAX || job->length % 16 != 0)
		return HAW_EINVAL;
	/* RFC 5647 §7.1: the last eight bytes count the packets since the keys. */
	memcpy(nonce, e->iv, NONCE);
	for (int i = NONCE - 1; i >= 4; i--) {
		count += nonce[i];
		nonce[i] = (uint8_t)count;
		count >>= 8;
	}
	/* §7.3: packet_length travels in the clear and is authenticated. */
	if (!take(&p, length, sizeof(length)) || !give(&p, length, sizeof(length)))
		return HAW_EINVAL;
	if (EVP_CipherInit_ex(e->ctx, NULL, NULL, NULL, nonce, -1) != 1 ||
	    EVP_CipherUpdate(e->ctx, NULL, &n, length, sizeof(length)) != 1)
		return HAW_ECRYPTO;
	return run_body(e, &p, job->length) ? finish(e, &p) : HAW_EINVAL;
}

/* ---- What the library calls ---- */

static int submit(haw_sealer *sealer, haw_job *const *jobs, size_t n)
{
	struct example *e = (struct example *)sealer;

	for (size_t i = 0; i < n; i++) {
		jobs[i]->status = run(e, jobs[i]);
		jobs[i]->backend = NULL;
		if (e->first)
			e->last->backend = jobs[i];
		else
			e->first = jobs[i];
		e->last = jobs[i];
	}
	return (int)n;
}

static int collect(haw_sealer *sealer, haw_job **done, size_t max)
{
	struct example *e = (struct example *)sealer;
	size_t n = 0;

	while (n < max && e->first) {
		done[n] = e->first;
		e->first = done[n++]->backend;
	}
	return (int)n;
}

static int open_length(haw_sealer *sealer, uint32_t seq, uint64_t number, uint64_t block, const uint8_t *head,
		       uint32_t *length)
{
	*length = (uint32_t)head[0] << 24 | (uint32_t)head[1] << 16 | (uint32_t)head[2] << 8 | head[3];
	return 0;
}

static int descriptor(haw_sealer *sealer)
{
	return -1;
}

static void free_sealer(haw_sealer *sealer)
{
	struct example *e = (struct example *)sealer;

	EVP_CIPHER_CTX_free(e->ctx); /* wipes its key */
	OPENSSL_cleanse(e, sizeof(*e));
	free(e);
}

static const haw_sealer_ops sealer_ops = {
	.submit = submit, .poll = collect, .fd = descriptor, .free = free_sealer};
static const haw_sealer_ops opener_ops = {
	.submit = submit, .poll = collect, .open_length = open_length, .fd = descriptor, .free = free_sealer};

static haw_sealer *make(const haw_suite *suite, const haw_keys *keys, bool opens, haw_error *err)
{
	const EVP_CIPHER *cipher = suite->key_size == 16 ? EVP_aes_128_gcm() : EVP_aes_256_gcm();
	struct example *e = calloc(1, sizeof(*e));

	if (e)
		e->ctx = EVP_CIPHER_CTX_new();
	if (!e || !e->ctx || EVP_CipherInit_ex(e->ctx, cipher, NULL, keys->key, NULL, !opens) != 1) {
		if (e)
			free_sealer(&e->base);
		if (err) {
			memset(err, 0, sizeof(*err));
			err->code = HAW_ECRYPTO;
			err->fault = HAW_FAULT_SYSTEM;
			snprintf(err->message, sizeof(err->message), "OpenSSL takes no key for %s",
				 suite->name);
		}
		return NULL;
	}
	memcpy(e->iv, keys->iv, NONCE);
	e->opens = opens;
	e->base.ops = opens ? &opener_ops : &sealer_ops;
	e->base.suite = suite;
	e->base.traits.size = sizeof(e->base.traits);
	e->base.traits.completion = HAW_COMPLETES_IN_SUBMIT;
	return &e->base;
}

static haw_sealer *new_sealer(const haw_backend *backend, const haw_suite *suite, const haw_keys *keys,
			      haw_error *err)
{
	return make(suite, keys, false, err);
}

static haw_sealer *new_opener(const haw_backend *backend, const haw_suite *suite, const haw_keys *keys,
			      haw_error *err)
{
	return make(suite, keys, true, err);
}

static const char *unusable(const haw_backend *backend)
{
	return NULL;
}

/* Suites are told apart by what they are made of, never by their names. */
static const char *refuses(const haw_backend *backend, const haw_suite *suite)
{
	return suite->cipher_kind == HAW_CIPHER_AES_GCM ? NULL : "it serves AES-GCM only";
}

static const char *version(const haw_backend *backend)
{
	return OpenSSL_version(OPENSSL_VERSION);
}

static haw_backend example = {
	.abi = HAW_BACKEND_ABI,
	.size = sizeof(haw_backend),
	.name = "example",
	.description = "AES-GCM by OpenSSL's EVP, as an example",
	.unusable = unusable,
	.refuses = refuses,
	.new_sealer = new_sealer,
	.new_opener = new_opener,
	.version = version,
};

/* One that drives devices would find the one that ARGUMENT names, and return it under "example:ARGUMENT". */
static haw_backend *open_example(const char *argument, const haw_backend_options *options, haw_error *err)
{
	if (argument[0] == '\0')
		return &example;
	if (err) {
		memset(err, 0, sizeof(*err));
		err->code = HAW_ENOTFOUND;
		err->fault = HAW_FAULT_LOCAL;
		snprintf(err->message, sizeof(err->message), "it has no devices: name it without \":%.100s\"",
			 argument);
	}
	return NULL;
}

/* What the library looks for. */
HAW_API const haw_backend_module haw_module = {
	.abi = HAW_BACKEND_ABI,
	.size = sizeof(haw_backend_module),
	.name = "example",
	.description = "AES-GCM by OpenSSL's EVP, as an example",
	.open = open_example,
};

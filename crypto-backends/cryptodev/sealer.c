/* SPDX-License-Identifier: Apache-2.0
 *
 * A sealer or opener: its session, and slots for the jobs in flight.
 *
 * A slot goes from the free ones to those that wait for the queue, into the queue, and with others' to those
 * that came out of it, which whoever looks sorts to their owners. All but the free ones are guarded by the
 * queue's lock. The results are taken to the job's outputs by the owner's thread, in poll.
 */
#include "crypto-backends/cryptodev/cryptodev.h"
#include "crypto-backends/spans.h"
#include "crypto-backends/sync.h"

#include <openssl/crypto.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A device that has returned nothing for so long, while it was looked at, has stopped. Times in which nobody
 * looked count for little: the whole process may have slept. */
static const uint64_t patience_ns = 1000000000, look_ns = 20000000;

struct slots {
	struct haw_cryptodev_slot *first, *last;
};

struct haw_cryptodev_sealer {
	haw_sealer base;
	struct haw_cryptodev_form form;
	struct haw_cryptodev_device *device;
	struct haw_cryptodev_queue *queue;
	void *session;
	struct haw_cryptodev_slot *all;
	struct slots unused;
	struct slots waiting, done; /* under the queue's lock */
	unsigned in_flight;         /* the same: in the queue */
	haw_job *refused;           /* wrong use, linked by job->backend */
	uint64_t looked_ns, waited_ns;
};

static void push(struct slots *list, struct haw_cryptodev_slot *slot)
{
	slot->next = NULL;
	if (list->first)
		list->last->next = slot;
	else
		list->first = slot;
	list->last = slot;
}

static struct haw_cryptodev_slot *pop(struct slots *list)
{
	struct haw_cryptodev_slot *slot = list->first;

	if (slot)
		list->first = slot->next;
	return slot;
}

/* ---- Under the queue's lock ---- */

/* The first slot that waits was looked at and refused; what now? Chained input is what drivers are known to
 * refuse (crypto_openssl, AES-GCM), and they return it for ever. */
static void judge_refused(struct haw_cryptodev_sealer *s)
{
	struct haw_cryptodev_slot *slot = s->waiting.first;

	if (!slot->copied) {
		s->form.chains = false;
		if (haw_cryptodev_lay(&s->form, slot, slot->job, true))
			return;
		slot->op.status = RTE_CRYPTO_OP_STATUS_ERROR;
	}
	push(&s->done, pop(&s->waiting));
}

/* Offer what waits to the device. */
static void enqueue(struct haw_cryptodev_sealer *s)
{
	struct haw_cryptodev_queue *q = s->queue;

	while (s->waiting.first) {
		struct rte_crypto_op *ops[HAW_CRYPTODEV_DEPTH];
		unsigned room = HAW_CRYPTODEV_DESCRIPTORS - 1 - q->in_flight, n = 0, taken;

		for (struct haw_cryptodev_slot *slot = s->waiting.first;
		     slot && n < room && n < HAW_CRYPTODEV_DEPTH; slot = slot->next) {
			/* crypto_scheduler puts its worker's in place of it. */
			slot->sym.session = s->session;
			ops[n++] = &slot->op;
		}
		if (n == 0)
			return;
		taken = rte_cryptodev_enqueue_burst(s->device->id, q->id, ops, (uint16_t)n);
		for (unsigned i = 0; i < taken; i++)
			pop(&s->waiting);
		s->in_flight += taken;
		q->in_flight += taken;
		if (taken == n)
			continue;
		if (s->waiting.first->op.status == RTE_CRYPTO_OP_STATUS_NOT_PROCESSED)
			return;
		judge_refused(s);
	}
}

/* Sort what came out of the queue to its owners; returns how many there were. */
static unsigned dequeue(const struct haw_cryptodev_device *device, struct haw_cryptodev_queue *q)
{
	struct rte_crypto_op *ops[HAW_BATCH_MAX];
	unsigned n = rte_cryptodev_dequeue_burst(device->id, q->id, ops, HAW_BATCH_MAX);

	for (unsigned i = 0; i < n; i++) {
		struct haw_cryptodev_slot *slot = (struct haw_cryptodev_slot *)ops[i];

		push(&slot->owner->done, slot);
		slot->owner->in_flight--;
	}
	q->in_flight -= n;
	return n;
}

/* ---- Waiting ---- */

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void progress(struct haw_cryptodev_sealer *s)
{
	s->waited_ns = 0;
	s->looked_ns = 0;
}

/* Nothing came: has it been too long? */
static bool stuck(struct haw_cryptodev_sealer *s)
{
	uint64_t now = now_ns(), passed = s->looked_ns ? now - s->looked_ns : 0;

	s->looked_ns = now;
	s->waited_ns += passed < look_ns ? passed : look_ns;
	return s->waited_ns > patience_ns;
}

/* ---- The sealer ---- */

/* Take JOB into the first unused slot, if there is one: onto LAID, or, done already, onto HERE. */
static bool take(struct haw_cryptodev_sealer *s, haw_job *job, struct slots *laid, struct slots *here)
{
	bool fits =
		haw_job_fits(s->base.suite, job, s->form.opens) && job->length <= HAW_CRYPTODEV_MAX_LENGTH;
	bool carries = fits && haw_cryptodev_carries(&s->form, job);

	if (fits && !s->unused.first)
		return false;
	if (!fits || !haw_cryptodev_lay(&s->form, s->unused.first, job, carries)) {
		job->status = fits ? HAW_ECRYPTO : HAW_EINVAL;
		job->backend = s->refused;
		s->refused = job;
		return true;
	}
	job->status = HAW_EAGAIN;
	if (carries)
		haw_cryptodev_work_here(&s->form, s->unused.first);
	push(carries ? here : laid, pop(&s->unused));
	return true;
}

static int submit(haw_sealer *sealer, haw_job *const *jobs, size_t n)
{
	struct haw_cryptodev_sealer *s = (struct haw_cryptodev_sealer *)sealer;
	struct slots laid = {NULL, NULL}, here = {NULL, NULL};
	size_t taken = 0;

	n = n < HAW_BATCH_MAX ? n : HAW_BATCH_MAX;
	while (taken < n && take(s, jobs[taken], &laid, &here))
		taken++;
	pthread_mutex_lock(&s->queue->lock);
	while (laid.first)
		push(&s->waiting, pop(&laid));
	while (here.first)
		push(&s->done, pop(&here));
	if (!s->device->dead)
		enqueue(s);
	pthread_mutex_unlock(&s->queue->lock);
	return s->device->dead ? HAW_ECRYPTO : (int)taken;
}

/* Those of our slots that are done, at most MAX; BUSY: some are not. */
static struct slots take_done(struct haw_cryptodev_sealer *s, size_t max, bool *busy)
{
	struct slots taken = {NULL, NULL};

	pthread_mutex_lock(&s->queue->lock);
	if (!s->device->dead) {
		enqueue(s);
		if (s->in_flight > 0)
			dequeue(s->device, s->queue);
	}
	while (s->done.first && max-- > 0)
		push(&taken, pop(&s->done));
	*busy = s->in_flight > 0 || s->waiting.first;
	pthread_mutex_unlock(&s->queue->lock);
	return taken;
}

static int poll(haw_sealer *sealer, haw_job **done, size_t max)
{
	struct haw_cryptodev_sealer *s = (struct haw_cryptodev_sealer *)sealer;
	struct haw_cryptodev_slot *slot;
	struct slots finished;
	size_t n = 0;
	bool busy;

	while (s->refused && n < max) {
		done[n] = s->refused;
		s->refused = done[n]->backend;
		done[n++]->backend = NULL;
	}
	finished = take_done(s, max - n, &busy);
	if (s->device->dead)
		return HAW_ECRYPTO;
	while ((slot = pop(&finished))) {
		haw_cryptodev_finish(&s->form, slot);
		done[n++] = slot->job;
		push(&s->unused, slot);
	}
	if (n > 0 || !busy) {
		progress(s);
	} else if (stuck(s)) {
		haw_cryptodev_device_kill(s->device);
		return HAW_ECRYPTO;
	}
	return (int)n;
}

static int open_length(haw_sealer *sealer, uint32_t seq, uint64_t number, uint64_t block, const uint8_t *head,
		       uint32_t *length)
{
	struct haw_cryptodev_sealer *s = (struct haw_cryptodev_sealer *)sealer;
	uint8_t counter[16], plain[16];
	uint64_t low;
	int n;

	if (sealer->suite->length_mode == HAW_LENGTH_CLEAR) {
		*length = haw_fetch_be32(head);
		return 0;
	}
	low = haw_fetch_be64(s->form.iv + 8) + block;
	haw_store_be64(counter + 8, low);
	haw_store_be64(counter, haw_fetch_be64(s->form.iv) + (low < block));
	if (!EVP_CipherInit_ex2(s->form.cpu, NULL, NULL, counter, -1, NULL) ||
	    !EVP_CipherUpdate(s->form.cpu, plain, &n, head, sizeof(plain)))
		return HAW_ECRYPTO;
	*length = haw_fetch_be32(plain);
	return 0;
}

static int no_fd(haw_sealer *sealer)
{
	return -1;
}

/* Wait until nothing of ours is in the queue, or give the device up. */
static void drain(struct haw_cryptodev_sealer *s)
{
	unsigned left;

	progress(s);
	for (;;) {
		unsigned came = 0;

		pthread_mutex_lock(&s->queue->lock);
		if (s->in_flight > 0 && !s->device->dead)
			came = dequeue(s->device, s->queue);
		left = s->in_flight;
		pthread_mutex_unlock(&s->queue->lock);
		if (left == 0 || s->device->dead)
			return;
		if (came > 0) {
			progress(s);
		} else if (stuck(s)) {
			haw_cryptodev_device_kill(s->device);
			return;
		} else {
			sched_yield();
		}
	}
}

static void sealer_free(haw_sealer *sealer)
{
	struct haw_cryptodev_sealer *s = (struct haw_cryptodev_sealer *)sealer;

	if (s->queue) {
		drain(s);
		haw_cryptodev_queue_give(s->device, s->queue);
	}
	/* What a device still has that stopped is never given to others. */
	if (s->in_flight == 0) {
		if (s->session)
			haw_cryptodev_session_free(s->device, s->session);
		haw_cryptodev_slots_free(&s->form, s->all, HAW_CRYPTODEV_DEPTH);
	}
	EVP_CIPHER_CTX_free(s->form.cpu);
	OPENSSL_cleanse(s, sizeof(*s));
	free(s);
}

static const haw_sealer_ops sealer_ops = {
	.submit = submit,
	.poll = poll,
	.fd = no_fd,
	.free = sealer_free,
};

static const haw_sealer_ops opener_ops = {
	.submit = submit,
	.poll = poll,
	.open_length = open_length,
	.fd = no_fd,
	.free = sealer_free,
};

static bool set_cpu(struct haw_cryptodev_sealer *s, const haw_suite *suite, const haw_keys *keys)
{
	const EVP_CIPHER *cipher = suite->key_size == 16   ? EVP_aes_128_ctr()
				   : suite->key_size == 24 ? EVP_aes_192_ctr()
							   : EVP_aes_256_ctr();

	if (suite->cipher_kind != HAW_CIPHER_AES_CTR)
		return true;
	if (suite->mac_key_size > 0)
		memcpy(s->form.mac_key, keys->mac_key, suite->mac_key_size);
	s->form.cpu = EVP_CIPHER_CTX_new();
	return s->form.cpu && EVP_CipherInit_ex2(s->form.cpu, cipher, keys->key, keys->iv, 1, NULL);
}

haw_sealer *haw_cryptodev_sealer_new(struct haw_cryptodev_device *device, bool direct, const haw_suite *suite,
				     const haw_keys *keys, bool opens, haw_error *err)
{
	struct haw_cryptodev_sealer *s = calloc(1, sizeof(*s));

	if (!s) {
		haw_cryptodev_error(err, HAW_ENOMEM, "no memory for the keys of a connection");
		return NULL;
	}
	s->base.ops = opens ? &opener_ops : &sealer_ops;
	s->base.suite = suite;
	s->base.traits = (haw_backend_traits){
		.size = sizeof(s->base.traits),
		.batch = HAW_CRYPTODEV_DEPTH,
		.depth = HAW_CRYPTODEV_DEPTH,
		.max_length = HAW_CRYPTODEV_MAX_LENGTH,
		.min_length = HAW_CRYPTODEV_MIN_LENGTH,
		.completion = HAW_COMPLETES_BY_POLL,
	};
	s->form = (struct haw_cryptodev_form){
		.suite = suite,
		.opens = opens,
		.direct = direct && device->direct,
		.chains = device->chains && suite->cipher_kind == HAW_CIPHER_AES_GCM,
		.dma = !device->direct,
	};
	memcpy(s->form.iv, keys->iv, suite->iv_size);
	s->device = device;
	s->all = haw_cryptodev_slots_new(HAW_CRYPTODEV_DEPTH);
	s->session = haw_cryptodev_session_new(device, suite, keys, opens);
	if (device->dead || !s->all || !s->session || !set_cpu(s, suite, keys)) {
		haw_cryptodev_error(err, HAW_ECRYPTO,
				    device->dead
					    ? "the device %s has stopped"
					    : "the device %s takes no more sessions, or DPDK has no more "
					      "memory: give it more with -m in its arguments",
				    device->name);
		sealer_free(&s->base);
		return NULL;
	}
	for (int i = 0; i < HAW_CRYPTODEV_DEPTH; i++) {
		s->all[i].owner = s;
		push(&s->unused, &s->all[i]);
	}
	s->queue = haw_cryptodev_queue_take(device);
	return &s->base;
}

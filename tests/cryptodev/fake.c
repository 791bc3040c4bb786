/* SPDX-License-Identifier: Apache-2.0
 *
 * The module's sealers over a device that exists only here, and does what no device at hand can be made to
 * do: it returns nothing, refuses, takes little at a time, finishes late and in another order. Its
 * "encryption" is a copy, its tag is zeros.
 */
#include "crypto-backends/cryptodev/cryptodev.h"

#include <rte_malloc.h>
#include <rte_memory.h>
#include <stdarg.h>

#include "harness.h"

enum { LENGTH = 4096, ROOM = LENGTH + 64, DEPTH = HAW_CRYPTODEV_DEPTH, QUEUE_MAX = 2048 };

/* What the device is like, and what it holds. */
static struct {
	bool silent, backwards, refuses_chains, refuses_all, errs;
	uint16_t takes; /* operations in one burst */
	unsigned late;  /* bursts that return nothing before one returns something */
	unsigned bursts_left;
	unsigned held_most, refused, killed, sessions;
	struct rte_crypto_op *held[QUEUE_MAX];
	unsigned count;
} fake;

static struct haw_cryptodev_device device;

/* ---- What stands for DPDK and the rest of the module ---- */

struct rte_crypto_fp_ops rte_crypto_fp_ops[RTE_CRYPTO_MAX_DEVS];

void *rte_zmalloc(const char *type, size_t size, unsigned align)
{
	void *memory = aligned_alloc(align, (size + align - 1) / align * align);

	return memory ? memset(memory, 0, size) : NULL;
}

void *rte_malloc(const char *type, size_t size, unsigned align)
{
	return rte_zmalloc(type, size, align);
}

void rte_free(void *memory)
{
	free(memory);
}

rte_iova_t rte_mem_virt2iova(const void *memory)
{
	return (rte_iova_t)(uintptr_t)memory;
}

int haw_cryptodev_error(haw_error *err, int code, const char *format, ...)
{
	return code;
}

void *haw_cryptodev_session_new(struct haw_cryptodev_device *d, const haw_suite *suite, const haw_keys *keys,
				bool opens)
{
	fake.sessions++;
	return &fake;
}

void haw_cryptodev_session_free(struct haw_cryptodev_device *d, void *session)
{
	fake.sessions--;
}

struct haw_cryptodev_queue *haw_cryptodev_queue_take(struct haw_cryptodev_device *d)
{
	return &d->queues[0];
}

void haw_cryptodev_queue_give(struct haw_cryptodev_device *d, struct haw_cryptodev_queue *queue)
{
}

void haw_cryptodev_device_kill(struct haw_cryptodev_device *d)
{
	fake.killed++;
	d->dead = true;
}

static uint16_t fake_enqueue(void *queue, struct rte_crypto_op **ops, uint16_t n)
{
	uint16_t taken = 0;

	while (taken < n && taken < fake.takes && fake.count < QUEUE_MAX) {
		struct rte_crypto_op *op = ops[taken];

		if (fake.refuses_all || (fake.refuses_chains && op->sym->m_src->nb_segs > 1)) {
			op->status = RTE_CRYPTO_OP_STATUS_ERROR;
			fake.refused++;
			break;
		}
		fake.held[fake.count++] = op;
		taken++;
	}
	if (fake.count > fake.held_most)
		fake.held_most = fake.count;
	return taken;
}

static void work(struct rte_crypto_op *op)
{
	struct rte_mbuf *in = op->sym->m_src, *out = op->sym->m_dst;
	uint8_t *to = out ? out->buf_addr : NULL;

	for (; to && in; in = in->next) {
		memcpy(to, in->buf_addr, in->data_len);
		to += in->data_len;
	}
	memset(op->sym->aead.digest.data, 0, 16);
	op->status = fake.errs ? RTE_CRYPTO_OP_STATUS_ERROR : RTE_CRYPTO_OP_STATUS_SUCCESS;
}

static uint16_t fake_dequeue(void *queue, struct rte_crypto_op **ops, uint16_t n)
{
	uint16_t given = 0;

	if (fake.silent)
		return 0;
	if (fake.bursts_left > 0) {
		fake.bursts_left--;
		return 0;
	}
	fake.bursts_left = fake.late;
	while (given < n && fake.count > 0) {
		unsigned i = fake.backwards ? fake.count - 1 : 0;

		ops[given] = fake.held[i];
		memmove(fake.held + i, fake.held + i + 1, (fake.count - i - 1) * sizeof(fake.held[0]));
		fake.count--;
		work(ops[given++]);
	}
	return given;
}

static void reset(void)
{
	static struct rte_cryptodev_cb_rcu *no_callbacks[1];
	static void *no_queues[1];

	memset(&fake, 0, sizeof(fake));
	fake.takes = UINT16_MAX;
	memset(&device, 0, sizeof(device));
	device.direct = device.chains = true;
	device.queue_count = 1;
	pthread_mutex_init(&device.queues[0].lock, NULL);
	rte_crypto_fp_ops[0].enqueue_burst = fake_enqueue;
	rte_crypto_fp_ops[0].dequeue_burst = fake_dequeue;
	rte_crypto_fp_ops[0].qp.data = no_queues;
	rte_crypto_fp_ops[0].qp.enq_cb = (void *)no_callbacks;
	rte_crypto_fp_ops[0].qp.deq_cb = (void *)no_callbacks;
}

/* ---- Jobs ---- */

struct batch {
	haw_job jobs[DEPTH], *list[DEPTH];
	uint8_t in[DEPTH][ROOM], out[DEPTH][ROOM];
};

static struct batch batches[2];

static haw_sealer *new_sealer(void)
{
	static const uint8_t secret[HAW_KEY_MAX];
	const haw_keys keys = {secret, secret, secret};

	return haw_cryptodev_sealer_new(&device, true, haw_suite_find("aes128-gcm@openssh.com", NULL), &keys,
					false, NULL);
}

/* Input in two pieces, so that it is a chain. */
static void prepare(struct batch *b, uint8_t seed)
{
	memset(b, 0, sizeof(*b));
	for (unsigned i = 0; i < DEPTH; i++) {
		b->jobs[i] = (haw_job){.length = LENGTH, .number = i, .in_count = 2, .out_count = 1};
		memset(b->in[i], seed + (int)i, ROOM);
		b->jobs[i].in[0] = (haw_span){b->in[i], 1000};
		b->jobs[i].in[1] = (haw_span){b->in[i] + 1000, HAW_LENGTH_SIZE + LENGTH - 1000};
		b->jobs[i].out[0] = (haw_mut_span){b->out[i], HAW_LENGTH_SIZE + LENGTH + 16};
		b->list[i] = &b->jobs[i];
	}
}

/* How many jobs of B ended in STATUS, with the right bytes if that is success. */
static unsigned ended(const struct batch *b, int status)
{
	unsigned n = 0;

	for (unsigned i = 0; i < DEPTH; i++)
		n += b->jobs[i].status == status &&
		     (status < 0 || memcmp(b->in[i], b->out[i], HAW_LENGTH_SIZE + LENGTH) == 0);
	return n;
}

static int collect(haw_sealer *s, unsigned polls)
{
	haw_job *done[DEPTH];
	int sum = 0, n = 0;

	while (polls-- > 0 && sum < DEPTH && n >= 0) {
		n = s->ops->poll(s, done, DEPTH);
		sum += n;
	}
	return n < 0 ? n : sum;
}

/* ---- Tests ---- */

static void a_device_that_stops_is_given_up(void)
{
	haw_job *done[DEPTH];
	haw_sealer *s;
	time_t begin = time(NULL);
	int n = 0;

	reset();
	fake.silent = true;
	prepare(&batches[0], 1);
	s = new_sealer();
	CHECK(s->ops->submit(s, batches[0].list, DEPTH) == DEPTH);
	while (n == 0 && time(NULL) < begin + 10)
		n = s->ops->poll(s, done, DEPTH);
	CHECK(n == HAW_ECRYPTO && fake.killed == 1);
	CHECK(s->ops->submit(s, batches[0].list, 1) == HAW_ECRYPTO);
	CHECK(s->ops->poll(s, done, DEPTH) == HAW_ECRYPTO);
	CHECK(ended(&batches[0], HAW_EAGAIN) == DEPTH && batches[0].out[0][0] == 0);
	s->ops->free(s);
	/* Its session and memory are the device's for ever. */
	CHECK(fake.sessions == 1);
}

static void one_that_was_not_looked_at_is_not(void)
{
	haw_job *done[DEPTH];
	haw_sealer *s;

	reset();
	fake.silent = true;
	prepare(&batches[0], 1);
	s = new_sealer();
	CHECK(s->ops->submit(s, batches[0].list, DEPTH) == DEPTH);
	CHECK(s->ops->poll(s, done, DEPTH) == 0);
	nanosleep(&(struct timespec){.tv_sec = 2}, NULL);
	CHECK(s->ops->poll(s, done, DEPTH) == 0);
	fake.silent = false;
	CHECK(collect(s, 2) == DEPTH && ended(&batches[0], 0) == DEPTH);
	s->ops->free(s);
	CHECK(fake.sessions == 0 && fake.killed == 0);
}

static void refused_chains_go_as_copies(void)
{
	haw_sealer *s;

	reset();
	fake.refuses_chains = true;
	s = new_sealer();
	for (uint8_t round = 0; round < 3; round++) {
		prepare(&batches[0], round);
		CHECK(s->ops->submit(s, batches[0].list, DEPTH) == DEPTH);
		CHECK(collect(s, 100) == DEPTH && ended(&batches[0], 0) == DEPTH);
	}
	/* Those that were laid out already were refused one by one; then no more. */
	CHECK(fake.refused == DEPTH);
	s->ops->free(s);
}

static void what_is_refused_fails_alone(void)
{
	haw_sealer *s;

	reset();
	fake.refuses_all = true;
	prepare(&batches[0], 1);
	s = new_sealer();
	CHECK(s->ops->submit(s, batches[0].list, 5) == 5);
	CHECK(collect(s, 2) == 5 && ended(&batches[0], HAW_ECRYPTO) == 5);
	fake.refuses_all = false;
	prepare(&batches[0], 1);
	CHECK(s->ops->submit(s, batches[0].list, DEPTH) == DEPTH);
	CHECK(collect(s, 2) == DEPTH && ended(&batches[0], 0) == DEPTH);
	fake.errs = true;
	prepare(&batches[0], 1);
	CHECK(s->ops->submit(s, batches[0].list, DEPTH) == DEPTH);
	CHECK(collect(s, 2) == DEPTH && ended(&batches[0], HAW_ECRYPTO) == DEPTH);
	s->ops->free(s);
}

static void slow_late_and_backwards(void)
{
	haw_sealer *s;

	reset();
	fake.takes = 3;
	fake.late = 5;
	fake.backwards = true;
	prepare(&batches[0], 1);
	s = new_sealer();
	/* All are taken, though the device takes three at a time. */
	CHECK(s->ops->submit(s, batches[0].list, DEPTH) == DEPTH);
	CHECK(collect(s, 1000) == DEPTH && ended(&batches[0], 0) == DEPTH);
	s->ops->free(s);
}

static void two_share_a_queue(void)
{
	haw_sealer *a, *b;

	reset();
	prepare(&batches[0], 1);
	prepare(&batches[1], 100);
	a = new_sealer();
	b = new_sealer();
	CHECK(a->ops->submit(a, batches[0].list, DEPTH) == DEPTH);
	CHECK(b->ops->submit(b, batches[1].list, DEPTH) == DEPTH);
	/* One looks, and finds the other's too. */
	CHECK(collect(a, 2) == DEPTH);
	CHECK(ended(&batches[0], 0) == DEPTH && ended(&batches[1], HAW_EAGAIN) == DEPTH);
	CHECK(collect(b, 1) == DEPTH && ended(&batches[1], 0) == DEPTH);
	a->ops->free(a);
	b->ops->free(b);
}

static void a_queue_is_never_overfilled(void)
{
	enum { SEALERS = HAW_CRYPTODEV_DESCRIPTORS / DEPTH + 2 };
	static struct batch many[SEALERS];
	haw_sealer *sealers[SEALERS];
	unsigned ready = 0;

	reset();
	for (int i = 0; i < SEALERS; i++) {
		prepare(&many[i], (uint8_t)i);
		sealers[i] = new_sealer();
		CHECK(sealers[i]->ops->submit(sealers[i], many[i].list, DEPTH) == DEPTH);
	}
	CHECK(fake.held_most == HAW_CRYPTODEV_DESCRIPTORS - 1);
	for (int round = 0; round < 100 && ready < SEALERS; round++)
		for (int i = 0; i < SEALERS; i++)
			ready += collect(sealers[i], 1) > 0 && ended(&many[i], 0) == DEPTH;
	CHECK(ready == SEALERS && fake.held_most < HAW_CRYPTODEV_DESCRIPTORS);
	for (int i = 0; i < SEALERS; i++)
		sealers[i]->ops->free(sealers[i]);
	CHECK(fake.sessions == 0);
}

static void freeing_waits_for_the_device(void)
{
	haw_sealer *s;

	reset();
	fake.late = 50;
	fake.bursts_left = 50;
	prepare(&batches[0], 1);
	s = new_sealer();
	CHECK(s->ops->submit(s, batches[0].list, DEPTH) == DEPTH);
	s->ops->free(s);
	CHECK(fake.count == 0 && fake.sessions == 0 && fake.killed == 0);
	CHECK(ended(&batches[0], HAW_EAGAIN) == DEPTH);
}

int main(void)
{
	RUN(a_device_that_stops_is_given_up);
	RUN(one_that_was_not_looked_at_is_not);
	RUN(refused_chains_go_as_copies);
	RUN(what_is_refused_fails_alone);
	RUN(slow_late_and_backwards);
	RUN(two_share_a_queue);
	RUN(a_queue_is_never_overfilled);
	RUN(freeing_waits_for_the_device);
	return harness_end();
}

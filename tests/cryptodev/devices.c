/* SPDX-License-Identifier: Apache-2.0
 *
 * What a device serves, what is in flight when, and what many users of one device do to each other. The
 * device is that of HAWSER_TEST_BACKEND; tests/crypto has the batteries that look at the bytes.
 */
#include <hawser/backend.h>
#include <pthread.h>
#include <sched.h>
#include <time.h>

#include "crypto-backends/backends.h"
#include "harness.h"

enum { DEPTH = 32, LENGTH = 32768, ROOM = LENGTH + 256, THREADS = 4, SEALERS = 10, ROUNDS = 12 };

static const haw_backend *backend;
static uint8_t secret[HAW_KEY_MAX];
static const haw_keys keys = {secret, secret, secret};
static cpu_set_t allowed_before;

static bool driver_is(const char *name)
{
	return strstr(backend->name, name) != NULL;
}

/* ---- Jobs ---- */

struct work {
	haw_job jobs[DEPTH], *list[DEPTH];
	uint8_t *in, *out;
};

static void work_make(struct work *w, const haw_suite *suite, bool opens)
{
	w->in = calloc(DEPTH, ROOM);
	w->out = calloc(DEPTH, ROOM);
	for (uint32_t i = 0; i < DEPTH; i++) {
		haw_job *job = &w->jobs[i];
		uint8_t *in = w->in + (size_t)i * ROOM;

		*job = (haw_job){.length = LENGTH, .seq = i, .number = i, .block = i * 4096u};
		for (int j = 0; j < HAW_LENGTH_SIZE; j++)
			in[j] = (uint8_t)(LENGTH >> (24 - 8 * j));
		for (uint32_t j = HAW_LENGTH_SIZE; j < LENGTH + HAW_LENGTH_SIZE; j++)
			in[j] = (uint8_t)(i + j * 7);
		job->in[0] = (haw_span){in, HAW_LENGTH_SIZE + LENGTH + (opens ? suite->tag_size : 0u)};
		job->out[0] = (haw_mut_span){w->out + (size_t)i * ROOM,
					     HAW_LENGTH_SIZE + LENGTH + (opens ? 0u : suite->tag_size)};
		job->in_count = job->out_count = 1;
		w->list[i] = job;
	}
}

static void work_free(struct work *w)
{
	free(w->in);
	free(w->out);
}

/* Put all of W through S, a few at a time if AT_A_TIME says so; false on any failure. */
static bool work_run(struct work *w, haw_sealer *s, size_t at_a_time)
{
	haw_job *done[DEPTH];
	size_t taken = 0, finished = 0;

	while (finished < DEPTH) {
		size_t n = DEPTH - taken < at_a_time ? DEPTH - taken : at_a_time;
		int result = n > 0 ? s->ops->submit(s, w->list + taken, n) : 0;

		if (result < 0)
			return false;
		taken += (size_t)result;
		result = s->ops->poll(s, done, DEPTH);
		if (result < 0)
			return false;
		for (int i = 0; i < result; i++)
			if (done[i]->status != 0)
				return false;
		finished += (size_t)result;
	}
	return true;
}

static const haw_suite *gcm(void)
{
	return haw_suite_find("aes256-gcm@openssh.com", NULL);
}

static haw_sealer *sealer_of(const haw_suite *suite, bool opens)
{
	haw_error err = {0};
	haw_sealer *s = opens ? backend->new_opener(backend, suite, &keys, &err)
			      : backend->new_sealer(backend, suite, &keys, &err);

	if (!s)
		harness_fail(__FILE__, __LINE__, err.message);
	return s;
}

/* ---- Suites ---- */

static bool is_hmac(const haw_suite *suite)
{
	return suite->mac_kind == HAW_MAC_HMAC_SHA1 || suite->mac_kind == HAW_MAC_HMAC_SHA2_256 ||
	       suite->mac_kind == HAW_MAC_HMAC_SHA2_512;
}

static void serves_what_the_driver_has(void)
{
	bool ctr = !driver_is("aesni_gcm");
	const haw_suite *suite, *half;

	for (size_t i = 0; (suite = haw_suite_at(i)); i++) {
		const char *why = backend->refuses(backend, suite);
		bool expected = suite->cipher_kind == HAW_CIPHER_AES_GCM ||
				(ctr && suite->cipher_kind == HAW_CIPHER_AES_CTR && is_hmac(suite));

		CHECK_MSG(expected == !why, "%s: %s", suite->name, why ? why : "is served");
		CHECK(!why || strlen(why) > 20);
		half = haw_suite_half(suite);
		if (half && suite->cipher_kind == HAW_CIPHER_AES_CTR)
			CHECK_MSG(ctr == !backend->refuses(backend, half), "%s", half->name);
	}
	CHECK(backend->flags & HAW_BACKEND_OFFLOAD);
	CHECK(strstr(backend->version(backend), "DPDK"));
}

/* ---- In flight ---- */

/* The scheduler's cores seal while this thread does nothing but look at the memory. */
static void another_core_works(void)
{
	struct work w;
	haw_sealer *s = sealer_of(gcm(), false);
	volatile uint8_t *last;
	time_t end = time(NULL) + 10;
	haw_job *done[DEPTH];
	int first = 0, n;

	CHECK(s);
	work_make(&w, gcm(), false);
	last = w.out + (size_t)(DEPTH - 1) * ROOM + HAW_LENGTH_SIZE + LENGTH - 16;
	CHECK(s->ops->submit(s, w.list, DEPTH) == DEPTH);
	CHECK(w.jobs[DEPTH - 1].status == HAW_EAGAIN);
	while (!last[0] && !last[1] && !last[2] && time(NULL) < end)
		sched_yield();
	CHECK(time(NULL) < end);
	CHECK(w.jobs[DEPTH - 1].status == HAW_EAGAIN);
	while (first < DEPTH && time(NULL) < end) {
		n = s->ops->poll(s, done, DEPTH);
		CHECK(n >= 0);
		first += n;
	}
	CHECK(first == DEPTH);
	s->ops->free(s);
	work_free(&w);
}

static void freed_under_way(void)
{
	for (int i = 0; i < 20; i++) {
		haw_sealer *s = sealer_of(gcm(), false);
		uint8_t *seen = malloc((size_t)DEPTH * ROOM);
		struct work w;

		CHECK(s);
		work_make(&w, gcm(), false);
		CHECK(s->ops->submit(s, w.list, DEPTH) == DEPTH);
		s->ops->free(s);
		memcpy(seen, w.out, (size_t)DEPTH * ROOM);
		nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
		CHECK(memcmp(seen, w.out, (size_t)DEPTH * ROOM) == 0);
		work_free(&w);
		free(seen);
	}
}

static void depth_is_a_bound(void)
{
	haw_sealer *s = sealer_of(gcm(), false);
	haw_job *done[DEPTH];
	struct work w, more;
	int finished = 0;

	CHECK(s && s->traits.depth == DEPTH && s->traits.completion == HAW_COMPLETES_BY_POLL);
	work_make(&w, gcm(), false);
	work_make(&more, gcm(), false);
	CHECK(s->ops->submit(s, w.list, DEPTH) == DEPTH);
	CHECK(s->ops->submit(s, more.list, 1) == 0);
	while (finished == 0)
		finished = s->ops->poll(s, done, 1);
	CHECK(finished == 1 && s->ops->submit(s, more.list, DEPTH) == 1);
	s->ops->free(s);
	work_free(&w);
	work_free(&more);
}

/* ---- Many users ---- */

/* Seal by the device, open by the CPU's code, for several sealers by turns. */
static bool use_device(const haw_suite *suite)
{
	haw_sealer *sealers[SEALERS] = {NULL}, *opener;
	struct work w, back;
	bool right = true;

	opener = haw_backend_openssl.new_opener(&haw_backend_openssl, suite, &keys, NULL);
	for (int i = 0; i < SEALERS; i++)
		right = right && (sealers[i] = backend->new_sealer(backend, suite, &keys, NULL));
	for (int round = 0; right && opener && round < ROUNDS; round++) {
		work_make(&w, suite, false);
		work_make(&back, suite, true);
		right = work_run(&w, sealers[round % SEALERS], 1 + (size_t)round * 3);
		memcpy(back.in, w.out, (size_t)DEPTH * ROOM);
		right = right && work_run(&back, opener, DEPTH);
		for (int i = 0; i < DEPTH; i++)
			right = right && memcmp(back.out + (size_t)i * ROOM, w.in + (size_t)i * ROOM,
						HAW_LENGTH_SIZE + LENGTH) == 0;
		work_free(&w);
		work_free(&back);
	}
	for (int i = 0; i < SEALERS; i++)
		if (sealers[i])
			sealers[i]->ops->free(sealers[i]);
	opener->ops->free(opener);
	return right;
}

static void *user(void *argument)
{
	return use_device(argument) ? argument : NULL;
}

static void threads_share_a_device(void)
{
	const haw_suite *etm = haw_suite_find("aes256-ctr", "hmac-sha2-256-etm@openssh.com");
	pthread_t threads[THREADS];
	bool right = true;

	if (backend->refuses(backend, etm))
		etm = gcm();
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, user, (void *)(uintptr_t)(i % 2 ? etm : gcm()));
	for (int i = 0; i < THREADS; i++) {
		void *result;

		pthread_join(threads[i], &result);
		right = right && result;
	}
	CHECK(right);
}

static void the_thread_is_not_tied(void)
{
	cpu_set_t allowed;

	CHECK(sched_getaffinity(0, sizeof(allowed), &allowed) == 0);
	CHECK(CPU_EQUAL(&allowed, &allowed_before));
}

int main(void)
{
	const haw_selector_options options = {.size = sizeof(options),
					      .eal = getenv("HAWSER_TEST_EAL"),
					      .module_dir = getenv("HAWSER_TEST_MODULES")};
	haw_selector *selector = haw_selector_new();
	haw_error err = {0};

	sched_getaffinity(0, sizeof(allowed_before), &allowed_before);
	if (haw_selector_set_options(selector, &options, &err) == 0)
		backend = haw_selector_open(selector, getenv("HAWSER_TEST_BACKEND"), &err);
	if (!backend) {
		printf("%s\n0 passed, 1 failed, 0 skipped\n", err.message);
		return 1;
	}
	RUN(the_thread_is_not_tied);
	RUN(serves_what_the_driver_has);
	RUN(depth_is_a_bound);
	RUN(freed_under_way);
	RUN(threads_share_a_device);
	if (driver_is("scheduler"))
		RUN(another_core_works);
	haw_selector_free(selector);
	return harness_end();
}

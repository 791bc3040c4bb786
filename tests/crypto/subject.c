/* SPDX-License-Identifier: Apache-2.0 */
#include "subject.h"

#include <poll.h>

#include "crypto-backends/backends.h"
#include "crypto-backends/compose.h"
#include "late_backend.h"

static uint8_t key[HAW_KEY_MAX], mac_key[HAW_MAC_KEY_MAX], iv[HAW_IV_MAX];

static const haw_backend *variants[VARIANTS_MAX];
static size_t variant_count;

void subject_register(const haw_backend *backend)
{
	if (variant_count == VARIANTS_MAX)
		abort();
	variants[variant_count++] = backend;
}

static void test_subject(const haw_backend *backend, const haw_suite *suite,
			 void (*test)(const struct subject *))
{
	struct subject s = {.backend = backend, .suite = suite, .keys = {key, iv, mac_key}};
	haw_error err = {0};

	late_backend_reset(7, 3, 0);
	s.sealer = backend->new_sealer(backend, suite, &s.keys, &err);
	s.opener = backend->new_opener(backend, suite, &s.keys, &err);
	if (s.sealer && s.opener)
		test(&s);
	else
		harness_fail(__FILE__, __LINE__, err.message);
	if (harness.failed)
		printf("    %s, %s\n", backend->name, suite->name);
	if (s.sealer)
		s.sealer->ops->free(s.sealer);
	if (s.opener)
		s.opener->ops->free(s.opener);
	if (late_counters.violations)
		harness_fail(__FILE__, __LINE__, "inputs changed while a job was under way");
}

static void test_backend(const haw_backend *backend, void (*test)(const struct subject *))
{
	const haw_suite *suite;

	for (size_t i = 0; (suite = haw_suite_at(i)) && !harness.failed; i++)
		if (!backend->unusable(backend) && !backend->refuses(backend, suite))
			test_subject(backend, suite, test);
}

/* The backend that HAWSER_TEST_BACKEND names, opened from the modules in HAWSER_TEST_MODULES with the
 * arguments in HAWSER_TEST_EAL; it stays open as devices do. */
static const haw_backend *named_backend(const char *name)
{
	static const haw_backend *backend;
	static haw_selector *selector;
	const haw_selector_options options = {sizeof(options), getenv("HAWSER_TEST_EAL"), NULL,
					      getenv("HAWSER_TEST_MODULES")};
	haw_error err = {0};

	if (backend)
		return backend;
	selector = haw_selector_new();
	if (haw_selector_set_options(selector, &options, &err) == 0)
		backend = haw_selector_open(selector, name, &err);
	if (!backend)
		harness_fail(__FILE__, __LINE__, err.message);
	return backend;
}

static void test_all(void (*test)(const struct subject *))
{
	static const haw_backend *const others[] = {&haw_backend_openssl, &late_backend_poll,
						    &late_backend_fd};
	const char *name = getenv("HAWSER_TEST_BACKEND");
	const haw_backend *backend = name ? named_backend(name) : NULL;
	size_t i;

	if (backend)
		test_backend(backend, test);
	if (name)
		return;
	for (i = 0; (backend = haw_backend_at(i)); i++)
		test_backend(backend, test);
	for (i = 0; i < variant_count; i++)
		test_backend(variants[i], test);
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct haw_composite composite;

		haw_composite_init(&composite, others[i]);
		test_backend(&composite.base, test);
		if (i > 0)
			test_backend(others[i], test);
	}
}

static void set_keys(bool wrap)
{
	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)(i * 31 + 5);
	for (size_t i = 0; i < sizeof(mac_key); i++)
		mac_key[i] = (uint8_t)(i * 17 + 9);
	for (size_t i = 0; i < sizeof(iv); i++)
		iv[i] = wrap ? 0xff : (uint8_t)(i * 11 + 1);
}

void for_each_subject(void (*test)(const struct subject *subject))
{
	set_keys(false);
	test_all(test);
}

void for_each_subject_at_wrap(void (*test)(const struct subject *subject))
{
	set_keys(true);
	test_all(test);
}

bool drive(haw_sealer *s, haw_job *const *jobs, size_t n)
{
	size_t taken = 0, done = 0;

	while (done < n) {
		haw_job *finished[HAW_BATCH_MAX];
		int result = taken < n ? s->ops->submit(s, jobs + taken, n - taken) : 0;

		if (result < 0)
			return false;
		taken += (size_t)result;
		if (s->traits.completion == HAW_COMPLETES_BY_FD) {
			struct pollfd fd = {.fd = s->ops->fd(s), .events = POLLIN};

			if (poll(&fd, 1, 5000) != 1)
				return false;
		}
		result = s->ops->poll(s, finished, HAW_BATCH_MAX);
		if (result < 0 || (result == 0 && s->traits.completion != HAW_COMPLETES_BY_POLL))
			return false;
		done += (size_t)result;
	}
	return done == n && s->ops->poll(s, (haw_job *[1]){NULL}, 1) == 0;
}

bool drive_one(haw_sealer *s, haw_job *job)
{
	return drive(s, &job, 1);
}

uint32_t fit_length(const haw_suite *suite, uint32_t length)
{
	uint32_t head = suite->length_mode == HAW_LENGTH_FIRST_BLOCK ? HAW_LENGTH_SIZE : 0;
	uint32_t block = suite->block_size;

	return (length + head + block - 1) / block * block - head;
}

uint64_t blocks_of(const haw_suite *suite, uint32_t length)
{
	return (length + (suite->length_mode == HAW_LENGTH_FIRST_BLOCK ? HAW_LENGTH_SIZE : 0)) /
	       suite->block_size;
}

void fill_packet(uint8_t *packet, uint32_t length, unsigned seed)
{
	uint32_t value = seed * 2654435761u + 1;

	for (int i = 0; i < HAW_LENGTH_SIZE; i++)
		packet[i] = (uint8_t)(length >> (24 - 8 * i));
	for (uint32_t i = 0; i < length; i++) {
		value = value * 1664525u + 1013904223u;
		packet[HAW_LENGTH_SIZE + i] = (uint8_t)(value >> 24);
	}
}

void set_numbers(haw_job *job, uint32_t length, uint32_t seq, uint64_t number, uint64_t block)
{
	memset(job, 0, sizeof(*job));
	job->length = length;
	job->seq = seq;
	job->number = number;
	job->block = block;
	job->status = HAW_EAGAIN;
}

bool all_are(const uint8_t *p, size_t len, uint8_t value)
{
	for (size_t i = 0; i < len; i++)
		if (p[i] != value)
			return false;
	return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "subject.h"

#include <poll.h>
#include <sched.h>
#include <time.h>

#include "crypto-backends/backends.h"
#include "crypto-backends/compose.h"
#include "crypto-backends/composite.h"
#include "crypto-backends/select.h"
#include "late_backend.h"

enum { PATIENCE_S = 60 };

static const haw_backend *variants[VARIANTS_MAX];
static size_t variant_count;

/* What is tested, once gathered. */
static const haw_backend *backends[SUBJECTS_MAX];
static size_t backend_count;
static haw_selector *opened; /* owns the backend that the environment names */
static bool gathered;

void subject_register(const haw_backend *backend)
{
	if (variant_count == VARIANTS_MAX)
		abort();
	variants[variant_count++] = backend;
}

/* ---- Which backends ---- */

static void take(const haw_backend *backend)
{
	const char *why = backend->unusable(backend);

	if (why)
		harness_skip(backend->name, why);
	else if (backend_count == SUBJECTS_MAX)
		abort();
	else
		backends[backend_count++] = backend;
}

/* Ciphers of those that complete at once and late, with a MAC beside them. */
static void take_joined(void)
{
	static const haw_backend *const ciphers[] = {&haw_backend_openssl, &late_backend_poll,
						     &late_backend_fd};
	static const char *const names[] = {"openssl, joined", "late-poll, joined", "late-fd, joined"};
	static struct haw_composite composites[3];

	for (size_t i = 0; i < 3; i++) {
		haw_composite_init(&composites[i], ciphers[i]);
		composites[i].base.name = names[i];
		take(&composites[i].base);
	}
}

/* Open what HAWSER_TEST_BACKEND names: a file, with an argument behind it or without, or a name. */
static const haw_backend *open_named(const char *text, haw_error *err)
{
	haw_selector_options options = {.size = sizeof(options),
					.eal = getenv("HAWSER_TEST_EAL"),
					.provider_path = getenv("HAWSER_TEST_PROVIDER_PATH"),
					.module_dir = getenv("HAWSER_TEST_MODULES")};
	const char *end = strstr(text, ".so"), *name = NULL;
	char path[4096], full[512];

	opened = haw_selector_new();
	if (!opened || haw_selector_set_options(opened, &options, err) < 0)
		return NULL;
	if (!end || !strchr(text, '/'))
		return haw_selector_open(opened, text, err);
	end += strlen(".so");
	snprintf(path, sizeof(path), "%.*s", (int)(end - text), text);
	if (haw_selector_load_module(opened, path, &name, err) < 0)
		return NULL;
	snprintf(full, sizeof(full), "%s%s", name, end);
	return haw_selector_open(opened, full, err);
}

static void close_named(void)
{
	haw_selector_free(opened);
	opened = NULL;
}

static void gather(void)
{
	const char *named = getenv("HAWSER_TEST_BACKEND");
	const haw_backend *backend;
	haw_error err = {0};

	gathered = true;
	if (named && *named) {
		backend = open_named(named, &err);
		atexit(close_named);
		if (backend)
			take(backend);
		else
			harness_fail(__FILE__, __LINE__, err.message);
		return;
	}
	for (size_t i = 0; (backend = haw_backend_at(i)); i++)
		take(backend);
	for (size_t i = 0; i < variant_count; i++)
		take(variants[i]);
	take(&late_backend_poll);
	take(&late_backend_fd);
	take_joined();
}

/* ---- Subjects ---- */

static void close_engines(struct subject *s)
{
	if (s->sealer)
		s->sealer->ops->free(s->sealer);
	if (s->opener)
		s->opener->ops->free(s->opener);
	s->sealer = s->opener = NULL;
}

static bool make_engines(struct subject *s, haw_error *err)
{
	if (s->selector) {
		s->sealer = haw_selector_sealer(s->selector, s->suite, &s->keys, NULL, err);
		s->opener = haw_selector_opener(s->selector, s->suite, &s->keys, NULL, err);
	} else {
		s->sealer = s->backend->new_sealer(s->backend, s->suite, &s->keys, err);
		s->opener = s->backend->new_opener(s->backend, s->suite, &s->keys, err);
	}
	return s->sealer && s->opener;
}

bool subject_renew(struct subject *s)
{
	haw_error err = {0};

	close_engines(s);
	if (make_engines(s, &err))
		return true;
	printf("    %s\n", err.message);
	return false;
}

bool subject_restart(struct subject *s)
{
	return !is_chained(s->suite) || subject_renew(s);
}

bool subject_takes(const struct subject *s, uint32_t length)
{
	uint32_t most = s->sealer->traits.max_length;

	if (most == 0 || (s->opener->traits.max_length && s->opener->traits.max_length < most))
		most = s->opener->traits.max_length;
	return most == 0 || length <= most;
}

const char *subject_name(const struct subject *s)
{
	static char name[160];

	snprintf(name, sizeof(name), "%s%s, %s", s->backend->name, s->selector ? " (by a selector)" : "",
		 s->suite->name);
	return name;
}

static void set_keys(struct subject *s)
{
	for (size_t i = 0; i < sizeof(s->key); i++)
		s->key[i] = (uint8_t)(i * 31 + 5);
	for (size_t i = 0; i < sizeof(s->mac_key); i++)
		s->mac_key[i] = (uint8_t)(i * 17 + 9);
	for (size_t i = 0; i < sizeof(s->iv); i++)
		s->iv[i] = (uint8_t)(i * 11 + 1);
	s->keys = (haw_keys){s->key, s->iv, s->mac_key};
}

static void add_subject(struct subject *subjects, size_t *count, const haw_backend *backend,
			const haw_suite *suite, haw_selector *selector)
{
	struct subject *s = &subjects[*count];

	if (*count == SUBJECTS_MAX)
		abort();
	*s = (struct subject){.backend = backend, .suite = suite, .selector = selector};
	set_keys(s);
	if (subject_renew(s))
		++*count;
	else
		harness_fail(__FILE__, __LINE__, subject_name(s));
}

/* A selector that serves SUITE with BACKEND; NULL if it cannot. */
static haw_selector *selector_for(const haw_backend *backend, const haw_suite *suite)
{
	haw_selector *s = haw_selector_new();
	char text[256];

	snprintf(text, sizeof(text), "%s=%s", suite->name, backend->name);
	if (s && haw_backend_find(backend->name) != backend && haw_selector_add(s, backend) < 0)
		abort();
	if (s && haw_selector_override(s, text, NULL) == 0)
		return s;
	haw_selector_free(s);
	return NULL;
}

/* Whether BACKEND is openssl in another guise, and SUITE tells nothing that others of its kind have not. */
static bool is_repetition(const haw_backend *backend, const haw_suite *suite)
{
	bool guise = strstr(backend->name, "joined") || strncmp(backend->name, "late-", 5) == 0;

	if (!guise || !suite->mac)
		return false;
	if (suite->cipher_kind == HAW_CIPHER_AES_CTR)
		return suite->key_size != 16;
	return suite->cipher_kind == HAW_CIPHER_AES_CBC ? suite->key_size != 32
							: suite->mac_kind != HAW_MAC_HMAC_SHA2_256;
}

static void add_subjects(struct subject *subjects, size_t *count, const haw_backend *backend,
			 const haw_suite *suite)
{
	const haw_suite *half = haw_suite_half(suite);
	bool whole = !backend->refuses(backend, suite),
	     halved = !whole && half && !backend->refuses(backend, half);
	haw_selector *selector = NULL;

	if (is_repetition(backend, suite))
		return;
	if (whole)
		add_subject(subjects, count, backend, suite, NULL);
	if (halved || (whole && (backend->flags & HAW_BACKEND_OFFLOAD)))
		selector = selector_for(backend, suite);
	if (selector)
		add_subject(subjects, count, backend, suite, selector);
}

void for_each_suite(void (*test)(struct subject *subjects, size_t count))
{
	static struct subject subjects[SUBJECTS_MAX];
	const haw_suite *suite;

	if (!gathered)
		gather();
	for (size_t i = 0; (suite = haw_suite_at(i)) && !harness.failed; i++) {
		size_t count = 0;

		late_backend_reset(7, 3, 0);
		for (size_t b = 0; b < backend_count; b++)
			add_subjects(subjects, &count, backends[b], suite);
		if (count > 0 && !harness.failed)
			test(subjects, count);
		if (harness.failed)
			printf("    %s\n", suite->name);
		for (size_t s = 0; s < count; s++) {
			close_engines(&subjects[s]);
			haw_selector_free(subjects[s].selector);
		}
		if (late_counters.violations)
			harness_fail(__FILE__, __LINE__, "inputs changed while a job was under way");
	}
}

static void (*test_one)(struct subject *);

static void each_of(struct subject *subjects, size_t count)
{
	for (size_t i = 0; i < count && !harness.failed; i++) {
		test_one(&subjects[i]);
		if (harness.failed)
			printf("    %s\n", subject_name(&subjects[i]));
	}
}

void for_each_subject(void (*test)(struct subject *subject))
{
	test_one = test;
	for_each_suite(each_of);
}

unsigned effort(unsigned full, unsigned less)
{
	const char *text = getenv("HAWSER_TEST_EFFORT");

	return text && strcmp(text, "reduced") == 0 ? less : full;
}

/* ---- Jobs ---- */

/* Wait a little for S; false once it has taken too long since START. */
static bool wait_for(haw_sealer *s, const struct timespec *start)
{
	struct pollfd fd = {.fd = s->ops->fd(s), .events = POLLIN};
	struct timespec now;

	/* A descriptor must say when there is something. */
	if (fd.fd >= 0)
		return poll(&fd, 1, 5000) == 1;
	sched_yield();
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec - start->tv_sec < PATIENCE_S;
}

bool drive(haw_sealer *s, haw_job *const *jobs, size_t n)
{
	size_t taken = 0, done = 0;
	struct timespec start;

	clock_gettime(CLOCK_MONOTONIC, &start);
	while (done < n) {
		haw_job *finished[HAW_BATCH_MAX];
		size_t offer = n - taken < HAW_BATCH_MAX ? n - taken : HAW_BATCH_MAX;
		int result = offer ? s->ops->submit(s, jobs + taken, offer) : 0;

		if (result < 0)
			return false;
		taken += (size_t)result;
		result = s->ops->poll(s, finished, HAW_BATCH_MAX);
		if (result < 0 || (result == 0 && s->traits.completion == HAW_COMPLETES_IN_SUBMIT))
			return false;
		done += (size_t)result;
		if (result == 0 && !wait_for(s, &start))
			return false;
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

bool is_chained(const haw_suite *suite)
{
	return suite->chain_mode == HAW_CHAIN_CIPHERTEXT;
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

uint32_t draw(uint64_t *state, uint32_t below)
{
	/* Knuth's MMIX generator; its upper bits are the random ones. */
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)((*state >> 33) % below);
}

void draw_bytes(uint64_t *state, uint8_t *out, size_t len)
{
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)draw(state, 256);
}

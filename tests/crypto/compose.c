/* SPDX-License-Identifier: Apache-2.0
 *
 * A cipher by one backend and the MAC by openssl: what the tests of packets and tampering, which run over
 * such backends too, do not see. Engines that are full, that fail, and whose jobs come back as they were.
 */
#include "crypto-backends/compose.h"
#include "crypto-backends/composite.h"

#include <poll.h>

#include "crypto-backends/backends.h"
#include "crypto-backends/selftest.h"
#include "harness.h"
#include "late_backend.h"

enum { COUNT = 24, LENGTH = 48, SIZE = HAW_LENGTH_SIZE + LENGTH, TAG = 32 };

static haw_sealer *make(const haw_backend *cipher, const char *mac, bool opens)
{
	haw_error err = {0};
	haw_keys keys;
	haw_sealer *s;

	haw_known_keys(&keys);
	s = haw_compose_sealer(cipher, haw_suite_find("aes128-ctr", mac), &keys, opens, &err);
	if (!s)
		printf("    %s\n", err.message);
	return s;
}

/* Packets sealed by openssl, in two pieces that are cut inside the tag. */
struct batch {
	haw_job jobs[COUNT], *list[COUNT];
	uint8_t in[COUNT][SIZE + TAG], out[COUNT][SIZE + TAG];
};

static void batch_make(struct batch *b, size_t in_len, size_t out_len)
{
	memset(b->jobs, 0, sizeof(b->jobs));
	for (uint32_t i = 0; i < COUNT; i++) {
		haw_job *job = &b->jobs[i];

		job->in[0] = (haw_span){b->in[i], 40};
		job->in[1] = (haw_span){b->in[i] + 40, in_len - 47};
		job->in[2] = (haw_span){b->in[i] + in_len - 7, 7};
		job->out[0] = (haw_mut_span){b->out[i], 30};
		job->out[1] = (haw_mut_span){b->out[i] + 30, out_len - 35};
		job->out[2] = (haw_mut_span){b->out[i] + out_len - 5, 5};
		job->in_count = job->out_count = 3;
		job->length = LENGTH;
		job->seq = job->number = i;
		job->block = i * LENGTH / 16;
		job->user = &b->in[i];
		b->list[i] = job;
	}
}

static void batch_fill(struct batch *b)
{
	for (uint32_t i = 0; i < COUNT; i++)
		haw_known_plaintext(b->in[i], LENGTH);
}

/* Every job is as batch_make left it, apart from its status. */
static bool batch_stands(const struct batch *b, size_t in_len, size_t out_len)
{
	for (size_t i = 0; i < COUNT; i++) {
		const haw_job *job = &b->jobs[i];

		if (job->in_count != 3 || job->out_count != 3 || job->user != &b->in[i] ||
		    job->in[1].len != in_len - 47 || job->in[2].len != 7 || job->out[1].len != out_len - 35 ||
		    job->out[2].len != 5)
			return false;
	}
	return true;
}

/* Put the batch through S; how many were done before it failed. */
static size_t batch_run(struct batch *b, haw_sealer *s)
{
	size_t taken = 0, done = 0;

	while (done < COUNT) {
		haw_job *finished[COUNT];
		int n = taken < COUNT ? s->ops->submit(s, b->list + taken, COUNT - taken) : 0;

		if (n < 0)
			return done;
		taken += (size_t)n;
		if (s->ops->fd(s) >= 0) {
			struct pollfd fd = {.fd = s->ops->fd(s), .events = POLLIN};

			if (poll(&fd, 1, 5000) != 1)
				return done;
		}
		n = s->ops->poll(s, finished, COUNT);
		if (n < 0)
			return done;
		done += (size_t)n;
	}
	return done;
}

static void check_full_engine(const haw_backend *cipher)
{
	static struct batch b;
	haw_sealer *sealer, *opener;

	late_backend_reset(5, 3, 0);
	sealer = make(cipher, "hmac-sha2-256-etm@openssh.com", false);
	opener = make(cipher, "hmac-sha2-256-etm@openssh.com", true);
	CHECK(sealer && opener && sealer->traits.depth == HAW_BATCH_MAX);
	batch_fill(&b);
	batch_make(&b, SIZE, SIZE + TAG);
	CHECK(batch_run(&b, sealer) == COUNT && batch_stands(&b, SIZE, SIZE + TAG));
	CHECK(late_counters.most_in_flight == 3 && late_counters.overtaken > 0);
	memcpy(b.in, b.out, sizeof(b.in));
	b.in[4][SIZE] ^= 1;
	b.in[COUNT - 1][9] ^= 1;
	batch_make(&b, SIZE + TAG, SIZE);
	CHECK(batch_run(&b, opener) == COUNT && batch_stands(&b, SIZE + TAG, SIZE));
	for (size_t i = 0; i < COUNT; i++) {
		uint8_t plain[SIZE];

		haw_known_plaintext(plain, LENGTH);
		CHECK(b.jobs[i].status == (i == 4 || i == COUNT - 1 ? HAW_EINTEGRITY : 0));
		CHECK(b.jobs[i].status != 0 || memcmp(b.out[i], plain, SIZE) == 0);
	}
	sealer->ops->free(sealer);
	opener->ops->free(opener);
	CHECK(late_counters.violations == 0 && late_counters.in_flight == 0);
}

static void full_engines_are_fed_in_time(void)
{
	check_full_engine(&late_backend_poll);
	check_full_engine(&late_backend_fd);
}

static void check_failure(const char *mac)
{
	static struct batch b;
	haw_sealer *s;

	late_backend_reset(9, 8, 5);
	s = make(&late_backend_poll, mac, false);
	CHECK(s);
	batch_fill(&b);
	batch_make(&b, SIZE - HAW_LENGTH_SIZE, SIZE - HAW_LENGTH_SIZE + TAG);
	for (size_t i = 0; i < COUNT; i++)
		b.jobs[i].length = LENGTH - HAW_LENGTH_SIZE;
	CHECK(batch_run(&b, s) < COUNT);
	CHECK(batch_stands(&b, SIZE - HAW_LENGTH_SIZE, SIZE - HAW_LENGTH_SIZE + TAG));
	s->ops->free(s);
}

static void failed_engines_give_jobs_back_as_they_were(void)
{
	check_failure("hmac-sha2-256");
}

static void what_cannot_be_joined_is_refused(void)
{
	const haw_suite *gcm = haw_suite_find("aes128-gcm@openssh.com", NULL);
	const haw_suite *ctr = haw_suite_find("aes128-ctr", "hmac-sha2-256");
	struct haw_composite composite;
	haw_error err = {0};
	haw_keys keys;

	haw_known_keys(&keys);
	CHECK(haw_compose_refuses(&haw_backend_openssl, gcm));
	CHECK(haw_compose_refuses(&haw_backend_openssl, haw_suite_half(ctr)));
	CHECK(!haw_compose_refuses(&haw_backend_openssl, ctr));
	CHECK(!haw_compose_sealer(&haw_backend_openssl, gcm, &keys, false, &err));
	CHECK(err.code == HAW_EUNSUPPORTED && strstr(err.message, "needs no MAC"));
	haw_composite_init(&composite, &haw_backend_openssl);
	CHECK(strcmp(composite.base.name, "openssl") == 0 && !composite.base.unusable(&composite.base));
	CHECK(!composite.base.refuses(&composite.base, ctr) && composite.base.version(&composite.base));
}

static void composites_pass_self_tests(void)
{
	static const haw_backend *const ciphers[] = {&haw_backend_openssl, &late_backend_poll,
						     &late_backend_fd};
	const haw_suite *suite;

	for (size_t c = 0; c < sizeof(ciphers) / sizeof(ciphers[0]); c++) {
		struct haw_composite composite;

		late_backend_reset(3, 4, 0);
		haw_composite_init(&composite, ciphers[c]);
		for (size_t i = 0; (suite = haw_suite_at(i)); i++)
			if (!composite.base.refuses(&composite.base, suite))
				CHECK_MSG(!haw_selftest_run(&composite.base, suite), "%s with %s",
					  suite->name, ciphers[c]->name);
	}
}

int main(void)
{
	RUN(full_engines_are_fed_in_time);
	RUN(failed_engines_give_jobs_back_as_they_were);
	RUN(what_cannot_be_joined_is_refused);
	RUN(composites_pass_self_tests);
	return harness_end();
}

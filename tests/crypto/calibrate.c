/* SPDX-License-Identifier: Apache-2.0
 *
 * What is measured, what follows from it, and how it is kept.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "crypto-backends/backends.h"
#include "crypto-backends/drive.h"
#include "crypto-backends/select.h"
#include "crypto-backends/selector.h"
#include "harness.h"

static char directory[] = "/tmp/hawser-calibrate-XXXXXX";

static const haw_suite *ctr(void)
{
	return haw_suite_find("aes128-ctr", "hmac-sha2-256-etm@openssh.com");
}

static const char *version(const haw_backend *backend)
{
	return backend->description;
}

/* A backend like openssl's, whose version is its description. */
static haw_backend lend(const char *name, uint32_t flags)
{
	haw_backend lent = haw_backend_openssl;

	lent.name = name;
	lent.description = "1";
	lent.version = version;
	lent.flags = flags;
	return lent;
}

static void set_round(struct haw_figure *f, int round, double speed, double cost)
{
	f->rounds[round] = (struct haw_sample){speed, cost, speed, cost};
}

/* Let S know that BACKEND is so many times faster than FIRST, and FIRST so many times cheaper. */
static void invent(haw_selector *s, const haw_backend *first, const haw_backend *backend,
		   const double faster[3], const double cheaper[3])
{
	haw_figures_free(s->figures);
	s->figures = haw_figures_new(ctr(), 2);
	haw_figure_name(&s->figures->figures[0], first);
	haw_figure_name(&s->figures->figures[1], backend);
	for (int i = 0; i < 3; i++) {
		set_round(&s->figures->figures[0], i, 1e9, 1.0);
		set_round(&s->figures->figures[1], i, 1e9 * faster[i], 1.0 / cheaper[i]);
	}
}

static void only_a_tenth_in_each_round_counts(void)
{
	static const struct {
		double faster[3], cheaper[3];
		uint32_t prefer;
		bool chosen;
	} cases[] = {
		{{1.2, 1.3, 1.1001}, {1, 1, 1}, HAW_PREFER_THROUGHPUT, true},
		{{1.09, 1.09, 1.09}, {9, 9, 9}, HAW_PREFER_THROUGHPUT, false},
		{{3.0, 1.0, 3.0}, {9, 9, 9}, HAW_PREFER_THROUGHPUT, false},
		{{0.5, 0.5, 0.5}, {2, 2, 2}, HAW_PREFER_CPU, true},
		{{9, 9, 9}, {2, 1.05, 2}, HAW_PREFER_CPU, false},
	};
	const haw_backend *first = haw_selector_choose(NULL, ctr(), NULL, 0);
	haw_backend lent = lend("lent", 0);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		haw_selector_options options = {.size = sizeof(options), .prefer = cases[i].prefer};
		haw_selector *s = haw_selector_new();
		char reason[256];
		haw_error err;

		CHECK(haw_selector_add(s, &lent) == 0 && haw_selector_set_options(s, &options, &err) == 0);
		invent(s, first, &lent, cases[i].faster, cases[i].cheaper);
		CHECK_MSG(haw_selector_choose(s, ctr(), reason, sizeof(reason)) ==
				  (cases[i].chosen ? &lent : first),
			  "case %zu: %s", i, reason);
		CHECK(!cases[i].chosen == !strstr(reason, "measured here: "));
		/* The user's word is over it. */
		CHECK(haw_selector_override(s, "*=openssl", &err) == 0);
		CHECK(haw_selector_choose(s, ctr(), NULL, 0) == &haw_backend_openssl);
		haw_selector_free(s);
	}
}

static void figures_are_of_one_version(void)
{
	const double ten[] = {10, 10, 10};
	const haw_backend *first = haw_selector_choose(NULL, ctr(), NULL, 0);
	haw_backend lent = lend("lent", 0);
	haw_selector *s = haw_selector_new();

	CHECK(haw_selector_add(s, &lent) == 0);
	invent(s, first, &lent, ten, ten);
	CHECK(haw_selector_choose(s, ctr(), NULL, 0) == &lent);
	lent.description = "2";
	CHECK(haw_selector_choose(s, ctr(), NULL, 0) == first);
	haw_selector_free(s);
}

static void preferring_the_cpu_frees_it_unmeasured(void)
{
	haw_backend lent = lend("lent", HAW_BACKEND_OFFLOAD);
	haw_selector_options options = {.size = sizeof(options), .prefer = HAW_PREFER_CPU};
	haw_selector *s = haw_selector_new();
	haw_error err;

	CHECK(haw_selector_add(s, &lent) == 0);
	CHECK(haw_selector_choose(s, ctr(), NULL, 0) != &lent);
	CHECK(haw_selector_set_options(s, &options, &err) == 0);
	CHECK(haw_selector_choose(s, ctr(), NULL, 0) == &lent);
	options.prefer = 3;
	CHECK(haw_selector_set_options(s, &options, &err) == HAW_EINVAL);
	haw_selector_free(s);
}

static void everything_is_measured_once(void)
{
	haw_calibration_options options = {.size = sizeof(options), .budget_ns = UINT64_C(10000000000)};
	const haw_suite *suites[] = {ctr()};
	haw_backend lent = lend("lent", HAW_BACKEND_OFFLOAD);
	haw_selector *s = haw_selector_new();
	haw_choice choice = {.size = sizeof(choice)};
	int measured = 0;

	CHECK(haw_selector_add(s, &lent) == 0);
	CHECK(haw_selector_calibrate(s, suites, 1, &options, NULL) == 1);
	CHECK(haw_selector_calibrate(s, suites, 1, &options, NULL) == 0);
	for (size_t i = 0; haw_selector_choice(s, ctr(), i, &choice) == 0; i++) {
		CHECK(choice.name && !choice.unusable == (choice.bytes_per_second > 0));
		CHECK(choice.ns_per_byte >= 0 && (choice.unusable || choice.backend));
		measured += choice.bytes_per_second > 0;
	}
	CHECK(measured >= 2);
	/* Another version is another backend. */
	lent.description = "2";
	CHECK(haw_selector_calibrate(s, suites, 1, &options, NULL) == 1);
	haw_selector_free(s);
}

/* ---- Backends that take their time ---- */

static haw_sealer_ops slow_ops;
static int (*right_poll)(haw_sealer *s, haw_job **done, size_t max);

static int slow_poll(haw_sealer *s, haw_job **done, size_t max)
{
	const struct timespec pause = {0, 5000000};
	int n = right_poll(s, done, max);

	if (n > 0)
		nanosleep(&pause, NULL);
	return n;
}

static haw_sealer *slow_sealer(const haw_backend *backend, const haw_suite *suite, const haw_keys *keys,
			       haw_error *err)
{
	haw_sealer *s = haw_backend_openssl.new_sealer(&haw_backend_openssl, suite, keys, err);

	if (s) {
		slow_ops = *s->ops;
		right_poll = slow_ops.poll;
		slow_ops.poll = slow_poll;
		s->ops = &slow_ops;
	}
	return s;
}

static void time_that_is_short_is_kept(void)
{
	haw_calibration_options options = {.size = sizeof(options), .budget_ns = 50000000};
	const haw_suite *suites[2 + 1] = {ctr(), haw_suite_find("aes128-gcm@openssh.com", NULL)};
	const haw_backend *first = haw_selector_choose(NULL, ctr(), NULL, 0);
	haw_backend lent = lend("slow", 0);
	haw_selector *s = haw_selector_new();
	uint64_t start;

	lent.new_sealer = slow_sealer;
	CHECK(haw_selector_add(s, &lent) == 0);
	start = haw_drive_now_ns();
	CHECK(haw_selector_calibrate(s, suites, 2, &options, NULL) == 2);
	/* What is under way is finished: a batch on a busy machine. */
	CHECK(haw_drive_now_ns() - start < 250000000);
	CHECK(haw_selector_choose(s, ctr(), NULL, 0) == first);
	CHECK(!haw_figures_speak(haw_figures_of(s->figures, ctr())));
	/* A second use does not try again, unless it is asked to. */
	CHECK(haw_selector_calibrate(s, suites, 2, &options, NULL) == 0);
	options.again = true;
	CHECK(haw_selector_calibrate(s, suites, 1, &options, NULL) == 1);
	haw_selector_free(s);
}

/* ---- The file ---- */

static char *path_of(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return path;
}

static size_t slurp(const char *path, char *text, size_t size)
{
	FILE *file = fopen(path, "rb");
	size_t n = file ? fread(text, 1, size, file) : 0;

	if (file)
		fclose(file);
	return n;
}

static void spill(const char *path, const char *text, size_t len)
{
	FILE *file = fopen(path, "wb");

	if (!file || fwrite(text, 1, len, file) != len || fclose(file) != 0)
		abort();
}

static haw_selector *selector_with_figures(haw_backend *lent)
{
	const double twice[] = {2, 2.5, 3};
	haw_selector *s = haw_selector_new();

	if (haw_selector_add(s, lent) < 0)
		abort();
	invent(s, haw_selector_choose(NULL, ctr(), NULL, 0), lent, twice, twice);
	return s;
}

static void figures_survive_in_a_file(void)
{
	haw_backend lent = lend("lent", 0);
	haw_selector *s = selector_with_figures(&lent), *again = haw_selector_new();
	struct stat info;
	haw_error err;

	CHECK(haw_selector_load_calibration(again, path_of("deep/down/file"), &err) == HAW_ENOTFOUND);
	CHECK_MSG(haw_selector_save_calibration(s, path_of("deep/down/file"), &err) == 0, "%s", err.message);
	CHECK(stat(path_of("deep/down/file"), &info) == 0 && (info.st_mode & 0777) == 0600);
	CHECK(stat(path_of("deep"), &info) == 0 && (info.st_mode & 0777) == 0700);
	CHECK(haw_selector_add(again, &lent) == 0);
	CHECK_MSG(haw_selector_load_calibration(again, path_of("deep/down/file"), &err) == 0, "%s",
		  err.message);
	CHECK(haw_selector_choose(again, ctr(), NULL, 0) == &lent);
	CHECK(haw_selector_save_calibration(again, path_of("deep/down/file"), &err) == 0);
	CHECK(haw_selector_save_calibration(again, path_of("deep/down/file/below"), &err) == HAW_ESYSTEM);
	CHECK(strstr(err.message, "cannot be written"));
	haw_selector_free(s);
	haw_selector_free(again);
}

static void damage_is_noticed(void)
{
	haw_backend lent = lend("lent", 0);
	haw_selector *s = selector_with_figures(&lent);
	char text[8192], spoilt[8192];
	haw_error err;
	size_t len;

	CHECK(haw_selector_save_calibration(s, path_of("file"), &err) == 0);
	len = slurp(path_of("file"), text, sizeof(text));
	CHECK(len > 0 && len < sizeof(text));
	for (size_t i = 0; i < len; i++) {
		memcpy(spoilt, text, len);
		spoilt[i] ^= 1;
		spill(path_of("spoilt"), spoilt, len);
		CHECK_MSG(haw_selector_load_calibration(s, path_of("spoilt"), &err) == HAW_EFORMAT,
			  "byte %zu", i);
		spill(path_of("spoilt"), text, i);
		CHECK_MSG(haw_selector_load_calibration(s, path_of("spoilt"), &err) == HAW_EFORMAT,
			  "%zu bytes", i);
	}
	CHECK(strstr(err.message, "is damaged, so it is ignored and made again"));
	CHECK(haw_selector_load_calibration(s, directory, &err) == HAW_EFORMAT);
	/* What was known before is still known. */
	CHECK(haw_selector_choose(s, ctr(), NULL, 0) == &lent);
	haw_selector_free(s);
}

/* The same sum as the file has, so that only what is said in it is wrong. */
static void seal_file(char *text, size_t len)
{
	uint64_t sum = UINT64_C(0xcbf29ce484222325);
	char line[32];

	for (size_t i = 0; i < len; i++)
		sum = (sum ^ (uint8_t)text[i]) * UINT64_C(0x100000001b3);
	snprintf(line, sizeof(line), "end %016llx\n", (unsigned long long)sum);
	memcpy(text + len, line, strlen(line) + 1);
}

static int load_text(haw_selector *s, const char *body, haw_error *err)
{
	char text[8192];

	snprintf(text, sizeof(text) - 64, "%s", body);
	seal_file(text, strlen(text));
	spill(path_of("made"), text, strlen(text));
	return haw_selector_load_calibration(s, path_of("made"), err);
}

static void other_machines_and_nonsense_are_refused(void)
{
	haw_backend lent = lend("lent", 0);
	haw_selector *s = selector_with_figures(&lent);
	char text[8192], head[1024], *end;
	haw_error err;

	CHECK(haw_selector_save_calibration(s, path_of("file"), &err) == 0);
	text[slurp(path_of("file"), text, sizeof(text) - 1)] = '\0';
	end = strstr(text, "suite ");
	CHECK(end);
	snprintf(head, sizeof(head), "%.*s", (int)(end - text), text);
	CHECK(load_text(s, head, &err) == 0);
	CHECK(load_text(s, "hawser calibration 1\nmachine of somebody else\n", &err) == HAW_ECHANGED);
	CHECK(strstr(err.message, "another machine or version, so it is ignored and made again"));
	CHECK(load_text(s, "hawser calibration 2\nmachine x\n", &err) == HAW_EFORMAT);
	for (size_t i = 0; i < 6; i++) {
		static const char *const nonsense[] = {
			"suite rot13 0\n",
			"suite aes128-gcm@openssh.com 99999999999\n",
			"suite aes128-gcm@openssh.com 1\n",
			"suite aes128-gcm@openssh.com 1\nfigure a\tb\t1 2 3\n",
			"suite aes128-gcm@openssh.com 1\nfigure a\tb\t1 0 1 1 1 1 1 1 1 1 1 1\n",
			"suite aes128-gcm@openssh.com 0\nsuite aes128-gcm@openssh.com 0\n"};

		snprintf(text, sizeof(text), "%s%s", head, nonsense[i]);
		CHECK_MSG(load_text(s, text, &err) == HAW_EFORMAT, "%s", nonsense[i]);
	}
	haw_selector_free(s);
}

/* ---- Ciphers ---- */

static void ciphers_are_sorted(void)
{
	static const char list[] = "aes128-ctr,chacha20-poly1305@openssh.com,aes128-gcm@openssh.com";
	const haw_suite *suites[] = {ctr(), haw_suite_find("chacha20-poly1305@openssh.com", NULL),
				     haw_suite_find("aes128-gcm@openssh.com", NULL)};
	haw_selector *s = haw_selector_new();
	char out[256];

	CHECK(haw_selector_sort_ciphers(s, list, "hmac-sha2-256-etm@openssh.com", out, sizeof(out)) == 0);
	CHECK(strlen(out) == strlen(list) &&
	      strstr(out, "chacha20-poly1305@openssh.com") < strstr(out, "aes128-ctr"));
	/* Measured: whatever is fastest. */
	for (size_t i = 0; i < 3; i++) {
		struct haw_suite_figures *set = haw_figures_new(suites[i], 1);

		haw_figure_name(&set->figures[0], haw_selector_choose(s, suites[i], NULL, 0));
		for (int round = 0; round < 3; round++)
			set_round(&set->figures[0], round, 1e9 * (double)(i == 0 ? 9 : i), 1);
		set->next = s->figures;
		s->figures = set;
	}
	CHECK(haw_selector_sort_ciphers(s, list, "hmac-sha1,hmac-sha2-256-etm@openssh.com", out,
					sizeof(out)) == 0);
	CHECK(haw_selector_sort_ciphers(s, list, "hmac-sha2-256-etm@openssh.com", out, sizeof(out)) == 0);
	CHECK_MSG(strcmp(out, "aes128-ctr,aes128-gcm@openssh.com,chacha20-poly1305@openssh.com") == 0, "%s",
		  out);
	CHECK(haw_selector_sort_ciphers(s, list, "", out, 20) == HAW_EINVAL);
	haw_selector_free(s);
}

static void every_backend_is_listed(void)
{
	static const char *const five[] = {"openssl", "ipsecmb", "armv8", "provider", "cryptodev"};
	haw_choice choice = {.size = sizeof(choice)};
	const haw_suite *gcm = haw_suite_find("aes128-gcm@openssh.com", NULL);
	haw_selector *s = haw_selector_new();

	for (size_t f = 0; f < 5; f++) {
		bool found = false;

		for (size_t i = 0; haw_selector_choice(s, gcm, i, &choice) == 0; i++) {
			found = found || strcmp(choice.name, five[f]) == 0;
			CHECK(choice.backend || choice.unusable);
		}
		CHECK_MSG(found, "%s", five[f]);
	}
	haw_selector_free(s);
}

int main(void)
{
	if (!mkdtemp(directory))
		return 1;
	RUN(only_a_tenth_in_each_round_counts);
	RUN(figures_are_of_one_version);
	RUN(preferring_the_cpu_frees_it_unmeasured);
	RUN(everything_is_measured_once);
	RUN(time_that_is_short_is_kept);
	RUN(figures_survive_in_a_file);
	RUN(damage_is_noticed);
	RUN(other_machines_and_nonsense_are_refused);
	RUN(ciphers_are_sorted);
	RUN(every_backend_is_listed);
	for (const char *const *name = (const char *const[]){"deep/down/file", "deep/down", "deep", "file",
							     "spoilt", "made", NULL};
	     *name; name++)
		(void)remove(path_of(*name));
	(void)rmdir(directory);
	return harness_end();
}

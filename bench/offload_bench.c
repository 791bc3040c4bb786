/* SPDX-License-Identifier: Apache-2.0
 *
 * An offload beside the CPU: packets of BYTES sealed and opened in batches by the backend NAME, as the
 * selector gives it out (with its guard), and by the PEER that it is compared with. Both take turns in one
 * process; each line gives the median, least and greatest of the ratios of the turns, and the share of the
 * CPU's time.
 *
 * usage: offload_bench [--backend NAME] [--peer NAME] [--suite SUITE] [--bytes N] [--pairs N] [--seconds S]
 *                      [--modules DIR] [--eal TEXT] [--json]
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <hawser/backend.h>

enum { BATCH = 32, PAIRS_MAX = 99, ROOM = 256 };

static const char *backend_name = "cryptodev:crypto_aesni_gcm0", *peer_name = "ipsecmb";
static const char *only_suite, *modules, *eal;
static uint32_t bytes = 32768;
static unsigned pairs = 7;
static double seconds = 0.1;
static bool json;

static double now(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what, const char *why)
{
	fprintf(stderr, "offload_bench: %s: %s\n", what, why);
	exit(2);
}

/* ---- Packets ---- */

/* A sealer or opener of one backend and its packets. */
struct end {
	haw_sealer *engine;
	haw_job jobs[BATCH];
	uint8_t *in, *out;
	size_t in_size, out_size, stride;
	uint32_t length;
};

static haw_selector *selector_for(const char *name)
{
	const haw_selector_options options = {.size = sizeof(options), .eal = eal, .module_dir = modules};
	haw_selector *s = haw_selector_new();
	char choice[256];
	haw_error err;

	snprintf(choice, sizeof(choice), "*=%s", name);
	if (haw_selector_set_options(s, &options, &err) < 0 || haw_selector_override(s, choice, &err) < 0)
		die(name, err.message);
	return s;
}

static uint32_t length_for(const haw_suite *suite)
{
	uint32_t head = suite->length_mode == HAW_LENGTH_FIRST_BLOCK ? HAW_LENGTH_SIZE : 0;

	/* The payload, nine bytes of a message of bulk in front of it, padding. */
	return (bytes + 9 + 5 + head + suite->block_size - 1) / suite->block_size * suite->block_size - head;
}

static void open_end(struct end *e, const haw_selector *s, const haw_suite *suite, bool opens)
{
	static const uint8_t secret[HAW_KEY_MAX] = {7, 1, 4};
	const haw_keys keys = {secret, secret, secret};
	haw_error err;

	memset(e, 0, sizeof(*e));
	e->engine = opens ? haw_selector_opener(s, suite, &keys, NULL, &err)
			  : haw_selector_sealer(s, suite, &keys, NULL, &err);
	if (!e->engine)
		die(suite->name, err.message);
	e->length = length_for(suite);
	e->in_size = HAW_LENGTH_SIZE + e->length + (opens ? suite->tag_size : 0u);
	e->out_size = HAW_LENGTH_SIZE + e->length + (opens ? 0u : suite->tag_size);
	e->stride = e->length + ROOM;
	e->in = calloc(BATCH, e->stride);
	e->out = calloc(BATCH, e->stride);
	if (!e->in || !e->out)
		die(suite->name, "no memory");
}

/* Header, payload and padding apart when sealed, from an odd address, as the packetizer has them. */
static void lay_out(struct end *e, unsigned i, bool opens)
{
	uint8_t *in = e->in + i * e->stride + (opens ? 0 : 5);
	haw_job *job = &e->jobs[i];

	memset(job, 0, sizeof(*job));
	job->length = e->length;
	job->seq = i;
	job->number = i;
	job->block = (uint64_t)i * 4096;
	job->in[0] = (haw_span){in, opens ? e->in_size : 14};
	job->in_count = 1;
	if (!opens) {
		for (int j = 0; j < HAW_LENGTH_SIZE; j++)
			in[j] = (uint8_t)(e->length >> (24 - 8 * j));
		job->in[1] = (haw_span){in + 14, e->in_size - 14 - 6};
		job->in[2] = (haw_span){in + e->in_size - 6, 6};
		job->in_count = 3;
	}
	job->out[0] = (haw_mut_span){e->out + i * e->stride, e->out_size};
	job->out_count = 1;
}

static void run_batch(struct end *e, bool opens)
{
	haw_job *list[BATCH], *done[BATCH];
	size_t taken = 0, finished = 0;

	for (unsigned i = 0; i < BATCH; i++) {
		lay_out(e, i, opens);
		list[i] = &e->jobs[i];
	}
	while (finished < BATCH) {
		int n = taken < BATCH ? e->engine->ops->submit(e->engine, list + taken, BATCH - taken) : 0;

		if (n < 0)
			die(e->engine->suite->name, "the engine failed");
		taken += (size_t)n;
		n = e->engine->ops->poll(e->engine, done, BATCH);
		if (n < 0)
			die(e->engine->suite->name, "the engine failed");
		for (int i = 0; i < n; i++)
			if (done[i]->status != 0)
				die(e->engine->suite->name, "a packet failed");
		finished += (size_t)n;
	}
}

static void close_end(struct end *e)
{
	e->engine->ops->free(e->engine);
	free(e->in);
	free(e->out);
}

/* ---- Turns ---- */

struct figure {
	double rate, cpu; /* bytes a second, CPU's nanoseconds a byte, all threads of the process */
};

static struct figure measure(struct end *e, bool opens)
{
	double begin = now(CLOCK_MONOTONIC), cpu = now(CLOCK_PROCESS_CPUTIME_ID), end;
	double total = 0;

	do {
		run_batch(e, opens);
		total += (double)BATCH * bytes;
		end = now(CLOCK_MONOTONIC);
	} while (end - begin < seconds);
	return (struct figure){total / (end - begin), (now(CLOCK_PROCESS_CPUTIME_ID) - cpu) * 1e9 / total};
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values)
{
	qsort(values, pairs, sizeof(*values), compare);
	return pairs % 2 ? values[pairs / 2] : (values[pairs / 2 - 1] + values[pairs / 2]) / 2;
}

static void print_rates(const char *name, const double *rates)
{
	printf("\"%s\": [", name);
	for (unsigned i = 0; i < pairs; i++)
		printf("%s%.0f", i ? ", " : "", rates[i]);
	printf("]");
}

static void report(const char *what, const haw_suite *suite, double *ours, double *theirs, double *cpu)
{
	double ratios[PAIRS_MAX], middle;

	for (unsigned i = 0; i < pairs; i++)
		ratios[i] = ours[i] / theirs[i];
	middle = median(ratios);
	if (json) {
		printf("{\"what\": \"%s\", \"suite\": \"%s\", \"backend\": \"%s\", \"peer\": \"%s\", "
		       "\"bytes\": %u, ",
		       what, suite->name, backend_name, peer_name, bytes);
		print_rates("bytes_per_second", ours);
		printf(", ");
		print_rates("peer_bytes_per_second", theirs);
		printf(", \"cpu_ns_per_byte\": %.4f}\n", median(cpu));
	} else {
		printf("%s %-42s %s / %s, %u bytes: %.3f (%.3f to %.3f); %.3g against %.3g bytes/s, CPU %.3f "
		       "ns/byte\n",
		       what, suite->name, backend_name, peer_name, bytes, middle, ratios[0],
		       ratios[pairs - 1], median(ours), median(theirs), median(cpu));
	}
	fflush(stdout);
}

/* What the peer sealed is what both open. */
static void fill_wire(struct end *opener, struct end *sealer)
{
	run_batch(sealer, false);
	memcpy(opener->in, sealer->out, BATCH * sealer->stride);
}

static void run_suite(const haw_selector *s, const haw_selector *peer, const haw_suite *suite, bool opens)
{
	double ours[PAIRS_MAX], theirs[PAIRS_MAX], cpu[PAIRS_MAX];
	struct end a, b, sealer;

	open_end(&a, s, suite, opens);
	open_end(&b, peer, suite, opens);
	if (opens) {
		open_end(&sealer, peer, suite, false);
		fill_wire(&a, &sealer);
		fill_wire(&b, &sealer);
		close_end(&sealer);
	}
	run_batch(&a, opens);
	run_batch(&b, opens);
	for (unsigned i = 0; i < pairs; i++) {
		struct figure f = measure(&a, opens);

		ours[i] = f.rate;
		cpu[i] = f.cpu;
		theirs[i] = measure(&b, opens).rate;
	}
	report(opens ? "open" : "seal", suite, ours, theirs, cpu);
	close_end(&a);
	close_end(&b);
}

static bool can(const haw_selector *s, const haw_suite *suite, const char *name)
{
	const haw_backend *backend = haw_selector_choose(s, suite, NULL, 0);

	return backend && strcmp(backend->name, name) == 0;
}

static void parse(int argc, char **argv)
{
	static const struct option options[] = {
		{"backend", 1, NULL, 'b'}, {"peer", 1, NULL, 'p'},    {"suite", 1, NULL, 's'},
		{"bytes", 1, NULL, 'n'},   {"pairs", 1, NULL, 'r'},   {"seconds", 1, NULL, 't'},
		{"eal", 1, NULL, 'e'},     {"modules", 1, NULL, 'm'}, {"json", 0, NULL, 'j'},
		{NULL, 0, NULL, 0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'b':
			backend_name = optarg;
			break;
		case 'p':
			peer_name = optarg;
			break;
		case 's':
			only_suite = optarg;
			break;
		case 'n':
			bytes = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 'r':
			pairs = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 't':
			seconds = strtod(optarg, NULL);
			break;
		case 'e':
			eal = optarg;
			break;
		case 'm':
			modules = optarg;
			break;
		case 'j':
			json = true;
			break;
		default:
			exit(2);
		}
	}
	if (pairs < 1 || pairs > PAIRS_MAX || bytes < 16 || bytes > HAW_PACKET_LENGTH_MAX - ROOM)
		die("usage", "1 to 99 pairs, 16 to 261888 bytes");
}

int main(int argc, char **argv)
{
	haw_selector *s, *peer;
	const haw_suite *suite;

	parse(argc, argv);
	s = selector_for(backend_name);
	peer = selector_for(peer_name);
	for (size_t i = 0; (suite = haw_suite_at(i)); i++) {
		if (only_suite && strcmp(only_suite, suite->name) != 0)
			continue;
		if (!can(s, suite, backend_name) || !can(peer, suite, peer_name))
			continue;
		run_suite(s, peer, suite, false);
		run_suite(s, peer, suite, true);
	}
	haw_selector_free(s);
	haw_selector_free(peer);
	return 0;
}

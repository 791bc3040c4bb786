/* SPDX-License-Identifier: Apache-2.0
 *
 * DPDK's environment (EAL): arguments, start, silence. It can be started once in a process, and never ends.
 */
#include "crypto-backends/cryptodev/cryptodev.h"

#include <errno.h>
#include <getopt.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARGUMENTS_MAX = 96, ADDED_MAX = 16 };

struct arguments {
	char *text; /* the user's, cut up */
	char *items[ARGUMENTS_MAX + ADDED_MAX + 1];
	int count;
	char cores[24]; /* what was added and is no constant */
	char device[80];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static enum { NOT_TRIED, STARTED, FAILED } state;
static char *started_with; /* the user's arguments */
static char failure[HAW_ERROR_MESSAGE_SIZE];

/* ---- Arguments ---- */

static void add(struct arguments *a, const char *item)
{
	a->items[a->count++] = (char *)(uintptr_t)item;
}

static int split(struct arguments *a, const char *text, haw_error *err)
{
	char *rest, *item;

	a->text = strdup(text ? text : "");
	if (!a->text)
		return haw_cryptodev_error(err, HAW_ENOMEM, "no memory for DPDK's arguments");
	add(a, "hawser");
	for (item = strtok_r(a->text, " \t\r\n", &rest); item; item = strtok_r(NULL, " \t\r\n", &rest)) {
		if (a->count == ARGUMENTS_MAX)
			return haw_cryptodev_error(err, HAW_ELIMIT,
						   "there are more than %d arguments for DPDK's EAL",
						   ARGUMENTS_MAX - 1);
		/* It would print and end the process. */
		if (strcmp(item, "-h") == 0 || strcmp(item, "--help") == 0)
			return haw_cryptodev_error(
				err, HAW_EINVAL,
				"the EAL's arguments may not ask for help: see DPDK's Linux guide, "
				"\"EAL parameters\"");
		add(a, item);
	}
	return 0;
}

/* Whether the user gave OPTION: alone, with "=VALUE", or, if it is a letter, with its value in one word. */
static bool has(const struct arguments *a, const char *option)
{
	size_t len = strlen(option);

	for (int i = 1; i < a->count; i++) {
		const char *item = a->items[i];

		if (strncmp(item, option, len) == 0 && (item[len] == '\0' || item[len] == '=' || len == 2))
			return true;
	}
	return false;
}

static bool has_any(const struct arguments *a, const char *const *options)
{
	while (*options)
		if (has(a, *options++))
			return true;
	return false;
}

static bool names_device(const struct arguments *a, const char *device)
{
	size_t len = strlen(device);

	for (int i = 1; i < a->count; i++) {
		const char *item = a->items[i];

		if (strncmp(item, "--vdev=", 7) == 0)
			item += 7;
		if (strncmp(item, device, len) == 0 && (item[len] == '\0' || item[len] == ','))
			return true;
	}
	return false;
}

/* The first of the processors that this thread may use: EAL ties its main thread to one. */
static int first_cpu(const cpu_set_t *allowed)
{
	int cpu = 0;

	while (cpu < CPU_SETSIZE - 1 && !CPU_ISSET(cpu, allowed))
		cpu++;
	return cpu;
}

static bool hugepages_free(void)
{
	FILE *file = fopen("/proc/meminfo", "re");
	char line[128];
	long count = 0;

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "HugePages_Free: %ld", &count) == 1)
			break;
	if (file)
		fclose(file);
	return count > 0;
}

/* What is missing so that it runs in a process that shares nothing, if need be without hugepages. */
static void complete(struct arguments *a, const char *device, const cpu_set_t *allowed)
{
	static const char *const cores[] = {"-l", "-c", "--lcores", NULL};
	static const char *const memory[] = {"--no-huge",     "--in-memory",
					     "--huge-dir",    "--file-prefix",
					     "--legacy-mem",  "--single-file-segments",
					     "--huge-unlink", NULL};
	static const char *const buses[] = {"-a", "--allow", "-b", "--block", "--no-pci", NULL};
	/* Hardware is found on the bus, and needs memory that it can reach. */
	bool software = !strchr(device, ':') && strncmp(device, "crypto_qat", strlen("crypto_qat")) != 0;

	if (!has_any(a, cores)) {
		snprintf(a->cores, sizeof(a->cores), "--lcores=0@%d", first_cpu(allowed));
		add(a, a->cores);
	}
	if (!has_any(a, memory)) {
		if (!software || hugepages_free()) {
			add(a, "--in-memory");
		} else {
			add(a, "--no-huge");
			if (!has(a, "-m"))
				add(a, "-m128");
		}
	}
	if (!has(a, "--in-memory") && !has(a, "--no-shconf") && !has(a, "--file-prefix"))
		add(a, "--no-shconf");
	if (!has(a, "--no-telemetry") && !has(a, "--telemetry"))
		add(a, "--no-telemetry");
	if (!has(a, "--iova-mode"))
		add(a, "--iova-mode=va");
	if (software && !has_any(a, buses))
		add(a, "--no-pci");
	if (haw_cryptodev_is_makeable(device) && !names_device(a, device) &&
	    strlen(device) < sizeof(a->device) - 8) {
		snprintf(a->device, sizeof(a->device), "--vdev=%s", device);
		add(a, a->device);
	}
}

/* ---- Starting ---- */

static int init(struct arguments *a)
{
	char *items[ARGUMENTS_MAX + ADDED_MAX + 1];
	int print_errors = opterr, index = optind, result;
	bool loud = has(a, "--log-level");

	haw_cryptodev_loud(loud);
	if (!loud)
		rte_openlog_stream(haw_cryptodev_quiet_stream());
	/* EAL reorders what it parses, with getopt, which is the process's. */
	memcpy(items, a->items, sizeof(items));
	opterr = loud ? opterr : 0;
	result = rte_eal_init(a->count, items);
	opterr = print_errors;
	optind = index;
	return result;
}

static int fail(haw_error *err)
{
	return haw_cryptodev_error(err, HAW_ESYSTEM, "%s", failure);
}

static int start(struct arguments *a, const cpu_set_t *allowed, haw_error *err)
{
	int result = init(a);
	char words[200];

	/* EAL ties the thread that starts it to one processor. */
	pthread_setaffinity_np(pthread_self(), sizeof(*allowed), allowed);
	if (result >= 0) {
		state = STARTED;
		return 0;
	}
	state = FAILED;
	haw_cryptodev_errors(words, sizeof(words));
	snprintf(failure, sizeof(failure),
		 "DPDK's EAL does not start: %s; %s; with \"--log-level 8\" among its arguments it prints "
		 "what it "
		 "does",
		 words[0] ? words : rte_strerror(rte_errno),
		 strstr(words, "hugepage")
			 ? "reserve hugepages, or give --no-huge where the device is a software one"
			 : "mend its arguments (--eal)");
	return fail(err);
}

static int start_with(const char *text, const char *device, haw_error *err)
{
	struct arguments a = {.count = 0};
	cpu_set_t allowed;
	int result = split(&a, text, err);

	if (result == 0) {
		pthread_getaffinity_np(pthread_self(), sizeof(allowed), &allowed);
		complete(&a, device, &allowed);
		started_with = strdup(text ? text : "");
		result = start(&a, &allowed, err);
	}
	free(a.text);
	return result;
}

int haw_cryptodev_eal_start(const char *text, const char *device, haw_error *err)
{
	int result = 0;

	pthread_mutex_lock(&lock);
	haw_cryptodev_forget_errors();
	if (state == NOT_TRIED)
		result = start_with(text, device, err);
	else if (state == FAILED)
		result = fail(err);
	else if (text && *text && started_with && strcmp(text, started_with) != 0)
		result = haw_cryptodev_error(
			err, HAW_EINVAL,
			"DPDK's EAL runs in this process already, with other arguments, and takes "
			"them once: give all of them together");
	pthread_mutex_unlock(&lock);
	return result;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto-backends/cpu.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>

/* Intel SDM volume 2, CPUID: the brand string. */
static void read_model(char *out, size_t size)
{
	unsigned words[12];

	for (unsigned i = 0; i < 3; i++)
		if (!__get_cpuid(0x80000002u + i, &words[4 * i], &words[4 * i + 1], &words[4 * i + 2],
				 &words[4 * i + 3]))
			return;
	snprintf(out, size, "%.*s", (int)sizeof(words), (const char *)words);
}
#elif defined(__aarch64__)
#include <sys/auxv.h>

enum { CPUID_IS_READABLE = 1 << 11 };

/* Linux answers for programs that read the main ID register, where it says so in HWCAP. */
static void read_model(char *out, size_t size)
{
	unsigned long id = 0;

	if (getauxval(AT_HWCAP) & CPUID_IS_READABLE)
		__asm__("mrs %0, MIDR_EL1" : "=r"(id));
	snprintf(out, size, "MIDR %08lx", id);
}
#else
static void read_model(char *out, size_t size)
{
	snprintf(out, size, "unknown");
}
#endif

static pthread_once_t reading = PTHREAD_ONCE_INIT;
static char model[64];

static void read_once(void)
{
	read_model(model, sizeof(model));
}

const char *haw_cpu_model(void)
{
	pthread_once(&reading, read_once);
	return model;
}

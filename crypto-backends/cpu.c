/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto-backends/cpu.h"

#include <hawser/backend.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>

#if defined(__x86_64__)
#include <cpuid.h>
#define ARCHITECTURE "x86-64"
#elif defined(__aarch64__)
#include <sys/auxv.h>
#define ARCHITECTURE "AArch64"
#else
#define ARCHITECTURE "this processor"
#endif

static bool bit(uint64_t word, unsigned number)
{
	return word >> number & 1;
}

/* Intel SDM volume 2, CPUID; volume 1 §13.3 for what XCR0 says of the system. */
uint32_t haw_cpu_from_x86(const struct haw_cpu_x86 *raw)
{
	uint32_t one = raw->leaf1_ecx, b = raw->leaf7_ebx, c = raw->leaf7_ecx, features = 0;
	bool ymm = bit(one, 27) && (raw->xcr0 & 0x06) == 0x06;
	bool zmm = ymm && (raw->xcr0 & 0xe0) == 0xe0;

	features |= bit(one, 20) ? HAW_CPU_SSE42 : 0;
	features |= bit(one, 25) ? HAW_CPU_AESNI : 0;
	features |= bit(one, 1) ? HAW_CPU_PCLMUL : 0;
	features |= bit(b, 29) ? HAW_CPU_SHANI : 0;
	features |= bit(b, 8) ? HAW_CPU_BMI2 : 0;
	if (!ymm || !bit(one, 28))
		return features;
	features |= HAW_CPU_AVX;
	features |= bit(b, 5) ? HAW_CPU_AVX2 : 0;
	features |= bit(c, 9) ? HAW_CPU_VAES : 0;
	features |= bit(c, 10) ? HAW_CPU_VPCLMUL : 0;
	if (zmm && bit(b, 16) && bit(b, 17) && bit(b, 28) && bit(b, 30) && bit(b, 31))
		features |= HAW_CPU_AVX512;
	return features;
}

/* Bits of asm/hwcap.h of Linux on AArch64, which other machines' headers do not have. */
uint32_t haw_cpu_from_arm(const struct haw_cpu_arm *raw)
{
	uint32_t features = 0;

	features |= bit(raw->hwcap, 1) ? HAW_CPU_NEON : 0;
	features |= bit(raw->hwcap, 3) ? HAW_CPU_ARM_AES : 0;
	features |= bit(raw->hwcap, 4) ? HAW_CPU_PMULL : 0;
	features |= bit(raw->hwcap, 5) ? HAW_CPU_ARM_SHA1 : 0;
	features |= bit(raw->hwcap, 6) ? HAW_CPU_ARM_SHA2 : 0;
	features |= bit(raw->hwcap, 17) ? HAW_CPU_ARM_SHA3 : 0;
	features |= bit(raw->hwcap, 21) ? HAW_CPU_ARM_SHA512 : 0;
	return features;
}

#if defined(__x86_64__)
static uint32_t probe(void)
{
	struct haw_cpu_x86 raw = {0};
	unsigned a, b, c, d;

	if (__get_cpuid(1, &a, &b, &c, &d))
		raw.leaf1_ecx = c;
	if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
		raw.leaf7_ebx = b;
		raw.leaf7_ecx = c;
	}
	if (bit(raw.leaf1_ecx, 27)) {
		uint32_t low, high;

		__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
		raw.xcr0 = (uint64_t)high << 32 | low;
	}
	return haw_cpu_from_x86(&raw);
}
#elif defined(__aarch64__)
static uint32_t probe(void)
{
	struct haw_cpu_arm raw = {.hwcap = getauxval(AT_HWCAP)};

	return haw_cpu_from_arm(&raw);
}
#else
static uint32_t probe(void)
{
	return 0;
}
#endif

void haw_cpu_describe(uint32_t features, char *out, size_t size)
{
	static const struct {
		uint32_t feature;
		const char *name;
	} names[] = {
		{HAW_CPU_SSE42, "sse4.2"},      {HAW_CPU_AESNI, "aes"},     {HAW_CPU_PCLMUL, "pclmul"},
		{HAW_CPU_SHANI, "sha"},         {HAW_CPU_BMI2, "bmi2"},     {HAW_CPU_AVX, "avx"},
		{HAW_CPU_AVX2, "avx2"},         {HAW_CPU_AVX512, "avx512"}, {HAW_CPU_VAES, "vaes"},
		{HAW_CPU_VPCLMUL, "vpclmul"},   {HAW_CPU_NEON, "neon"},     {HAW_CPU_ARM_AES, "aes"},
		{HAW_CPU_PMULL, "pmull"},       {HAW_CPU_ARM_SHA1, "sha1"}, {HAW_CPU_ARM_SHA2, "sha2"},
		{HAW_CPU_ARM_SHA512, "sha512"}, {HAW_CPU_ARM_SHA3, "sha3"},
	};
	size_t at = (size_t)snprintf(out, size, "%s:", ARCHITECTURE);

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && at < size; i++)
		if (features & names[i].feature)
			at += (size_t)snprintf(out + at, size - at, " %s", names[i].name);
}

static pthread_once_t probing = PTHREAD_ONCE_INIT;
static uint32_t found;
static char found_text[160];

/* Once will do: under a hypervisor each CPUID traps. */
static void probe_once(void)
{
	found = probe();
	haw_cpu_describe(found, found_text, sizeof(found_text));
}

uint32_t haw_cpu_features(void)
{
	pthread_once(&probing, probe_once);
	return found;
}

const char *haw_cpu_text(void)
{
	pthread_once(&probing, probe_once);
	return found_text;
}

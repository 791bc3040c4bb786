/* SPDX-License-Identifier: Apache-2.0
 *
 * What this processor can do, and what the operating system lets programs use of it. CPUID alone
 * is not enough: wide registers are only usable if the system saves them (XGETBV).
 */
#ifndef HAW_CRYPTO_CPU_H
#define HAW_CRYPTO_CPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum haw_cpu_feature {
	/* x86-64 */
	HAW_CPU_SSE42 = 1 << 0,
	HAW_CPU_AESNI = 1 << 1,
	HAW_CPU_PCLMUL = 1 << 2,
	HAW_CPU_SHANI = 1 << 3,
	HAW_CPU_AVX = 1 << 4,
	HAW_CPU_AVX2 = 1 << 5,
	HAW_CPU_AVX512 = 1 << 6, /* F, DQ, CD, BW and VL together */
	HAW_CPU_VAES = 1 << 7,
	HAW_CPU_VPCLMUL = 1 << 8,
	HAW_CPU_BMI2 = 1 << 9,
	/* AArch64 */
	HAW_CPU_NEON = 1 << 16,
	HAW_CPU_ARM_AES = 1 << 17,
	HAW_CPU_PMULL = 1 << 18,
	HAW_CPU_ARM_SHA1 = 1 << 19,
	HAW_CPU_ARM_SHA2 = 1 << 20,
	HAW_CPU_ARM_SHA512 = 1 << 21,
	HAW_CPU_ARM_SHA3 = 1 << 22 /* EOR3 among them */
};

/* The raw answers that features are read from, so that a test may inject others. */
struct haw_cpu_x86 {
	uint32_t leaf1_ecx;
	uint32_t leaf7_ebx, leaf7_ecx;
	uint64_t xcr0; /* 0 if the system has not enabled XGETBV */
};

struct haw_cpu_arm {
	uint64_t hwcap; /* getauxval(AT_HWCAP) of Linux on AArch64 */
};

/* The set of enum haw_cpu_feature that the raw answers allow. Pure. */
uint32_t haw_cpu_from_x86(const struct haw_cpu_x86 *raw);
uint32_t haw_cpu_from_arm(const struct haw_cpu_arm *raw);

/* The features of this machine. Any thread. */
uint32_t haw_cpu_features(void);

/* What the processor calls itself; may be empty. Any thread. */
const char *haw_cpu_model(void);

/* Write "x86-64: aes pclmul ..." for FEATURES into OUT. */
void haw_cpu_describe(uint32_t features, char *out, size_t size);

#endif

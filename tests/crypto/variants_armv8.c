/* SPDX-License-Identifier: Apache-2.0
 *
 * The armv8 backend held to fewer of the processor's features, for the tests of subjects: processors of all
 * kinds that emulators know have AES, PMULL and SHA2 together.
 */
#include "crypto-backends/armv8/armv8.h"
#include "crypto-backends/cpu.h"
#include "subject.h"

__attribute__((constructor)) static void register_variants(void)
{
	static struct haw_armv8 no_eor3, aes_alone;

	haw_armv8_init(&no_eor3, "armv8-no-eor3", ~(uint32_t)HAW_CPU_ARM_SHA3);
	haw_armv8_init(&aes_alone, "armv8-aes-alone", HAW_CPU_NEON | HAW_CPU_ARM_AES);
	subject_register(&no_eor3.base);
	subject_register(&aes_alone.base);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Key encapsulation with secrets that Valgrind takes for undefined, so that it reports each branch and each
 * address that depends on one. test_timing.py runs it and judges; alone it only does the work.
 *
 * usage: timing sntrup761 | mlkem768 | planted-branch | planted-index
 */
#include <stdio.h>
#include <string.h>

#include "transport/kex/mlkem768.h"

#undef RAND_priv_bytes_ex

enum { ROUNDS = 2, SIZE_MAX_HERE = 2432 };

int timing_random(OSSL_LIB_CTX *ctx, unsigned char *out, size_t len, unsigned int strength)
{
	int result = RAND_priv_bytes_ex(ctx, out, len, strength);

	(void)VALGRIND_MAKE_MEM_UNDEFINED(out, len);
	return result;
}

/* What goes over the wire, and results, may be known. */
static void publish(const void *bytes, size_t len)
{
	(void)VALGRIND_MAKE_MEM_DEFINED(bytes, len);
}

static bool keys_agree(const struct haw_kem *kem, bool damage)
{
	uint8_t public[SIZE_MAX_HERE], secret[SIZE_MAX_HERE], ciphertext[SIZE_MAX_HERE];
	uint8_t ours[HAW_KEM_KEY_SIZE], theirs[HAW_KEM_KEY_SIZE];

	if (kem->make(NULL, public, secret) != HAW_KEM_DONE)
		return false;
	publish(public, kem->public_size);
	if (kem->encapsulate(NULL, public, ciphertext, ours) != HAW_KEM_DONE)
		return false;
	publish(ciphertext, kem->ciphertext_size);
	/* A ciphertext that is none must not show either. */
	if (damage)
		ciphertext[7] ^= 1;
	if (kem->decapsulate(NULL, secret, ciphertext, theirs) != HAW_KEM_DONE)
		return false;
	publish(ours, sizeof(ours));
	publish(theirs, sizeof(theirs));
	return (memcmp(ours, theirs, sizeof(ours)) == 0) == !damage;
}

static int planted(bool as_index)
{
	static volatile int table[256], counter;
	uint8_t secret = 0;

	timing_random(NULL, &secret, 1, 0);
	if (as_index)
		counter += table[secret];
	else if (secret & 1)
		counter++;
	return 0;
}

int main(int argc, char **argv)
{
	const struct haw_kem *kem;

	if (argc != 2)
		return 2;
	if (strncmp(argv[1], "planted-", 8) == 0)
		return planted(strcmp(argv[1], "planted-index") == 0);
	kem = strcmp(argv[1], "sntrup761") == 0 ? &haw_sntrup761 : &haw_mlkem768_own;
	for (int i = 0; i < ROUNDS; i++)
		if (!keys_agree(kem, false) || !keys_agree(kem, true))
			return 1;
	/* Whether there is anybody who looks. */
	return RUNNING_ON_VALGRIND ? 0 : 3;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * The suites: everything that the packetizer plans with, as constant data.
 */
#include <hawser/backend.h>

#include <string.h>

#define GIB (UINT64_C(1) << 30)

/* RFC 4344 §3.1 asks for a rekey before 2^31 packets, whatever the cipher. §3.2 bounds a cipher of
 * L-bit blocks to 2^(L/4) blocks, which for AES is 64 GiB, and gives 1 GiB to those with short
 * blocks; ChaCha20 is no block cipher and keeps to that, as OpenSSH does. */
#define SOFT_PACKETS (UINT64_C(1) << 31)
#define AES_LIMITS .soft_bytes = 64 * GIB, .soft_packets = SOFT_PACKETS
#define CHACHA_LIMITS .soft_bytes = 1 * GIB, .soft_packets = SOFT_PACKETS

/* RFC 5647 as OpenSSH names it: the length travels in the clear as associated data. */
#define AES_GCM(bits)                                                                             \
	{                                                                                         \
		.name = "aes" #bits "-gcm@openssh.com", .cipher = "aes" #bits "-gcm@openssh.com", \
		.key_size = (bits) / 8, .iv_size = 12, .tag_size = 16, .block_size = 16,          \
		.length_mode = HAW_LENGTH_CLEAR, .chain_mode = HAW_CHAIN_NUMBER, AES_LIMITS,      \
	}

/* Encrypt-and-MAC (RFC 4253 §6.4) reads the plaintext for the cipher and for the MAC. */
#define AES_CTR_PLAIN_MAC(bits, hmac, size)                                                              \
	{                                                                                                \
		.name = "aes" #bits "-ctr+" hmac, .cipher = "aes" #bits "-ctr", .mac = hmac,             \
		.key_size = (bits) / 8, .iv_size = 16, .mac_key_size = (size), .tag_size = (size),       \
		.block_size = 16, .length_mode = HAW_LENGTH_FIRST_BLOCK, .chain_mode = HAW_CHAIN_BLOCKS, \
		.reads_twice = true, AES_LIMITS,                                                         \
	}

#define AES_CTR_ETM(bits, hmac, size)                                                              \
	{                                                                                          \
		.name = "aes" #bits "-ctr+" hmac "-etm@openssh.com", .cipher = "aes" #bits "-ctr", \
		.mac = hmac "-etm@openssh.com", .key_size = (bits) / 8, .iv_size = 16,             \
		.mac_key_size = (size), .tag_size = (size), .block_size = 16,                      \
		.length_mode = HAW_LENGTH_CLEAR, .chain_mode = HAW_CHAIN_BLOCKS, AES_LIMITS,       \
	}

#define AES_CTR(bits)                                                                             \
	AES_CTR_ETM(bits, "hmac-sha2-256", 32), AES_CTR_ETM(bits, "hmac-sha2-512", 64),           \
		AES_CTR_ETM(bits, "hmac-sha1", 20), AES_CTR_PLAIN_MAC(bits, "hmac-sha2-256", 32), \
		AES_CTR_PLAIN_MAC(bits, "hmac-sha2-512", 64), AES_CTR_PLAIN_MAC(bits, "hmac-sha1", 20)

static const haw_suite suites[] = {
	AES_GCM(128),
	AES_GCM(256),
	{
		.name = "chacha20-poly1305@openssh.com",
		.cipher = "chacha20-poly1305@openssh.com",
		.key_size = 64,
		.tag_size = 16,
		.block_size = 8,
		.length_mode = HAW_LENGTH_APART,
		.chain_mode = HAW_CHAIN_NUMBER,
		CHACHA_LIMITS,
	},
	AES_CTR(128),
	AES_CTR(192),
	AES_CTR(256),
};

static const size_t suite_count = sizeof(suites) / sizeof(suites[0]);

const haw_suite *haw_suite_find(const char *cipher, const char *mac)
{
	for (size_t i = 0; i < suite_count; i++) {
		if (strcmp(suites[i].cipher, cipher) != 0)
			continue;
		if (!suites[i].mac || (mac && strcmp(suites[i].mac, mac) == 0))
			return &suites[i];
	}
	return NULL;
}

const haw_suite *haw_suite_at(size_t index)
{
	return index < suite_count ? &suites[index] : NULL;
}

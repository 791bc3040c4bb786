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
#define GIB_LIMITS .soft_bytes = 1 * GIB, .soft_packets = SOFT_PACKETS

/* RFC 5647: the length travels in the clear as associated data. OpenSSH gave it names of its own, because
 * those of the RFC stand in the list of MACs too, and how both lists are to agree was left open (§5.1). */
#define AES_GCM(bits, gcm_name)                                                                              \
	{                                                                                                    \
		.name = gcm_name, .cipher = gcm_name, .key_size = (bits) / 8, .iv_size = 12, .tag_size = 16, \
		.block_size = 16, .length_mode = HAW_LENGTH_CLEAR, .chain_mode = HAW_CHAIN_NUMBER,           \
		.cipher_kind = HAW_CIPHER_AES_GCM, AES_LIMITS,                                               \
	}

#define AES_CTR_CIPHER(bits)                                                                   \
	.cipher = "aes" #bits "-ctr", .key_size = (bits) / 8, .iv_size = 16, .block_size = 16, \
	.chain_mode = HAW_CHAIN_BLOCKS, .cipher_kind = HAW_CIPHER_AES_CTR, AES_LIMITS

#define AES_CBC_CIPHER(bits)                                                                   \
	.cipher = "aes" #bits "-cbc", .key_size = (bits) / 8, .iv_size = 16, .block_size = 16, \
	.chain_mode = HAW_CHAIN_CIPHERTEXT, .cipher_kind = HAW_CIPHER_AES_CBC, AES_LIMITS

/* Three keys of 56 bits, with parity. */
#define TRIPLE_DES_CIPHER(bits)                                                      \
	.cipher = "3des-cbc", .key_size = (bits) / 8, .iv_size = 8, .block_size = 8, \
	.chain_mode = HAW_CHAIN_CIPHERTEXT, .cipher_kind = HAW_CIPHER_3DES_CBC, GIB_LIMITS

#define HMAC_SHA1 .mac_key_size = 20, .tag_size = 20, .mac_kind = HAW_MAC_HMAC_SHA1
#define HMAC_SHA2_256 .mac_key_size = 32, .tag_size = 32, .mac_kind = HAW_MAC_HMAC_SHA2_256
#define HMAC_SHA2_512 .mac_key_size = 64, .tag_size = 64, .mac_kind = HAW_MAC_HMAC_SHA2_512
#define UMAC_64 .mac_key_size = 16, .tag_size = 8, .mac_kind = HAW_MAC_UMAC_64
#define UMAC_128 .mac_key_size = 16, .tag_size = 16, .mac_kind = HAW_MAC_UMAC_128

#define ETM .length_mode = HAW_LENGTH_CLEAR
/* Encrypt-and-MAC (RFC 4253 §6.4) reads the plaintext for the cipher and for the MAC. */
#define PLAIN_MAC .length_mode = HAW_LENGTH_FIRST_BLOCK, .reads_twice = true

/* OpenSSH puts "-etm" before the domain of a name that has one. */
#define WITH_MAC(CIPHER, bits, cipher_name, mac_name, domain, MAC)                               \
	{.name = cipher_name "+" mac_name "-etm@openssh.com",                                    \
	 .mac = mac_name "-etm@openssh.com",                                                     \
	 ETM,                                                                                    \
	 MAC,                                                                                    \
	 CIPHER(bits)},                                                                          \
	{                                                                                        \
		.name = cipher_name "+" mac_name domain, .mac = mac_name domain, PLAIN_MAC, MAC, \
		CIPHER(bits)                                                                     \
	}

#define WITH_EACH_MAC(CIPHER, bits, cipher_name)                                         \
	WITH_MAC(CIPHER, bits, cipher_name, "hmac-sha2-256", "", HMAC_SHA2_256),         \
		WITH_MAC(CIPHER, bits, cipher_name, "hmac-sha2-512", "", HMAC_SHA2_512), \
		WITH_MAC(CIPHER, bits, cipher_name, "hmac-sha1", "", HMAC_SHA1),         \
		WITH_MAC(CIPHER, bits, cipher_name, "umac-64", "@openssh.com", UMAC_64), \
		WITH_MAC(CIPHER, bits, cipher_name, "umac-128", "@openssh.com", UMAC_128)

/* The two forms of a cipher without a MAC: the length in the clear, and enciphered. */
#define HALVES(CIPHER, bits, cipher_name)                                                        \
	{.name = cipher_name "+none-etm", .length_mode = HAW_LENGTH_CLEAR, CIPHER(bits)},        \
	{                                                                                        \
		.name = cipher_name "+none", .length_mode = HAW_LENGTH_FIRST_BLOCK, CIPHER(bits) \
	}

static const haw_suite suites[] = {
	AES_GCM(128, "aes128-gcm@openssh.com"),
	AES_GCM(256, "aes256-gcm@openssh.com"),
	{
		.name = "chacha20-poly1305@openssh.com",
		.cipher = "chacha20-poly1305@openssh.com",
		.key_size = 64,
		.tag_size = 16,
		.block_size = 8,
		.length_mode = HAW_LENGTH_APART,
		.chain_mode = HAW_CHAIN_NUMBER,
		.cipher_kind = HAW_CIPHER_CHACHA20_POLY1305,
		GIB_LIMITS,
	},
	WITH_EACH_MAC(AES_CTR_CIPHER, 128, "aes128-ctr"),
	WITH_EACH_MAC(AES_CTR_CIPHER, 192, "aes192-ctr"),
	WITH_EACH_MAC(AES_CTR_CIPHER, 256, "aes256-ctr"),
	AES_GCM(128, "AEAD_AES_128_GCM"),
	AES_GCM(256, "AEAD_AES_256_GCM"),
	WITH_EACH_MAC(AES_CBC_CIPHER, 128, "aes128-cbc"),
	WITH_EACH_MAC(AES_CBC_CIPHER, 192, "aes192-cbc"),
	WITH_EACH_MAC(AES_CBC_CIPHER, 256, "aes256-cbc"),
	WITH_EACH_MAC(TRIPLE_DES_CIPHER, 192, "3des-cbc"),
};

static const haw_suite halves[] = {
	HALVES(AES_CTR_CIPHER, 128, "aes128-ctr"),  HALVES(AES_CTR_CIPHER, 192, "aes192-ctr"),
	HALVES(AES_CTR_CIPHER, 256, "aes256-ctr"),  HALVES(AES_CBC_CIPHER, 128, "aes128-cbc"),
	HALVES(AES_CBC_CIPHER, 192, "aes192-cbc"),  HALVES(AES_CBC_CIPHER, 256, "aes256-cbc"),
	HALVES(TRIPLE_DES_CIPHER, 192, "3des-cbc"),
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

const haw_suite *haw_suite_half(const haw_suite *suite)
{
	if (suite->mac_kind == HAW_MAC_NONE)
		return NULL;
	for (size_t i = 0; i < sizeof(halves) / sizeof(halves[0]); i++)
		if (strcmp(halves[i].cipher, suite->cipher) == 0 &&
		    halves[i].length_mode == suite->length_mode)
			return &halves[i];
	return NULL;
}

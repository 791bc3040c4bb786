/* SPDX-License-Identifier: Apache-2.0
 *
 * The known packets, in their parts: what a cipher makes of the packet, and the tag of each MAC over that
 * (encrypt-then-MAC) or over the plaintext, which is the same for all ciphers. Made by
 * `test-crypto-known --print` with the tests' own code.
 */
#include "crypto-backends/selftest.h"

#include <string.h>

static const struct {
	uint8_t kind;
	uint16_t key_size;
	const char *clear, *whole; /* the length in the clear or apart, and enciphered */
} packets[] = {
	{HAW_CIPHER_AES_GCM, 16, "0000002088d3ef5c13249a5ac55ff745a7d3733b0e39667295c2e225a0ff165632d9f85f",
	 NULL},
	{HAW_CIPHER_AES_GCM, 32, "00000020e3e543af4809a6650d11d58ea7a5490182ed6b9f37888d8a8b610ddd624fff6e",
	 NULL},
	{HAW_CIPHER_CHACHA20_POLY1305, 64,
	 "bc79805b89e43186e0536ff983334190db3adbfc8ebb8973980bd41e4abc9976c2b0de20", NULL},
	{HAW_CIPHER_AES_CTR, 16, "00000020d7b67f14946a618b20461b6128be9260616a15ee5ca71f7eb48615ebbefefbf1",
	 "c890523cb00e05ef4c5a375d0c9a76849d8609c278833b1ad8fa79f79adadfd5"},
	{HAW_CIPHER_AES_CTR, 24, "00000020b0c7664e056ff1895897133f9528f4eb3d313565c63f8060dc45cf5c74c84507",
	 "afe14b66210b95ed348b3f03b10c100fc1dd2949e21ba404b039a34050ec6123"},
	{HAW_CIPHER_AES_CTR, 32, "00000020c2f6d7db26f40d133ac9f17fac5ff7e7886dd2a3ddd109f176bf72bbf2d6778b",
	 "ddd0faf30290697756d5dd43887b13037481ce8ff9f52d951ac31ea7d6f253af"},
	{HAW_CIPHER_AES_CBC, 16, "0000002041233be06034e742c0805f4201cf5bdfd736d43a7b254e8efe8555d64770deaa",
	 "39a4900bcea7b1ee2882b3253ccab446e208cbc84c6c983b497ea95dc8978289"},
	{HAW_CIPHER_AES_CBC, 24, "0000002089d7966234ee8572fbf68390b4a85260f484357ce94453660464e8c96252a28b",
	 "959ee0ae23aafe685e1fedb278001e01dff50529c1aed017fa3c521b2b5ddaa7"},
	{HAW_CIPHER_AES_CBC, 32, "00000020f45e204994513c02f3c99a21fbf8226556dec6ef134bdc7788c821584f4a395a",
	 "bda5d73fbe8ecf4b1498d31c9febd1a9a4e905ce7013463ca8d8699b2037b26e"},
	{HAW_CIPHER_3DES_CBC, 24, "000000201f92e22987395aad414ee9d58a52fcb90cea51e707ebd9c6b2ea60c9aa67911f",
	 "0a62adb898a2e1c481cb9234d6956f4b8f0e1ec14e78d5a7de762603b45c5f0b"},
};

static const struct {
	uint8_t mac, cipher;
	uint16_t key_size; /* of the cipher; 0: the tag is over the plaintext */
	const char *tag;
} tags[] = {
	{HAW_MAC_NONE, HAW_CIPHER_AES_GCM, 16, "1a0774f955ef0cc2c9e2bddedaa1fc55"},
	{HAW_MAC_NONE, HAW_CIPHER_AES_GCM, 32, "18e2b3a6388257ad17f1b3ff482389af"},
	{HAW_MAC_NONE, HAW_CIPHER_CHACHA20_POLY1305, 64, "cc38e8bcdaa3107b0fd5370a6dcb3346"},
	{HAW_MAC_HMAC_SHA2_256, HAW_CIPHER_AES_CTR, 16,
	 "a9be4016b6373099c9f2833889e1907469c7eb53bbb4a123c9068b2c25cb42c2"},
	{HAW_MAC_HMAC_SHA2_256, HAW_CIPHER_AES_CTR, 0,
	 "2f968d6d14ba661e42a5e3d518dd7dc985a62da255a801ead3099aef4d3cc3da"},
	{HAW_MAC_HMAC_SHA2_512, HAW_CIPHER_AES_CTR, 16,
	 "2b423ca7361f6cd441e6d70047befeec0ea54959f2167898f097b28972d65d56c1469586fdabd993e196d52f"
	 "ec2c1be356c30f4a63878698cfcc5ab041e572ea"},
	{HAW_MAC_HMAC_SHA2_512, HAW_CIPHER_AES_CTR, 0,
	 "77a608e2bcf5448409e6cc76744e3702d654a8ad46fea4d5df81c0e1de762a47f1cf9060bf97bce45b190bc1"
	 "8d225979f6e60bfd545434d7cc252b45a4b811e5"},
	{HAW_MAC_HMAC_SHA1, HAW_CIPHER_AES_CTR, 16, "a4d4fb6d93c83852f2c066c42b64751b05a5de18"},
	{HAW_MAC_HMAC_SHA1, HAW_CIPHER_AES_CTR, 0, "2663d6704cc9a1badbc415a9529e70def63ef3af"},
	{HAW_MAC_UMAC_64, HAW_CIPHER_AES_CTR, 16, "1f29dd047206793d"},
	{HAW_MAC_UMAC_64, HAW_CIPHER_AES_CTR, 0, "88e565cc4b37896c"},
	{HAW_MAC_UMAC_128, HAW_CIPHER_AES_CTR, 16, "1f29dd047206793d248156296a532756"},
	{HAW_MAC_UMAC_128, HAW_CIPHER_AES_CTR, 0, "88e565cc4b37896c2ae6a56974648e18"},
	{HAW_MAC_HMAC_SHA2_256, HAW_CIPHER_AES_CTR, 24,
	 "064c9308dea7f57c916215ef42a09d696c7b3896e00c28b24a9404f1382b5e22"},
	{HAW_MAC_HMAC_SHA2_512, HAW_CIPHER_AES_CTR, 24,
	 "24984aa8fb6467412bb42775ce5a8945d4fe3906adafc09f9e5200beacfaba72af10a2f775c7189b536ea815"
	 "7f14a6d45b14c40d3b7d23d52714caec1ee75ce7"},
	{HAW_MAC_HMAC_SHA1, HAW_CIPHER_AES_CTR, 24, "aa5efdc3b5f1b578142198f4c1ff7251d3d0f66d"},
	{HAW_MAC_UMAC_64, HAW_CIPHER_AES_CTR, 24, "f506c878826c1070"},
	{HAW_MAC_UMAC_128, HAW_CIPHER_AES_CTR, 24, "f506c878826c1070d218881779e29fbd"},
	{HAW_MAC_HMAC_SHA2_256, HAW_CIPHER_AES_CTR, 32,
	 "70e3542c545c8caa0361de5b953d6619baa4ead53dd445d464c575509ce734ce"},
	{HAW_MAC_HMAC_SHA2_512, HAW_CIPHER_AES_CTR, 32,
	 "92e743141bab15088f9813ca89a91381a1f9c75657f49e43c87fb6391e934afcc43f4256b6e210cb655b4773"
	 "d9d32513115ff0978d67dc1c21f3613930ad8bdb"},
	{HAW_MAC_HMAC_SHA1, HAW_CIPHER_AES_CTR, 32, "1a5166adafdb849f04d3c70b2976d66af29ec24d"},
	{HAW_MAC_UMAC_64, HAW_CIPHER_AES_CTR, 32, "822e37ecb4674804"},
	{HAW_MAC_UMAC_128, HAW_CIPHER_AES_CTR, 32, "822e37ecb46748040157ef7d65d183a7"},
	{HAW_MAC_HMAC_SHA2_256, HAW_CIPHER_AES_CBC, 16,
	 "a71ce989cc3c60859da239bd6a964f183b2b9223484fd145b09cf5b735a92ed0"},
	{HAW_MAC_HMAC_SHA2_512, HAW_CIPHER_AES_CBC, 16,
	 "5974a16c9386d6966fbf9440d576abf77bb334dec154c4a160bc8b1991e71aaac20d61ca09c7ed6be1a88ad0"
	 "15192b3c5255126d2de64fa71d64c8797f53b8dc"},
	{HAW_MAC_HMAC_SHA1, HAW_CIPHER_AES_CBC, 16, "1b8cd65daa2e6e169b5d36b23a1cc2890a24230f"},
	{HAW_MAC_UMAC_64, HAW_CIPHER_AES_CBC, 16, "42b2e162e2a174e9"},
	{HAW_MAC_UMAC_128, HAW_CIPHER_AES_CBC, 16, "42b2e162e2a174e9857ed28dc8957550"},
	{HAW_MAC_HMAC_SHA2_256, HAW_CIPHER_AES_CBC, 24,
	 "07a2fb20b72067304575ff57b9da93365fd6fcb8b4780fd5fcca721e170b3fbb"},
	{HAW_MAC_HMAC_SHA2_512, HAW_CIPHER_AES_CBC, 24,
	 "ae08e1fba1378c5d45b1b7a59349599a3158d7f47bf34078b2e9f6b6d11498e8769ad108722df0cab98c46d4"
	 "6041358985402a3cd3272fe9b7d3fea54e8c36fc"},
	{HAW_MAC_HMAC_SHA1, HAW_CIPHER_AES_CBC, 24, "b3ba4828047e11abc5bf5335d40ebf43a3465a76"},
	{HAW_MAC_UMAC_64, HAW_CIPHER_AES_CBC, 24, "9ce8ee661b86fc07"},
	{HAW_MAC_UMAC_128, HAW_CIPHER_AES_CBC, 24, "9ce8ee661b86fc07a110b042ee54f229"},
	{HAW_MAC_HMAC_SHA2_256, HAW_CIPHER_AES_CBC, 32,
	 "87865547b89174de11d4259cad52731755bcfb671e2fee0f9257c7bf3a4ca1a0"},
	{HAW_MAC_HMAC_SHA2_512, HAW_CIPHER_AES_CBC, 32,
	 "0c798017cda3b84fdfbf14b3ca4815a92f91bf92acaea4be9f3dffc3dfba3a1db147cc196d25903da87c5d44"
	 "1659a17691ed9ca02db630d8d04c4ee0a40bcc9a"},
	{HAW_MAC_HMAC_SHA1, HAW_CIPHER_AES_CBC, 32, "fbd916eb430a283ff0fe7fdd43de039bc45e83b8"},
	{HAW_MAC_UMAC_64, HAW_CIPHER_AES_CBC, 32, "58fdddbb7a56aaae"},
	{HAW_MAC_UMAC_128, HAW_CIPHER_AES_CBC, 32, "58fdddbb7a56aaae1a7a739daf14e18d"},
	{HAW_MAC_HMAC_SHA2_256, HAW_CIPHER_3DES_CBC, 24,
	 "8c271acd6c45ab49a9ad14d4ab3146f88fe1c6922ad725d7dcb296a7ece9e529"},
	{HAW_MAC_HMAC_SHA2_512, HAW_CIPHER_3DES_CBC, 24,
	 "cd7aa333c0b9ae4df64f6064c84ff713eb4c695194b0206bc17f9d1222fecf0f4980cbf83441789703cbc82a"
	 "3684e76d8fe22400325bcb9f8c0793bd91dd9945"},
	{HAW_MAC_HMAC_SHA1, HAW_CIPHER_3DES_CBC, 24, "9bd71bc8a2c6ce7ebbbcc00f925b41230e5c66f0"},
	{HAW_MAC_UMAC_64, HAW_CIPHER_3DES_CBC, 24, "0d279f20b7d7ccb9"},
	{HAW_MAC_UMAC_128, HAW_CIPHER_3DES_CBC, 24, "0d279f20b7d7ccb9bfeed18ca3252b24"},
};

static bool parse_hex(const char *text, uint8_t *out, size_t len)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < 2 * len; i++) {
		const char *digit = text[i] ? strchr(digits, text[i]) : NULL;

		if (!digit)
			return false;
		out[i / 2] = (uint8_t)(out[i / 2] << 4 | (digit - digits));
	}
	return text[2 * len] == '\0';
}

static const char *known_packet(const haw_suite *suite)
{
	for (size_t i = 0; i < sizeof(packets) / sizeof(packets[0]); i++)
		if (packets[i].kind == suite->cipher_kind && packets[i].key_size == suite->key_size)
			return suite->length_mode == HAW_LENGTH_FIRST_BLOCK ? packets[i].whole
									    : packets[i].clear;
	return NULL;
}

static const char *known_tag(const haw_suite *suite)
{
	bool plain = suite->length_mode == HAW_LENGTH_FIRST_BLOCK;

	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++)
		if (tags[i].mac == suite->mac_kind &&
		    (plain ? tags[i].key_size == 0
			   : tags[i].cipher == suite->cipher_kind && tags[i].key_size == suite->key_size))
			return tags[i].tag;
	return NULL;
}

size_t haw_known_wire(const haw_suite *suite, uint8_t *wire)
{
	size_t packet = HAW_LENGTH_SIZE + haw_known_length(suite);
	const char *first = known_packet(suite), *tag = suite->tag_size > 0 ? known_tag(suite) : "";

	if (!first || !tag || suite->tag_size > HAW_TAG_MAX || !parse_hex(first, wire, packet) ||
	    !parse_hex(tag, wire + packet, suite->tag_size))
		return 0;
	return packet + suite->tag_size;
}

void haw_known_keys(haw_keys *keys)
{
	/* Counting bytes; the arrays are constant so that any thread may borrow them. */
	static const uint8_t counting[0x90] = {
#define EIGHT(n) (n), (n) + 1, (n) + 2, (n) + 3, (n) + 4, (n) + 5, (n) + 6, (n) + 7
		EIGHT(0x00), EIGHT(0x08), EIGHT(0x10), EIGHT(0x18), EIGHT(0x20), EIGHT(0x28),
		EIGHT(0x30), EIGHT(0x38), EIGHT(0x40), EIGHT(0x48), EIGHT(0x50), EIGHT(0x58),
		EIGHT(0x60), EIGHT(0x68), EIGHT(0x70), EIGHT(0x78), EIGHT(0x80), EIGHT(0x88),
#undef EIGHT
	};

	keys->key = counting;
	keys->mac_key = counting + 0x40;
	keys->iv = counting + 0x80;
}

uint32_t haw_known_length(const haw_suite *suite)
{
	return suite->length_mode == HAW_LENGTH_FIRST_BLOCK ? 28 : 32;
}

void haw_known_plaintext(uint8_t *packet, uint32_t length)
{
	for (int i = 0; i < HAW_LENGTH_SIZE; i++)
		packet[i] = (uint8_t)(length >> (24 - 8 * i));
	for (uint32_t i = HAW_LENGTH_SIZE; i < HAW_LENGTH_SIZE + length; i++)
		packet[i] = (uint8_t)(7 * i + 3);
}

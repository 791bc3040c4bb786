/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto-backends/selftest.h"

const struct haw_known_packet haw_known_packets[] = {
	{"aes128-gcm@openssh.com",
	 "0000002088d3ef5c13249a5ac55ff745a7d3733b0e39667295c2e225a0ff165632d9f85f1a0774f955ef0cc2"
	 "c9e2bddedaa1fc55"},
	{"aes256-gcm@openssh.com",
	 "00000020e3e543af4809a6650d11d58ea7a5490182ed6b9f37888d8a8b610ddd624fff6e18e2b3a6388257ad"
	 "17f1b3ff482389af"},
	{"chacha20-poly1305@openssh.com",
	 "bc79805b89e43186e0536ff983334190db3adbfc8ebb8973980bd41e4abc9976c2b0de20cc38e8bcdaa3107b"
	 "0fd5370a6dcb3346"},
	{"aes128-ctr+hmac-sha2-256-etm@openssh.com",
	 "00000020d7b67f14946a618b20461b6128be9260616a15ee5ca71f7eb48615ebbefefbf1a9be4016b6373099"
	 "c9f2833889e1907469c7eb53bbb4a123c9068b2c25cb42c2"},
	{"aes128-ctr+hmac-sha2-256",
	 "c890523cb00e05ef4c5a375d0c9a76849d8609c278833b1ad8fa79f79adadfd52f968d6d14ba661e42a5e3d5"
	 "18dd7dc985a62da255a801ead3099aef4d3cc3da"},
	{"aes128-ctr+hmac-sha2-512-etm@openssh.com",
	 "00000020d7b67f14946a618b20461b6128be9260616a15ee5ca71f7eb48615ebbefefbf12b423ca7361f6cd4"
	 "41e6d70047befeec0ea54959f2167898f097b28972d65d56c1469586fdabd993e196d52fec2c1be356c30f4a"
	 "63878698cfcc5ab041e572ea"},
	{"aes128-ctr+hmac-sha2-512",
	 "c890523cb00e05ef4c5a375d0c9a76849d8609c278833b1ad8fa79f79adadfd577a608e2bcf5448409e6cc76"
	 "744e3702d654a8ad46fea4d5df81c0e1de762a47f1cf9060bf97bce45b190bc18d225979f6e60bfd545434d7"
	 "cc252b45a4b811e5"},
	{"aes128-ctr+hmac-sha1-etm@openssh.com",
	 "00000020d7b67f14946a618b20461b6128be9260616a15ee5ca71f7eb48615ebbefefbf1a4d4fb6d93c83852"
	 "f2c066c42b64751b05a5de18"},
	{"aes128-ctr+hmac-sha1",
	 "c890523cb00e05ef4c5a375d0c9a76849d8609c278833b1ad8fa79f79adadfd52663d6704cc9a1badbc415a9"
	 "529e70def63ef3af"},
	{"aes192-ctr+hmac-sha2-256-etm@openssh.com",
	 "00000020b0c7664e056ff1895897133f9528f4eb3d313565c63f8060dc45cf5c74c84507064c9308dea7f57c"
	 "916215ef42a09d696c7b3896e00c28b24a9404f1382b5e22"},
	{"aes192-ctr+hmac-sha2-256",
	 "afe14b66210b95ed348b3f03b10c100fc1dd2949e21ba404b039a34050ec61232f968d6d14ba661e42a5e3d5"
	 "18dd7dc985a62da255a801ead3099aef4d3cc3da"},
	{"aes192-ctr+hmac-sha2-512-etm@openssh.com",
	 "00000020b0c7664e056ff1895897133f9528f4eb3d313565c63f8060dc45cf5c74c8450724984aa8fb646741"
	 "2bb42775ce5a8945d4fe3906adafc09f9e5200beacfaba72af10a2f775c7189b536ea8157f14a6d45b14c40d"
	 "3b7d23d52714caec1ee75ce7"},
	{"aes192-ctr+hmac-sha2-512",
	 "afe14b66210b95ed348b3f03b10c100fc1dd2949e21ba404b039a34050ec612377a608e2bcf5448409e6cc76"
	 "744e3702d654a8ad46fea4d5df81c0e1de762a47f1cf9060bf97bce45b190bc18d225979f6e60bfd545434d7"
	 "cc252b45a4b811e5"},
	{"aes192-ctr+hmac-sha1-etm@openssh.com",
	 "00000020b0c7664e056ff1895897133f9528f4eb3d313565c63f8060dc45cf5c74c84507aa5efdc3b5f1b578"
	 "142198f4c1ff7251d3d0f66d"},
	{"aes192-ctr+hmac-sha1",
	 "afe14b66210b95ed348b3f03b10c100fc1dd2949e21ba404b039a34050ec61232663d6704cc9a1badbc415a9"
	 "529e70def63ef3af"},
	{"aes256-ctr+hmac-sha2-256-etm@openssh.com",
	 "00000020c2f6d7db26f40d133ac9f17fac5ff7e7886dd2a3ddd109f176bf72bbf2d6778b70e3542c545c8caa"
	 "0361de5b953d6619baa4ead53dd445d464c575509ce734ce"},
	{"aes256-ctr+hmac-sha2-256",
	 "ddd0faf30290697756d5dd43887b13037481ce8ff9f52d951ac31ea7d6f253af2f968d6d14ba661e42a5e3d5"
	 "18dd7dc985a62da255a801ead3099aef4d3cc3da"},
	{"aes256-ctr+hmac-sha2-512-etm@openssh.com",
	 "00000020c2f6d7db26f40d133ac9f17fac5ff7e7886dd2a3ddd109f176bf72bbf2d6778b92e743141bab1508"
	 "8f9813ca89a91381a1f9c75657f49e43c87fb6391e934afcc43f4256b6e210cb655b4773d9d32513115ff097"
	 "8d67dc1c21f3613930ad8bdb"},
	{"aes256-ctr+hmac-sha2-512",
	 "ddd0faf30290697756d5dd43887b13037481ce8ff9f52d951ac31ea7d6f253af77a608e2bcf5448409e6cc76"
	 "744e3702d654a8ad46fea4d5df81c0e1de762a47f1cf9060bf97bce45b190bc18d225979f6e60bfd545434d7"
	 "cc252b45a4b811e5"},
	{"aes256-ctr+hmac-sha1-etm@openssh.com",
	 "00000020c2f6d7db26f40d133ac9f17fac5ff7e7886dd2a3ddd109f176bf72bbf2d6778b1a5166adafdb849f"
	 "04d3c70b2976d66af29ec24d"},
	{"aes256-ctr+hmac-sha1",
	 "ddd0faf30290697756d5dd43887b13037481ce8ff9f52d951ac31ea7d6f253af2663d6704cc9a1badbc415a9"
	 "529e70def63ef3af"},
};

const size_t haw_known_packet_count = sizeof(haw_known_packets) / sizeof(haw_known_packets[0]);

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

/* SPDX-License-Identifier: Apache-2.0
 *
 * What a packet costs beyond its primitive: framed and sealed, or opened and checked, per suite and backend,
 * beside the same backend's primitive called directly on one contiguous buffer.
 *
 *   seal/SUITE/BACKEND/BYTES      header written, padding chosen, sealed by scatter from an odd address
 *   open/SUITE/BACKEND/BYTES      length read, opened elsewhere, padding checked
 *   raw_seal, raw_open            the primitive on BYTES, one call (two where cipher and MAC are apart)
 *
 * BYTES is the payload (the largest is cut so that the packet keeps to its limit).
 */
#include <benchmark/benchmark.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <hawser/backend.h>

#include "packet_bench.h"

namespace
{

constexpr size_t header_size = 14; /* length, padding length, CHANNEL_DATA with its two numbers */
const size_t sizes[] = {64, 256, 1024, 4096, 16384, 32768, 65536, 262144};

struct Keys {
	uint8_t key[HAW_KEY_MAX], iv[HAW_IV_MAX], mac_key[HAW_MAC_KEY_MAX];
	haw_keys view{key, iv, mac_key};

	Keys()
	{
		for (size_t i = 0; i < sizeof(key); i++)
			key[i] = mac_key[i % sizeof(mac_key)] = iv[i % sizeof(iv)] = uint8_t(i * 37 + 11);
	}
};

void store_be32(uint8_t *p, uint32_t value)
{
	value = __builtin_bswap32(value);
	memcpy(p, &value, sizeof(value));
}

/* Padding as RFC 4253 §6 wants it: at least four bytes, and whole blocks of what is encrypted. */
size_t padding_for(const haw_suite *suite, size_t payload)
{
	size_t block = suite->block_size;
	size_t counted = 1 + payload + (suite->length_mode == HAW_LENGTH_FIRST_BLOCK ? HAW_LENGTH_SIZE : 0);
	size_t padding = block - counted % block;

	return padding < 4 ? padding + block : padding;
}

/* One connection's end: a sealer or opener and the buffers of one packet. */
struct Packet {
	Keys keys;
	const haw_suite *suite;
	haw_sealer *sealer;
	size_t payload;
	std::vector<uint8_t> source, wire, plain;
	uint8_t header[header_size], padding[32] = {};
	haw_job job{};
	uint64_t number = 0, block = 0;

	Packet(const haw_backend *backend, const haw_suite *s, size_t bytes, bool opens)
	    : suite(s), payload(std::min<size_t>(bytes, HAW_PACKET_LENGTH_MAX - 64)), source(payload + 64),
	      wire(payload + 256), plain(payload + 256)
	{
		haw_error err;

		sealer = opens ? backend->new_opener(backend, s, &keys.view, &err)
			       : backend->new_sealer(backend, s, &keys.view, &err);
		if (!sealer)
			abort();
	}
	Packet(const Packet &) = delete;
	Packet &operator=(const Packet &) = delete;
	~Packet()
	{
		sealer->ops->free(sealer);
	}

	bool run()
	{
		haw_job *jobs[] = {&job}, *done[1];

		return sealer->ops->submit(sealer, jobs, 1) == 1 && sealer->ops->poll(sealer, done, 1) == 1 &&
		       done[0]->status == 0;
	}

	void set_numbers(uint32_t length)
	{
		job.length = length;
		job.seq = uint32_t(number);
		job.number = number;
		job.block = block;
	}

	bool seal()
	{
		size_t message = header_size - 5 + payload, pad = padding_for(suite, message);
		uint32_t length = uint32_t(1 + message + pad);

		store_be32(header, length);
		header[4] = uint8_t(pad);
		header[5] = 94;
		store_be32(header + 6, 0);
		store_be32(header + 10, uint32_t(payload));
		set_numbers(length);
		job.in[0] = {header, header_size};
		job.in[1] = {source.data() + 5, payload};
		job.in[2] = {padding, pad};
		job.in_count = 3;
		job.out[0] = {wire.data(), HAW_LENGTH_SIZE + length + suite->tag_size};
		job.out_count = 1;
		number++;
		if (suite->chain_mode == HAW_CHAIN_BLOCKS)
			block += (length + (suite->length_mode == HAW_LENGTH_FIRST_BLOCK ? 4 : 0)) / 16;
		return run();
	}

	/* Open what stands in WIRE, which was sealed with the numbers given; it stays as it is. */
	bool open(const Packet &sealed)
	{
		const haw_job &its = sealed.job;
		uint32_t length;

		if (sealer->ops->open_length(sealer, its.seq, its.number, its.block, sealed.wire.data(),
					     &length) < 0 ||
		    length < 16 || length > HAW_PACKET_LENGTH_MAX)
			return false;
		number = its.number;
		block = its.block;
		set_numbers(length);
		job.in[0] = {sealed.wire.data(), HAW_LENGTH_SIZE + size_t(length) + suite->tag_size};
		job.in_count = 1;
		job.out[0] = {plain.data(), HAW_LENGTH_SIZE + size_t(length)};
		job.out_count = 1;
		return run() && plain[4] >= 4 && plain[4] < length;
	}
};

void account(benchmark::State &state, size_t payload)
{
	state.SetBytesProcessed(int64_t(state.iterations()) * int64_t(payload));
}

void bench_seal(benchmark::State &state, const haw_backend *backend, const haw_suite *suite)
{
	Packet packet(backend, suite, size_t(state.range(0)), false);

	for (auto _ : state) {
		if (!packet.seal())
			state.SkipWithError("sealing failed");
		benchmark::ClobberMemory();
	}
	account(state, packet.payload);
}

void bench_open(benchmark::State &state, const haw_backend *backend, const haw_suite *suite)
{
	Packet sealed(backend, suite, size_t(state.range(0)), false);
	Packet opener(backend, suite, size_t(state.range(0)), true);

	if (!sealed.seal())
		state.SkipWithError("sealing failed");
	for (auto _ : state) {
		if (!opener.open(sealed))
			state.SkipWithError("opening failed");
		benchmark::ClobberMemory();
	}
	account(state, opener.payload);
}

/* ---- The primitives of openssl ---- */

struct RawOpenssl : RawPrimitive {
	const haw_suite *suite;
	bool opens;
	Keys keys;
	EVP_CIPHER *cipher = nullptr;
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	EVP_MAC *mac = nullptr;
	EVP_MAC_CTX *mac_ctx = nullptr;

	RawOpenssl(const haw_suite *s, bool o) : suite(s), opens(o)
	{
		std::string name = s->cipher, hash;
		std::string bits = name.substr(3, 3);

		if (name.find("chacha") == 0)
			cipher = EVP_CIPHER_fetch(nullptr, "ChaCha20", nullptr);
		else if (name.find("gcm") != name.npos)
			cipher = EVP_CIPHER_fetch(nullptr, ("AES-" + bits + "-GCM").c_str(), nullptr);
		else
			cipher = EVP_CIPHER_fetch(nullptr, ("AES-" + bits + "-CTR").c_str(), nullptr);
		/* Ciphers in counter mode only encrypt. */
		EVP_CipherInit_ex2(ctx, cipher, keys.key, keys.iv, is_gcm() ? !opens : 1, nullptr);
		if (is_gcm())
			return;
		mac = EVP_MAC_fetch(nullptr, s->mac ? "HMAC" : "Poly1305", nullptr);
		mac_ctx = EVP_MAC_CTX_new(mac);
		if (s->mac) {
			hash = strstr(s->mac, "sha2-256")   ? "SHA256"
			       : strstr(s->mac, "sha2-512") ? "SHA512"
							    : "SHA1";
			OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string("digest", &hash[0], 0),
					       OSSL_PARAM_construct_end()};
			EVP_MAC_init(mac_ctx, keys.mac_key, s->mac_key_size, params);
		}
	}
	~RawOpenssl() override
	{
		EVP_CIPHER_CTX_free(ctx);
		EVP_CIPHER_free(cipher);
		EVP_MAC_CTX_free(mac_ctx);
		EVP_MAC_free(mac);
	}

	bool is_gcm() const
	{
		return !suite->mac && suite->length_mode == HAW_LENGTH_CLEAR;
	}

	bool gcm(const uint8_t *in, uint8_t *out, size_t len, uint8_t *tag)
	{
		static const uint8_t aad[4] = {};
		int n;

		if (!EVP_CipherInit_ex2(ctx, nullptr, nullptr, keys.iv, -1, nullptr) ||
		    !EVP_CipherUpdate(ctx, nullptr, &n, aad, sizeof(aad)) ||
		    !EVP_CipherUpdate(ctx, out, &n, in, int(len)))
			return false;
		if (opens && !EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, 16, tag))
			return false;
		return EVP_CipherFinal_ex(ctx, out, &n) &&
		       (opens || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, tag));
	}

	bool mac_over(const uint8_t *data, size_t len, uint8_t *tag)
	{
		uint8_t computed[64];
		size_t n;

		if (!EVP_MAC_update(mac_ctx, data, len) ||
		    !EVP_MAC_final(mac_ctx, computed, &n, sizeof(computed)))
			return false;
		if (opens)
			return CRYPTO_memcmp(computed, tag, n) == 0;
		memcpy(tag, computed, n);
		return true;
	}

	bool run(const uint8_t *in, uint8_t *out, size_t len, uint8_t *tag) override
	{
		uint8_t block[64] = {};
		int n;

		if (is_gcm())
			return gcm(in, out, len, tag);
		if (!EVP_CipherInit_ex2(ctx, nullptr, nullptr, keys.iv, -1, nullptr))
			return false;
		if (!suite->mac && !EVP_CipherUpdate(ctx, block, &n, block, sizeof(block)))
			return false;
		if (!EVP_MAC_init(mac_ctx, suite->mac ? nullptr : block, suite->mac ? 0 : 32, nullptr))
			return false;
		/* The MAC is over the ciphertext, but with encrypt-and-MAC over the plaintext. */
		bool over_input = suite->length_mode == HAW_LENGTH_FIRST_BLOCK ? !opens : opens;
		return (!over_input || mac_over(in, len, tag)) &&
		       EVP_CipherUpdate(ctx, out, &n, in, int(len)) &&
		       (over_input || mac_over(out, len, tag));
	}
};

std::unique_ptr<RawPrimitive> make_raw(const std::string &backend, const haw_suite *suite, bool opens)
{
	Keys keys;

	if (backend == "openssl")
		return std::make_unique<RawOpenssl>(suite, opens);
	return make_raw_ipsecmb(suite->key_size, keys.key, keys.iv, opens);
}

void bench_raw(benchmark::State &state, const std::string &backend, const haw_suite *suite, bool opens)
{
	size_t len = std::min<size_t>(size_t(state.range(0)), HAW_PACKET_LENGTH_MAX - 64);
	std::vector<uint8_t> plain(len + 64), sealed(len + 64), back(len + 64);
	uint8_t tag[64] = {};
	auto sealer = make_raw(backend, suite, false), primitive = make_raw(backend, suite, opens);

	if (!sealer->run(plain.data(), sealed.data(), len, tag))
		state.SkipWithError("the primitive failed");
	const uint8_t *in = opens ? sealed.data() : plain.data();
	for (auto _ : state) {
		if (!primitive->run(in, back.data(), len, tag))
			state.SkipWithError("the primitive failed");
		benchmark::ClobberMemory();
	}
	account(state, len);
}

void add(const std::string &name, std::function<void(benchmark::State &)> run)
{
	auto *bench = benchmark::RegisterBenchmark(name.c_str(), run);

	for (size_t size : sizes)
		bench->Arg(int64_t(size));
}

void add_all()
{
	const haw_backend *backend;
	const haw_suite *suite;

	for (size_t i = 0; (suite = haw_suite_at(i)); i++) {
		for (size_t b = 0; (backend = haw_backend_at(b)); b++) {
			std::string who = backend->name, name = "/" + std::string(suite->name) + "/" + who;

			if (haw_backend_check(backend, suite))
				continue;
			add("seal" + name, [=](auto &state) { bench_seal(state, backend, suite); });
			add("raw_seal" + name, [=](auto &state) { bench_raw(state, who, suite, false); });
			add("open" + name, [=](auto &state) { bench_open(state, backend, suite); });
			add("raw_open" + name, [=](auto &state) { bench_raw(state, who, suite, true); });
		}
	}
}

} // namespace

int main(int argc, char **argv)
{
	add_all();
	benchmark::Initialize(&argc, argv);
	if (benchmark::ReportUnrecognizedArguments(argc, argv))
		return 2;
	benchmark::RunSpecifiedBenchmarks();
	benchmark::Shutdown();
	return 0;
}

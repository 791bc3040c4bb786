/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/hardware/exchange_cases.h"

#include <cstring>
#include <map>
#include <memory>
#include <stdexcept>

#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "bench/hardware/core_end.h"
#include "bench/hardware/guard.h"
#include "bench/hardware/processors.h"

extern "C" {
#include "transport/hostkey/hostkey.h"
#include "transport/kex/method.h"
}

namespace bench
{

namespace
{

haw_span span_of(const char *text)
{
	return {reinterpret_cast<const uint8_t *>(text), strlen(text)};
}

void must(int result, const haw_error &err)
{
	if (result < 0)
		throw std::runtime_error(err.message);
}

/* One message that is freed with its scope. */
struct Message {
	haw_message m;

	Message()
	{
		haw_message_write(&m, 0);
	}
	~Message()
	{
		haw_message_free(&m);
	}
	Message(const Message &) = delete;
	Message &operator=(const Message &) = delete;
	haw_span all() const
	{
		return haw_message_all(&m);
	}
};

using Side = std::unique_ptr<struct haw_kex, decltype(&haw_kex_free)>;

/* Pass messages until both have the hash: group exchange has five of them. */
void exchange(struct haw_kex *client, struct haw_kex *server, haw_span host_key)
{
	Message first;
	haw_error err;

	must(haw_kex_start(client, &first.m, &err), err);
	must(haw_kex_start(server, &first.m, &err), err);
	haw_span message = first.all();
	std::vector<std::unique_ptr<Message>> sent;
	for (bool to_server = true;; to_server = !to_server) {
		struct haw_kex_reply reply;
		auto out = std::make_unique<Message>();
		int step = haw_kex_receive(to_server ? server : client, message, &out->m, &reply, &err);

		must(step, err);
		if (step == HAW_KEX_VERIFY || step == HAW_KEX_AGREED)
			return;
		if (step == HAW_KEX_SIGN)
			must(haw_kex_reply(server, host_key, span_of("signature"), &out->m, &err), err);
		message = out->all();
		sent.push_back(std::move(out));
	}
}

void derive_keys(const struct haw_kex *side)
{
	uint8_t key[64];
	haw_error err;

	for (char letter = 'A'; letter <= 'F'; letter++)
		must(haw_kex_derive(side, letter, haw_kex_hash(side), key, sizeof(key), &err), err);
}

void run_kex(benchmark::State &state, const std::string &name)
{
	const struct haw_kex_method *method = haw_kex_method_find(name.c_str());
	/* As long as KEXINIT is. */
	const std::string init(900, 'k');
	const struct haw_kex_transcript transcript = {span_of("SSH-2.0-Hawser"), span_of("SSH-2.0-Hawser"),
						      span_of(init.c_str()), span_of(init.c_str()),
						      span_of("the blob of a host key, whatever it is")};

	pin_thread(0);
	for (auto _ : state) {
		haw_error err;
		Side client(haw_kex_new(method, HAW_KEX_CLIENT, nullptr, &err), haw_kex_free);
		Side server(haw_kex_new(method, HAW_KEX_SERVER, nullptr, &err), haw_kex_free);

		if (!client || !server)
			throw std::runtime_error(err.message);
		haw_kex_set_transcript(client.get(), &transcript);
		haw_kex_set_transcript(server.get(), &transcript);
		exchange(client.get(), server.get(), transcript.host_key);
		derive_keys(client.get());
		derive_keys(server.get());
	}
	state.SetItemsProcessed(int64_t(state.iterations()));
}

/* Keys of FIDO devices, by the type of key that the device has inside; empty for other types. */
std::string inside(const char *key_type)
{
	return !strncmp(key_type, "sk-ssh-ed25519", 14)	 ? "ssh-ed25519"
	       : !strncmp(key_type, "sk-ecdsa-sha2-", 14) ? "ecdsa-sha2-nistp256"
							  : "";
}

/* Keys are made once: RSA takes long. */
EVP_PKEY *key_for(const struct haw_signature_algorithm *algorithm)
{
	static std::map<std::string, std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>> keys;
	auto found = keys.find(algorithm->key_type);
	EVP_PKEY *key;

	if (found != keys.end())
		return found->second.get();
	if (algorithm->curve)
		key = EVP_PKEY_Q_keygen(nullptr, nullptr, "EC",
					(std::string("P-") + (algorithm->curve + strlen("nistp"))).c_str());
	else if (strcmp(algorithm->key_type, "ssh-rsa") == 0)
		key = EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", size_t(3072));
	else
		key = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
	if (!key)
		throw std::runtime_error(std::string("OpenSSL makes no key for ") + algorithm->name);
	keys.emplace(algorithm->key_type,
		     std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>(key, EVP_PKEY_free));
	return key;
}

/* An exchange hash is as long. */
const haw_span signed_data = {reinterpret_cast<const uint8_t *>("0123456789abcdef0123456789abcdef"), 32};

void run_sign(benchmark::State &state, const std::string &name)
{
	const struct haw_signature_algorithm *algorithm = haw_signature_algorithm_find(name.c_str());
	EVP_PKEY *key = key_for(algorithm);

	if (!inside(algorithm->key_type).empty())
		throw std::runtime_error("only a FIDO device can sign by it, and it would wait for a touch");
	pin_thread(0);
	for (auto _ : state) {
		Message signature;
		haw_error err;

		must(haw_hostkey_sign(key, algorithm->name, signed_data, &signature.m, &err), err);
	}
	state.SetItemsProcessed(int64_t(state.iterations()));
}

/* A key, and its signature of signed_data. */
struct Signed {
	Message blob, signature;
};

void sign_plainly(EVP_PKEY *key, const char *algorithm, haw_span data, Signed &out)
{
	haw_error err;

	must(haw_hostkey_sign(key, algorithm, data, &out.signature.m, &err), err);
	must(haw_hostkey_encode(key, &out.blob.m, &err), err);
}

/* What a device would send (OpenSSH's PROTOCOL.u2f), with a key of ours in its place: the plain forms with
 * the device's name and application, and behind the signature flags (a user was there) and a counter. */
void sign_as_device(EVP_PKEY *key, const struct haw_signature_algorithm *algorithm, Signed &out)
{
	const haw_span application = span_of("ssh:");
	const haw_span flags = {reinterpret_cast<const uint8_t *>("\1\0\0\0\7"), 5};
	const std::string plain = inside(algorithm->key_type);
	uint8_t digest[32];
	Message data, blob, signature;
	Signed by;

	for (haw_span part : {application, flags, signed_data}) {
		if (part.ptr == flags.ptr) {
			haw_put_bytes(&data.m, part.ptr, part.len);
			continue;
		}
		if (EVP_Q_digest(nullptr, "SHA256", nullptr, part.ptr, part.len, digest, nullptr) != 1)
			throw std::runtime_error("OpenSSL has no SHA-256");
		haw_put_bytes(&data.m, digest, sizeof(digest));
	}
	sign_plainly(key, plain.c_str(), data.all(), by);
	/* The type stands first in both, and has other forms behind it that are the same. */
	const haw_span old_blob = by.blob.all(), old_signature = by.signature.all();
	const size_t skip = 4 + plain.size();
	haw_put_text(&out.blob.m, algorithm->key_type);
	haw_put_bytes(&out.blob.m, old_blob.ptr + skip, old_blob.len - skip);
	haw_put_string(&out.blob.m, application.ptr, application.len);
	haw_put_text(&out.signature.m, algorithm->name);
	haw_put_bytes(&out.signature.m, old_signature.ptr + skip, old_signature.len - skip);
	haw_put_bytes(&out.signature.m, flags.ptr, flags.len);
}

void run_verify(benchmark::State &state, const std::string &name)
{
	const struct haw_signature_algorithm *algorithm = haw_signature_algorithm_find(name.c_str());
	EVP_PKEY *key = key_for(algorithm);
	haw_error err;
	Signed by;

	if (inside(algorithm->key_type).empty())
		sign_plainly(key, algorithm->name, signed_data, by);
	else
		sign_as_device(key, algorithm, by);
	pin_thread(0);
	/* As a client does it: the key comes as a blob. */
	for (auto _ : state)
		must(haw_hostkey_verify_blob(by.blob.all(), algorithm->name, signed_data, by.signature.all(),
					     &err),
		     err);
	state.SetItemsProcessed(int64_t(state.iterations()));
}

void run_rekey(benchmark::State &state, const Case &c)
{
	CorePair pair(*c.engine, c.suite);

	pin_thread(0);
	while (pair.exchange() && !(pair.client.is_ready() && pair.server.is_ready()))
		;
	for (auto _ : state) {
		const uint64_t before = pair.client.key_exchanges() + pair.server.key_exchanges();

		pair.client.rekey();
		while (pair.client.key_exchanges() + pair.server.key_exchanges() < before + 2)
			if (!pair.exchange())
				throw std::runtime_error("a rekey came to nothing");
	}
	state.SetItemsProcessed(int64_t(state.iterations()));
}

} // namespace

std::vector<std::string> kex_methods()
{
	std::vector<std::string> names;
	const char *name;

	for (size_t i = 0; (name = haw_kex_method_at(i)); i++)
		if (haw_kex_method_find(name))
			names.push_back(name);
	return names;
}

std::vector<std::string> signature_algorithms()
{
	const struct haw_signature_algorithm *algorithm;
	std::vector<std::string> names;

	for (size_t i = 0; (algorithm = haw_signature_algorithm_at(i)); i++)
		names.push_back(algorithm->name);
	return names;
}

benchmark::internal::Benchmark *add_kex(const std::string &method)
{
	return add("kex/" + method, guarded(run_kex, method));
}

benchmark::internal::Benchmark *add_sign(const std::string &algorithm)
{
	return add("sign/" + algorithm, guarded(run_sign, algorithm));
}

benchmark::internal::Benchmark *add_verify(const std::string &algorithm)
{
	return add("verify/" + algorithm, guarded(run_verify, algorithm));
}

benchmark::internal::Benchmark *add_rekey(const Case &c)
{
	return add("rekey/" + kex_methods().front() + "+ssh-ed25519/" + c.suite->name + "/" +
			   c.engine->name(),
		   guarded(run_rekey, c));
}

} // namespace bench

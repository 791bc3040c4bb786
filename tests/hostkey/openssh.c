/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys and signatures made by ssh-keygen: its public keys are read and written back to the same
 * bytes, its signatures (PROTOCOL.sshsig) verify.
 */
#include <unistd.h>

#include <openssl/evp.h>

#include "harness.h"
#include "transport/hostkey/hostkey.h"

enum { TEXT_MAX = 16384 };

static char folder[] = "/tmp/hawser-hostkey-XXXXXX";

static size_t read_file(const char *name, char *text)
{
	char path[256];
	FILE *file;
	size_t len = 0;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "r");
	if (file) {
		len = fread(text, 1, TEXT_MAX - 1, file);
		fclose(file);
	}
	text[len] = '\0';
	return len;
}

static bool in_folder(const char *command)
{
	char line[512];

	snprintf(line, sizeof(line), "cd %s && %s >/dev/null 2>&1", folder, command);
	return system(line) == 0;
}

/* Base64 of one piece, line breaks allowed. */
static size_t decode(const char *text, size_t len, uint8_t *out)
{
	EVP_ENCODE_CTX *context = EVP_ENCODE_CTX_new();
	int first = 0, last = 0;

	EVP_DecodeInit(context);
	if (EVP_DecodeUpdate(context, out, &first, (const uint8_t *)text, (int)len) < 0 ||
	    EVP_DecodeFinal(context, out + first, &last) != 1)
		first = last = 0;
	EVP_ENCODE_CTX_free(context);
	return (size_t)(first + last);
}

/* PROTOCOL.sshsig: "SSHSIG", version, public key, namespace, reserved, hash, signature; what is
 * signed has the digest of the message in place of key and signature. */
static bool sshsig_verifies(const char *armoured, const char *message, haw_span blob, const char *algorithm)
{
	const char *begin = strchr(armoured, '\n'), *end = strstr(armoured, "\n-----END");
	uint8_t bytes[TEXT_MAX], digest[64];
	haw_message in, data;
	haw_span key, space, hash, signature;
	int result;

	haw_message_read(&in, bytes, begin && end ? decode(begin, (size_t)(end - begin), bytes) : 0);
	CHECK_OR(memcmp(haw_get_bytes(&in, 6).ptr, "SSHSIG", 6) == 0 && haw_get_u32(&in) == 1, false);
	key = haw_get_string(&in);
	space = haw_get_string(&in);
	haw_get_string(&in);
	hash = haw_get_string(&in);
	signature = haw_get_string(&in);
	CHECK_OR(haw_message_complete(&in) && haw_span_equal(key, blob), false);
	CHECK_OR(haw_span_is(hash, "sha512"), false);
	EVP_Q_digest(NULL, "SHA512", NULL, message, strlen(message), digest, NULL);
	haw_message_write(&data, 0);
	haw_put_bytes(&data, "SSHSIG", 6);
	haw_put_string(&data, space.ptr, space.len);
	haw_put_string(&data, NULL, 0);
	haw_put_string(&data, hash.ptr, hash.len);
	haw_put_string(&data, digest, sizeof(digest));
	result = haw_hostkey_verify_blob(blob, algorithm, haw_message_all(&data), signature, NULL);
	haw_message_free(&data);
	return result == 0;
}

static void key_of(const char *type, const char *bits, const char *name, const char *algorithm)
{
	char command[256], text[TEXT_MAX];
	uint8_t blob[TEXT_MAX];
	haw_message again;
	EVP_PKEY *key;
	char *base64;
	size_t len;

	snprintf(command, sizeof(command), "rm -f key* && ssh-keygen -q -t %s %s -N '' -C comment -f key",
		 type, bits);
	CHECK(in_folder(command));
	read_file("key.pub", text);
	CHECK(strncmp(text, name, strlen(name)) == 0 && text[strlen(name)] == ' ');
	base64 = text + strlen(name) + 1;
	len = decode(base64, strcspn(base64, " "), blob);
	key = haw_hostkey_parse((haw_span){blob, len}, NULL);
	CHECK(key);
	haw_message_write(&again, 0);
	CHECK(haw_hostkey_encode(key, &again, NULL) == 0);
	CHECK(haw_span_equal(haw_message_all(&again), (haw_span){blob, len}));
	CHECK(in_folder("printf 'to be signed' >message && rm -f message.sig && "
			"ssh-keygen -q -Y sign -n file -f key message"));
	CHECK(read_file("message.sig", text) > 0);
	CHECK(sshsig_verifies(text, "to be signed", haw_message_all(&again), algorithm));
	CHECK(!sshsig_verifies(text, "to be sighed", haw_message_all(&again), algorithm));
	haw_message_free(&again);
	EVP_PKEY_free(key);
}

static void ed25519(void)
{
	key_of("ed25519", "", "ssh-ed25519", "ssh-ed25519");
}

static void ecdsa(void)
{
	key_of("ecdsa", "-b 256", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256");
	key_of("ecdsa", "-b 384", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384");
	key_of("ecdsa", "-b 521", "ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521");
}

static void rsa(void)
{
	key_of("rsa", "-b 2048", "ssh-rsa", "rsa-sha2-512");
	key_of("rsa", "-b 3072", "ssh-rsa", "rsa-sha2-512");
}

int main(void)
{
	if (system("command -v ssh-keygen >/dev/null") != 0) {
		harness_skip("openssh", "ssh-keygen is not installed");
		return harness_end();
	}
	if (!mkdtemp(folder))
		return 1;
	RUN(ed25519);
	RUN(ecdsa);
	RUN(rsa);
	in_folder("rm -f key key.pub message message.sig");
	rmdir(folder);
	return harness_end();
}

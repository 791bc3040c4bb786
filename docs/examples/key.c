/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys: key new TYPE FILE [PASSPHRASE]        make a pair, FILE and FILE.pub
 *       key sign FILE [PASSPHRASE] < DATA > SIGNATURE
 *       key verify FILE.pub SIGNATURE < DATA
 *
 * The signature is the blob of RFC 4253 §6.6, as SSH has it in its messages.
 *
 * cc -o key key.c $(pkg-config --cflags --libs libhawser)
 */
#include <stdio.h>
#include <string.h>

#include <hawser/key.h>
#include <hawser/message.h>

/* All of FILE, at most SIZE bytes. */
static int read_all(FILE *file, const char *name, uint8_t *data, size_t size, haw_span *all, haw_error *err)
{
	all->ptr = data;
	all->len = file ? fread(data, 1, size, file) : 0;
	if (!file || ferror(file))
		return haw_error_set(err, HAW_ESYSTEM, HAW_FAULT_LOCAL, 0, "cannot read %s", name);
	if (all->len == size)
		return haw_error_set(err, HAW_ELIMIT, HAW_FAULT_LOCAL, 0, "%s is too long", name);
	return 0;
}

static int new_key(const char *type, const char *path, const char *passphrase, haw_error *err)
{
	haw_key *key = haw_key_generate(type, 0, "made by an example", err);
	char pub[4096];
	int result = -1;

	if (!key)
		return -1;
	snprintf(pub, sizeof(pub), "%s.pub", path);
	if (haw_key_write_private(key, path, passphrase, 0, err) == 0 &&
	    haw_key_write_public(key, pub, err) == 0) {
		printf("%u %s (%s)\n", haw_key_bits(key), haw_key_fingerprint(key), haw_key_type_short(key));
		result = 0;
	}
	haw_key_free(key);
	return result;
}

static int sign(const char *path, const char *passphrase, haw_error *err)
{
	static uint8_t data[1 << 20];
	haw_message signature;
	haw_span text, all;
	haw_key *key;
	int result;

	if (read_all(stdin, "the input", data, sizeof(data), &text, err) < 0)
		return -1;
	key = haw_key_load_private(path, passphrase, err);
	if (!key)
		return -1;
	haw_message_write(&signature, 0);
	result = haw_key_sign(key, NULL, text, &signature, err);
	all = haw_message_all(&signature);
	if (result == 0 && fwrite(all.ptr, 1, all.len, stdout) != all.len)
		result = haw_error_set(err, HAW_ESYSTEM, HAW_FAULT_LOCAL, 0, "cannot write the signature");
	haw_message_free(&signature);
	haw_key_free(key);
	return result;
}

static int verify(const char *path, const char *signature_path, haw_error *err)
{
	static uint8_t data[1 << 20], blob[4096];
	FILE *file = fopen(signature_path, "rb");
	haw_span text, signature;
	haw_key *key = NULL;
	int result = read_all(file, signature_path, blob, sizeof(blob), &signature, err);

	if (file)
		fclose(file);
	if (result == 0)
		result = read_all(stdin, "the input", data, sizeof(data), &text, err);
	if (result == 0)
		key = haw_key_load_public(path, err);
	if (!key)
		return -1;
	result = haw_key_verify(key, NULL, text, signature, err);
	if (result == 0)
		printf("signed by %s\n", haw_key_fingerprint(key));
	haw_key_free(key);
	return result;
}

int main(int argc, char **argv)
{
	haw_error err = {0};
	int result;

	if ((argc == 4 || argc == 5) && strcmp(argv[1], "new") == 0) {
		result = new_key(argv[2], argv[3], argv[4], &err);
	} else if ((argc == 3 || argc == 4) && strcmp(argv[1], "sign") == 0) {
		result = sign(argv[2], argv[3], &err);
	} else if (argc == 4 && strcmp(argv[1], "verify") == 0) {
		result = verify(argv[2], argv[3], &err);
	} else {
		fprintf(stderr, "usage: key new TYPE FILE [PASSPHRASE]\n       key sign FILE [PASSPHRASE]\n"
				"       key verify FILE.pub SIGNATURE\n");
		return 2;
	}
	if (result < 0)
		fprintf(stderr, "key: %s\n", err.message);
	return result < 0;
}

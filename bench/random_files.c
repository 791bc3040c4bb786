/* SPDX-License-Identifier: Apache-2.0
 *
 * Make files of fresh random bytes, faster than the system's generator: AES-128 in counter mode under a key
 * from there.
 *
 * usage: random_files SIZE FILE            one file of SIZE bytes
 *        random_files SIZE DIRECTORY COUNT COUNT files of SIZE bytes, 100 to a directory
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/rand.h>

#define BLOCK		(1u << 20)
#define PER_DIRECTORY	100u

static unsigned char zeros[BLOCK], block[BLOCK];
static EVP_CIPHER_CTX *ctx;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void start_generator(void)
{
	unsigned char key[16], iv[16];

	ctx = EVP_CIPHER_CTX_new();
	if (!ctx || RAND_bytes(key, sizeof(key)) != 1 || RAND_bytes(iv, sizeof(iv)) != 1 ||
	    !EVP_EncryptInit_ex(ctx, EVP_aes_128_ctr(), NULL, key, iv)) {
		fprintf(stderr, "random_files: no random bytes\n");
		exit(1);
	}
}

static void make_file(const char *path, unsigned long long size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (fd < 0)
		die(path);
	while (size > 0) {
		unsigned int n = size < BLOCK ? (unsigned int)size : BLOCK;
		int made;

		if (!EVP_EncryptUpdate(ctx, block, &made, zeros, (int)n) || write(fd, block, n) != (ssize_t)n)
			die(path);
		size -= n;
	}
	if (close(fd) < 0)
		die(path);
}

static void make_tree(const char *top, unsigned long count, unsigned long long size)
{
	char path[4096];

	if (mkdir(top, 0755) < 0)
		die(top);
	for (unsigned long i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/directory%04lu", top, i / PER_DIRECTORY);
		if (i % PER_DIRECTORY == 0 && mkdir(path, 0755) < 0)
			die(path);
		snprintf(path, sizeof(path), "%s/directory%04lu/file%02lu", top, i / PER_DIRECTORY,
			 i % PER_DIRECTORY);
		make_file(path, size);
	}
}

int main(int argc, char **argv)
{
	if (argc != 3 && argc != 4) {
		fprintf(stderr, "usage: random_files SIZE FILE | SIZE DIRECTORY COUNT\n");
		return 2;
	}
	start_generator();
	if (argc == 3)
		make_file(argv[2], strtoull(argv[1], NULL, 10));
	else
		make_tree(argv[2], strtoul(argv[3], NULL, 10), strtoull(argv[1], NULL, 10));
	EVP_CIPHER_CTX_free(ctx);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Touch and free memory, so that what runs next does not pay for pages that the machine has not used lately
 * (on virtual machines the first touch of a page can cost seven times the write itself).
 *
 * usage: warm MIB
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define MIB (1024u * 1024u)
#define PAGE 4096u

int main(int argc, char **argv)
{
	size_t mib = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;

	if (mib == 0) {
		fprintf(stderr, "usage: warm MIB\n");
		return 2;
	}
	/* Piece by piece, all held until the end. Small pages, as files in memory have. */
	for (size_t i = 0; i < mib; i++) {
		unsigned char *piece = mmap(NULL, MIB, PROT_READ | PROT_WRITE,
					    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (piece == MAP_FAILED) {
			perror("warm");
			return 1;
		}
		madvise(piece, MIB, MADV_NOHUGEPAGE);
		for (size_t at = 0; at < MIB; at += PAGE)
			*(volatile unsigned char *)(piece + at) = 1;
	}
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Load against OpenSSH's sftp-server, first alone and then behind sshd: a large file, thousands of small
 * ones in flight, and a server that dies meanwhile.
 */
#include <openssl/evp.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "ssh.h"

static struct pipe_session s;
static struct ssh_session ssh;
static haw_error err;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double cpu(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* ---- One large file ---- */

enum { BLOCK = 64 << 20, BLOCKS = 16 };
static uint8_t *block;

/* The bytes of block N: no two blocks alike. */
static void fill(unsigned n)
{
	uint64_t x = 0x9e3779b97f4a7c15ull * (n + 1);

	for (size_t i = 0; i < BLOCK; i += 8) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		memcpy(block + i, &x, 8);
	}
}

static void hash_add(EVP_MD_CTX *hash)
{
	EVP_DigestUpdate(hash, block, BLOCK);
}

static bool hash_end(EVP_MD_CTX *hash, uint8_t out[32])
{
	bool ok = EVP_DigestFinal_ex(hash, out, NULL) == 1;

	EVP_MD_CTX_free(hash);
	return ok;
}

static EVP_MD_CTX *hash_begin(void)
{
	EVP_MD_CTX *hash = EVP_MD_CTX_new();

	EVP_DigestInit_ex(hash, EVP_sha256(), NULL);
	return hash;
}

static void a_large_file_is_the_same_after_both_ways(void)
{
	uint8_t written[32], read[32], local[32];
	double up = 0, down = 0, up_cpu = 0, down_cpu = 0, begin, spent;
	EVP_MD_CTX *hash = hash_begin();
	haw_file *file;
	FILE *f;

	file = haw_sftp_open(s.sftp, pipe_path(&s, "large"), HAW_OPEN_WRITE | HAW_OPEN_READ | HAW_OPEN_CREATE,
			     NULL, &err);
	CHECK(file);
	for (unsigned i = 0; i < BLOCKS; i++) {
		fill(i);
		hash_add(hash);
		begin = now();
		spent = cpu();
		CHECK_MSG(haw_file_write(file, (uint64_t)i * BLOCK, block, BLOCK, &err) == 0, "%s",
			  err.message);
		up += now() - begin;
		up_cpu += cpu() - spent;
	}
	CHECK(hash_end(hash, written));
	hash = hash_begin();
	for (unsigned i = 0; i < BLOCKS; i++) {
		memset(block, 0, BLOCK);
		begin = now();
		spent = cpu();
		CHECK(haw_file_read(file, (uint64_t)i * BLOCK, block, BLOCK, &err) == BLOCK);
		down += now() - begin;
		down_cpu += cpu() - spent;
		hash_add(hash);
	}
	CHECK(hash_end(hash, read) && memcmp(written, read, 32) == 0);
	CHECK(haw_file_read(file, (uint64_t)BLOCKS * BLOCK - 5, block, 100, &err) == 5);
	CHECK(haw_file_close(file, &err) == 0);
	/* And it is that on the disk. */
	hash = hash_begin();
	f = fopen(pipe_path(&s, "large"), "r");
	CHECK(f);
	for (unsigned i = 0; i < BLOCKS; i++) {
		CHECK(fread(block, 1, BLOCK, f) == BLOCK);
		hash_add(hash);
	}
	CHECK(fgetc(f) == EOF && fclose(f) == 0);
	CHECK(hash_end(hash, local) && memcmp(written, local, 32) == 0);
	printf("  1 GiB: up %.2f, down %.2f GB/s; %.2f and %.2f s of CPU here\n", 1.073741824 / up,
	       1.073741824 / down, up_cpu, down_cpu);
	unlink(pipe_path(&s, "large"));
}

/* ---- Many small files ---- */

enum { FILES = 5000, SIZE = 4096, IN_FLIGHT = 256 };

struct small {
	unsigned number;
	haw_file *file;
	uint8_t data[SIZE];
	uint32_t got;
};

static struct small *files;
static unsigned started, finished, failed;
static bool down;

static void start_next(void);

static void path_of(char *path, size_t size, unsigned number)
{
	snprintf(path, size, "%s/small-%u", s.dir, number);
}

static void closed(void *user, haw_op *op)
{
	if (haw_op_result(op, NULL) < 0)
		failed++;
	haw_op_free(op);
	finished++;
	start_next();
}

static void moved(void *user, haw_op *op)
{
	if (haw_op_result(op, NULL) < 0)
		failed++;
	haw_op_free(op);
}

static void sink(void *user, uint64_t offset, haw_span view)
{
	struct small *f = user;

	memcpy(f->data + offset, view.ptr, view.len);
	f->got += (uint32_t)view.len;
}

/* Once open, the transfer and CLOSE go together. */
static void opened(void *user, haw_op *op)
{
	struct small *f = user;
	haw_file *file = haw_sftp_op_file(op);

	haw_op_free(op);
	if (!file) {
		failed++;
		finished++;
		return;
	}
	if (down)
		op = haw_file_read_start(file, 0, SIZE, sink, moved, f, NULL);
	else
		op = haw_file_write_start(file, 0, f->data, SIZE, NULL, moved, f, NULL);
	failed += !op;
	failed += !haw_file_close_start(file, closed, f, NULL);
}

static void start_next(void)
{
	struct small *f = &files[started];
	const haw_attrs mode = {.flags = HAW_ATTR_MODE, .mode = 0644};
	uint32_t flags = down ? HAW_OPEN_READ : HAW_OPEN_WRITE | HAW_OPEN_CREATE | HAW_OPEN_TRUNCATE;
	char path[128];

	if (started == FILES)
		return;
	started++;
	path_of(path, sizeof(path), f->number);
	failed += !haw_sftp_open_start(s.sftp, path, flags, down ? NULL : &mode, opened, f, NULL);
}

static bool run_all(bool direction)
{
	double begin = now(), spent = cpu();

	down = direction;
	started = finished = failed = 0;
	for (unsigned i = 0; i < IN_FLIGHT; i++)
		start_next();
	while (finished < FILES && failed == 0)
		if (haw_loop_run(s.loop, 1000, &err) < 0)
			return false;
	printf("  %d files of %d bytes, %s: %.0f a second, %.2f us of CPU each, sockets included\n", FILES,
	       SIZE, down ? "down" : "up", FILES / (now() - begin), (cpu() - spent) / FILES * 1e6);
	return failed == 0 && finished == FILES && haw_sftp_pending(s.sftp) == 0 &&
	       haw_sftp_pending_bytes(s.sftp) == 0;
}

static void number_data(struct small *f)
{
	for (unsigned i = 0; i < SIZE; i++)
		f->data[i] = (uint8_t)(f->number * 31 + i * (f->number | 1));
}

static void thousands_of_files_are_in_flight_at_once(void)
{
	struct small copy;

	files = calloc(FILES, sizeof(*files));
	CHECK(files);
	for (unsigned i = 0; i < FILES; i++) {
		files[i].number = i;
		number_data(&files[i]);
	}
	CHECK(run_all(false));
	for (unsigned i = 0; i < FILES; i++)
		memset(files[i].data, 0, SIZE);
	CHECK(run_all(true));
	for (unsigned i = 0; i < FILES; i++) {
		copy.number = i;
		number_data(&copy);
		CHECK(files[i].got == SIZE && memcmp(copy.data, files[i].data, SIZE) == 0);
	}
	free(files);
}

/* ---- A server that dies ---- */

static unsigned ended_ok, ended_lost, ended_other, sealed;

static void note_end(void *user, haw_op *op)
{
	int rc = haw_op_result(op, NULL);

	if (rc == 0)
		ended_ok++;
	else if (rc == HAW_ECLOSED)
		ended_lost++;
	else
		ended_other++;
	haw_op_free(op);
	/* In the middle of it. */
	if (ended_ok == 50)
		kill(s.pid, SIGKILL);
}

static void note_sealed(void *user)
{
	sealed++;
}

static void ignore_data(void *user, uint64_t offset, haw_span view)
{
}

static void everything_ends_when_the_server_dies(void)
{
	enum { EACH = 150, PIECE = 100000 };
	unsigned total = 0;

	ended_ok = ended_lost = ended_other = sealed = 0;
	haw_file *file = haw_sftp_open(s.sftp, pipe_path(&s, "cut"),
				       HAW_OPEN_READ | HAW_OPEN_WRITE | HAW_OPEN_CREATE, NULL, &err);

	CHECK(file);
	for (unsigned i = 0; i < EACH; i++) {
		total += haw_file_write_start(file, (uint64_t)i * PIECE, block, PIECE, note_sealed, note_end,
					      NULL, &err) != NULL;
		total += haw_file_read_start(file, 0, PIECE, ignore_data, note_end, NULL, &err) != NULL;
		total += haw_file_write_start(file, 0, block, 100, note_sealed, note_end, NULL, &err) != NULL;
	}
	CHECK(total == 3 * EACH);
	while (ended_ok + ended_lost + ended_other < total)
		CHECK(haw_loop_run(s.loop, 10000, &err) == 0);
	CHECK_MSG(ended_ok >= 50 && ended_lost > 100 && ended_other == 0, "%u ok, %u lost, %u other",
		  ended_ok, ended_lost, ended_other);
	CHECK_MSG(sealed == 2 * EACH, "%u sealed", sealed);
	CHECK(haw_file_stat(file, &(haw_attrs){0}, &err) == HAW_ECLOSED);
	CHECK_MSG(strstr(err.message, "ended") || strstr(err.message, "cut") ||
		  strstr(err.message, "closed"), "%s", err.message);
	CHECK(haw_file_read(file, 0, block, BLOCK, &err) == HAW_ECLOSED);
	CHECK(haw_file_write(file, 0, block, BLOCK, &err) == HAW_ECLOSED);
	haw_file_free(file);
}

static bool room(void)
{
	struct statvfs vfs;

	return statvfs(s.dir, &vfs) == 0 && vfs.f_bavail * vfs.f_frsize > 3ull << 30;
}

static void run(void)
{
	if (room())
		RUN(a_large_file_is_the_same_after_both_ways);
	else
		harness_skip("a_large_file_is_the_same_after_both_ways", "less than 3 GiB free for the test");
	RUN(thousands_of_files_are_in_flight_at_once);
	RUN(everything_ends_when_the_server_dies);
}

static void a_session_over_ssh_is_ready(void)
{
	CHECK(ssh_begin(&ssh, SFTP_SERVER, NULL));
	CHECK_MSG(ssh_wait(&ssh, &err) == 0, "%s", err.message);
	CHECK(haw_sftp_extensions(ssh.s.sftp) == 2047 && haw_sftp_channel(ssh.s.sftp));
	s = ssh.s;
	s.pid = -s.pid; /* its process group */
}

int main(void)
{
	const char *why;

	block = malloc(BLOCK);
	if (!block)
		return 1;
	if (access(SFTP_SERVER, X_OK) != 0) {
		harness_skip("load", "OpenSSH's sftp-server is not installed");
		return harness_end();
	}
	if (!pipe_open(&s, NULL))
		return 1;
	run();
	pipe_close(&s);
	if (!ssh_usable(&why)) {
		harness_skip("over SSH", why);
		return harness_end();
	}
	RUN(a_session_over_ssh_is_ready);
	if (harness.failed_count == 0)
		run();
	ssh_close(&ssh);
	free(block);
	return harness_end();
}

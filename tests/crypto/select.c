/* SPDX-License-Identifier: Apache-2.0
 *
 * Which backend serves which suite: the order, the user's overrides and their errors, self-tests that fail,
 * backends that are added; and what is read from a processor.
 */
#include "crypto-backends/select.h"

#include <pthread.h>

#include "crypto-backends/backends.h"
#include "crypto-backends/cpu.h"
#include "harness.h"
#include "late_backend.h"

static const haw_suite *gcm(void)
{
	return haw_suite_find("aes128-gcm@openssh.com", NULL);
}

static const haw_suite *ctr(void)
{
	return haw_suite_find("aes128-ctr", "hmac-sha2-256-etm@openssh.com");
}

static bool has_ipsecmb(void)
{
	return haw_backend_find("ipsecmb") &&
	       !haw_backend_find("ipsecmb")->unusable(haw_backend_find("ipsecmb"));
}

/* The first in the static order that can. */
static const char *first_for_gcm(void)
{
	const haw_backend *armv8 = haw_backend_find("armv8");

	if (has_ipsecmb())
		return "ipsecmb";
	return armv8 && !armv8->unusable(armv8) ? "armv8" : "openssl";
}

static const haw_suite *chacha(void)
{
	return haw_suite_find("chacha20-poly1305@openssh.com", NULL);
}

/* Who is first in the order of preference with SUITE here. */
static const haw_backend *first_for(const haw_suite *suite)
{
	const haw_backend *ipsecmb = has_ipsecmb() ? haw_backend_find("ipsecmb") : NULL;

	return ipsecmb && !ipsecmb->refuses(ipsecmb, suite) ? ipsecmb : &haw_backend_openssl;
}

static void suites_are_complete(void)
{
	static const char *const macs[][2] = {
		{"hmac-sha2-256", "hmac-sha2-256-etm@openssh.com"},
		{"hmac-sha2-512", "hmac-sha2-512-etm@openssh.com"},
		{"hmac-sha1", "hmac-sha1-etm@openssh.com"},
		{"umac-64@openssh.com", "umac-64-etm@openssh.com"},
		{"umac-128@openssh.com", "umac-128-etm@openssh.com"},
	};
	static const struct {
		const char *name;
		uint16_t key_size, block_size;
		uint8_t chain_mode;
		uint64_t gib;
	} ciphers[] = {
		{"aes128-ctr", 16, 16, HAW_CHAIN_BLOCKS, 64},
		{"aes192-ctr", 24, 16, HAW_CHAIN_BLOCKS, 64},
		{"aes256-ctr", 32, 16, HAW_CHAIN_BLOCKS, 64},
		{"aes128-cbc", 16, 16, HAW_CHAIN_CIPHERTEXT, 64},
		{"aes192-cbc", 24, 16, HAW_CHAIN_CIPHERTEXT, 64},
		{"aes256-cbc", 32, 16, HAW_CHAIN_CIPHERTEXT, 64},
		{"3des-cbc", 24, 8, HAW_CHAIN_CIPHERTEXT, 1},
	};
	size_t count = 0;

	CHECK(haw_suite_find("aes128-gcm@openssh.com", NULL)->key_size == 16);
	CHECK(haw_suite_find("aes256-gcm@openssh.com", "hmac-sha1")->key_size == 32);
	CHECK(haw_suite_find("AEAD_AES_128_GCM", "AEAD_AES_128_GCM")->key_size == 16);
	CHECK(haw_suite_find("AEAD_AES_256_GCM", NULL)->key_size == 32);
	CHECK(haw_suite_find("chacha20-poly1305@openssh.com", NULL)->length_mode == HAW_LENGTH_APART);
	for (size_t c = 0; c < sizeof(ciphers) / sizeof(ciphers[0]); c++) {
		for (size_t m = 0; m < sizeof(macs) / sizeof(macs[0]); m++) {
			const haw_suite *plain = haw_suite_find(ciphers[c].name, macs[m][0]);
			const haw_suite *etm = haw_suite_find(ciphers[c].name, macs[m][1]);

			CHECK(plain && etm && plain != etm && plain->mac_kind == etm->mac_kind);
			CHECK(plain->reads_twice && plain->length_mode == HAW_LENGTH_FIRST_BLOCK);
			CHECK(!etm->reads_twice && etm->length_mode == HAW_LENGTH_CLEAR);
			CHECK(plain->key_size == ciphers[c].key_size && plain->iv_size == plain->block_size);
			CHECK(plain->block_size == ciphers[c].block_size &&
			      etm->chain_mode == ciphers[c].chain_mode);
			CHECK(etm->soft_bytes == ciphers[c].gib << 30);
			CHECK(haw_suite_half(plain) && haw_suite_half(etm) &&
			      haw_suite_half(plain) != haw_suite_half(etm));
		}
	}
	while (haw_suite_at(count))
		count++;
	CHECK(count == 75);
	CHECK(!haw_suite_find("aes128-ctr", NULL) && !haw_suite_find("aes128-ctr", "none"));
	CHECK(!haw_suite_find("aes128-ctr", "AEAD_AES_128_GCM") && !haw_suite_find("none", NULL));
}

static void order_prefers_ipsecmb_for_gcm(void)
{
	char reason[256];
	const haw_backend *backend = haw_selector_choose(NULL, gcm(), reason, sizeof(reason));

	CHECK(backend && strcmp(backend->name, first_for_gcm()) == 0);
	CHECK(strstr(reason, "order of preference"));
	CHECK(haw_selector_choose(NULL, ctr(), NULL, 0) == backend);
	CHECK(haw_selector_choose(NULL, chacha(), reason, sizeof(reason)) == first_for(chacha()));
	CHECK(!haw_backend_find("ipsecmb") || first_for(chacha()) != &haw_backend_openssl ||
	      strstr(reason, "ipsecmb: "));
	CHECK(haw_selector_choose(NULL, chacha(), NULL, 0) == first_for(chacha()));
	CHECK(haw_selector_choose(NULL, ctr(), reason, 4) && strlen(reason) == 3);
}

static void override_holds(void)
{
	haw_selector *s = haw_selector_new();
	haw_error err;
	char reason[256];

	CHECK(haw_selector_override(s, "aes128-gcm@openssh.com=openssl", &err) == 0);
	CHECK(haw_selector_choose(s, gcm(), reason, sizeof(reason)) == &haw_backend_openssl);
	CHECK(strstr(reason, "chosen by the user") && strstr(reason, "aes128-gcm@openssh.com=openssl"));
	haw_selector_free(s);
}

static void later_override_wins(void)
{
	haw_selector *s = haw_selector_new();
	haw_error err;

	CHECK(haw_selector_override(s, "*=openssl", &err) == 0);
	CHECK(haw_selector_choose(s, gcm(), NULL, 0) == &haw_backend_openssl);
	if (has_ipsecmb()) {
		CHECK(haw_selector_override(s, "*=ipsecmb", &err) == 0);
		CHECK(haw_selector_choose(s, gcm(), NULL, 0) == haw_backend_find("ipsecmb"));
		CHECK(haw_selector_choose(s, ctr(), NULL, 0) == haw_backend_find("ipsecmb"));
		CHECK(haw_selector_choose(s, chacha(), NULL, 0) == first_for(chacha()));
		CHECK(haw_selector_override(s, "aes256-gcm@openssh.com=openssl,aes128-ctr=openssl", &err) ==
		      0);
		CHECK(haw_selector_choose(s, gcm(), NULL, 0) == haw_backend_find("ipsecmb"));
		CHECK(haw_selector_choose(s, ctr(), NULL, 0) == &haw_backend_openssl);
	}
	haw_selector_free(s);
}

static bool fails_with(const char *text, int code, const char *words)
{
	haw_selector *s = haw_selector_new();
	haw_error err = {0};
	int result = haw_selector_override(s, text, &err);
	bool right = result == code && err.code == code && strstr(err.message, words);

	if (!right)
		printf("    \"%s\": %d \"%s\"\n", text, result, err.message);
	haw_selector_free(s);
	return right;
}

static void impossible_overrides_say_what_is_missing(void)
{
	CHECK(fails_with("aes128-gcm@openssh.com", HAW_EINVAL, "write CIPHER=NAME"));
	CHECK(fails_with("=openssl", HAW_EINVAL, "write CIPHER=NAME"));
	CHECK(fails_with("*=", HAW_EINVAL, "write CIPHER=NAME"));
	CHECK(fails_with("aes128-gcm@openssh.com=qat", HAW_ENOTFOUND, "no backend \"qat\"; this build has"));
	CHECK(fails_with("rot13=openssl", HAW_ENOTFOUND, "no cipher \"rot13\""));
	CHECK(fails_with("*=openssl,\033[2J=openssl", HAW_ENOTFOUND, "\\033[2J"));
	if (has_ipsecmb()) {
		CHECK(first_for(chacha()) != &haw_backend_openssl ||
		      fails_with("chacha20-poly1305@openssh.com=ipsecmb", HAW_EUNSUPPORTED,
				 "OpenSSL is faster"));
	} else if (!haw_backend_find("ipsecmb")) {
		CHECK(fails_with("aes128-gcm@openssh.com=ipsecmb", HAW_ENOTFOUND, "ipsec-mb library"));
	}
}

static void added_backends_serve_when_named(void)
{
	haw_selector *s = haw_selector_new();
	const haw_backend *backend = NULL;
	haw_backend foreign = late_backend_poll;
	haw_keys keys;
	uint8_t zeroes[64] = {0};
	haw_sealer *sealer;
	haw_error err;

	late_backend_reset(1, 5, 0);
	CHECK(haw_selector_add(s, &late_backend_poll) == 0);
	CHECK(haw_selector_add(s, &late_backend_fd) == 0);
	CHECK(haw_selector_add(s, &late_backend_poll) == HAW_EINVAL);
	foreign.name = "foreign";
	foreign.abi = HAW_BACKEND_ABI + 1;
	CHECK(haw_selector_add(s, &foreign) == HAW_EINVAL);
	CHECK(haw_selector_choose(s, ctr(), NULL, 0) == haw_backend_find(first_for_gcm()));
	CHECK(haw_selector_override(s, "*=late-poll,aes128-ctr=late-fd", &err) == 0);
	CHECK(haw_selector_choose(s, gcm(), NULL, 0) == &late_backend_poll);
	CHECK(haw_selector_choose(s, ctr(), NULL, 0) == &late_backend_fd);
	keys = (haw_keys){zeroes, zeroes, zeroes};
	sealer = haw_selector_sealer(s, ctr(), &keys, &backend, &err);
	CHECK(sealer && backend == &late_backend_fd && sealer->traits.completion == HAW_COMPLETES_BY_FD);
	CHECK(sealer->ops->fd(sealer) >= 0 && !sealer->ops->open_length);
	sealer->ops->free(sealer);
	haw_selector_free(s);
	CHECK(late_counters.overtaken > 0 && late_counters.violations == 0 && late_counters.in_flight == 0);
}

/* ---- Backends that are opened by name ---- */

static bool refuses_module(const char *path, int code, const char *words)
{
	haw_selector *s = haw_selector_new();
	haw_error err = {0};
	int result = haw_selector_load_module(s, path, NULL, &err);
	bool right = result == code && err.code == code && strstr(err.message, words);

	if (!right)
		printf("    \"%s\": %d \"%s\"\n", path, result, err.message);
	haw_selector_free(s);
	return right;
}

static void files_that_are_no_modules_are_refused(void)
{
	CHECK(refuses_module("/nonexistent/module.so", HAW_ENOTFOUND,
			     "/nonexistent/module.so cannot be read"));
	CHECK(refuses_module("/etc", HAW_EFORMAT, "it is no regular file"));
	CHECK(refuses_module("/etc/passwd", HAW_EFORMAT, "/etc/passwd is not a module of backends"));
}

static void modules_come_from_an_absolute_directory_only(void)
{
	haw_selector_options options = {.size = sizeof(options), .module_dir = "modules"};
	haw_selector *s = haw_selector_new();
	haw_error err = {0};

	CHECK(haw_selector_set_options(s, &options, &err) == HAW_EINVAL &&
	      strstr(err.message, "from the root"));
	options.module_dir = "/nonexistent";
	CHECK(haw_selector_set_options(s, &options, &err) == 0);
	CHECK(haw_selector_override(s, "*=cryptodev:crypto_qat0", &err) == HAW_ENOTFOUND);
	CHECK(strstr(err.message, "/nonexistent/cryptodev.so"));
	CHECK(haw_selector_override(s, "*=../etc/passwd:x", &err) == HAW_ENOTFOUND);
	CHECK(strstr(err.message, "there is no backend"));
	CHECK(!haw_selector_open(s, "nothing:at-all", &err) && err.code == HAW_ENOTFOUND);
	haw_selector_free(s);
}

static void any_number_of_overrides_and_backends(void)
{
	haw_selector *s = haw_selector_new();
	static haw_backend lent[100];
	static char names[100][16];
	haw_error err;

	for (int i = 0; i < 100; i++) {
		snprintf(names[i], sizeof(names[i]), "lent-%d", i);
		lent[i] = haw_backend_openssl;
		lent[i].name = names[i];
		CHECK(haw_selector_add(s, &lent[i]) == 0);
		CHECK(haw_selector_override(s, i % 2 ? "*=openssl" : "*=lent-0", &err) == 0);
	}
	CHECK(haw_selector_choose(s, gcm(), NULL, 0) == &haw_backend_openssl);
	CHECK(haw_selector_override(s, "*=lent-99", &err) == 0);
	CHECK(haw_selector_choose(s, gcm(), NULL, 0) == &lent[99]);
	CHECK(haw_selector_open(s, "lent-42", &err) == &lent[42]);
	CHECK(!haw_selector_check(s, &lent[42], gcm()) && haw_selector_check(NULL, &lent[42], gcm()));
	haw_selector_free(s);
}

static const char *refuses_macs(const haw_backend *backend, const haw_suite *suite)
{
	return suite->mac_kind != HAW_MAC_NONE ? "it has no MACs"
					       : haw_backend_openssl.refuses(&haw_backend_openssl, suite);
}

static const char *refuses_ctr(const haw_backend *backend, const haw_suite *suite)
{
	return suite->cipher_kind == HAW_CIPHER_AES_CTR && suite->key_size == 16
		       ? "it has no short keys"
		       : haw_backend_openssl.refuses(&haw_backend_openssl, suite);
}

/* An override names a cipher: where its backend lacks the MAC, another does the MAC. */
static void another_does_the_mac(void)
{
	haw_selector *s = haw_selector_new();
	haw_backend half = haw_backend_openssl, long_keys = haw_backend_openssl;
	const haw_backend *chosen;
	char reason[256];
	haw_error err;

	half.name = "half";
	half.refuses = refuses_macs;
	long_keys.name = "long";
	long_keys.refuses = refuses_ctr;
	CHECK(haw_selector_add(s, &half) == 0 && haw_selector_add(s, &long_keys) == 0);
	CHECK_MSG(haw_selector_override(s, "aes128-ctr=half", &err) == 0, "%s", err.message);
	chosen = haw_selector_choose(s, ctr(), reason, sizeof(reason));
	CHECK_MSG(chosen && strcmp(chosen->name, "half+openssl") == 0, "%s", reason);
	CHECK_MSG(strstr(reason, "half does the cipher and openssl the MAC"), "%s", reason);
	/* A choice that cannot be kept for this cipher is said. */
	CHECK(haw_selector_override(s, "aes128-ctr=long", &err) == HAW_EUNSUPPORTED);
	CHECK(haw_selector_override(s, "*=long", &err) == 0);
	chosen = haw_selector_choose(s, gcm(), NULL, 0);
	CHECK(chosen == &long_keys);
	chosen = haw_selector_choose(s, ctr(), reason, sizeof(reason));
	CHECK_MSG(chosen && strcmp(chosen->name, "half+openssl") == 0, "%s", reason);
	haw_selector_free(s);
}

/* ---- Backends that do wrong ---- */

static haw_sealer_ops broken_ops;
static int (*right_poll)(haw_sealer *s, haw_job **done, size_t max);
static void (*break_job)(haw_job *job);

static int broken_poll(haw_sealer *s, haw_job **done, size_t max)
{
	int n = right_poll(s, done, max);

	for (int i = 0; i < n; i++)
		break_job(done[i]);
	return n;
}

static haw_sealer *broken(haw_sealer *s)
{
	broken_ops = *s->ops;
	right_poll = broken_ops.poll;
	broken_ops.poll = broken_poll;
	s->ops = &broken_ops;
	return s;
}

static haw_sealer *broken_sealer(const haw_backend *backend, const haw_suite *suite, const haw_keys *keys,
				 haw_error *err)
{
	return broken(haw_backend_openssl.new_sealer(&haw_backend_openssl, suite, keys, err));
}

static haw_sealer *broken_opener(const haw_backend *backend, const haw_suite *suite, const haw_keys *keys,
				 haw_error *err)
{
	return broken(haw_backend_openssl.new_opener(&haw_backend_openssl, suite, keys, err));
}

static void accept_all(haw_job *job)
{
	job->status = 0;
}

static void accept_large(haw_job *job)
{
	if (job->length > 65528)
		job->status = 0;
}

static void write_behind(haw_job *job)
{
	const haw_mut_span *last = &job->out[job->out_count - 1];

	last->ptr[last->len] ^= 1;
}

static void write_before(haw_job *job)
{
	job->out[0].ptr[-1] ^= 1;
}

static void spoil_large(haw_job *job)
{
	if (job->length > 65528)
		job->out[0].ptr[70000] ^= 1;
}

static bool caught(bool sealer, bool opener, void (*breakage)(haw_job *), const char *words)
{
	haw_backend bad = haw_backend_openssl;
	haw_selector *s = haw_selector_new();
	char reason[256] = "";
	haw_error err = {0};
	haw_keys keys;
	uint8_t zeroes[64] = {0};
	bool right;

	bad.name = "bad";
	break_job = breakage;
	bad.new_sealer = sealer ? broken_sealer : haw_backend_openssl.new_sealer;
	bad.new_opener = opener ? broken_opener : haw_backend_openssl.new_opener;
	right = haw_selector_add(s, &bad) == 0 && haw_selector_override(s, "*=bad", &err) == 0 &&
		!haw_selector_choose(s, gcm(), reason, sizeof(reason)) && strstr(reason, words);
	/* Named by the user, it is an error and not a reason to take another. */
	keys = (haw_keys){zeroes, zeroes, zeroes};
	right = right && !haw_selector_opener(s, gcm(), &keys, NULL, &err) && err.code == HAW_EUNSUPPORTED &&
		strstr(err.message, words);
	if (!right)
		printf("    \"%s\" \"%s\"\n", reason, err.message);
	haw_selector_free(s);
	return right;
}

static void self_test_catches_bad_backends(void)
{
	CHECK(caught(false, true, accept_all, "accepts packets that were altered"));
	CHECK(caught(false, true, accept_large, "accepts the largest packet altered"));
	CHECK(caught(true, false, write_behind, "wrote outside"));
	CHECK(caught(true, false, write_before, "wrote outside"));
	CHECK(caught(false, true, write_behind, "wrote outside"));
	CHECK(caught(true, false, spoil_large, "largest packet"));
	CHECK(caught(false, true, spoil_large, "largest packet"));
}

/* ---- Threads ---- */

static void *choose_all(void *user)
{
	const haw_suite *suite;

	for (size_t i = 0; (suite = haw_suite_at(i)); i++)
		if (!haw_selector_choose(user, suite, NULL, 0))
			return user;
	return NULL;
}

/* First in main, so that the threads meet self-tests that have not run. */
static void threads_share_a_selector(void)
{
	haw_selector *s = haw_selector_new();
	pthread_t threads[4];
	bool failed = false;

	for (int i = 0; i < 4; i++)
		if (pthread_create(&threads[i], NULL, choose_all, s) != 0)
			abort();
	for (int i = 0; i < 4; i++) {
		void *result;

		pthread_join(threads[i], &result);
		failed = failed || result;
	}
	haw_selector_free(s);
	CHECK(!failed);
}

/* ---- The processor ---- */

static void wide_registers_need_the_system(void)
{
	struct haw_cpu_x86 raw = {.leaf1_ecx = 1u << 28 | 1u << 27 | 1u << 25 | 1u << 20 | 1u << 1,
				  .leaf7_ebx = 1u << 5 | 1u << 8 | 1u << 16 | 1u << 17 | 1u << 28 | 1u << 30 |
					       1u << 31,
				  .leaf7_ecx = 1u << 9 | 1u << 10,
				  .xcr0 = 0xe7};
	uint32_t all = haw_cpu_from_x86(&raw), wide = HAW_CPU_AVX512,
		 ymm = HAW_CPU_AVX | HAW_CPU_AVX2 | HAW_CPU_VAES;

	CHECK((all & wide) && (all & ymm) == ymm && (all & HAW_CPU_AESNI) && (all & HAW_CPU_VPCLMUL));
	raw.xcr0 = 0x07;
	CHECK(haw_cpu_from_x86(&raw) == (all & ~wide));
	raw.xcr0 = 0x03;
	CHECK((haw_cpu_from_x86(&raw) & (wide | ymm)) == 0 && (haw_cpu_from_x86(&raw) & HAW_CPU_AESNI));
	raw.xcr0 = 0xe7;
	raw.leaf1_ecx &= ~(1u << 27);
	CHECK((haw_cpu_from_x86(&raw) & (wide | ymm)) == 0);
	raw.leaf1_ecx |= 1u << 27;
	raw.leaf7_ebx &= ~(1u << 31);
	CHECK(haw_cpu_from_x86(&raw) == (all & ~wide));
}

static void arm_features_are_read(void)
{
	struct haw_cpu_arm raw = {.hwcap = 1 << 1 | 1 << 3 | 1 << 4};
	char text[128];

	CHECK(haw_cpu_from_arm(&raw) == (HAW_CPU_NEON | HAW_CPU_ARM_AES | HAW_CPU_PMULL));
	haw_cpu_describe(haw_cpu_from_arm(&raw), text, sizeof(text));
	CHECK(strstr(text, ": neon aes pmull"));
	haw_cpu_describe(~0u, text, 12);
	CHECK(strlen(text) == 11);
}

int main(void)
{
	RUN(threads_share_a_selector);
	RUN(suites_are_complete);
	RUN(order_prefers_ipsecmb_for_gcm);
	RUN(override_holds);
	RUN(later_override_wins);
	RUN(impossible_overrides_say_what_is_missing);
	RUN(added_backends_serve_when_named);
	RUN(files_that_are_no_modules_are_refused);
	RUN(modules_come_from_an_absolute_directory_only);
	RUN(any_number_of_overrides_and_backends);
	RUN(another_does_the_mac);
	RUN(self_test_catches_bad_backends);
	RUN(wide_registers_need_the_system);
	RUN(arm_features_are_read);
	return harness_end();
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Packet protection: what a suite is, and what an engine that serves suites provides.
 *
 * A suite is constant data: it tells the packetizer everything that it plans with. A
 * backend serves suites: it makes a sealer for what one end sends under one set of keys,
 * or an opener for what it receives. Work arrives as jobs, one packet each, in batches;
 * jobs are submitted in the order of their packets, finish in any order, and are collected
 * with poll. A synchronous backend finishes inside submit; callers cannot tell.
 *
 * This is also the interface of out-of-tree modules: a struct whose `abi` is
 * HAW_BACKEND_ABI is understood by a library with the same number, and fields are only
 * ever added at the end of structs that carry their size.
 *
 * Threads: a sealer or opener is used by one thread at a time. A backend's own functions
 * may be called from several threads at once.
 */
#ifndef HAWSER_BACKEND_H
#define HAWSER_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hawser/error.h>
#include <hawser/message.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HAW_BACKEND_ABI 2u

/* Bounds that every backend and caller share. */
enum {
	HAW_KEY_MAX = 64,	 /* bytes of a cipher key, chacha20-poly1305's two keys included */
	HAW_IV_MAX = 16,
	HAW_MAC_KEY_MAX = 64,
	HAW_TAG_MAX = 64,
	HAW_JOB_SPANS = 16,	 /* input or output spans of one job */
	HAW_BATCH_MAX = 64,	 /* jobs of one submit */
	HAW_LENGTH_SIZE = 4,	 /* the packet_length field (RFC 4253 §6) */
	/* packet_length of the largest packet accepted and sent (OpenSSH's PACKET_MAX_SIZE is
	 * 256 KiB); a wire packet is this plus the length field and the tag. */
	HAW_PACKET_LENGTH_MAX = 262144
};

/* How the packet length travels. */
enum haw_length_mode {
	HAW_LENGTH_CLEAR,	/* in the clear, authenticated (AES-GCM, EtM) */
	HAW_LENGTH_APART,	/* encrypted with a key of its own (chacha20-poly1305@openssh.com) */
	HAW_LENGTH_FIRST_BLOCK	/* inside the first cipher block (CTR or CBC with encrypt-and-MAC) */
};

/* The primitives of a suite. Backends plan with these, never with names. New ones are added at the end. */
enum haw_cipher_kind {
	HAW_CIPHER_AES_GCM,	      /* RFC 5647; key_size says which AES */
	HAW_CIPHER_CHACHA20_POLY1305, /* OpenSSH's PROTOCOL.chacha20poly1305 */
	HAW_CIPHER_AES_CTR,	      /* RFC 4344 §4 */
	HAW_CIPHER_AES_CBC,	      /* RFC 4253 §6.3 */
	HAW_CIPHER_3DES_CBC	      /* RFC 4253 §6.3 */
};

enum haw_mac_kind {
	HAW_MAC_NONE, /* the cipher authenticates; or the cipher's half of a suite alone */
	HAW_MAC_HMAC_SHA1,
	HAW_MAC_HMAC_SHA2_256,
	HAW_MAC_HMAC_SHA2_512,
	HAW_MAC_UMAC_64, /* RFC 4418, as OpenSSH uses it: the nonce is the sequence number in 8 bytes */
	HAW_MAC_UMAC_128
};

/* What protecting one packet needs from the packets before it. */
enum haw_chain_mode {
	HAW_CHAIN_NUMBER,	/* its number only: GCM counts packets since the keys, ChaCha20 uses the
				 * sequence number */
	HAW_CHAIN_BLOCKS,	/* how many cipher blocks came before it since the keys: CTR */
	HAW_CHAIN_CIPHERTEXT	/* the last ciphertext block before it: CBC. Sealers and openers keep it:
				 * each packet is submitted once, in order, and sealing is serial */
};

typedef struct haw_suite {
	const char *name;	/* "CIPHER" for an AEAD, else "CIPHER+MAC" */
	const char *cipher;	/* name in KEXINIT */
	const char *mac;	/* name in KEXINIT; NULL where the cipher implies it */
	uint16_t key_size;	/* bytes, as key exchange derives them (RFC 4253 §7.2) */
	uint16_t iv_size;
	uint16_t mac_key_size;
	uint16_t tag_size;	/* bytes behind the ciphertext */
	uint16_t block_size;	/* padding unit, at least 8 (RFC 4253 §6) */
	uint8_t length_mode;	/* enum haw_length_mode */
	uint8_t chain_mode;	/* enum haw_chain_mode */
	uint8_t cipher_kind;	/* enum haw_cipher_kind */
	uint8_t mac_kind;	/* enum haw_mac_kind */
	bool reads_twice;	/* sealing reads the plaintext more than once, so it must not be able
				 * to change meanwhile (encrypt-and-MAC) */
	uint64_t soft_bytes;	/* rekey is started after so many bytes under one key */
	uint64_t soft_packets;	/* and after so many packets; the hard limit is 2^32 - 1 packets */
} haw_suite;

/* One packet's keys, for one direction. Borrowed during the call that receives it. */
typedef struct haw_keys {
	const uint8_t *key;	/* suite->key_size */
	const uint8_t *iv;	/* suite->iv_size */
	const uint8_t *mac_key; /* suite->mac_key_size */
} haw_keys;

typedef struct haw_mut_span {
	uint8_t *ptr;
	size_t len;
} haw_mut_span;

/* One packet to be sealed or opened.
 *
 * Sealing: the inputs together are the whole plaintext packet (packet_length,
 * padding_length, payload, padding: RFC 4253 §6), and the outputs together are the wire
 * packet: as many bytes and the tag behind them.
 * Opening: the inputs together are the wire packet, packet_length and tag included; the
 * outputs together are the plaintext packet without the tag, its first four bytes being
 * packet_length in the clear.
 *
 * Outputs may lie elsewhere, or exactly upon the inputs (byte i of the output stream upon
 * byte i of the input stream); any other overlap is wrong use. Spans belong to the caller
 * and stay valid and unchanged until the job is done. Nothing outside the outputs is
 * written; but where packets that lie one behind the other are opened upon themselves by
 * one submit, the tags between them may change until all are done, and are then as they
 * were. When opening fails, the outputs' content is unspecified and the caller wipes it.
 */
typedef struct haw_job {
	haw_span in[HAW_JOB_SPANS];
	haw_mut_span out[HAW_JOB_SPANS];
	uint8_t in_count, out_count;
	uint32_t length;	/* the packet_length field: plaintext bytes behind that field */
	uint32_t seq;		/* SSH sequence number (RFC 4253 §6.4) */
	uint64_t number;	/* packets before this one since the keys were set */
	uint64_t block;		/* cipher blocks before this packet since the keys were set */
	int status;		/* out: 0, HAW_EINTEGRITY, HAW_ECRYPTO, or HAW_EINVAL if the spans do not
				 * fit the length; HAW_EAGAIN while under way */
	void *user;		/* the caller's */
	void *backend;		/* the backend's, while the job is under way */
} haw_job;

/* How a caller learns that jobs are done. */
enum haw_completion_mode {
	HAW_COMPLETES_IN_SUBMIT, /* every job is done when submit returns */
	HAW_COMPLETES_BY_FD,	 /* the sealer's descriptor becomes readable */
	HAW_COMPLETES_BY_POLL	 /* poll must be called until they are */
};

/* What a backend offers for one suite. Zero means "no preference". */
typedef struct haw_backend_traits {
	size_t size;		/* of this struct, for its growth */
	uint16_t batch;		/* jobs per submit that it works best with */
	uint16_t depth;		/* jobs in flight at most; 0: no bound but memory */
	uint32_t max_length;	/* largest packet_length; 0: HAW_PACKET_LENGTH_MAX */
	uint16_t alignment;	/* of the outputs, in bytes */
	uint16_t headroom;	/* writable bytes needed in front of the first output */
	uint8_t completion;	/* enum haw_completion_mode */
	uint32_t min_length;	/* packets with a shorter packet_length are better left to the CPU */
} haw_backend_traits;

typedef struct haw_backend haw_backend;

/* A sealer or opener: one direction, one set of keys. Backends embed it as first member. */
typedef struct haw_sealer {
	const struct haw_sealer_ops *ops;
	const haw_suite *suite;
	haw_backend_traits traits;
} haw_sealer;

/* What a backend fills in for its sealers and openers; one table serves both, a sealer has
 * open_length NULL. */
typedef struct haw_sealer_ops {
	/* Take JOBS, N of them at most HAW_BATCH_MAX, in the order of their packets. Returns how
	 * many were taken (fewer when the depth is reached; the rest is offered again after poll),
	 * or a negative code if the engine has failed. A job taken is the backend's until poll
	 * returns it. */
	int (*submit)(haw_sealer *s, haw_job *const *jobs, size_t n);
	/* Collect up to MAX finished jobs into DONE, in any order; never waits. Returns the count or
	 * a negative code if the engine has failed, in which case no job is written to any more. */
	int (*poll)(haw_sealer *s, haw_job **done, size_t max);
	/* Openers: learn packet_length from the first bytes of a wire packet: HEAD holds 4 bytes, or
	 * block_size where length_mode is HAW_LENGTH_FIRST_BLOCK. SEQ, NUMBER and BLOCK are those of
	 * that packet, which may lie ahead of what was submitted. The result is not yet
	 * authenticated. Returns 0 or a negative code. */
	int (*open_length)(haw_sealer *s, uint32_t seq, uint64_t number, uint64_t block,
			   const uint8_t *head, uint32_t *length);
	/* A descriptor that becomes readable when poll has something, or -1. */
	int (*fd)(haw_sealer *s);
	/* Abandon what is under way (nothing is written afterwards), wipe keys, free. */
	void (*free)(haw_sealer *s);
} haw_sealer_ops;

enum haw_backend_flags {
	/* It works on something else than the calling CPU, which may go away while packets are under
	 * way. The library then keeps the inputs of jobs that are sealed or opened upon themselves,
	 * leaves packets outside min_length and max_length to the CPU, and goes on there if it fails. */
	HAW_BACKEND_OFFLOAD = 1,
	/* It works on the calling CPU, or waits there for something else, by code that may fail under way.
	 * The library treats it the same, but does not take it for one that frees the CPU. */
	HAW_BACKEND_MAY_FAIL = 2
};

/* A backend, or one opened for one provider or device. Those that keep state embed this as their
 * first member; every function gets the backend that it belongs to. */
struct haw_backend {
	uint32_t abi;		/* HAW_BACKEND_ABI */
	uint32_t size;		/* of this struct */
	const char *name;	/* as users write it: "openssl", "cryptodev:crypto_qat0" */
	const char *description; /* one line for people */
	uint32_t flags;		/* enum haw_backend_flags */
	/* NULL if the backend works on this machine, else why not. The text lives as long as the
	 * backend. May be slow on its first call (device probing). */
	const char *(*unusable)(const haw_backend *backend);
	/* NULL if it can serve SUITE here, else why not. The same. SUITE may be a cipher's half. */
	const char *(*refuses)(const haw_backend *backend, const haw_suite *suite);
	/* Make a sealer or opener; NULL and an error if that is impossible. Keys are copied. */
	haw_sealer *(*new_sealer)(const haw_backend *backend, const haw_suite *suite, const haw_keys *keys,
				  haw_error *err);
	haw_sealer *(*new_opener)(const haw_backend *backend, const haw_suite *suite, const haw_keys *keys,
				  haw_error *err);
	/* The library's, driver's or device's version, for people and calibration; never NULL. */
	const char *(*version)(const haw_backend *backend);
	/* Close what a module opened; its sealers are all gone. NULL for those that are constant. */
	void (*close)(haw_backend *backend);
};

/* ---- Modules ---- */

/* What the user said for backends that need it. Strings may be NULL. */
typedef struct haw_backend_options {
	size_t size;		   /* of this struct, for its growth */
	const char *eal;	   /* DPDK: arguments of the EAL, split at white space */
	const char *provider_path; /* OpenSSL: directory of provider and engine modules */
} haw_backend_options;

/* A kind of backend that is opened by name, and what a shared object of an out-of-tree backend exports
 * as `const haw_backend_module haw_module`. Such an object is not linked with this library: it
 * fills in errors itself. It is never unloaded. */
typedef struct haw_backend_module {
	uint32_t abi;		 /* HAW_BACKEND_ABI */
	uint32_t size;		 /* of this struct */
	const char *name;	 /* what users write before ":", or alone */
	const char *description; /* one line for people */
	/* Open the engine that ARGUMENT names: the text behind "NAME:", or "" without. Its name is
	 * "NAME:ARGUMENT", or NAME. NULL and an error if there is none. Any thread; may wait for a device. */
	haw_backend *(*open)(const char *argument, const haw_backend_options *options, haw_error *err);
} haw_backend_module;

#define HAW_BACKEND_MODULE_SYMBOL "haw_module"

/* ---- Suites ---- */

/* The suite of CIPHER with MAC (names as in KEXINIT; MAC is ignored and may be NULL where the
 * cipher implies it), or NULL. Constant data. Any thread. */
HAW_API const haw_suite *haw_suite_find(const char *cipher, const char *mac);
/* The suite at INDEX (0, 1, ...), or NULL behind the last. Any thread. */
HAW_API const haw_suite *haw_suite_at(size_t index);
/* The cipher's half of SUITE: the same cipher and length mode without the MAC, mac_kind and sizes of the
 * MAC being zero; its name is "CIPHER+none" or "CIPHER+none-etm". NULL for an AEAD, or if SUITE is a half.
 * A backend that can do the half but not the suite is given a MAC by another. Any thread. */
HAW_API const haw_suite *haw_suite_half(const haw_suite *suite);

/* ---- Backends and their selection ---- */

/* The backend built into this library at INDEX, in the static order of preference, or NULL. */
HAW_API const haw_backend *haw_backend_at(size_t index);
HAW_API const haw_backend *haw_backend_find(const char *name);
/* NULL if BACKEND, built in, can serve SUITE here and has passed its self-test for it, which is
 * run (well under a millisecond) if it has not been in this process; else why not: constant text. Any
 * thread. */
HAW_API const char *haw_backend_check(const haw_backend *backend, const haw_suite *suite);
/* The processor and those of its features that matter here: "x86-64: aes pclmul avx2". Any thread. */
HAW_API const char *haw_cpu_text(void);

/* Which backend serves which cipher: the user's word over the built-in order. A selector is made once,
 * is read-only after its options, modules and overrides are set, and may then be shared by threads. It
 * owns the backends that it has opened, so it outlives every sealer and transport that uses it. */
typedef struct haw_selector haw_selector;

/* A selector with no overrides; never NULL unless out of memory. */
HAW_API haw_selector *haw_selector_new(void);
/* Close the backends that were opened by name, and free. What was loaded stays loaded. */
HAW_API void haw_selector_free(haw_selector *s);

/* What the user said besides overrides. Strings are copied; NULL leaves what was set before. */
typedef struct haw_selector_options {
	size_t size;		   /* of this struct, for its growth */
	const char *eal;	   /* as in haw_backend_options */
	const char *provider_path; /* as in haw_backend_options */
	/* An absolute directory of modules: "NAME:ARGUMENT" and "NAME" that are not built in are looked
	 * for as NAME.so there, and nowhere else. By default that of the installation. */
	const char *module_dir;
	/* What decides between backends that were measured (haw_selector_calibrate): enum haw_preference;
	 * 0 leaves it as it is. */
	uint32_t prefer;
} haw_selector_options;

enum haw_preference {
	HAW_PREFER_THROUGHPUT = 1, /* more bytes a second; the default */
	/* Less CPU time per byte. Where nothing was measured: what works outside of the CPU first. */
	HAW_PREFER_CPU = 2
};

/* Set OPTIONS, before the overrides that need them. HAW_EINVAL with a sentence for a module_dir that is
 * not absolute. */
HAW_API HAW_MUST_USE int haw_selector_set_options(haw_selector *s, const haw_selector_options *options,
						  haw_error *err);
/* Load the module in the file PATH, so that overrides may name it: "NAME" or "NAME:ARGUMENT". One that opens
 * without an argument can also be chosen unasked, after what is built in. The file's code runs in this
 * process, with all its rights. NAME, if not NULL, receives the module's name, which lives as long as the
 * process. HAW_ENOTFOUND (no such file), HAW_EFORMAT (it is no module), HAW_EUNSUPPORTED (it is made for
 * another version of this interface), HAW_EINVAL (its name is taken), each with a sentence. */
HAW_API HAW_MUST_USE int haw_selector_load_module(haw_selector *s, const char *path, const char **name,
						  haw_error *err);
/* Add overrides from text "ALG=NAME[,ALG=NAME...]", as --backend and HAWSER_BACKEND have it; ALG is a
 * cipher name, a suite name or "*" (wherever that backend can); of two that name a suite the later one
 * holds. NAME is a backend, or "KIND:ARGUMENT", which is opened: "provider:NAME", "engine:ID",
 * "cryptodev:DEVICE", or what a loaded module calls itself. An override that cannot be fulfilled is
 * HAW_EUNSUPPORTED or HAW_ENOTFOUND with a sentence that says what is missing, text of another form
 * HAW_EINVAL; what stands before it is kept. May wait for a device. */
HAW_API HAW_MUST_USE int haw_selector_override(haw_selector *s, const char *text, haw_error *err);
/* Open the backend NAME, as overrides do, without choosing it for anything. Owned by S. NULL and an error as
 * haw_selector_override has them. */
HAW_API const haw_backend *haw_selector_open(haw_selector *s, const char *name, haw_error *err);
/* NULL if BACKEND, built in or one of S, can serve SUITE here and has passed its self-test for it, which is
 * run if it has not been; else why not, text that lives as long as the backend. Any thread. */
HAW_API const char *haw_selector_check(const haw_selector *s, const haw_backend *backend,
				       const haw_suite *suite);
/* 0 if the user's word for SUITE can be kept, or there is none; HAW_EUNSUPPORTED with a sentence if the
 * backend that an override names for it has failed its self-test, which is run. Any thread. */
HAW_API HAW_MUST_USE int haw_selector_confirm(const haw_selector *s, const haw_suite *suite, haw_error *err);
/* The backend chosen for SUITE: the user's, or the first in order that passes its self-test, which is
 * run on first use (calling this early takes it off the handshake). NULL if openssl's library
 * refuses the suite, or if the user's backend failed its self-test. REASON, if not NULL, receives
 * one sentence in at most SIZE bytes. S may be NULL: no overrides. Any thread. */
HAW_API const haw_backend *haw_selector_choose(const haw_selector *s, const haw_suite *suite, char *reason,
					       size_t size);
/* Have LOG told, in one sentence, when a backend that may fail is given up while a connection uses it, the
 * first time for each suite: the next backend then goes on with that connection's packets, and serves
 * that suite from then on. Called in whichever thread runs the connection; S must live as long
 * as what was made with it. LOG may be NULL. Before S is shared by threads. */
HAW_API void haw_selector_set_log(haw_selector *s, void (*log)(void *user, const char *line), void *user);
/* Make a sealer or opener with the chosen backend; it has passed its self-test for that suite
 * in this process. BACKEND, if not NULL, receives who serves. */
HAW_API haw_sealer *haw_selector_sealer(const haw_selector *s, const haw_suite *suite, const haw_keys *keys,
					const haw_backend **backend, haw_error *err);
HAW_API haw_sealer *haw_selector_opener(const haw_selector *s, const haw_suite *suite, const haw_keys *keys,
					const haw_backend **backend, haw_error *err);

/* ---- Calibration ---- */

typedef struct haw_calibration_options {
	size_t size;		/* of this struct, for its growth */
	uint64_t budget_ns;	/* at most so long, leaving out suites and sizes; 0: thoroughly */
	bool again;		/* measure also what has been measured */
	bool all;		/* also suites that the user's word decides, or one backend alone can do */
	/* Told before each suite is measured; may be NULL. */
	void (*progress)(void *user, const haw_suite *suite);
	void *user;
} haw_calibration_options;

/* Measure what S can choose from for SUITES (COUNT, in the order of their weight): sealed and opened bytes a
 * second and CPU time per byte, at the sizes in use, alone and in batches, in three rounds of turns. From
 * then on a backend is preferred to one before it in the static order where it was better by a tenth in each
 * round. Suites that were measured before with the same backends are left out; those that there was no time
 * for count as measured, without figures. Returns how many suites were added, or HAW_ENOMEM. Blocks while it
 * works. Before S is shared by threads. */
HAW_API HAW_MUST_USE int haw_selector_calibrate(haw_selector *s, const haw_suite *const *suites, size_t count,
						const haw_calibration_options *options, haw_error *err);
/* Take what haw_selector_save_calibration wrote to PATH in place of what S has measured. Figures count only
 * for backends in the version that was measured. HAW_ENOTFOUND: no such file; HAW_EFORMAT: it is damaged;
 * HAW_ECHANGED: it is of another machine or version; HAW_ESYSTEM; S is as before, and the sentence can be
 * shown as a note. Before S is shared by threads. */
HAW_API HAW_MUST_USE int haw_selector_load_calibration(haw_selector *s, const char *path, haw_error *err);
/* Write what S has measured to PATH, readable by this user only, at once or not at all; directories are made.
 * HAW_ESYSTEM, HAW_ENOMEM. */
HAW_API HAW_MUST_USE int haw_selector_save_calibration(const haw_selector *s, const char *path,
						       haw_error *err);

/* What can be said of one backend beside one suite. */
typedef struct haw_choice {
	size_t size;		/* of this struct, set by the caller */
	const char *name;	/* as users write it; "NAME+openssl": NAME has the cipher, openssl the MAC */
	const haw_backend *backend; /* NULL: it is not in this build, or was not opened */
	const char *unusable;	/* NULL if it can serve; else why not */
	double bytes_per_second; /* sealed and opened, 32 KiB in batches; 0: not measured */
	double ns_per_byte;	/* CPU time of the process, the same; 0: not measured */
} haw_choice;

/* Fill in CHOICE for the INDEX-th (0, 1, ...) of the backends that could serve SUITE, be it on other machines
 * or in other builds; runs self-tests. HAW_EEND behind the last. Texts live as long as S. Any thread. */
HAW_API HAW_MUST_USE int haw_selector_choice(const haw_selector *s, const haw_suite *suite, size_t index,
					     haw_choice *choice);
/* Sort CIPHERS, a list as KEXINIT has it, the fastest here first, beside the MACs of the list MACS: by what
 * was measured of the chosen backends, if all was, else by what is known of such processors. Writes the list
 * to OUT. HAW_EINVAL if OUT is too small. */
HAW_API HAW_MUST_USE int haw_selector_sort_ciphers(const haw_selector *s, const char *ciphers,
						   const char *macs, char *out, size_t size);

#ifdef __cplusplus
}
#endif
#endif

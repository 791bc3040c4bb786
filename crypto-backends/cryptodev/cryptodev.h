/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside the cryptodev module: packet protection by a crypto device of DPDK, of which Intel's QuickAssist is
 * the one that matters and the software drivers are what it is tested with.
 *
 * The module is a shared object of its own with DPDK inside, so that nobody who does not ask for it loads it.
 * It is not linked with the library. Its parts:
 *   module.c   what the library sees: devices opened by name, suites accepted and refused
 *   eal.c      DPDK's environment, started once per process; quiet.c keeps it from printing
 *   device.c   devices, their queue pairs, what happens when one stops
 *   session.c  what a suite asks of a device
 *   sealer.c   jobs in flight
 *   slot.c     one job as a crypto operation, over the caller's memory or a copy
 *   carry.c    the rare packets that drivers do wrong
 *
 * Locks: a device's lock guards sessions and who uses which queue; a queue's lock its two bursts and the
 * lists of what came out of it. A queue's lock is never held when a device's is taken.
 */
#ifndef HAW_CRYPTODEV_CRYPTODEV_H
#define HAW_CRYPTODEV_CRYPTODEV_H

#include <hawser/backend.h>

#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>

#include <rte_crypto.h>
#include <rte_cryptodev.h>
#include <rte_mbuf.h>

enum {
	HAW_CRYPTODEV_DEPTH = 32,
	/* Lengths of mbufs have 16 bits, and crypto_aesni_mb returns wrong bytes, as success, from 65,528
	 * hashed bytes on. */
	HAW_CRYPTODEV_MAX_LENGTH = 61440,
	/* A shorter packet costs more on the way to a device and back than its protection does on the CPU. */
	HAW_CRYPTODEV_MIN_LENGTH = 2048,
	HAW_CRYPTODEV_QUEUES_MAX = 16,
	/* Bounds what is in flight in one queue. crypto_openssl has already worked on an operation when it
	 * finds its queue full, so that none is offered beyond. */
	HAW_CRYPTODEV_DESCRIPTORS = 1024,
	HAW_CRYPTODEV_SESSIONS = 1024
};

struct haw_cryptodev_queue {
	pthread_mutex_t lock;
	uint16_t id;
	unsigned in_flight;
	unsigned users; /* under the device's lock */
};

struct haw_cryptodev_device {
	struct haw_cryptodev_device *next;
	uint8_t id;
	char name[RTE_CRYPTODEV_NAME_MAX_LEN];
	char driver[32];
	bool direct; /* works in the caller's memory: a software driver */
	bool chains; /* takes an AEAD's input in several pieces */
	atomic_bool dead;
	pthread_mutex_t lock;
	struct rte_mempool *sessions;
	struct haw_cryptodev_queue queues[HAW_CRYPTODEV_QUEUES_MAX];
	unsigned queue_count;
};

/* ---- eal.c ---- */

/* Start DPDK's environment with the user's arguments TEXT (NULL: none), which are completed so that it runs
 * without hugepages and privileges, for DEVICE. Once per
 * process: later calls succeed if TEXT is the same or empty. 0, or a code and ERR. */
int haw_cryptodev_eal_start(const char *text, const char *device, haw_error *err);

/* ---- quiet.c ---- */

/* Until told otherwise, nothing that DPDK prints reaches the process's stdout and stderr. */
void haw_cryptodev_loud(bool loud);
/* The errors that DPDK's log had since they were forgotten: the first and the last; "" if there were none. */
void haw_cryptodev_errors(char *text, size_t size);
void haw_cryptodev_forget_errors(void);
/* A stream for DPDK's log, which remembers its errors and shows nothing; or NULL. */
FILE *haw_cryptodev_quiet_stream(void);

/* ---- device.c ---- */

/* Whether NAME is that of a device which a software driver makes, with no arguments, for whoever asks. */
bool haw_cryptodev_is_makeable(const char *name);
/* The device that users call NAME, configured and started; NULL and ERR if there is none. */
struct haw_cryptodev_device *haw_cryptodev_device_open(const char *name, haw_error *err);
/* The queue with the fewest users, which has one more now. */
struct haw_cryptodev_queue *haw_cryptodev_queue_take(struct haw_cryptodev_device *device);
void haw_cryptodev_queue_give(struct haw_cryptodev_device *device, struct haw_cryptodev_queue *queue);
/* Give the device up: when this returns it writes to nobody's memory any more. */
void haw_cryptodev_device_kill(struct haw_cryptodev_device *device);

/* ---- session.c ---- */

/* NULL if DEVICE can do what SUITE asks, else why not: written to TEXT. */
const char *haw_cryptodev_refusal(struct haw_cryptodev_device *device, const haw_suite *suite, char *text,
				  size_t size);
/* A session for one direction, or NULL. */
void *haw_cryptodev_session_new(struct haw_cryptodev_device *device, const haw_suite *suite,
				const haw_keys *keys, bool opens);
void haw_cryptodev_session_free(struct haw_cryptodev_device *device, void *session);

/* ---- slot.c ---- */

struct haw_cryptodev_sealer;

/* Room for one job in flight; a device may read and write all of it. */
struct haw_cryptodev_slot {
	struct rte_crypto_op op;
	struct rte_crypto_sym_op sym; /* DPDK expects it behind op */
	uint8_t iv[16];
	uint8_t length[16]; /* the length field, also the AEAD's associated data, padded for QuickAssist */
	uint8_t tag[HAW_TAG_MAX];
	struct haw_cryptodev_sealer *owner;
	struct haw_cryptodev_slot *next;
	haw_job *job;
	rte_iova_t iova; /* of this struct */
	uint8_t *copy;   /* where a job is worked on that cannot be where it lies */
	size_t copy_size;
	rte_iova_t copy_iova;
	bool copied;
	struct rte_mbuf out, in[HAW_JOB_SPANS];
};

/* Where operations find their IV. */
#define HAW_CRYPTODEV_IV_OFFSET offsetof(struct haw_cryptodev_slot, iv)

/* How the packets of one sealer become operations. */
struct haw_cryptodev_form {
	const haw_suite *suite;
	bool opens;
	bool direct; /* in the caller's memory where that can be */
	bool chains;
	bool dma; /* copies must be in memory that the device reaches */
	uint8_t iv[16];
	EVP_CIPHER_CTX *cpu; /* AES-CTR: for what the CPU does itself */
	uint8_t mac_key[HAW_MAC_KEY_MAX];
};

/* Make the operation of JOB, which fits; COPY: in a copy in any case. false: no memory. */
bool haw_cryptodev_lay(const struct haw_cryptodev_form *form, struct haw_cryptodev_slot *slot, haw_job *job,
		       bool copy);
/* Take the result of the finished operation to the job's outputs and set its status. */
void haw_cryptodev_finish(const struct haw_cryptodev_form *form, struct haw_cryptodev_slot *slot);
/* The slot's array of COUNT, or NULL; freeing wipes it. */
struct haw_cryptodev_slot *haw_cryptodev_slots_new(size_t count);
void haw_cryptodev_slots_free(const struct haw_cryptodev_form *form, struct haw_cryptodev_slot *slots,
			      size_t count);

/* ---- carry.c ---- */

/* Whether JOB is one of those that are worked on here: then it is laid in a copy, and not queued. */
bool haw_cryptodev_carries(const struct haw_cryptodev_form *form, const haw_job *job);
void haw_cryptodev_work_here(const struct haw_cryptodev_form *form, struct haw_cryptodev_slot *slot);

/* ---- sealer.c ---- */

haw_sealer *haw_cryptodev_sealer_new(struct haw_cryptodev_device *device, bool direct, const haw_suite *suite,
				     const haw_keys *keys, bool opens, haw_error *err);

/* ---- module.c ---- */

int haw_cryptodev_error(haw_error *err, int code, const char *format, ...) HAW_PRINTF(3, 4);

#endif

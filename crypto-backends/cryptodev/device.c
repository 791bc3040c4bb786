/* SPDX-License-Identifier: Apache-2.0
 *
 * Devices: found by name, configured once, and kept until the process ends, as DPDK's environment is.
 */
#include "crypto-backends/cryptodev/cryptodev.h"

#include <rte_bus.h>
#include <rte_bus_vdev.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;
static struct haw_cryptodev_device *devices;

/* ---- Finding ---- */

/* The device number N, from 0, of those that DRIVER (LEN bytes) runs, or -1. */
static int nth_of_driver(const char *driver, size_t len, unsigned long n)
{
	for (int id = 0; id < RTE_CRYPTO_MAX_DEVS; id++) {
		struct rte_cryptodev_info info;

		if (!rte_cryptodev_is_valid_dev((uint8_t)id))
			continue;
		rte_cryptodev_info_get((uint8_t)id, &info);
		if (info.driver_name && strlen(info.driver_name) == len &&
		    memcmp(info.driver_name, driver, len) == 0 && n-- == 0)
			return id;
	}
	return -1;
}

/* By DPDK's own name, or as DRIVER and a number: hardware is named by its place on the bus
 * ("0000:3d:01.0_qat_sym"), which few people know by heart. */
static int find(const char *name)
{
	size_t digits = strlen(name);
	int id = rte_cryptodev_get_dev_id(name);

	while (digits > 0 && name[digits - 1] >= '0' && name[digits - 1] <= '9')
		digits--;
	if (id < 0 && name[digits] && strlen(name + digits) < 4)
		id = nth_of_driver(name, digits, strtoul(name + digits, NULL, 10));
	return id;
}

bool haw_cryptodev_is_makeable(const char *name)
{
	static const char *const drivers[] = {"crypto_openssl", "crypto_aesni_mb", "crypto_aesni_gcm", NULL};

	for (size_t i = 0; drivers[i]; i++) {
		size_t len = strlen(drivers[i]);

		if (strncmp(name, drivers[i], len) == 0 &&
		    strspn(name + len, "0123456789") == strlen(name + len))
			return true;
	}
	return false;
}

static void list_names(char *text, size_t size)
{
	size_t at = 0;

	snprintf(text, size, "none");
	for (int id = 0; id < RTE_CRYPTO_MAX_DEVS && at < size; id++)
		if (rte_cryptodev_is_valid_dev((uint8_t)id))
			at += (size_t)snprintf(text + at, size - at, "%s%s", at ? ", " : "",
					       rte_cryptodev_name_get((uint8_t)id));
}

static int not_found(const char *name, haw_error *err)
{
	char known[120], errors[200];

	list_names(known, sizeof(known));
	haw_cryptodev_errors(errors, sizeof(errors));
	return haw_cryptodev_error(
		err, HAW_ENOTFOUND,
		"DPDK has no crypto device \"%.64s\" (it has: %s%s%s); name it in the EAL's arguments, "
		"by \"-a ADDRESS\" if it is hardware that is bound to vfio-pci, by \"--vdev NAME\" if "
		"it is a software driver",
		name, known, errors[0] ? "; its log says: " : "", errors);
}

/* ---- Setting up ---- */

/* crypto_scheduler's cores take from rings that one thread may fill and one may empty, whatever the queue. */
static bool one_queue_only(const struct haw_cryptodev_device *d)
{
	return strcmp(d->driver, "crypto_scheduler") == 0;
}

static bool is_software(const struct rte_cryptodev_info *info)
{
	return info->device && strcmp(rte_bus_name(rte_dev_bus(info->device)), "vdev") == 0;
}

/* Chains are for the drivers whose AES-GCM takes them. crypto_openssl says so too, but fails each, and behind
 * crypto_scheduler such a one would be offered to it for ever. */
static bool takes_chains(const struct haw_cryptodev_device *d, const struct rte_cryptodev_info *info)
{
	const uint64_t both = RTE_CRYPTODEV_FF_IN_PLACE_SGL | RTE_CRYPTODEV_FF_OOP_SGL_IN_LB_OUT;

	return (info->feature_flags & both) == both && strcmp(d->driver, "crypto_openssl") != 0 &&
	       strcmp(d->driver, "crypto_scheduler") != 0;
}

static bool make_sessions(struct haw_cryptodev_device *d, int socket)
{
	char name[RTE_MEMPOOL_NAMESIZE];
	unsigned size = rte_cryptodev_sym_get_private_session_size(d->id);

	snprintf(name, sizeof(name), "hawser_sessions_%u", d->id);
	d->sessions = rte_cryptodev_sym_session_pool_create(name, HAW_CRYPTODEV_SESSIONS, size, 0, 0, socket);
	return d->sessions != NULL;
}

static int start(struct haw_cryptodev_device *d, const struct rte_cryptodev_info *info, haw_error *err)
{
	int socket = rte_cryptodev_socket_id(d->id), result;
	struct rte_cryptodev_config config = {.ff_disable = RTE_CRYPTODEV_FF_ASYMMETRIC_CRYPTO};
	struct rte_cryptodev_qp_conf queue = {.nb_descriptors = HAW_CRYPTODEV_DESCRIPTORS};

	d->queue_count = info->max_nb_queue_pairs < HAW_CRYPTODEV_QUEUES_MAX ? info->max_nb_queue_pairs
									     : HAW_CRYPTODEV_QUEUES_MAX;
	if (one_queue_only(d))
		d->queue_count = 1;
	config.nb_queue_pairs = (uint16_t)d->queue_count;
	config.socket_id = socket;
	result = rte_cryptodev_configure(d->id, &config);
	if (result == 0 && !make_sessions(d, socket))
		return haw_cryptodev_error(
			err, HAW_ENOMEM,
			"DPDK has not enough memory for the device %s: give it more with -m in "
			"its arguments",
			d->name);
	queue.mp_session = d->sessions;
	for (unsigned i = 0; result == 0 && i < d->queue_count; i++) {
		d->queues[i].id = (uint16_t)i;
		pthread_mutex_init(&d->queues[i].lock, NULL);
		result = rte_cryptodev_queue_pair_setup(d->id, (uint16_t)i, &queue, socket);
	}
	if (result == 0)
		result = rte_cryptodev_start(d->id);
	if (result < 0) {
		char words[200];

		haw_cryptodev_errors(words, sizeof(words));
		return haw_cryptodev_error(err, HAW_ESYSTEM, "the device %s cannot be started (%s)%s%s",
					   d->name, strerror(-result), words[0] ? "; DPDK says: " : "",
					   words);
	}
	return 0;
}

static struct haw_cryptodev_device *add(int id, haw_error *err)
{
	struct haw_cryptodev_device *d = calloc(1, sizeof(*d));
	struct rte_cryptodev_info info;

	if (!d) {
		haw_cryptodev_error(err, HAW_ENOMEM, "no memory for a crypto device");
		return NULL;
	}
	rte_cryptodev_info_get((uint8_t)id, &info);
	d->id = (uint8_t)id;
	snprintf(d->name, sizeof(d->name), "%s", rte_cryptodev_name_get((uint8_t)id));
	snprintf(d->driver, sizeof(d->driver), "%s", info.driver_name ? info.driver_name : "no driver");
	d->direct = is_software(&info);
	d->chains = takes_chains(d, &info);
	pthread_mutex_init(&d->lock, NULL);
	if (start(d, &info, err) < 0) {
		rte_mempool_free(d->sessions);
		free(d);
		return NULL;
	}
	d->next = devices;
	devices = d;
	return d;
}

struct haw_cryptodev_device *haw_cryptodev_device_open(const char *name, haw_error *err)
{
	struct haw_cryptodev_device *d = NULL;
	int id;

	pthread_mutex_lock(&list_lock);
	id = find(name);
	/* A software device that nobody named when DPDK started is made now. */
	if (id < 0 && haw_cryptodev_is_makeable(name) && rte_vdev_init(name, NULL) == 0)
		id = find(name);
	if (id < 0) {
		not_found(name, err);
	} else {
		for (d = devices; d && d->id != id; d = d->next)
			;
		if (!d)
			d = add(id, err);
	}
	pthread_mutex_unlock(&list_lock);
	return d;
}

/* ---- Queues ---- */

struct haw_cryptodev_queue *haw_cryptodev_queue_take(struct haw_cryptodev_device *device)
{
	struct haw_cryptodev_queue *best = &device->queues[0];

	pthread_mutex_lock(&device->lock);
	for (unsigned i = 1; i < device->queue_count; i++)
		if (device->queues[i].users < best->users)
			best = &device->queues[i];
	best->users++;
	pthread_mutex_unlock(&device->lock);
	return best;
}

void haw_cryptodev_queue_give(struct haw_cryptodev_device *device, struct haw_cryptodev_queue *queue)
{
	pthread_mutex_lock(&device->lock);
	queue->users--;
	pthread_mutex_unlock(&device->lock);
}

void haw_cryptodev_device_kill(struct haw_cryptodev_device *device)
{
	for (unsigned i = 0; i < device->queue_count; i++)
		pthread_mutex_lock(&device->queues[i].lock);
	/* Software drivers work in our calls, or on cores that stopping waits for; hardware is told to stop,
	 * and works in memory that is never used again. */
	if (!atomic_exchange(&device->dead, true))
		rte_cryptodev_stop(device->id);
	for (unsigned i = 0; i < device->queue_count; i++)
		pthread_mutex_unlock(&device->queues[i].lock);
}

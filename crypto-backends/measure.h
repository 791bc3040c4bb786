/* SPDX-License-Identifier: Apache-2.0
 *
 * How fast a backend protects packets here: sealing and opening, at the sizes in use, alone and in batches.
 */
#ifndef HAW_CRYPTO_MEASURE_H
#define HAW_CRYPTO_MEASURE_H

#include <hawser/backend.h>

/* What one round of one backend showed. */
struct haw_sample {
	double speed; /* bytes sealed and opened a second: the geometric mean over sizes and batches */
	double cost;  /* nanoseconds of CPU time of this process per byte, likewise */
	double bulk_speed, bulk_cost; /* the same of 32 KiB in batches alone */
};

/* Memory that all meters of a calibration share. */
struct haw_meter_memory;
struct haw_meter_memory *haw_meter_memory_new(void);
void haw_meter_memory_free(struct haw_meter_memory *memory);

/* A backend under measurement with one suite. */
struct haw_meter;
/* NULL if it cannot be made. */
struct haw_meter *haw_meter_new(const haw_backend *backend, const haw_suite *suite,
				struct haw_meter_memory *memory);
void haw_meter_free(struct haw_meter *m);
enum haw_round { HAW_ROUND_DONE, HAW_ROUND_FAILED, HAW_ROUND_LATE };

/* Measure one round, each case for at least SLICE_NS: all sizes, or with QUICK 1 KiB and 32 KiB only. What
 * would not be done at DEADLINE_NS, by what it took before, is not begun: HAW_ROUND_LATE. */
enum haw_round haw_meter_round(struct haw_meter *m, uint64_t slice_ns, bool quick, uint64_t deadline_ns,
			       struct haw_sample *sample);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * One JSON object a line on standard output (--json).
 */
#ifndef CP_JSON_H
#define CP_JSON_H

#include <stdint.h>
#include <stdio.h>

/* {"v":1,"type":"TYPE" ... } : begin, members, end. */
void cp_json_begin(FILE *out, const char *type);
/* TEXT may be NULL; bytes that are not UTF-8 become U+FFFD. */
void cp_json_text(FILE *out, const char *key, const char *text);
/* A name: as KEY if it is UTF-8, else as KEY_b64. */
void cp_json_name(FILE *out, const char *key, const char *name);
void cp_json_count(FILE *out, const char *key, uint64_t value);
void cp_json_real(FILE *out, const char *key, double value);
/* An object of numbers. */
void cp_json_reals(FILE *out, const char *key, const char *const *names, const double *values, size_t count);
void cp_json_end(FILE *out);

#endif

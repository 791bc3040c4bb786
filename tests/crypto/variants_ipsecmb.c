/* SPDX-License-Identifier: Apache-2.0
 *
 * The ipsecmb backend at every level of the processor that the library knows, for the tests of subjects.
 */
#include "crypto-backends/ipsecmb/ipsecmb.h"
#include "subject.h"

__attribute__((constructor)) static void register_levels(void)
{
	const haw_backend *backend;

	for (size_t i = 0; (backend = haw_ipsecmb_at(i)); i++)
		subject_register(backend);
}

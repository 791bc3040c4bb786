/* SPDX-License-Identifier: Apache-2.0
 *
 * What a connection costs before and between its bulk, in operations a second:
 *
 *   kex/METHOD                    both sides of one exchange, without the signature
 *   sign/ALGORITHM, verify/...    of an exchange hash, with a fresh key (RSA: 3072 bits); verify/sk-... of
 *                                 what a FIDO device would send, made here; sign/sk-... says that it needs
 *                                 one
 *   rekey/METHOD+ALGORITHM/SUITE/BACKEND   a whole rekey of two ends joined in memory, both sides' work
 */
#ifndef HAWSER_BENCH_EXCHANGE_CASES_H
#define HAWSER_BENCH_EXCHANGE_CASES_H

#include <string>
#include <vector>

#include "bench/hardware/case.h"

namespace bench
{

std::vector<std::string> kex_methods();
std::vector<std::string> signature_algorithms();
benchmark::internal::Benchmark *add_kex(const std::string &method);
benchmark::internal::Benchmark *add_sign(const std::string &algorithm);
benchmark::internal::Benchmark *add_verify(const std::string &algorithm);
benchmark::internal::Benchmark *add_rekey(const Case &c);

} // namespace bench

#endif

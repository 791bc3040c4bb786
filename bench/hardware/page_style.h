/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HAWSER_BENCH_PAGE_STYLE_H
#define HAWSER_BENCH_PAGE_STYLE_H

namespace bench
{

extern const char page_style[];

} // namespace bench

#endif

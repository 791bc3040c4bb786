/* SPDX-License-Identifier: Apache-2.0
 *
 * NH, the part of UMAC that touches every byte: sums of products of 32-bit sums (RFC 4418 §5.2.2). Each
 * step of 32 bytes multiplies its first four words, keys added, with its last four.
 *
 * The message's first and second halves of several steps are gathered once and met with the keys of all
 * streams, which for neighbouring streams are neighbouring pieces of one key (RFC 4418 §5.1: Toeplitz).
 */
#include "crypto-backends/cpu.h"
#include "crypto-backends/openssl/umac.h"
#include "crypto-backends/spans.h"

#if defined(__x86_64__)
#include <immintrin.h>

/* Of sums modulo 2^64. The compiler's own reduction adds signed numbers. */
static inline uint64_t sum_of(const uint64_t *lanes, size_t n)
{
	uint64_t sum = 0;

	while (n-- > 0)
		sum += *lanes++;
	return sum;
}

/* Each takes as many whole vectors as there are, and returns the steps done. */
__attribute__((target("avx512f"))) static size_t nh_avx512(const struct haw_nh_key *k, unsigned streams,
							   const uint8_t *m, size_t steps, uint64_t *sums)
{
	__m512i sum[HAW_UMAC_STREAMS];
	size_t i;

	for (unsigned s = 0; s < HAW_UMAC_STREAMS; s++)
		sum[s] = _mm512_setzero_si512();
	for (i = 0; i + 4 <= steps; i += 4) {
		__m512i low = _mm512_loadu_si512(m + 32 * i), high = _mm512_loadu_si512(m + 32 * i + 64);
		__m512i a = _mm512_shuffle_i64x2(low, high, 0x88);
		__m512i b = _mm512_shuffle_i64x2(low, high, 0xdd);
		__m512i key[5] = {_mm512_loadu_si512(k->even[i]), _mm512_loadu_si512(k->odd[i]),
				  _mm512_loadu_si512(k->even[i + 1]), _mm512_loadu_si512(k->odd[i + 1]),
				  _mm512_loadu_si512(k->even[i + 2])};

#pragma GCC unroll 4
		for (unsigned s = 0; s < HAW_UMAC_STREAMS; s++) {
			__m512i x = _mm512_add_epi32(a, key[s]), y = _mm512_add_epi32(b, key[s + 1]);

			if (s >= streams)
				break;
			sum[s] = _mm512_add_epi64(sum[s], _mm512_mul_epu32(x, y));
			x = _mm512_srli_epi64(x, 32);
			y = _mm512_srli_epi64(y, 32);
			sum[s] = _mm512_add_epi64(sum[s], _mm512_mul_epu32(x, y));
		}
	}
	for (unsigned s = 0; s < streams; s++) {
		uint64_t lanes[8];

		_mm512_storeu_si512(lanes, sum[s]);
		sums[s] += sum_of(lanes, 8);
	}
	return i;
}

__attribute__((target("avx2"))) static size_t nh_avx2(const struct haw_nh_key *k, unsigned streams,
						      const uint8_t *m, size_t steps, uint64_t *sums)
{
	__m256i sum[HAW_UMAC_STREAMS];
	size_t i;

	for (unsigned s = 0; s < HAW_UMAC_STREAMS; s++)
		sum[s] = _mm256_setzero_si256();
	for (i = 0; i + 2 <= steps; i += 2) {
		__m256i low = _mm256_loadu_si256((const __m256i *)(m + 32 * i));
		__m256i high = _mm256_loadu_si256((const __m256i *)(m + 32 * i + 32));
		__m256i a = _mm256_permute2x128_si256(low, high, 0x20);
		__m256i b = _mm256_permute2x128_si256(low, high, 0x31);
		__m256i key[5] = {_mm256_loadu_si256((const __m256i *)k->even[i]),
				  _mm256_loadu_si256((const __m256i *)k->odd[i]),
				  _mm256_loadu_si256((const __m256i *)k->even[i + 1]),
				  _mm256_loadu_si256((const __m256i *)k->odd[i + 1]),
				  _mm256_loadu_si256((const __m256i *)k->even[i + 2])};

#pragma GCC unroll 4
		for (unsigned s = 0; s < HAW_UMAC_STREAMS; s++) {
			__m256i x = _mm256_add_epi32(a, key[s]), y = _mm256_add_epi32(b, key[s + 1]);

			if (s >= streams)
				break;
			sum[s] = _mm256_add_epi64(sum[s], _mm256_mul_epu32(x, y));
			x = _mm256_srli_epi64(x, 32);
			y = _mm256_srli_epi64(y, 32);
			sum[s] = _mm256_add_epi64(sum[s], _mm256_mul_epu32(x, y));
		}
	}
	for (unsigned s = 0; s < streams; s++) {
		uint64_t lanes[4];

		_mm256_storeu_si256((__m256i *)lanes, sum[s]);
		sums[s] += sum_of(lanes, 4);
	}
	return i;
}

static size_t nh_wide(uint32_t features, const struct haw_nh_key *k, unsigned streams, const uint8_t *m,
		      size_t steps, uint64_t *sums)
{
	if (features & HAW_CPU_AVX512)
		return nh_avx512(k, streams, m, steps, sums);
	return features & HAW_CPU_AVX2 ? nh_avx2(k, streams, m, steps, sums) : 0;
}

/* Steps from FROM on, one at a time. SSE2 is part of the architecture. */
static void nh_steps(const struct haw_nh_key *k, unsigned streams, const uint8_t *m, size_t from,
		     size_t steps, uint64_t *sums)
{
	__m128i sum[HAW_UMAC_STREAMS];

	for (unsigned s = 0; s < HAW_UMAC_STREAMS; s++)
		sum[s] = _mm_setzero_si128();
	for (size_t i = from; i < steps; i++) {
		__m128i a = _mm_loadu_si128((const __m128i *)(m + 32 * i));
		__m128i b = _mm_loadu_si128((const __m128i *)(m + 32 * i + 16));
		__m128i key[5] = {_mm_loadu_si128((const __m128i *)k->even[i]),
				  _mm_loadu_si128((const __m128i *)k->odd[i]),
				  _mm_loadu_si128((const __m128i *)k->even[i + 1]),
				  _mm_loadu_si128((const __m128i *)k->odd[i + 1]),
				  _mm_loadu_si128((const __m128i *)k->even[i + 2])};

#pragma GCC unroll 4
		for (unsigned s = 0; s < HAW_UMAC_STREAMS; s++) {
			__m128i x = _mm_add_epi32(a, key[s]), y = _mm_add_epi32(b, key[s + 1]);

			if (s >= streams)
				break;
			sum[s] = _mm_add_epi64(sum[s], _mm_mul_epu32(x, y));
			x = _mm_srli_epi64(x, 32);
			y = _mm_srli_epi64(y, 32);
			sum[s] = _mm_add_epi64(sum[s], _mm_mul_epu32(x, y));
		}
	}
	for (unsigned s = 0; s < streams; s++) {
		uint64_t lanes[2];

		_mm_storeu_si128((__m128i *)lanes, sum[s]);
		sums[s] += lanes[0] + lanes[1];
	}
}

#else

static size_t nh_wide(uint32_t features, const struct haw_nh_key *k, unsigned streams, const uint8_t *m,
		      size_t steps, uint64_t *sums)
{
	return 0;
}

#if defined(__aarch64__)
#include <arm_neon.h>

/* Advanced SIMD is part of the architecture. */
static void nh_steps(const struct haw_nh_key *k, unsigned streams, const uint8_t *m, size_t from,
		     size_t steps, uint64_t *sums)
{
	uint64x2_t low[HAW_UMAC_STREAMS], high[HAW_UMAC_STREAMS];

	for (unsigned s = 0; s < HAW_UMAC_STREAMS; s++)
		low[s] = high[s] = vdupq_n_u64(0);
	for (size_t i = from; i < steps; i++) {
		uint32x4_t a = vreinterpretq_u32_u8(vld1q_u8(m + 32 * i));
		uint32x4_t b = vreinterpretq_u32_u8(vld1q_u8(m + 32 * i + 16));
		uint32x4_t key[5] = {vld1q_u32(k->even[i]), vld1q_u32(k->odd[i]), vld1q_u32(k->even[i + 1]),
				     vld1q_u32(k->odd[i + 1]), vld1q_u32(k->even[i + 2])};

#pragma GCC unroll 4
		for (unsigned s = 0; s < HAW_UMAC_STREAMS; s++) {
			uint32x4_t x = vaddq_u32(a, key[s]), y = vaddq_u32(b, key[s + 1]);

			if (s >= streams)
				break;
			low[s] = vmlal_u32(low[s], vget_low_u32(x), vget_low_u32(y));
			high[s] = vmlal_high_u32(high[s], x, y);
		}
	}
	for (unsigned s = 0; s < streams; s++)
		sums[s] += vaddvq_u64(vaddq_u64(low[s], high[s]));
}

#else

static uint32_t fetch_le32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void nh_steps(const struct haw_nh_key *k, unsigned streams, const uint8_t *m, size_t from,
		     size_t steps, uint64_t *sums)
{
	for (size_t i = from; i < steps; i++)
		for (unsigned s = 0; s < streams; s++) {
			const uint32_t *first = s & 1 ? k->odd[i + s / 2] : k->even[i + s / 2];
			const uint32_t *second = s & 1 ? k->even[i + s / 2 + 1] : k->odd[i + s / 2];

			for (int w = 0; w < 4; w++)
				sums[s] += (uint64_t)(uint32_t)(fetch_le32(m + 32 * i + 4 * w) + first[w]) *
					   (uint32_t)(fetch_le32(m + 32 * i + 16 + 4 * w) + second[w]);
		}
}

#endif
#endif

void haw_nh_with(uint32_t features, const struct haw_nh_key *key, unsigned streams, const uint8_t *data,
		 size_t len, uint64_t sums[HAW_UMAC_STREAMS])
{
	size_t steps = len / HAW_UMAC_UNIT, done;

	for (unsigned s = 0; s < HAW_UMAC_STREAMS; s++)
		sums[s] = 0;
	done = nh_wide(features, key, streams, data, steps, sums);
	if (done < steps)
		nh_steps(key, streams, data, done, steps, sums);
}

void haw_nh(const struct haw_nh_key *key, unsigned streams, const uint8_t *data, size_t len,
	    uint64_t sums[HAW_UMAC_STREAMS])
{
	haw_nh_with(haw_cpu_features(), key, streams, data, len, sums);
}

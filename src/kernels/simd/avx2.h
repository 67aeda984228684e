// The 16 virtual lanes on AVX2: two registers each. Included inside an unnamed namespace of an
// instruction-set file.

struct Floats {
  __m256 lo, hi;
};
struct Ints {
  __m256i lo, hi;
};

inline __m256i lane_mask(size_t n, int offset) {
  const __m256i lane =
      _mm256_add_epi32(_mm256_set_epi32(7, 6, 5, 4, 3, 2, 1, 0), _mm256_set1_epi32(offset));
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), lane);
}

inline Floats load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
inline Floats load_first(const float* p, size_t n) {
  return {_mm256_maskload_ps(p, lane_mask(n, 0)), _mm256_maskload_ps(p + 8, lane_mask(n, 8))};
}
inline void store(float* p, Floats a) {
  _mm256_storeu_ps(p, a.lo);
  _mm256_storeu_ps(p + 8, a.hi);
}
inline void store_first(float* p, Floats a, size_t n) {
  _mm256_maskstore_ps(p, lane_mask(n, 0), a.lo);
  _mm256_maskstore_ps(p + 8, lane_mask(n, 8), a.hi);
}
inline Floats splat(float a) { return {_mm256_set1_ps(a), _mm256_set1_ps(a)}; }
inline Floats operator+(Floats a, Floats b) {
  return {_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)};
}
inline Floats operator-(Floats a, Floats b) {
  return {_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi)};
}
inline Floats operator*(Floats a, Floats b) {
  return {_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)};
}
inline Floats operator/(Floats a, Floats b) {
  return {_mm256_div_ps(a.lo, b.lo), _mm256_div_ps(a.hi, b.hi)};
}
inline Floats fma(Floats a, Floats b, Floats c) {
  return {_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
}
inline Floats fnma(Floats a, Floats b, Floats c) {  // c - a b
  return {_mm256_fnmadd_ps(a.lo, b.lo, c.lo), _mm256_fnmadd_ps(a.hi, b.hi, c.hi)};
}
inline Floats max(Floats a, Floats b) {
  return {_mm256_max_ps(a.lo, b.lo), _mm256_max_ps(a.hi, b.hi)};
}
inline Floats min(Floats a, Floats b) {
  return {_mm256_min_ps(a.lo, b.lo), _mm256_min_ps(a.hi, b.hi)};
}
inline Floats zero_below(Floats a, Floats x, Floats limit) {  // a where x >= limit, else 0
  return {_mm256_and_ps(a.lo, _mm256_cmp_ps(x.lo, limit.lo, _CMP_GE_OQ)),
          _mm256_and_ps(a.hi, _mm256_cmp_ps(x.hi, limit.hi, _CMP_GE_OQ))};
}
inline Floats swap_pairs(Floats a) {
  return {_mm256_permute_ps(a.lo, 0xb1), _mm256_permute_ps(a.hi, 0xb1)};
}
// c0 c0 c1 c1 ... of 8 floats
inline Floats load_doubled(const float* p) {
  const __m256 eight = _mm256_loadu_ps(p);
  return {_mm256_permutevar8x32_ps(eight, _mm256_set_epi32(3, 3, 2, 2, 1, 1, 0, 0)),
          _mm256_permutevar8x32_ps(eight, _mm256_set_epi32(7, 7, 6, 6, 5, 5, 4, 4))};
}
inline Floats negate_even(Floats a) {
  const __m256 signs = _mm256_castsi256_ps(_mm256_set1_epi64x(0x80000000u));
  return {_mm256_xor_ps(a.lo, signs), _mm256_xor_ps(a.hi, signs)};
}

inline float fold(Floats a) {
  const __m256 by8 = _mm256_add_ps(a.lo, a.hi);
  const __m128 by4 = _mm_add_ps(_mm256_castps256_ps128(by8), _mm256_extractf128_ps(by8, 1));
  const __m128 by2 = _mm_add_ps(by4, _mm_movehl_ps(by4, by4));
  return _mm_cvtss_f32(_mm_add_ss(by2, _mm_movehdup_ps(by2)));
}
inline float fold_max(Floats a) {
  const __m256 by8 = _mm256_max_ps(a.lo, a.hi);
  const __m128 by4 = _mm_max_ps(_mm256_castps256_ps128(by8), _mm256_extractf128_ps(by8, 1));
  const __m128 by2 = _mm_max_ps(by4, _mm_movehl_ps(by4, by4));
  return _mm_cvtss_f32(_mm_max_ss(by2, _mm_movehdup_ps(by2)));
}

inline Floats load_half(const uint16_t* p) {
  const auto at = [&](int i) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + i)); };
  return {_mm256_cvtph_ps(at(0)), _mm256_cvtph_ps(at(8))};
}
inline Floats load_bfloat16(const uint16_t* p) {
  const auto at = [&](int i) {
    const __m128i bits = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + i));
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
  };
  return {at(0), at(8)};
}
inline Floats load_int8(const int8_t* p) {
  const auto at = [&](int i) {
    const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p + i));
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes));
  };
  return {at(0), at(8)};
}
inline void store_half(uint16_t* p, Floats a) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_cvtps_ph(a.lo, _MM_FROUND_TO_NEAREST_INT));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p + 8),
                   _mm256_cvtps_ph(a.hi, _MM_FROUND_TO_NEAREST_INT));
}
inline void store_int8(int8_t* p, Ints a) {
  const __m256i shorts = _mm256_permute4x64_epi64(_mm256_packs_epi32(a.lo, a.hi), 0xd8);
  _mm_storeu_si128(
      reinterpret_cast<__m128i*>(p),
      _mm_packs_epi16(_mm256_castsi256_si128(shorts), _mm256_extracti128_si256(shorts, 1)));
}

inline Ints load(const int32_t* p) {
  const auto at = [&](int i) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + i));
  };
  return {at(0), at(8)};
}
inline Ints splat(int32_t a) { return {_mm256_set1_epi32(a), _mm256_set1_epi32(a)}; }
inline Ints operator+(Ints a, Ints b) {
  return {_mm256_add_epi32(a.lo, b.lo), _mm256_add_epi32(a.hi, b.hi)};
}
inline Ints operator-(Ints a, Ints b) {
  return {_mm256_sub_epi32(a.lo, b.lo), _mm256_sub_epi32(a.hi, b.hi)};
}
inline Ints operator*(Ints a, Ints b) {
  return {_mm256_mullo_epi32(a.lo, b.lo), _mm256_mullo_epi32(a.hi, b.hi)};
}
inline Ints operator&(Ints a, Ints b) {
  return {_mm256_and_si256(a.lo, b.lo), _mm256_and_si256(a.hi, b.hi)};
}
inline Ints operator|(Ints a, Ints b) {
  return {_mm256_or_si256(a.lo, b.lo), _mm256_or_si256(a.hi, b.hi)};
}
inline Ints operator^(Ints a, Ints b) {
  return {_mm256_xor_si256(a.lo, b.lo), _mm256_xor_si256(a.hi, b.hi)};
}
template <int N>
inline Ints shift_left(Ints a) {
  return {_mm256_slli_epi32(a.lo, N), _mm256_slli_epi32(a.hi, N)};
}
template <int N>
inline Ints shift_right(Ints a) {
  return {_mm256_srli_epi32(a.lo, N), _mm256_srli_epi32(a.hi, N)};
}
template <int N>
inline Ints shift_right_signed(Ints a) {
  return {_mm256_srai_epi32(a.lo, N), _mm256_srai_epi32(a.hi, N)};
}
inline Floats to_float(Ints a) { return {_mm256_cvtepi32_ps(a.lo), _mm256_cvtepi32_ps(a.hi)}; }
inline Ints to_int(Floats a) {
  return {_mm256_cvtps_epi32(a.lo), _mm256_cvtps_epi32(a.hi)};
}  // nearest, ties to even
inline Ints bits(Floats a) { return {_mm256_castps_si256(a.lo), _mm256_castps_si256(a.hi)}; }
inline Floats bits_to_float(Ints a) {
  return {_mm256_castsi256_ps(a.lo), _mm256_castsi256_ps(a.hi)};
}
inline Ints max(Ints a, Ints b) {
  return {_mm256_max_epi32(a.lo, b.lo), _mm256_max_epi32(a.hi, b.hi)};
}
inline int32_t fold_max(Ints a) {
  const __m256i by8 = _mm256_max_epi32(a.lo, a.hi);
  const __m128i by4 = _mm_max_epi32(_mm256_castsi256_si128(by8), _mm256_extracti128_si256(by8, 1));
  const __m128i by2 = _mm_max_epi32(by4, _mm_shuffle_epi32(by4, 0x4e));
  return _mm_cvtsi128_si32(_mm_max_epi32(by2, _mm_shuffle_epi32(by2, 0xb1)));
}
inline Ints magnitude_bits(Floats a) {
  const __m256i mask = _mm256_set1_epi32(0x7fffffff);
  return {_mm256_and_si256(_mm256_castps_si256(a.lo), mask),
          _mm256_and_si256(_mm256_castps_si256(a.hi), mask)};
}
inline int32_t sum(Ints a) {
  const __m256i by8 = _mm256_add_epi32(a.lo, a.hi);
  const __m128i by4 = _mm_add_epi32(_mm256_castsi256_si128(by8), _mm256_extracti128_si256(by8, 1));
  const __m128i by2 = _mm_add_epi32(by4, _mm_shuffle_epi32(by4, 0x4e));
  return _mm_cvtsi128_si32(_mm_add_epi32(by2, _mm_shuffle_epi32(by2, 0xb1)));
}

// The low 16 bits of each lane as a half.
inline Floats half_lanes(Ints a) {
  const Ints low = a & splat(0xffff);
  const __m256i shorts = _mm256_permute4x64_epi64(_mm256_packus_epi32(low.lo, low.hi), 0xd8);
  return {_mm256_cvtph_ps(_mm256_castsi256_si128(shorts)),
          _mm256_cvtph_ps(_mm256_extracti128_si256(shorts, 1))};
}

// acc += four byte products per lane; w unsigned and at most 127 (pairs of larger products would
// saturate 16 bits), x the same four signed bytes in every lane.
constexpr bool kDotTakesAllBytes = false;
inline Ints dot_bytes(Ints acc, Ints w, const int8_t* x) {
  int32_t four;
  __builtin_memcpy(&four, x, 4);
  const __m256i xs = _mm256_set1_epi32(four), ones = _mm256_set1_epi16(1);
  return {_mm256_add_epi32(acc.lo, _mm256_madd_epi16(_mm256_maddubs_epi16(w.lo, xs), ones)),
          _mm256_add_epi32(acc.hi, _mm256_madd_epi16(_mm256_maddubs_epi16(w.hi, xs), ones))};
}
// The same for signed w, -128 included: |w| takes the unsigned side and x the sign.
inline Ints dot_signed_bytes(Ints acc, Ints w, const int8_t* x) {
  int32_t four;
  __builtin_memcpy(&four, x, 4);
  const __m256i xs = _mm256_set1_epi32(four), ones = _mm256_set1_epi16(1);
  const auto products = [&](__m256i ws) {
    return _mm256_madd_epi16(_mm256_maddubs_epi16(_mm256_abs_epi8(ws), _mm256_sign_epi8(xs, ws)),
                             ones);
  };
  return {_mm256_add_epi32(acc.lo, products(w.lo)), _mm256_add_epi32(acc.hi, products(w.hi))};
}
// acc += two products of signed 16-bit numbers per lane; x the same two in every lane.
inline Ints dot_shorts(Ints acc, Ints w, const int16_t* x) {
  int32_t two;
  __builtin_memcpy(&two, x, 4);
  const __m256i xs = _mm256_set1_epi32(two);
  return {_mm256_add_epi32(acc.lo, _mm256_madd_epi16(w.lo, xs)),
          _mm256_add_epi32(acc.hi, _mm256_madd_epi16(w.hi, xs))};
}

// The same in two steps: pairs of byte products in 16-bit lanes, for sums that stay below 2^15, and
// acc += pairs of those times pairs of 16-bit numbers.
constexpr bool kSumsInShorts = true;
inline Ints products_in_shorts(Ints w, const int8_t* x) {
  int32_t four;
  __builtin_memcpy(&four, x, 4);
  const __m256i xs = _mm256_set1_epi32(four);
  return {_mm256_maddubs_epi16(w.lo, xs), _mm256_maddubs_epi16(w.hi, xs)};
}
// Sums in the order they are written: g++ otherwise makes a chain of them a tree, whose leaves do
// not fit 16 registers (-40 % in a prompt's products).
inline Ints add_shorts(Ints a, Ints b) {
  Ints sum{_mm256_add_epi16(a.lo, b.lo), _mm256_add_epi16(a.hi, b.hi)};
  asm("" : "+x"(sum.lo), "+x"(sum.hi));
  return sum;
}
inline Ints dot_shorts(Ints a, Ints b) {
  return {_mm256_madd_epi16(a.lo, b.lo), _mm256_madd_epi16(a.hi, b.hi)};
}
// The low 16 bits of each lane in both its halves.
inline Ints twice_in_shorts(Ints a) { return (a & splat(0xffff)) | shift_left<16>(a); }

// Rows r .. r + 7 of 16 bytes each, dword i of all of them in out[i].
inline void load_eight_rows(const uint8_t* p, size_t stride, __m256i out[4]) {
  __m256i z[4];
  for (size_t r = 0; r < 4; ++r) {
    const auto at = [&](size_t row) {
      return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + row * stride));
    };
    z[r] = _mm256_inserti128_si256(_mm256_castsi128_si256(at(r)), at(r + 4), 1);
  }
  const __m256i low01 = _mm256_unpacklo_epi32(z[0], z[1]),
                low23 = _mm256_unpacklo_epi32(z[2], z[3]);
  const __m256i high01 = _mm256_unpackhi_epi32(z[0], z[1]),
                high23 = _mm256_unpackhi_epi32(z[2], z[3]);
  out[0] = _mm256_unpacklo_epi64(low01, low23);
  out[1] = _mm256_unpackhi_epi64(low01, low23);
  out[2] = _mm256_unpacklo_epi64(high01, high23);
  out[3] = _mm256_unpackhi_epi64(high01, high23);
}
// Lane r of out[i] is dword i of the 16 bytes at p + r * stride.
inline void load_rows(const uint8_t* p, size_t stride, Ints out[4]) {
  __m256i lo[4], hi[4];
  load_eight_rows(p, stride, lo);
  load_eight_rows(p + 8 * stride, stride, hi);
  for (int i = 0; i < 4; ++i) out[i] = {lo[i], hi[i]};
}
// Lane r is the dword at p + r * stride.
inline Ints gather_dwords(const uint8_t* p, size_t stride) {
  const auto dword = [&](size_t row) {
    int32_t value;
    __builtin_memcpy(&value, p + row * stride, 4);
    return value;
  };
  const auto four = [&](size_t row) {
    __m128i v = _mm_cvtsi32_si128(dword(row));
    v = _mm_insert_epi32(v, dword(row + 1), 1);
    v = _mm_insert_epi32(v, dword(row + 2), 2);
    return _mm_insert_epi32(v, dword(row + 3), 3);
  };
  return {_mm256_set_m128i(four(4), four(0)), _mm256_set_m128i(four(12), four(8))};
}
// Bits 4 i .. 4 i + 3 of each lane become bit 4 of its four bytes.
template <int I>
inline Ints spread_fifth_bits(Ints a) {
  const __m256i pick = _mm256_add_epi8(_mm256_set_epi32(0x0c0c0c0c, 0x08080808, 0x04040404, 0,
                                                        0x0c0c0c0c, 0x08080808, 0x04040404, 0),
                                       _mm256_set1_epi8(I / 2));
  const __m256i bit = _mm256_set1_epi32(I % 2 == 0 ? 0x08040201 : static_cast<int>(0x80402010u));
  const __m256i fifth = _mm256_set1_epi8(0x10);
  const auto spread = [&](__m256i x) {
    const __m256i set = _mm256_and_si256(_mm256_shuffle_epi8(x, pick), bit);
    return _mm256_and_si256(_mm256_cmpeq_epi8(set, bit), fifth);
  };
  return {spread(a.lo), spread(a.hi)};
}

// A part of the lanes, as a register holds them: lanes 8 P .. 8 P + 7.
constexpr int kParts = 2;
struct LanePart {
  __m256 v;
};
inline LanePart part_of_zeros() { return {_mm256_setzero_ps()}; }
inline LanePart fma(LanePart a, LanePart b, LanePart c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
template <int P>
inline LanePart load_part(const float* p) {
  return {_mm256_loadu_ps(p + 8 * P)};
}
template <int P>
inline LanePart load_half_part(const uint16_t* p) {
  return {_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 8 * P)))};
}
template <int P>
inline LanePart load_bfloat16_part(const uint16_t* p) {
  const __m128i bits = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 8 * P));
  return {_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16))};
}
template <int P>
inline void store_part(float* p, LanePart part) {
  _mm256_storeu_ps(p + 8 * P, part.v);
}

// 32 numbers of a query, and acc += their products with 32 codes, summed in pairs.
struct Codes {
  __m256i lo, hi;
};
inline Codes load_query(const int16_t* p) {
  const auto at = [&](int i) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + i));
  };
  return {at(0), at(16)};
}
inline Ints dot_block(Ints acc, const int8_t* codes, Codes q) {
  const auto at = [&](int i) {
    return _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(codes + i)));
  };
  return {_mm256_add_epi32(acc.lo, _mm256_madd_epi16(at(0), q.lo)),
          _mm256_add_epi32(acc.hi, _mm256_madd_epi16(at(16), q.hi))};
}

constexpr int kSumTile = 4;                  // products: sums that stay close to registers,
constexpr size_t kRowGroups = 1;             // of so many groups of rows where tokens are many
constexpr int kFloatTokens = 3;              // tokens by 4 rows of float weights
constexpr int kScoreSums = 5, kMixSums = 5;  // attention: sums that stay in registers

// The 16 virtual lanes on AVX-512: one register each. Included inside an unnamed namespace of an
// instruction-set file.

struct Floats {
  __m512 v;
};
struct Ints {
  __m512i v;
};

inline __mmask16 first_lanes(size_t n) { return static_cast<__mmask16>((1u << n) - 1); }

inline Floats load(const float* p) { return {_mm512_loadu_ps(p)}; }
inline Floats load_first(const float* p, size_t n) {
  return {_mm512_maskz_loadu_ps(first_lanes(n), p)};
}
inline void store(float* p, Floats a) { _mm512_storeu_ps(p, a.v); }
inline void store_first(float* p, Floats a, size_t n) {
  _mm512_mask_storeu_ps(p, first_lanes(n), a.v);
}
inline Floats splat(float a) { return {_mm512_set1_ps(a)}; }
inline Floats operator+(Floats a, Floats b) { return {_mm512_add_ps(a.v, b.v)}; }
inline Floats operator-(Floats a, Floats b) { return {_mm512_sub_ps(a.v, b.v)}; }
inline Floats operator*(Floats a, Floats b) { return {_mm512_mul_ps(a.v, b.v)}; }
inline Floats operator/(Floats a, Floats b) { return {_mm512_div_ps(a.v, b.v)}; }
inline Floats fma(Floats a, Floats b, Floats c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
inline Floats fnma(Floats a, Floats b, Floats c) {
  return {_mm512_fnmadd_ps(a.v, b.v, c.v)};
}  // c - a b
inline Floats max(Floats a, Floats b) { return {_mm512_max_ps(a.v, b.v)}; }
inline Floats min(Floats a, Floats b) { return {_mm512_min_ps(a.v, b.v)}; }
inline Floats zero_below(Floats a, Floats x, Floats limit) {  // a where x >= limit, else 0
  return {_mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x.v, limit.v, _CMP_GE_OQ), a.v)};
}
inline Floats swap_pairs(Floats a) { return {_mm512_permute_ps(a.v, 0xb1)}; }
// c0 c0 c1 c1 ... of 8 floats
inline Floats load_doubled(const float* p) {
  const __m512i index = _mm512_set_epi32(7, 7, 6, 6, 5, 5, 4, 4, 3, 3, 2, 2, 1, 1, 0, 0);
  return {_mm512_permutexvar_ps(index, _mm512_castps256_ps512(_mm256_loadu_ps(p)))};
}
inline Floats negate_even(Floats a) {
  const __m512i signs = _mm512_set1_epi64(0x80000000u);
  return {_mm512_castsi512_ps(_mm512_xor_si512(_mm512_castps_si512(a.v), signs))};
}

inline float fold(Floats a) {
  const __m256 by8 = _mm256_add_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1));
  const __m128 by4 = _mm_add_ps(_mm256_castps256_ps128(by8), _mm256_extractf128_ps(by8, 1));
  const __m128 by2 = _mm_add_ps(by4, _mm_movehl_ps(by4, by4));
  return _mm_cvtss_f32(_mm_add_ss(by2, _mm_movehdup_ps(by2)));
}
inline float fold_max(Floats a) { return _mm512_reduce_max_ps(a.v); }

inline Floats load_half(const uint16_t* p) {
  return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
}
inline Floats load_bfloat16(const uint16_t* p) {
  const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16))};
}
inline Floats load_int8(const int8_t* p) {
  return {_mm512_cvtepi32_ps(
      _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))))};
}
inline void store_half(uint16_t* p, Floats a) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                      _mm512_cvtps_ph(a.v, _MM_FROUND_TO_NEAREST_INT));
}
inline void store_int8(int8_t* p, Ints a) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtsepi32_epi8(a.v));
}

inline Ints load(const int32_t* p) { return {_mm512_loadu_si512(p)}; }
inline Ints splat(int32_t a) { return {_mm512_set1_epi32(a)}; }
inline Ints operator+(Ints a, Ints b) { return {_mm512_add_epi32(a.v, b.v)}; }
inline Ints operator-(Ints a, Ints b) { return {_mm512_sub_epi32(a.v, b.v)}; }
inline Ints operator*(Ints a, Ints b) { return {_mm512_mullo_epi32(a.v, b.v)}; }
inline Ints operator&(Ints a, Ints b) { return {_mm512_and_si512(a.v, b.v)}; }
inline Ints operator|(Ints a, Ints b) { return {_mm512_or_si512(a.v, b.v)}; }
inline Ints operator^(Ints a, Ints b) { return {_mm512_xor_si512(a.v, b.v)}; }
template <int N>
inline Ints shift_left(Ints a) {
  return {_mm512_slli_epi32(a.v, N)};
}
template <int N>
inline Ints shift_right(Ints a) {
  return {_mm512_srli_epi32(a.v, N)};
}
template <int N>
inline Ints shift_right_signed(Ints a) {
  return {_mm512_srai_epi32(a.v, N)};
}
inline Floats to_float(Ints a) { return {_mm512_cvtepi32_ps(a.v)}; }
inline Ints to_int(Floats a) { return {_mm512_cvtps_epi32(a.v)}; }  // nearest, ties to even
inline Ints bits(Floats a) { return {_mm512_castps_si512(a.v)}; }
inline Floats bits_to_float(Ints a) { return {_mm512_castsi512_ps(a.v)}; }
inline Ints max(Ints a, Ints b) { return {_mm512_max_epi32(a.v, b.v)}; }
inline int32_t fold_max(Ints a) { return _mm512_reduce_max_epi32(a.v); }
inline Ints magnitude_bits(Floats a) {
  return {_mm512_and_si512(_mm512_castps_si512(a.v), _mm512_set1_epi32(0x7fffffff))};
}
inline int32_t sum(Ints a) { return _mm512_reduce_add_epi32(a.v); }

// The low 16 bits of each lane as a half.
inline Floats half_lanes(Ints a) { return {_mm512_cvtph_ps(_mm512_cvtepi32_epi16(a.v))}; }

// acc += four byte products per lane; w unsigned, x the same four signed bytes in every lane.
constexpr bool kDotTakesAllBytes = true;
inline Ints dot_bytes(Ints acc, Ints w, const int8_t* x) {
  int32_t four;
  __builtin_memcpy(&four, x, 4);
  return {_mm512_dpbusd_epi32(acc.v, w.v, _mm512_set1_epi32(four))};
}
inline Ints dot_signed_bytes(Ints acc, Ints w, const int8_t* x) { return dot_bytes(acc, w, x); }
// acc += two products of signed 16-bit numbers per lane; x the same two in every lane.
inline Ints dot_shorts(Ints acc, Ints w, const int16_t* x) {
  int32_t two;
  __builtin_memcpy(&two, x, 4);
  return {_mm512_dpwssd_epi32(acc.v, w.v, _mm512_set1_epi32(two))};
}

// 32 numbers of a query, and acc += their products with 32 codes, summed in pairs.
struct Codes {
  __m512i v;
};
inline Codes load_query(const int16_t* p) { return {_mm512_loadu_si512(p)}; }
inline Ints dot_block(Ints acc, const int8_t* codes, Codes q) {
  const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(codes));
  return {_mm512_dpwssd_epi32(acc.v, _mm512_cvtepi8_epi16(bytes), q.v)};
}

constexpr bool kSumsInShorts = false;  // the byte product sums in 32 bits at no cost

// Lane r of out[i] is dword i of the 16 bytes at p + r * stride.
inline void load_rows(const uint8_t* p, size_t stride, Ints out[4]) {
  __m512i z[4];
  for (size_t r = 0; r < 4; ++r) {
    const auto at = [&](size_t row) {
      return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + row * stride));
    };
    __m512i rows = _mm512_castsi128_si512(at(r));
    rows = _mm512_mask_broadcast_i32x4(rows, 0x00f0, at(r + 4));
    rows = _mm512_mask_broadcast_i32x4(rows, 0x0f00, at(r + 8));
    z[r] = _mm512_mask_broadcast_i32x4(rows, 0xf000, at(r + 12));
  }
  const __m512i low01 = _mm512_unpacklo_epi32(z[0], z[1]),
                low23 = _mm512_unpacklo_epi32(z[2], z[3]);
  const __m512i high01 = _mm512_unpackhi_epi32(z[0], z[1]),
                high23 = _mm512_unpackhi_epi32(z[2], z[3]);
  out[0].v = _mm512_unpacklo_epi64(low01, low23);
  out[1].v = _mm512_unpackhi_epi64(low01, low23);
  out[2].v = _mm512_unpacklo_epi64(high01, high23);
  out[3].v = _mm512_unpackhi_epi64(high01, high23);
}
// Lane r is the dword at p + r * stride. Not a gather: that is microcode on Zen and takes three
// times as long.
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
  __m512i rows = _mm512_castsi128_si512(four(0));
  rows = _mm512_inserti32x4(rows, four(4), 1);
  rows = _mm512_inserti32x4(rows, four(8), 2);
  return {_mm512_inserti32x4(rows, four(12), 3)};
}
// Bits 4 i .. 4 i + 3 of each lane become bit 4 of its four bytes.
template <int I>
inline Ints spread_fifth_bits(Ints a) {
  const __m512i table =
      _mm512_set_epi32(0x10101010, 0x10101000, 0x10100010, 0x10100000, 0x10001010, 0x10001000,
                       0x10000010, 0x10000000, 0x00101010, 0x00101000, 0x00100010, 0x00100000,
                       0x00001010, 0x00001000, 0x00000010, 0x00000000);
  return {_mm512_permutexvar_epi32(_mm512_srli_epi32(a.v, 4 * I), table)};
}

// A part of the lanes, as a register holds them: here all.
constexpr int kParts = 1;
using LanePart = Floats;
inline LanePart part_of_zeros() { return splat(0.0f); }
template <int>
inline LanePart load_part(const float* p) {
  return load(p);
}
template <int>
inline LanePart load_half_part(const uint16_t* p) {
  return load_half(p);
}
template <int>
inline LanePart load_bfloat16_part(const uint16_t* p) {
  return load_bfloat16(p);
}
template <int>
inline void store_part(float* p, LanePart part) {
  store(p, part);
}

constexpr int kSumTile = 12;                   // products: sums that stay in registers,
constexpr size_t kRowGroups = 3;               // of so many groups of rows where tokens are many
constexpr int kFloatTokens = 4;                // tokens by 4 rows of float weights
constexpr int kScoreSums = 24, kMixSums = 24;  // attention: sums that stay in registers

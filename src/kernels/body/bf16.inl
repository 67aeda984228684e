// Pairs of bfloat16, the operands of its dot products and tile products.

constexpr size_t kStep = 32;  // words in a register: columns of one tile product

// Lane r: the 16-bit pair (low[r], high[r]) rounded to bfloat16, nearest even, tiny ones to zero.
inline Ints bf16_pairs(Floats low, Floats high) {
  const __m512i interleave =
      _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6,
                       21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  const __m512bh words = _mm512_cvtne2ps_pbh(high.v, low.v);
  __m512i bits;
  __builtin_memcpy(&bits, &words, sizeof bits);
  return {_mm512_permutexvar_epi16(interleave, bits)};
}

// Code vectors against one query: exact integer dot products, bound by the memory that the codes
// come from. Four rows at a time share the query's loads; the rows further on are asked for early.

constexpr size_t kCodesAhead = 4096;  // bytes

template <size_t Rows>
inline void dot_code_rows(const int8_t* codes, size_t K, const int16_t* query, int32_t* out) {
  Ints sums[Rows];
#pragma GCC unroll 4
  for (Ints& lanes : sums) lanes = splat(0);
  for (size_t k = 0; k < K; k += kCodeBlock) {
    const Codes q = load_query(query + k);
#pragma GCC unroll 4
    for (size_t r = 0; r < Rows; ++r) sums[r] = dot_block(sums[r], codes + r * K + k, q);
  }
#pragma GCC unroll 4
  for (size_t r = 0; r < Rows; ++r) out[r] = sum(sums[r]);
}

inline void dot_codes(const int8_t* codes, size_t rows, size_t K, const int16_t* query,
                      int32_t* out) {
  size_t r = 0;
  for (; r + 4 <= rows; r += 4, codes += 4 * K) {
    for (size_t line = 0; line < 4 * K; line += 64) __builtin_prefetch(codes + kCodesAhead + line);
    dot_code_rows<4>(codes, K, query, out + r);
  }
  for (; r < rows; ++r, codes += K) dot_code_rows<1>(codes, K, query, out + r);
}

// Attention's products of bfloat16 pairs by VDPBF16PS (attend_pairs.inl): a lane is a position, or
// a dimension of the values.
//
// The instruction takes a pair's second product first, each by fma, and takes tiny numbers for
// zero.

// acc[lane] += the pair at x times the pair in the lane.
inline Floats dot_pair(Floats acc, const uint16_t* pairs, const uint16_t* x) {
  int32_t two;
  __builtin_memcpy(&two, x, sizeof two);
  const __m512i xs = _mm512_set1_epi32(two), ws = _mm512_loadu_si512(pairs);
  __m512bh a, b;
  __builtin_memcpy(&a, &xs, sizeof a);
  __builtin_memcpy(&b, &ws, sizeof b);
  return {_mm512_dpbf16_ps(acc.v, a, b)};
}

// Rows i .. i + Rows - 1 by Columns columns.
template <int Rows, int Columns>
void dot_tile(const PairWork& w, size_t i) {
  const uint16_t* a[Rows];
  Floats acc[Rows][Columns];
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r) {
    const size_t row = i + static_cast<size_t>(r);
    a[r] = w.a[row / kLanes] + row % kLanes * kStep;
#pragma GCC unroll 8
    for (int c = 0; c < Columns; ++c) acc[r][c] = splat(0.0f);
  }
  for (size_t step = 0; step < w.steps; ++step) {
    const uint16_t* b = w.b + step * w.b_step;
    for (size_t pair = 0; pair < kLanes; ++pair, b += w.b_stride) {
#pragma GCC unroll 8
      for (int r = 0; r < Rows; ++r) {
        const uint16_t* x = a[r] + step * w.a_step + kPair * pair;
#pragma GCC unroll 8
        for (int c = 0; c < Columns; ++c)
          acc[r][c] = dot_pair(acc[r][c], b + static_cast<size_t>(c) * w.b_tile, x);
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r) {
    const size_t row = i + static_cast<size_t>(r);
    float* out = w.out[row / kLanes] + row % kLanes * w.out_stride;
#pragma GCC unroll 8
    for (int c = 0; c < Columns; ++c) store(out + static_cast<size_t>(c) * w.out_tile, acc[r][c]);
  }
}

struct DotProducts {
  static void begin(size_t) {}
  static void columns(const PairWork& work, size_t columns) {
    for_row_groups(work.rows, [&]<int N>(size_t i) {
      constexpr int kColumns = kScoreSums / N >= 4 ? 4 : kScoreSums / N >= 2 ? 2 : 1;
      PairWork w = work;
      size_t left = columns;
      const auto advance = [&](size_t count) {
        w.b += count * w.b_tile;
        for (float*& out : w.out) out += count * w.out_tile;
        left -= count;
      };
      while (left >= kColumns) {
        dot_tile<N, kColumns>(w, i);
        advance(kColumns);
      }
      while (left > 0) {
        dot_tile<N, 1>(w, i);
        advance(1);
      }
    });
  }
  static void end() {}
};

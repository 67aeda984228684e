// Products with F32, F16 and BF16 weights: lanes along K (kernels/table.h), a tile of rows by
// tokens in registers.
//
// Where the lanes take several registers, a tile of many tokens is walked once for each (a part of
// the lanes): a larger tile's sums then fit the registers, and a load serves more products.

struct WeightF32 {
  using Stored = float;
  static Floats load16(const float* p) { return load(p); }
  template <int P>
  static LanePart load_part_of(const float* p) {
    return load_part<P>(p);
  }
  static Floats load_tail(const float* p, size_t n) { return load_first(p, n); }
};

template <class Format>
inline Floats tail_by_copy(const uint16_t* p, size_t n) {
  uint16_t padded[kLanes] = {};
  __builtin_memcpy(padded, p, n * sizeof *p);
  return Format::load16(padded);
}

struct WeightF16 {
  using Stored = uint16_t;
  static Floats load16(const uint16_t* p) { return load_half(p); }
  template <int P>
  static LanePart load_part_of(const uint16_t* p) {
    return load_half_part<P>(p);
  }
  static Floats load_tail(const uint16_t* p, size_t n) { return tail_by_copy<WeightF16>(p, n); }
};

struct WeightBF16 {
  using Stored = uint16_t;
  static Floats load16(const uint16_t* p) { return load_bfloat16(p); }
  template <int P>
  static LanePart load_part_of(const uint16_t* p) {
    return load_bfloat16_part<P>(p);
  }
  static Floats load_tail(const uint16_t* p, size_t n) { return tail_by_copy<WeightBF16>(p, n); }
};

// Rows of weights and of activations, from a tile's first on.
template <class Fmt>
struct FloatRows {
  const typename Fmt::Stored* weights;
  size_t row_step;  // of weights, in numbers
  const float* x;
  size_t x_step;
};

template <class Fmt>
inline FloatRows<Fmt> float_rows(const GemmArgs& a, size_t n, size_t m) {
  using Stored = typename Fmt::Stored;
  return {reinterpret_cast<const Stored*>(a.weights + n * a.row_bytes),
          a.row_bytes / sizeof(Stored), a.x.f32 + m * a.x.f32_stride, a.x.f32_stride};
}

// Columns walked at once: a few rows of so many weights and activations stay in the first-level
// cache from one part of the lanes to the next, and the weights from one tile to the next.
constexpr size_t kFloatPiece = 640;
constexpr size_t kFloatRows = 4;
// Sums between pieces: lanes of [token][row], as many tokens as the scratch has room for.
constexpr size_t kFloatTokensAtOnce = kPartialSums / (kFloatRows * kLanes);

// sums[t][r] += part P of the lanes of columns [first, last), whole kLanes of them.
template <class Fmt, int P, int Rows, int Tokens>
inline void part_of_lanes(const FloatRows<Fmt>& in, size_t first, size_t last, float* sums) {
  LanePart sum[Rows][Tokens];
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 8
    for (int t = 0; t < Tokens; ++t)
      sum[r][t] = first == 0 ? part_of_zeros() : load_part<P>(sums + (t * Rows + r) * kLanes);
  }
  for (size_t k = first; k < last; k += kLanes) {
    LanePart xs[Tokens];
#pragma GCC unroll 8
    for (int t = 0; t < Tokens; ++t) xs[t] = load_part<P>(in.x + t * in.x_step + k);
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) {
      const LanePart w = Fmt::template load_part_of<P>(in.weights + r * in.row_step + k);
#pragma GCC unroll 8
      for (int t = 0; t < Tokens; ++t) sum[r][t] = fma(w, xs[t], sum[r][t]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 8
    for (int t = 0; t < Tokens; ++t) store_part<P>(sums + (t * Rows + r) * kLanes, sum[r][t]);
  }
}

// The same for one token and all its lanes at once: what it reads comes from memory.
template <class Fmt, int Rows>
inline void lanes_of_one(const FloatRows<Fmt>& in, size_t first, size_t last, float* sums) {
  Floats sum[Rows];
  for (int r = 0; r < Rows; ++r) sum[r] = first == 0 ? splat(0.0f) : load(sums + r * kLanes);
  for (size_t k = first; k < last; k += kLanes) {
    const Floats x = load(in.x + k);
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r)
      sum[r] = fma(Fmt::load16(in.weights + r * in.row_step + k), x, sum[r]);
  }
  for (int r = 0; r < Rows; ++r) store(sums + r * kLanes, sum[r]);
}

// What of a row of columns is not whole, and the results of rows n .. n + Rows - 1 for token m.
template <class Fmt, int Rows>
inline void finish_rows(const GemmArgs& a, size_t n, size_t m, size_t whole, const float* sums) {
  const FloatRows<Fmt> in = float_rows<Fmt>(a, n, m);
  float* y = a.y + m * a.y_stride + n;
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r) {
    Floats lanes = load(sums + r * kLanes);
    if (whole < a.K) {
      const Floats w = Fmt::load_tail(in.weights + r * in.row_step + whole, a.K - whole);
      lanes = fma(w, load_first(in.x + whole, a.K - whole), lanes);
    }
    const float sum = a.bias ? fold(lanes) + a.bias[n + r] : fold(lanes);
    y[r] = a.add ? y[r] + sum : sum;
  }
}

// Rows n .. n + Rows - 1 for tokens [m, last), at most kFloatTokensAtOnce of them.
template <class Fmt, int Rows>
void float_block(const GemmArgs& a, size_t n, size_t m, size_t last) {
  auto* sums = reinterpret_cast<float*>(a.scratch);
  const size_t whole = a.K / kLanes * kLanes, piece = last - m == 1 ? whole : kFloatPiece;
  size_t first = 0;
  do {  // once also where there is nothing whole: sums begin there
    const size_t end = first + piece < whole ? first + piece : whole;
    size_t t = m;
    for (; t + kFloatTokens <= last; t += kFloatTokens) {
      const FloatRows<Fmt> in = float_rows<Fmt>(a, n, t);
      float* tile = sums + (t - m) * Rows * kLanes;
      part_of_lanes<Fmt, 0, Rows, kFloatTokens>(in, first, end, tile);
      if constexpr (kParts == 2) part_of_lanes<Fmt, 1, Rows, kFloatTokens>(in, first, end, tile);
    }
    for (; t < last; ++t)
      lanes_of_one<Fmt, Rows>(float_rows<Fmt>(a, n, t), first, end, sums + (t - m) * Rows * kLanes);
    first = end;
  } while (first < whole);
  for (size_t t = m; t < last; ++t)
    finish_rows<Fmt, Rows>(a, n, t, whole, sums + (t - m) * Rows * kLanes);
}

template <class Fmt>
void gemm_float(const GemmArgs& a) {
  size_t tokens = kActsBytes / 2 / (a.K * sizeof(float));
  tokens = tokens < 32 ? 32 : tokens < kFloatTokensAtOnce ? tokens : kFloatTokensAtOnce;
  tokens = tokens / kFloatTokens * kFloatTokens;
  for (size_t m = 0; m < a.M; m += tokens) {
    const size_t last = m + tokens < a.M ? m + tokens : a.M;
    size_t n = a.first_row;
    for (; n + kFloatRows <= a.last_row; n += kFloatRows)
      float_block<Fmt, kFloatRows>(a, n, m, last);
    for (; n < a.last_row; ++n) float_block<Fmt, 1>(a, n, m, last);
  }
}

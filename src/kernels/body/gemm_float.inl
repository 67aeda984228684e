// Products with F32, F16 and BF16 weights: lanes along K (kernels/table.h), a tile of rows by
// tokens in registers.

struct WeightF32 {
  using Stored = float;
  static Floats load16(const float* p) { return load(p); }
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
  static Floats load_tail(const uint16_t* p, size_t n) { return tail_by_copy<WeightF16>(p, n); }
};

struct WeightBF16 {
  using Stored = uint16_t;
  static Floats load16(const uint16_t* p) { return load_bfloat16(p); }
  static Floats load_tail(const uint16_t* p, size_t n) { return tail_by_copy<WeightBF16>(p, n); }
};

template <class Fmt, int Rows, int Tokens>
void float_tile(const GemmArgs& a, size_t n, size_t m) {
  using Stored = typename Fmt::Stored;
  const auto* weights = reinterpret_cast<const Stored*>(a.weights + n * a.row_bytes);
  const size_t row_step = a.row_bytes / sizeof(Stored);
  const float* x = a.x.f32 + m * a.x.f32_stride;
  Floats acc[Rows][Tokens];
  for (auto& row : acc) {
    for (Floats& lane : row) lane = splat(0.0f);
  }
  size_t k = 0;
  for (; k + kLanes <= a.K; k += kLanes) {
    Floats xs[Tokens];
#pragma GCC unroll 8
    for (int t = 0; t < Tokens; ++t) xs[t] = load(x + t * a.x.f32_stride + k);
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) {
      const Floats w = Fmt::load16(weights + r * row_step + k);
#pragma GCC unroll 8
      for (int t = 0; t < Tokens; ++t) acc[r][t] = fma(w, xs[t], acc[r][t]);
    }
  }
  if (k < a.K) {
    for (int r = 0; r < Rows; ++r) {
      const Floats w = Fmt::load_tail(weights + r * row_step + k, a.K - k);
      for (int t = 0; t < Tokens; ++t)
        acc[r][t] = fma(w, load_first(x + t * a.x.f32_stride + k, a.K - k), acc[r][t]);
    }
  }
  for (int t = 0; t < Tokens; ++t) {
    for (int r = 0; r < Rows; ++r) {
      float* y = a.y + (m + t) * a.y_stride + n + r;
      const float sum = a.bias ? fold(acc[r][t]) + a.bias[n + r] : fold(acc[r][t]);
      *y = a.add ? *y + sum : sum;
    }
  }
}

template <class Fmt, int Rows>
void float_rows(const GemmArgs& a, size_t n, size_t m, size_t last) {
  constexpr int kTokens = kSumTile >= 8 ? 4 : 2;
  for (; m + kTokens <= last; m += kTokens) float_tile<Fmt, Rows, kTokens>(a, n, m);
  for (; m < last; ++m) float_tile<Fmt, Rows, 1>(a, n, m);
}

template <class Fmt>
void gemm_float(const GemmArgs& a) {
  const size_t tokens = token_block(a.M, a.K * sizeof(float));
  for (size_t m = 0; m < a.M; m += tokens) {
    const size_t last = m + tokens < a.M ? m + tokens : a.M;
    size_t n = a.first_row;
    for (; n + 4 <= a.last_row; n += 4) float_rows<Fmt, 4>(a, n, m, last);
    for (; n < a.last_row; ++n) float_rows<Fmt, 1>(a, n, m, last);
  }
}

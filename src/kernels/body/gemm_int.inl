// Products with block-quantised weights: one loop nest for every format, for one token and for five
// hundred.
//
// Weights come 16 rows (the lanes) at a time. `block_product` is the definition of kernels/table.h
// for one block and a few tokens, and everything goes through it, so decode and prefill cannot
// disagree. Few tokens unpack a block and use it at once; many unpack the whole group of rows into
// scratch first and walk the tokens over it.

template <class Fmt>
constexpr bool is_signed() {
  if constexpr (requires { Fmt::kSigned; }) return Fmt::kSigned;
  return false;
}

template <class Fmt>
inline Ints dot(Ints acc, Ints w, const int8_t* x) {
  if constexpr (is_signed<Fmt>()) return dot_signed_bytes(acc, w, x);
  return dot_bytes(acc, w, x);
}

// y[t] += block `b` for tokens m .. m + Tokens - 1.
template <class Fmt, int Tokens>
inline void block_product(const Panel<Fmt>& panel, const GemmArgs& a, size_t m, size_t b,
                          Floats (&y)[Tokens]) {
  const size_t blocks = a.K / Fmt::kBlock;
  Ints isum[Tokens];
  if constexpr (Fmt::kBlock == 32) {
    for (int t = 0; t < Tokens; ++t) {
      isum[t] = splat(Fmt::kBias == 0 ? 0 : -Fmt::kBias * a.x.sum32[(m + t) * blocks + b]);
    }
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) {
#pragma GCC unroll 8
      for (int t = 0; t < Tokens; ++t)
        isum[t] = dot<Fmt>(isum[t], panel.q[i], a.x.q + (m + t) * a.K + 32 * b + 4 * i);
    }
  } else {
    constexpr int kSubs = Panel<Fmt>::kSubs, kSteps = Fmt::kSub / 4;
    for (int t = 0; t < Tokens; ++t) isum[t] = splat(0);
    for (int sub = 0; sub < kSubs; ++sub) {
      Ints part[Tokens];
      for (int t = 0; t < Tokens; ++t) part[t] = splat(0);
#pragma GCC unroll 8
      for (int i = 0; i < kSteps; ++i) {
#pragma GCC unroll 8
        for (int t = 0; t < Tokens; ++t) {
          part[t] = dot<Fmt>(part[t], panel.q[sub * kSteps + i],
                             a.x.q + (m + t) * a.K + 256 * b + Fmt::kSub * sub + 4 * i);
        }
      }
#pragma GCC unroll 8
      for (int t = 0; t < Tokens; ++t) isum[t] = isum[t] + part[t] * panel.sub_scale[sub];
    }
    if constexpr (Fmt::kBias != 0) {  // the bias times each sub-block's scale and sum
      for (int t = 0; t < Tokens; ++t) {
        Ints excess = splat(0);
        for (int i = 0; i < kSubs / 2; ++i) {
          excess =
              dot_shorts(excess, panel.sub_min[i], a.x.sum16 + ((m + t) * blocks + b) * 16 + 2 * i);
        }
        isum[t] = isum[t] - excess * splat(Fmt::kBias);
      }
    }
  }
  const size_t scales = scale_index(m, b, blocks);  // the tokens of a call share a group of kLanes
#pragma GCC unroll 8
  for (int t = 0; t < Tokens; ++t) {
    const Floats dx = splat(a.x.scale[scales + t]);
    y[t] = fma(to_float(isum[t]), panel.d * dx, y[t]);
    if constexpr (Fmt::kHasMin && Fmt::kBlock == 32)
      y[t] = fma(panel.m, splat(a.x.scaled_sum[scales + t]), y[t]);
    if constexpr (Fmt::kHasMin && Fmt::kBlock == 256) {
      Ints msum = splat(0);
      for (int i = 0; i < 4; ++i) {
        msum = dot_shorts(msum, panel.sub_min[i], a.x.sum32 + ((m + t) * blocks + b) * 8 + 2 * i);
      }
      y[t] = fnma(to_float(msum), panel.m * dx, y[t]);
    }
  }
}

// The rows of one call, 16 at a time. A tensor's last group, if it is not whole, is shifted up to
// end with the tensor and `skip` of its lanes, done before, are not stored. Tensors of fewer than
// 16 rows are copied to scratch.
struct RowGroup {
  const uint8_t* weights;
  size_t first;  // row of lane 0
  size_t skip, count;
};

inline RowGroup row_group(const GemmArgs& a, size_t n, uint8_t* copy) {
  const auto* weights = reinterpret_cast<const uint8_t*>(a.weights);
  if (n + kLanes <= a.rows) {
    const size_t left = a.last_row - n;
    return {weights + n * a.row_bytes, n, 0, left < kLanes ? left : kLanes};
  }
  if (a.rows >= kLanes) {
    const size_t first = a.rows - kLanes;
    return {weights + first * a.row_bytes, first, n - first, a.last_row - first};
  }
  for (size_t r = 0; r < kLanes; ++r) {  // the repeated rows' results are not stored
    __builtin_memcpy(copy + r * a.row_bytes, weights + (r < a.rows ? r : 0) * a.row_bytes,
                     a.row_bytes);
  }
  return {copy, 0, 0, a.last_row};
}

inline void store_rows(const GemmArgs& a, const RowGroup& group, size_t m, Floats sum) {
  float* y = a.y + m * a.y_stride + group.first;
  if (group.skip == 0 && group.count == kLanes) {
    if (a.bias) sum = sum + load(a.bias + group.first);
    store(y, a.add ? load(y) + sum : sum);
    return;
  }
  float lanes[kLanes];
  store(lanes, sum);
  for (size_t r = group.skip; r < group.count; ++r) {
    const float value = a.bias ? lanes[r] + a.bias[group.first + r] : lanes[r];
    y[r] = a.add ? y[r] + value : value;
  }
}

// Asks for the share of the next 16 rows that goes with block `b` of these: the hardware does not
// see that 16 rows read side by side are one contiguous piece of memory. Past the tensor's end it
// asks in vain, which costs nothing.
template <class Fmt>
inline void prefetch_next_rows(const GemmArgs& a, const RowGroup& group, size_t b) {
  constexpr size_t kBytes = kLanes * sizeof(typename Fmt::Block);
  const uint8_t* next = group.weights + kLanes * a.row_bytes + b * kBytes;
  for (size_t line = 0; line < kBytes; line += 64) __builtin_prefetch(next + line);
}

template <class Fmt, int Tokens>
void few_tokens(const GemmArgs& a, const RowGroup& group, size_t m) {
  Floats y[Tokens];
  for (int t = 0; t < Tokens; ++t) y[t] = splat(0.0f);
  for (size_t b = 0; b < a.K / Fmt::kBlock; ++b) {
    prefetch_next_rows<Fmt>(a, group, b);
    Panel<Fmt> panel;
    Fmt::unpack(group.weights + b * sizeof(typename Fmt::Block), a.row_bytes, panel);
    block_product<Fmt, Tokens>(panel, a, m, b, y);
  }
  for (int t = 0; t < Tokens; ++t) store_rows(a, group, m + t, y[t]);
}

template <class Fmt, int Tokens>
void panel_tokens(const GemmArgs& a, const RowGroup& group, const Panel<Fmt>* panels, size_t m) {
  Floats y[Tokens];
  for (int t = 0; t < Tokens; ++t) y[t] = splat(0.0f);
  for (size_t b = 0; b < a.K / Fmt::kBlock; ++b) block_product<Fmt, Tokens>(panels[b], a, m, b, y);
  for (int t = 0; t < Tokens; ++t) store_rows(a, group, m + t, y[t]);
}

// Tokens [m, last) over unpacked rows, as many at a time as stay in registers.
template <class Fmt>
void walk_tokens(const GemmArgs& a, const RowGroup& group, const Panel<Fmt>* panels, size_t m,
                 size_t last) {
  if constexpr (kTokenTile >= 8) {
    for (; m + 8 <= last; m += 8) panel_tokens<Fmt, 8>(a, group, panels, m);
  }
  for (; m + 4 <= last; m += 4) panel_tokens<Fmt, 4>(a, group, panels, m);
  for (; m + 2 <= last; m += 2) panel_tokens<Fmt, 2>(a, group, panels, m);
  if (m < last) panel_tokens<Fmt, 1>(a, group, panels, m);
}

// Tokens go through the rows in blocks whose activations stay in the second-level cache.
constexpr size_t kActsBytes = 512 * 1024;
inline size_t token_block(size_t M, size_t K) {
  size_t tokens = kActsBytes / K / 16 * 16;
  if (tokens < 64) tokens = 64;
  return tokens < M ? tokens : M;
}

template <class Fmt, class Walk>
void gemm_many(const GemmArgs& a, const Walk& walk) {
  static_assert(sizeof(Panel<Fmt>) + kLanes * sizeof(typename Fmt::Block) <=
                Fmt::kBlock / 32 * kScratchPer32);
  auto* panels = reinterpret_cast<Panel<Fmt>*>(a.scratch);
  const size_t blocks = a.K / Fmt::kBlock, tokens = token_block(a.M, a.K);
  auto* copy = reinterpret_cast<uint8_t*>(panels + blocks);
  for (size_t m = 0; m < a.M; m += tokens) {
    const size_t last = m + tokens < a.M ? m + tokens : a.M;
    for (size_t n = a.first_row; n < a.last_row; n += kLanes) {
      const RowGroup group = row_group(a, n, copy);
      for (size_t b = 0; b < blocks; ++b) {
        Fmt::unpack(group.weights + b * sizeof(typename Fmt::Block), a.row_bytes, panels[b]);
      }
      walk(a, group, panels, m, last);
    }
  }
}

template <class Fmt, int Tokens>
void gemm_few(const GemmArgs& a) {
  for (size_t n = a.first_row; n < a.last_row; n += kLanes) {
    few_tokens<Fmt, Tokens>(a, row_group(a, n, reinterpret_cast<uint8_t*>(a.scratch)), 0);
  }
}

template <class Fmt>
void gemm_int(const GemmArgs& a) {
  if (a.M == 1) return gemm_few<Fmt, 1>(a);
  if (a.M == 2) return gemm_few<Fmt, 2>(a);
  if (a.M == 4) return gemm_few<Fmt, 4>(a);
  if constexpr (kTokenTile >= 8) {
    if (a.M == 8) return gemm_few<Fmt, 8>(a);
  }
  gemm_many<Fmt>(a, walk_tokens<Fmt>);
}

// Products with block-quantised weights: one loop nest for every format, for one token and for five
// hundred.
//
// Weights come 16 rows (the lanes) at a time. `block_product` is the definition of kernels/table.h
// for one block and a few tokens, and everything goes through it, so decode and prefill cannot
// disagree. One token unpacks a block and uses it at once; some tokens share a piece of a group of
// rows that is unpacked in the first-level cache; many unpack the whole group into scratch first
// and walk the tokens over it.

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

// How many products of four bytes can be summed in two 16-bit lanes; 0: sum them in 32 bits.
template <class Fmt>
constexpr int steps_in_shorts() {
  if (!kSumsInShorts || is_signed<Fmt>()) return 0;
  constexpr int kMostWeight = (1 << Fmt::kBits) - 1, kMostActivation = 127;
  return 32767 / (2 * kMostWeight * kMostActivation);
}

// sum[t] += Steps rows of a panel times the bytes from x + t * stride on.
template <class Fmt, int Steps, int Tokens>
inline void add_dots(const Ints* w, const int8_t* x, size_t stride, Ints (&sum)[Tokens]) {
#pragma GCC unroll 8
  for (int i = 0; i < Steps; ++i) {
#pragma GCC unroll 8
    for (int t = 0; t < Tokens; ++t) sum[t] = dot<Fmt>(sum[t], w[i], x + t * stride + 4 * i);
  }
}

// The same times `factor`, which every lane holds twice in 16 bits: it is multiplied in where the
// halves of a lane are added.
template <class Fmt, int Steps, int Tokens>
inline void add_dots_in_shorts(const Panel<Fmt>& panel, int first, const int8_t* x, size_t stride,
                               Ints factor, Ints (&sum)[Tokens]) {
  constexpr int kAtOnce = steps_in_shorts<Fmt>() < Steps ? steps_in_shorts<Fmt>() : Steps;
  static_assert(kAtOnce > 0 && Steps % kAtOnce == 0);
#pragma GCC unroll 8
  for (int i = 0; i < Steps; i += kAtOnce) {
    Ints part[Tokens];
#pragma GCC unroll 8
    for (int t = 0; t < Tokens; ++t)
      part[t] = products_in_shorts(panel.q[first + i], x + t * stride + 4 * i);
#pragma GCC unroll 8
    for (int j = i + 1; j < i + kAtOnce; ++j) {
#pragma GCC unroll 8
      for (int t = 0; t < Tokens; ++t)
        part[t] =
            add_shorts(part[t], products_in_shorts(panel.q[first + j], x + t * stride + 4 * j));
    }
#pragma GCC unroll 8
    for (int t = 0; t < Tokens; ++t) sum[t] = sum[t] + dot_shorts(part[t], factor);
  }
}

// y[t] += block `b` for tokens m .. m + Tokens - 1. `between(i)` is called for i in [0, kSubs).
template <class Fmt, int Tokens, class Between>
inline void block_product(const Panel<Fmt>& panel, const GemmArgs& a, size_t m, size_t b,
                          const Between& between, Floats (&y)[Tokens]) {
  constexpr int kSubs = Panel<Fmt>::kSubs, kSteps = Fmt::kSub / 4;
  constexpr bool kInShorts = steps_in_shorts<Fmt>() > 0;
  const size_t blocks = a.K / Fmt::kBlock;
  const int8_t* x = a.x.q + m * a.K + Fmt::kBlock * b;
  Ints isum[Tokens];
  if constexpr (Fmt::kBlock == 32) {
    between(0);
    for (int t = 0; t < Tokens; ++t) {
      isum[t] = splat(Fmt::kBias == 0 ? 0 : -Fmt::kBias * a.x.sum32[(m + t) * blocks + b]);
    }
    if constexpr (kInShorts) {
      add_dots_in_shorts<Fmt, kSteps>(panel, 0, x, a.K, splat(0x00010001), isum);
    } else {
      add_dots<Fmt, kSteps>(panel.q, x, a.K, isum);
    }
  } else {
    for (int t = 0; t < Tokens; ++t) isum[t] = splat(0);
    for (int sub = 0; sub < kSubs; ++sub, x += Fmt::kSub) {
      between(sub);
      if constexpr (kInShorts) {
        const Ints scale = twice_in_shorts(panel.sub_scale[sub]);
        add_dots_in_shorts<Fmt, kSteps>(panel, sub * kSteps, x, a.K, scale, isum);
      } else {
        Ints part[Tokens];
        for (int t = 0; t < Tokens; ++t) part[t] = splat(0);
        add_dots<Fmt, kSteps>(panel.q + sub * kSteps, x, a.K, part);
#pragma GCC unroll 8
        for (int t = 0; t < Tokens; ++t) isum[t] = isum[t] + part[t] * panel.sub_scale[sub];
      }
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

// Asks for the share of the next 16 rows that goes with sub-block `sub` of block `b` of these: the
// hardware does not see that 16 rows read side by side are one contiguous piece of memory. Past the
// tensor's end it asks in vain, which costs nothing. A group can be larger than the first-level
// cache, so the second level is asked.
template <class Fmt>
inline void prefetch_next_rows(const GemmArgs& a, const RowGroup& group, size_t b, size_t sub) {
  constexpr int kRead = 0, kSecondLevel = 2;
  constexpr size_t kBytes = kLanes * sizeof(typename Fmt::Block), kSubs = Panel<Fmt>::kSubs;
  constexpr size_t kShare = kBytes / kSubs;
  const uint8_t* next = group.weights + kLanes * a.row_bytes + b * kBytes + sub * kShare;
#pragma GCC unroll 16
  for (size_t at = 0; at < kShare; at += 64) __builtin_prefetch(next + at, kRead, kSecondLevel);
}

template <class Fmt>
void one_token(const GemmArgs& a, const RowGroup& group) {
  Floats y[1] = {splat(0.0f)};
  for (size_t b = 0; b < a.K / Fmt::kBlock; ++b) {
    Panel<Fmt> panel;
    Fmt::unpack(group.weights + b * sizeof(typename Fmt::Block), a.row_bytes, panel);
    const auto prefetch = [&](size_t sub) { prefetch_next_rows<Fmt>(a, group, b, sub); };
    block_product(panel, a, 0, b, prefetch, y);
  }
  store_rows(a, group, 0, y[0]);
}

// sums[t] += `count` blocks from `first` on, which stand in `panels`, for Tokens tokens from m on.
template <class Fmt, int Tokens>
void add_blocks(const GemmArgs& a, const Panel<Fmt>* panels, size_t first, size_t count, size_t m,
                Floats* sums) {
  Floats y[Tokens];
#pragma GCC unroll 8
  for (int t = 0; t < Tokens; ++t) y[t] = sums[t];
  for (size_t b = 0; b < count; ++b)
    block_product(
        panels[b], a, m, first + b, [](size_t) {}, y);
#pragma GCC unroll 8
  for (int t = 0; t < Tokens; ++t) sums[t] = y[t];
}

// The same for tokens [m, last), at most kLanes, as many at a time as stay in registers.
template <class Fmt>
void add_tokens(const GemmArgs& a, const Panel<Fmt>* panels, size_t first, size_t count, size_t m,
                size_t last, Floats* sums) {
  if constexpr (kTokenTile >= 8) {
    for (; m + 8 <= last; m += 8, sums += 8) add_blocks<Fmt, 8>(a, panels, first, count, m, sums);
  }
  for (; m + 4 <= last; m += 4, sums += 4) add_blocks<Fmt, 4>(a, panels, first, count, m, sums);
  for (; m + 2 <= last; m += 2, sums += 2) add_blocks<Fmt, 2>(a, panels, first, count, m, sums);
  if (m < last) add_blocks<Fmt, 1>(a, panels, first, count, m, sums);
}

// Tokens [0, M), at most kLanes. A piece of the rows is unpacked once for all of them.
template <class Fmt>
void few_tokens(const GemmArgs& a, const RowGroup& group) {
  constexpr size_t kPiece = Fmt::kBlock == 32 ? 16 : 2;
  const size_t blocks = a.K / Fmt::kBlock;
  Panel<Fmt> panels[kPiece];
  Floats sums[kLanes];
  for (size_t m = 0; m < a.M; ++m) sums[m] = splat(0.0f);
  for (size_t first = 0; first < blocks; first += kPiece) {
    const size_t count = first + kPiece < blocks ? kPiece : blocks - first;
    for (size_t b = 0; b < count; ++b) {
      for (size_t sub = 0; sub < Panel<Fmt>::kSubs; ++sub)
        prefetch_next_rows<Fmt>(a, group, first + b, sub);
      Fmt::unpack(group.weights + (first + b) * sizeof(typename Fmt::Block), a.row_bytes,
                  panels[b]);
    }
    add_tokens<Fmt>(a, panels, first, count, 0, a.M, sums);
  }
  for (size_t m = 0; m < a.M; ++m) store_rows(a, group, m, sums[m]);
}

// Tokens [m, last) over unpacked rows.
template <class Fmt>
void walk_tokens(const GemmArgs& a, const RowGroup& group, const Panel<Fmt>* panels, size_t m,
                 size_t last) {
  for (; m < last; m += kLanes) {
    const size_t end = m + kLanes < last ? m + kLanes : last;
    Floats sums[kLanes];
    for (Floats& sum : sums) sum = splat(0.0f);
    add_tokens<Fmt>(a, panels, 0, a.K / Fmt::kBlock, m, end, sums);
    for (size_t t = m; t < end; ++t) store_rows(a, group, t, sums[t - m]);
  }
}

// Tokens go through the rows in blocks whose activations stay in the second-level cache.
constexpr size_t kActsBytes = 512 * 1024;
inline size_t token_block(size_t M, size_t K) {
  size_t tokens = kActsBytes / K / 16 * 16;
  if (tokens < 64) tokens = 64;
  return tokens < M ? tokens : M;
}

template <class Fmt>
void gemm_many(const GemmArgs& a) {
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
      walk_tokens<Fmt>(a, group, panels, m, last);
    }
  }
}

template <class Fmt>
void gemm_int(const GemmArgs& a) {
  if (a.M > kLanes) return gemm_many<Fmt>(a);
  auto* copy = reinterpret_cast<uint8_t*>(a.scratch);
  for (size_t n = a.first_row; n < a.last_row; n += kLanes) {
    const RowGroup group = row_group(a, n, copy);
    if (a.M == 1) {
      one_token<Fmt>(a, group);
    } else {
      few_tokens<Fmt>(a, group);
    }
  }
}

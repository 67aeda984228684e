// Products with block-quantised weights: one loop nest for every format, for one token and for five
// hundred.
//
// Weights come 16 rows (the lanes) at a time. `block_product` is the definition of kernels/table.h
// for one block and a few tokens, and everything goes through it, so decode and prefill cannot
// disagree. One token unpacks a block and uses it at once; some tokens share a piece of a group of
// rows that is unpacked in the first-level cache; many unpack a few whole groups into scratch first
// and walk the tokens over them: a product then takes the next four activations from a register
// that serves every group, for the processor loads no faster than it multiplies.

template <class Fmt>
constexpr bool is_signed() {
  if constexpr (requires { Fmt::kSigned; }) return Fmt::kSigned;
  return false;
}

template <int Groups, int Tokens>
inline void clear(Ints (&sums)[Groups][Tokens]) {
#pragma GCC unroll 8
  for (auto& row : sums) {
#pragma GCC unroll 8
    for (Ints& sum : row) sum = splat(0);
  }
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

// sum[g][t] += Steps rows of panel g, from `first` on, times the bytes from x + t * stride on.
template <class Fmt, int Steps, int Groups, int Tokens>
inline void add_dots(const Panel<Fmt>* const (&panels)[Groups], int first, const int8_t* x,
                     size_t stride, Ints (&sum)[Groups][Tokens]) {
#pragma GCC unroll 8
  for (int i = 0; i < Steps; ++i) {
#pragma GCC unroll 8
    for (int t = 0; t < Tokens; ++t) {
#pragma GCC unroll 8
      for (int g = 0; g < Groups; ++g)
        sum[g][t] = dot<Fmt>(sum[g][t], panels[g]->q[first + i], x + t * stride + 4 * i);
    }
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

// sum[g][t] = the integer dot product of panel g and the bytes from x + t * stride on, the first of
// token m's block b: with sub-block scales, and less the bias. `between(i)` is called for i in [0,
// kSubs).
template <class Fmt, int Groups, int Tokens, class Between>
inline void integer_product(const Panel<Fmt>* const (&panels)[Groups], const GemmArgs& a, size_t m,
                            size_t b, const Between& between, Ints (&sum)[Groups][Tokens]) {
  constexpr int kSubs = Panel<Fmt>::kSubs, kSteps = Fmt::kSub / 4;
  constexpr bool kInShorts = steps_in_shorts<Fmt>() > 0;
  const size_t blocks = a.K / Fmt::kBlock;
  const int8_t* x = a.x.q + m * a.K + Fmt::kBlock * b;
  if constexpr (Fmt::kBlock == 32) {
    between(0);
#pragma GCC unroll 8
    for (int t = 0; t < Tokens; ++t) {
      const Ints excess =
          splat(Fmt::kBias == 0 ? 0 : -Fmt::kBias * a.x.sum32[(m + t) * blocks + b]);
#pragma GCC unroll 8
      for (int g = 0; g < Groups; ++g) sum[g][t] = excess;
    }
    if constexpr (kInShorts) {
      for (int g = 0; g < Groups; ++g)
        add_dots_in_shorts<Fmt, kSteps>(*panels[g], 0, x, a.K, splat(0x00010001), sum[g]);
    } else {
      add_dots<Fmt, kSteps>(panels, 0, x, a.K, sum);
    }
  } else {
    clear(sum);
    for (int sub = 0; sub < kSubs; ++sub, x += Fmt::kSub) {
      between(sub);
      if constexpr (kInShorts) {
        for (int g = 0; g < Groups; ++g)
          add_dots_in_shorts<Fmt, kSteps>(*panels[g], sub * kSteps, x, a.K,
                                          twice_in_shorts(panels[g]->sub_scale[sub]), sum[g]);
      } else {
        Ints part[Groups][Tokens];
        clear(part);
        add_dots<Fmt, kSteps>(panels, sub * kSteps, x, a.K, part);
#pragma GCC unroll 8
        for (int g = 0; g < Groups; ++g) {
#pragma GCC unroll 8
          for (int t = 0; t < Tokens; ++t)
            sum[g][t] = sum[g][t] + part[g][t] * panels[g]->sub_scale[sub];
        }
      }
    }
    if constexpr (Fmt::kBias != 0) {  // the bias times each sub-block's scale and sum
#pragma GCC unroll 8
      for (int t = 0; t < Tokens; ++t) {
        const int16_t* sums = a.x.sum16 + ((m + t) * blocks + b) * 16;
#pragma GCC unroll 8
        for (int g = 0; g < Groups; ++g) {
          Ints excess = splat(0);
          for (int i = 0; i < kSubs / 2; ++i)
            excess = dot_shorts(excess, panels[g]->sub_min[i], sums + 2 * i);
          sum[g][t] = sum[g][t] - excess * splat(Fmt::kBias);
        }
      }
    }
  }
}

// y[g][t] += block `b` of panel g's rows for tokens m .. m + Tokens - 1, which share a group of
// kLanes.
template <class Fmt, int Groups, int Tokens, class Between>
inline void block_product(const Panel<Fmt>* const (&panels)[Groups], const GemmArgs& a, size_t m,
                          size_t b, const Between& between, Floats (&y)[Groups][Tokens]) {
  Ints sum[Groups][Tokens];
  integer_product(panels, a, m, b, between, sum);
  const size_t blocks = a.K / Fmt::kBlock, scales = scale_index(m, b, blocks);
#pragma GCC unroll 8
  for (int t = 0; t < Tokens; ++t) {
    const Floats dx = splat(a.x.scale[scales + t]);
#pragma GCC unroll 8
    for (int g = 0; g < Groups; ++g) {
      const Panel<Fmt>& panel = *panels[g];
      y[g][t] = fma(to_float(sum[g][t]), panel.d * dx, y[g][t]);
      if constexpr (Fmt::kHasMin && Fmt::kBlock == 32)
        y[g][t] = fma(panel.m, splat(a.x.scaled_sum[scales + t]), y[g][t]);
      if constexpr (Fmt::kHasMin && Fmt::kBlock == 256) {
        Ints msum = splat(0);
        const int16_t* sums = a.x.sum32 + ((m + t) * blocks + b) * 8;
        for (int i = 0; i < 4; ++i) msum = dot_shorts(msum, panel.sub_min[i], sums + 2 * i);
        y[g][t] = fnma(to_float(msum), panel.m * dx, y[g][t]);
      }
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

// Weights are asked for so many bytes and more ahead: memory answers later than the 6 KiB of a
// small model's 16 rows last.
constexpr size_t kBytesAhead = 8192;
inline void prefetch_to_second_level(const uint8_t* at) {
  constexpr int kRead = 0, kSecondLevel = 2;
  __builtin_prefetch(at, kRead, kSecondLevel);
}

// Asks for the share of the rows `ahead` bytes further on that goes with sub-block `sub` of block
// `b` of these: the hardware does not see that 16 rows read side by side are one contiguous piece
// of memory. Past the tensor's end it asks in vain, which costs nothing. A group can be larger than
// the first-level cache, so the second level is asked.
template <class Fmt>
inline void prefetch_rows(const RowGroup& group, size_t ahead, size_t b, size_t sub) {
  constexpr size_t kBytes = kLanes * sizeof(typename Fmt::Block), kSubs = Panel<Fmt>::kSubs;
  constexpr size_t kShare = kBytes / kSubs;
  const uint8_t* share = group.weights + ahead + b * kBytes + sub * kShare;
#pragma GCC unroll 16
  for (size_t at = 0; at < kShare; at += 64) prefetch_to_second_level(share + at);
}

template <class Fmt>
void one_token(const GemmArgs& a, const RowGroup& group, size_t ahead) {
  Floats y[1][1] = {{splat(0.0f)}};
  for (size_t b = 0; b < a.K / Fmt::kBlock; ++b) {
    Panel<Fmt> panel;
    Fmt::unpack(group.weights + b * sizeof(typename Fmt::Block), a.row_bytes, panel);
    const Panel<Fmt>* const panels[1] = {&panel};
    const auto prefetch = [&](size_t sub) { prefetch_rows<Fmt>(group, ahead, b, sub); };
    block_product(panels, a, 0, b, prefetch, y);
  }
  store_rows(a, group, 0, y[0][0]);
}

// The panels of Groups groups of rows, `count` blocks each, group by group.
template <class Fmt, int Groups>
struct Unpacked {
  const Panel<Fmt>* panels;
  size_t first, count;  // of the rows' blocks
};

// y[g][t] += the unpacked blocks for tokens m .. m + Tokens - 1.
template <class Fmt, int Groups, int Tokens>
inline void add_blocks(const GemmArgs& a, const Unpacked<Fmt, Groups>& w, size_t m,
                       Floats (&y)[Groups][Tokens]) {
  for (size_t b = 0; b < w.count; ++b) {
    const Panel<Fmt>* panels[Groups];
#pragma GCC unroll 8
    for (int g = 0; g < Groups; ++g) panels[g] = w.panels + static_cast<size_t>(g) * w.count + b;
    block_product(
        panels, a, m, w.first + b, [](size_t) {}, y);
  }
}

// How many tokens' sums, of one group of rows, stay close to registers. Where sub-blocks are short
// their sums are as many again.
template <class Fmt>
constexpr int sum_tile() {
  return kSumsInShorts && Fmt::kSub == 16 ? kSumTile / 2 : kSumTile;
}

// Calls step<Tokens>(m) over tokens [m, last), at most Most at a time.
template <int Most, class Step>
inline void for_token_tiles(size_t m, size_t last, const Step& step) {
  if constexpr (Most >= 8) {
    for (; m + 8 <= last; m += 8) step.template operator()<8>(m);
  }
  if constexpr (Most >= 4) {
    for (; m + 4 <= last; m += 4) step.template operator()<4>(m);
  }
  for (; m + 2 <= last; m += 2) step.template operator()<2>(m);
  if (m < last) step.template operator()<1>(m);
}

// Tokens [0, M), at most kLanes. A piece of the rows is unpacked once for all of them.
template <class Fmt>
void few_tokens(const GemmArgs& a, const RowGroup& group, size_t ahead) {
  constexpr size_t kPiece = Fmt::kBlock == 32 ? 16 : 2;
  const size_t blocks = a.K / Fmt::kBlock;
  Panel<Fmt> panels[kPiece];
  Floats sums[kLanes];
  for (size_t m = 0; m < a.M; ++m) sums[m] = splat(0.0f);
  for (size_t first = 0; first < blocks; first += kPiece) {
    const size_t count = first + kPiece < blocks ? kPiece : blocks - first;
    for (size_t b = 0; b < count; ++b) {
      for (size_t sub = 0; sub < Panel<Fmt>::kSubs; ++sub)
        prefetch_rows<Fmt>(group, ahead, first + b, sub);
      Fmt::unpack(group.weights + (first + b) * sizeof(typename Fmt::Block), a.row_bytes,
                  panels[b]);
    }
    for_token_tiles<sum_tile<Fmt>()>(0, a.M, [&]<int Tokens>(size_t m) {
      Floats y[1][Tokens];
#pragma GCC unroll 8
      for (int t = 0; t < Tokens; ++t) y[0][t] = sums[m + t];
      add_blocks<Fmt, 1>(a, {panels, first, count}, m, y);
#pragma GCC unroll 8
      for (int t = 0; t < Tokens; ++t) sums[m + t] = y[0][t];
    });
  }
  for (size_t m = 0; m < a.M; ++m) store_rows(a, group, m, sums[m]);
}

// Tokens go through the rows in blocks whose activations stay in the second-level cache.
constexpr size_t kActsBytes = 512 * 1024;
inline size_t token_block(size_t M, size_t K) {
  size_t tokens = kActsBytes / K / 16 * 16;
  if (tokens < 64) tokens = 64;
  return tokens < M ? tokens : M;
}

// Rows from n on, Groups groups of them, for tokens [m, last). Each tile of tokens asks for its
// share of the next rows.
template <class Fmt, int Groups>
void many_tokens(const GemmArgs& a, size_t n, size_t m, size_t last) {
  const size_t blocks = a.K / Fmt::kBlock;
  auto* panels = reinterpret_cast<Panel<Fmt>*>(a.scratch);
  auto* copy = reinterpret_cast<uint8_t*>(panels + Groups * blocks);
  RowGroup groups[Groups];
  for (int g = 0; g < Groups; ++g) {
    groups[g] = row_group(a, n + static_cast<size_t>(g) * kLanes, copy);
    for (size_t b = 0; b < blocks; ++b) {
      Fmt::unpack(groups[g].weights + b * sizeof(typename Fmt::Block), a.row_bytes,
                  panels[static_cast<size_t>(g) * blocks + b]);
    }
  }
  const size_t bytes = Groups * kLanes * a.row_bytes, per_token = bytes / (last - m) + 1;
  const uint8_t* next = groups[0].weights + bytes;
  for_token_tiles<sum_tile<Fmt>() / Groups>(m, last, [&]<int Tokens>(size_t t) {
    for (size_t at = 0; at < Tokens * per_token; at += 64) prefetch_to_second_level(next + at);
    next += Tokens * per_token;
    Floats y[Groups][Tokens];
#pragma GCC unroll 8
    for (auto& row : y) {
#pragma GCC unroll 8
      for (Floats& sum : row) sum = splat(0.0f);
    }
    add_blocks<Fmt, Groups>(a, {panels, 0, blocks}, t, y);
    for (int i = 0; i < Tokens; ++i) {
      for (int g = 0; g < Groups; ++g) store_rows(a, groups[g], t + i, y[g][i]);
    }
  });
}

template <class Fmt>
void gemm_many(const GemmArgs& a) {
  static_assert(kRowGroups * sizeof(Panel<Fmt>) + kLanes * sizeof(typename Fmt::Block) <=
                Fmt::kBlock / 32 * kScratchPer32);
  const size_t tokens = token_block(a.M, a.K);
  for (size_t m = 0; m < a.M; m += tokens) {
    const size_t last = m + tokens < a.M ? m + tokens : a.M;
    size_t n = a.first_row;
    for (; n + kRowGroups * kLanes <= a.last_row; n += kRowGroups * kLanes)
      many_tokens<Fmt, kRowGroups>(a, n, m, last);
    for (; n < a.last_row; n += kLanes) many_tokens<Fmt, 1>(a, n, m, last);
  }
}

template <class Fmt>
void gemm_int(const GemmArgs& a) {
  if (a.M > kLanes) return gemm_many<Fmt>(a);
  auto* copy = reinterpret_cast<uint8_t*>(a.scratch);
  const size_t ahead = round_up(kBytesAhead, kLanes * a.row_bytes);
  for (size_t n = a.first_row; n < a.last_row; n += kLanes) {
    const RowGroup group = row_group(a, n, copy);
    if (a.M == 1) {
      one_token<Fmt>(a, group, ahead);
    } else {
      few_tokens<Fmt>(a, group, ahead);
    }
  }
}

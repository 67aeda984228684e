// Attention by the native definitions (kernels/table.h): scores and the values' mix are sums of
// products of bfloat16 pairs, which `Products` takes: AMX by tiles (attend_amx.inl), AVX-512 by dot
// products (attend_bf16.inl).
//
// All query heads of a key/value head stand in the rows of a block. A row's result depends neither
// on its place there nor on the other rows, so one token goes through the same instructions as
// many. The second operand of a product is paired: in dimensions for keys, [d / 2][position][2], in
// positions for values, [position / 2][d][2]. A bfloat16 cache holds them so (if head_dim is a
// multiple of 32) and is used as it lies; others are converted, a segment at a time, for the rows
// of a pass.
//
// Positions that a row does not see have p = 0, which adds nothing unless a value is not finite.
// Rows whose result is not finite are therefore mixed again, alone, with hidden values left out.

// Sums of `steps` products each: `rows` rows of 32 words, 16 rows from each of a[] on and a_step
// from step to step, by columns of 16 lanes and 16 pairs, b_stride apart. They are stored out_tile
// floats apart from column to column.
struct PairWork {
  const uint16_t* a[2];
  size_t rows, a_step;
  const uint16_t* b;
  size_t b_tile, b_step, b_stride;  // from column to column, from step to step, in a column
  size_t steps;
  float* out[2];
  size_t out_tile, out_stride;
};

constexpr size_t kPair = 2, kMixStep = 32;                    // positions of one step
constexpr size_t kQueryRows = kAttendRows + kAttendTileRows;  // a block may stick out

// Keys [position / 16][padded(head_dim) / 2][16][2] and values [position / 2][value_stride][2] from
// position `origin` on.
struct PairedView {
  const uint16_t* k;
  const uint16_t* v;
  size_t origin;
};

inline size_t pair_padded(size_t head_dim) { return round_up(head_dim, kStep); }
inline bool cache_is_paired(size_t head_dim) { return head_dim % kStep == 0; }

// A bfloat16 cache in pairs.
struct KvPaired : KvBF16 {
  static constexpr bool kPaired = true;
  static void append(const KvAppendArgs& a) {
    if (!cache_is_paired(a.head_dim)) return KvBF16::append(a);
    append_keys_paired(a);
    append_values_paired(a);
  }
  static void append_keys_paired(const KvAppendArgs& a) {
    auto* tile = static_cast<uint16_t*>(a.kv.k) + a.position / kKvTile * kKvTile * a.head_dim;
    if (a.count == kKvTile && a.position % kKvTile == 0) {
      for (size_t d = 0; d < a.head_dim; d += 4) {
        Ints four[4];
        load_rows(reinterpret_cast<const uint8_t*>(a.k + d), a.k_stride * sizeof(float), four);
        for (size_t i = 0; i < 4; i += kPair) {
          const Ints pairs = bf16_pairs(bits_to_float(four[i]), bits_to_float(four[i + 1]));
          __builtin_memcpy(tile + (d + i) * kKvTile, &pairs, sizeof pairs);
        }
      }
      return;
    }
    for (size_t i = 0; i < a.count; ++i) {  // within one tile
      uint16_t* k = tile + (a.position + i) % kKvTile * kPair;
      for (size_t d = 0; d < a.head_dim; ++d)
        k[d / kPair * kPair * kKvTile + d % kPair] = bfloat16_bits(a.k[i * a.k_stride + d]);
    }
  }
  static void append_values_paired(const KvAppendArgs& a) {
    const size_t stride = value_stride(a.head_dim);
    for (size_t i = 0; i < a.count; ++i) {
      const size_t position = a.position + i;
      uint16_t* v = static_cast<uint16_t*>(a.kv.v) + position / kPair * kPair * stride;
      const float* x = a.v + i * a.v_stride;
      if (position % kPair == 0 && i + 1 < a.count) {
        for (size_t d = 0; d < a.head_dim; d += kLanes) {
          const Ints pairs = bf16_pairs(load(x + d), load(x + a.v_stride + d));
          __builtin_memcpy(v + d * kPair, &pairs, sizeof pairs);
        }
        ++i;
      } else {
        for (size_t d = 0; d < a.head_dim; ++d)
          v[d * kPair + position % kPair] = bfloat16_bits(x[d]);
      }
    }
  }
};

struct PairPass {
  const AttendPass& pass;
  uint16_t* q;        // [steps of 32 dimensions][kQueryRows][32]
  uint16_t* p;        // [2 tiles of rows][kSegment / 32][16][32]
  uint16_t* visible;  // values without those that a row does not see
};

// 2^x for x <= 0; 0 for minus infinity.
inline Floats exp2_down(Floats x) {
  constexpr int kMinusFloor = 0x09;
  const Floats r{_mm512_reduce_ps(x.v, kMinusFloor)};
  Floats p = splat(kExp2Cubic);
  p = fma(p, r, splat(kExp2Square));
  p = fma(p, r, splat(kExp2Linear));
  p = fma(p, r, splat(1.0f));
  return {_mm512_scalef_ps(p.v, x.v)};  // by 2^floor(x)
}

inline void store_words(uint16_t* out, Floats low, Floats high) {  // low's sixteen, then high's
  const __m512bh words = _mm512_cvtne2ps_pbh(high.v, low.v);
  __builtin_memcpy(out, &words, sizeof words);
}

inline void round_queries(const PairPass& t) {
  const AttendPass& pass = t.pass;
  const size_t head_dim = pass.a.head_dim, padded = pair_padded(head_dim);
  const Floats scale = splat(pass.a.scale * kLog2E);
  for (size_t r = 0; r < pass.rows; ++r) {
    const float* q = pass.q(r);
    const auto at = [&](size_t d) {
      if (d + kLanes <= head_dim) return load(q + d) * scale;
      return d < head_dim ? load_first(q + d, head_dim - d) * scale : splat(0.0f);
    };
    for (size_t d = 0; d < padded; d += kStep)
      store_words(t.q + d * kQueryRows + r * kStep, at(d), at(d + kLanes));
  }
}

// Positions [from, to), multiples of 32, as pairs; values from `end` on are zeros.
template <class Kv>
void pair_positions(const KvHead& kv, const KvHead& copy, size_t from, size_t to, size_t end,
                    size_t head_dim) {
  auto* k = static_cast<uint16_t*>(copy.k);
  const size_t tiles_end = round_up(end, kKvTile);
  for (size_t tile = from; tile < tiles_end; tile += kKvTile) {
    for (size_t d = 0; d < pair_padded(head_dim); d += kPair, k += kPair * kKvTile) {
      const Floats low = d < head_dim ? Kv::key(kv, tile, d, head_dim) : splat(0.0f);
      const Floats high = d + 1 < head_dim ? Kv::key(kv, tile, d + 1, head_dim) : splat(0.0f);
      if constexpr (Kv::kStreams) Kv::fetch_key(kv, tile + 2 * kKvTile, d, head_dim);
      const Ints pairs = bf16_pairs(low, high);
      __builtin_memcpy(k, &pairs, sizeof pairs);
    }
  }
  auto* v = static_cast<uint16_t*>(copy.v);
  for (size_t s = from; s < to; s += kPair) {
    for (size_t d = 0; d < value_stride(head_dim); d += kLanes, v += kPair * kLanes) {
      const Floats low = s < end ? Kv::value(kv, s, d, head_dim) : splat(0.0f);
      const Floats high = s + 1 < end ? Kv::value(kv, s + 1, d, head_dim) : splat(0.0f);
      if constexpr (Kv::kStreams) Kv::fetch_value(kv, s + kFetchValues, d, head_dim);
      const Ints pairs = bf16_pairs(low, high);
      __builtin_memcpy(v, &pairs, sizeof pairs);
    }
  }
}

// A block's scores: [2 tiles of rows][kSegment / 16][16][16].
struct BlockScores {
  float* at;
  float* row(size_t i) const { return at + i / kLanes * kLanes * kSegment + i % kLanes * kLanes; }
  static constexpr size_t kNext = kLanes * kLanes;  // floats from a row's 16 positions to the next
};

// Probabilities of rows i .. i + Rows - 1 for the steps [from, to) of the segment, as bfloat16.
template <int Rows>
void softmax_pairs(const AttendBlock& block, const PairPass& t, size_t i, size_t from, size_t to) {
  const BlockScores scores{t.pass.scores};
  float* s[Rows];
  uint16_t* p[Rows];
  Floats most[Rows], total[Rows];
#pragma GCC unroll 4
  for (int r = 0; r < Rows; ++r) {
    s[r] = scores.row(i + r);
    p[r] = t.p + (i + r) / kLanes * kLanes * kSegment + (i + r) % kLanes * kMixStep;
    const auto at = [&](size_t x) -> float& {
      return s[r][x / kLanes * BlockScores::kNext + x % kLanes];
    };
    const size_t first = block.first[i + r] - block.segment,
                 last = block.last[i + r] - block.segment;
    for (size_t x = from * kMixStep; x < first; ++x) at(x) = -__builtin_inff();
    for (size_t x = last; x < to * kMixStep; ++x) at(x) = -__builtin_inff();
    store(block.part(i + r), splat(0.0f));
    most[r] = splat(-__FLT_MAX__);
    total[r] = splat(0.0f);
  }
  for (size_t x = 2 * from; x < 2 * to; ++x) {
#pragma GCC unroll 4
    for (int r = 0; r < Rows; ++r) most[r] = max(load(s[r] + x * BlockScores::kNext), most[r]);
  }
#pragma GCC unroll 4
  for (int r = 0; r < Rows; ++r) {
    block.part(i + r)[0] = fold_max(most[r]);
    most[r] = splat(block.part(i + r)[0]);
  }
  for (size_t x = from; x < to; ++x) {
#pragma GCC unroll 4
    for (int r = 0; r < Rows; ++r) {
      const float* two = s[r] + 2 * x * BlockScores::kNext;
      const Floats low = exp2_down(load(two) - most[r]);
      const Floats high = exp2_down(load(two + BlockScores::kNext) - most[r]);
      store_words(p[r] + x * kLanes * kMixStep, low, high);
      total[r] = total[r] + low + high;
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < Rows; ++r) block.part(i + r)[1] = fold(total[r]);
}

inline bool all_finite(const float* x, size_t count) {
  Ints most = splat(0);
  for (size_t i = 0; i < count; i += kLanes) most = max(most, magnitude_bits(load(x + i)));
  return fold_max(most) < 0x7f800000;
}

// Row i again, with the values of hidden positions left out.
template <class Products>
inline void mix_alone(const AttendBlock& block, const PairPass& t, size_t i, const PairWork& mix,
                      size_t from) {
  const size_t stride = value_stride(block.pass.a.head_dim);
  for (size_t pair = 0; pair < mix.steps * kMixStep / kPair; ++pair) {
    const size_t s = block.segment + from * kMixStep + pair * kPair;
    const auto seen = [&](size_t x) { return block.first[i] <= x && x < block.last[i]; };
    const Ints keep =
        splat((seen(s) ? 0xffff : 0) | (seen(s + 1) ? static_cast<int32_t>(0xffff0000u) : 0));
    const size_t at = pair * kPair * stride;
    for (size_t d = 0; d < kPair * stride; d += kStep) {
      Ints words;
      __builtin_memcpy(&words, mix.b + at + d, sizeof words);
      words = words & keep;
      __builtin_memcpy(t.visible + at + d, &words, sizeof words);
    }
  }
  PairWork alone = mix;
  alone.a[0] = mix.a[i / kLanes];
  alone.rows = kLanes;
  alone.b = t.visible;
  alignas(64) float out[kLanes][kLanes];
  alone.out_stride = kLanes;
  for (size_t d = 0; d < stride; d += kLanes, alone.b += alone.b_tile) {
    alone.out[0] = alone.out[1] = out[0];
    Products::columns(alone, 1);
    store(block.part(i) + kLanes + d, load(out[i % kLanes]));
  }
}

// One block of rows, from `row` of the pass on.
template <class Products>
inline void attend_pair_block(const AttendBlock& block, const PairPass& t, size_t row,
                              const PairedView& view) {
  const size_t head_dim = block.pass.a.head_dim, padded = pair_padded(head_dim),
               stride = value_stride(head_dim), floats = part_floats(head_dim);
  const size_t newest = block.last[block.rows - 1];
  const size_t from = (block.first[0] - block.segment) / kMixStep,
               to = round_up(newest - block.segment, kMixStep) / kMixStep;
  const size_t position = block.segment + from * kMixStep;

  PairWork score{};
  score.a[0] = t.q + row * kStep;
  score.a[1] = score.a[0] + kLanes * kStep;
  score.rows = block.rows;
  score.a_step = kQueryRows * kStep;
  score.b = view.k + (position - view.origin) * padded;
  score.b_tile = kKvTile * padded;
  score.b_step = kLanes * kStep;
  score.b_stride = kStep;
  score.steps = padded / kStep;
  score.out[0] = block.pass.scores + 2 * from * BlockScores::kNext;
  score.out[1] = score.out[0] + kLanes * kSegment;
  score.out_tile = BlockScores::kNext;
  score.out_stride = kLanes;
  const size_t tiles = (round_up(newest, kKvTile) - position) / kKvTile;
  Products::columns(score, tiles);

  size_t i = 0;
  for (; i + 4 <= block.rows; i += 4) softmax_pairs<4>(block, t, i, from, to);
  if (i + 2 <= block.rows) softmax_pairs<2>(block, t, i, from, to), i += 2;
  if (i < block.rows) softmax_pairs<1>(block, t, i, from, to);

  PairWork mix{};
  mix.a[0] = t.p + from * kLanes * kMixStep;
  mix.a[1] = mix.a[0] + kLanes * kSegment;
  mix.rows = block.rows;
  mix.a_step = kLanes * kMixStep;
  mix.b = view.v + (position - view.origin) * stride;
  mix.b_tile = kPair * kLanes;
  mix.b_step = kMixStep * stride;
  mix.b_stride = kPair * stride;
  mix.steps = to - from;
  mix.out[0] = block.part(0) + kLanes;
  mix.out[1] = block.part(kLanes) + kLanes;
  mix.out_tile = kLanes;
  mix.out_stride = floats;
  Products::columns(mix, stride / kLanes);

  if (all_finite(block.part(0), block.rows * floats)) return;
  for (i = 0; i < block.rows; ++i) {
    if (!all_finite(block.part(i), floats)) mix_alone<Products>(block, t, i, mix, from);
  }
}

template <class Kv>
constexpr bool is_paired() {
  if constexpr (requires { Kv::kPaired; }) return Kv::kPaired;
  return false;
}

template <class Products, class Kv, class Done>
void attend_pair_segment(const PairPass& t, size_t segment, const Done& done) {
  const AttendPass& pass = t.pass;
  const SegmentRows rows(pass, segment, kMixStep);
  if (rows.empty()) return;
  const auto* k = static_cast<const uint16_t*>(pass.a.kv.k);
  const auto* v = static_cast<const uint16_t*>(pass.a.kv.v);
  PairedView view{k, v, 0};
  if (!is_paired<Kv>() || !cache_is_paired(pass.a.head_dim)) {
    const size_t newest = pass.position(rows.end - 1) + 1;
    pair_positions<Kv>(pass.a.kv, pass.copy, rows.from, rows.to,
                       newest < rows.to ? newest : rows.to, pass.a.head_dim);
    view = {static_cast<const uint16_t*>(pass.copy.k), static_cast<const uint16_t*>(pass.copy.v),
            rows.from};
  }
  for (size_t r = rows.first; r < rows.end; r += kAttendTileRows) {
    const size_t count = rows.end - r < kAttendTileRows ? rows.end - r : kAttendTileRows;
    attend_pair_block<Products>(AttendBlock(pass, r, count, segment), t, r, view);
    done(r, count);
  }
}

template <class Products, class Kv>
void attend_pairs(const AttendArgs& a) {
  const size_t padded = pair_padded(a.head_dim), floats = part_floats(a.head_dim);
  auto* at = reinterpret_cast<float*>(a.scratch);
  const auto take = [&](size_t count) {
    float* taken = at;
    at += round_up(count, kLanes);
    return taken;
  };
  const auto take_words = [&](size_t count) {
    return reinterpret_cast<uint16_t*>(take(count / 2));
  };
  AttendPass pass{.a = a,
                  .first_row = 0,
                  .rows = 0,
                  .scores = take(kAttendTileRows * kSegment),
                  .parts = take(kAttendTileRows * floats),
                  .sums = take(kAttendRows * floats),
                  .copy = {}};
  pass.copy.k = take_words(kSegment * padded);
  pass.copy.v = take_words(kSegment * value_stride(a.head_dim));
  const PairPass paired{.pass = pass,
                        .q = take_words(kQueryRows * padded),
                        .p = take_words(kAttendTileRows * kSegment),
                        .visible = take_words(kSegment * value_stride(a.head_dim))};
  const size_t rows = a.n_tokens * a.n_heads;
  Products::begin(rows);
  for (size_t r = 0; r < rows; r += kAttendRows) {
    pass.first_row = r;
    pass.rows = rows - r < kAttendRows ? rows - r : kAttendRows;
    round_queries(paired);
    attend_pass<exp2_down>(pass, [&](size_t s, const auto& done) {
      attend_pair_segment<Products, Kv>(paired, s, done);
    });
  }
  Products::end();
}

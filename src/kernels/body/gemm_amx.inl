// Products with block-quantised weights on AMX int8 tiles: 16 tokens by 16 rows by 64 columns or
// one small block at a time.
//
// A Panel is already the second operand of a tile product; the activations are the first as they
// lie. The integer sums are the same numbers that byte dot products give, and the float steps after
// them are block_product's, so a token's result does not tell which of the two computed it. Panels
// are made signed here, which saves the bias correction.
//
// The tile unit shares a port with half of the vector unit and with the stores of tiles: what
// counts is how few and how well mixed the steps after the products are. So a block's sums are
// stored, and its float steps taken, while the products of the block four further on are under way.
//
// g++ 12's tile intrinsics do not say that they read memory, and stores to it may be dropped or
// moved: the asm statements below say so.

struct TileConfig {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t bytes_per_row[16] = {};
  uint8_t rows[16] = {};
};

// Tiles 0-3 are sums, 4-5 activations of `depth` bytes a token, 6-7 weights.
inline void configure_tiles(int depth) {
  TileConfig config;
  for (int tile = 0; tile < 8; ++tile) {
    config.bytes_per_row[tile] = static_cast<uint16_t>(tile == 4 || tile == 5 ? depth : 64);
    config.rows[tile] = static_cast<uint8_t>(tile < 6 ? 16 : depth / 4);
  }
  asm volatile("ldtilecfg %0" : : "m"(config));
}

constexpr size_t kTileTokens = 16;
using TileSums = int32_t[kTileTokens][kLanes];

inline void memory_barrier() { asm volatile("" : : : "memory"); }

template <size_t N>
struct Constant {
  constexpr operator size_t() const { return N; }
};

// f(0) ... f(15) with the number as a constant: arrays indexed by it stay in registers, which a
// loop does not achieve with g++ 12.
template <class F>
__attribute__((always_inline)) inline void for_each_token(const F& f) {
  f(Constant<0>{}), f(Constant<1>{}), f(Constant<2>{}), f(Constant<3>{});
  f(Constant<4>{}), f(Constant<5>{}), f(Constant<6>{}), f(Constant<7>{});
  f(Constant<8>{}), f(Constant<9>{}), f(Constant<10>{}), f(Constant<11>{});
  f(Constant<12>{}), f(Constant<13>{}), f(Constant<14>{}), f(Constant<15>{});
}

// Sum S of the four = x . w of 16 tokens, `stride` bytes apart, with 16 rows. (Tile instructions
// take their registers as literals.)
template <int S>
inline void start_product(const int8_t* x, size_t stride, const Ints* w) {
  if constexpr (S == 0) {
    _tile_zero(0);
    _tile_loadd(4, x, stride);
    _tile_loadd(6, w, 64);
    _tile_dpbssd(0, 4, 6);
  } else if constexpr (S == 1) {
    _tile_zero(1);
    _tile_loadd(5, x, stride);
    _tile_loadd(7, w, 64);
    _tile_dpbssd(1, 5, 7);
  } else if constexpr (S == 2) {
    _tile_zero(2);
    _tile_loadd(4, x, stride);
    _tile_loadd(6, w, 64);
    _tile_dpbssd(2, 4, 6);
  } else {
    _tile_zero(3);
    _tile_loadd(5, x, stride);
    _tile_loadd(7, w, 64);
    _tile_dpbssd(3, 5, 7);
  }
}

template <int S>
inline void store_sum(TileSums& sums) {
  if constexpr (S == 0) _tile_stored(0, sums, 64);
  if constexpr (S == 1) _tile_stored(1, sums, 64);
  if constexpr (S == 2) _tile_stored(2, sums, 64);
  if constexpr (S == 3) _tile_stored(3, sums, 64);
}

// The float of an integer below 2^22 in magnitude, exactly, by two additions: the converter sits on
// the port that the tile unit keeps busy.
inline Floats small_to_float(Ints a) {
  const Ints one_and_a_half_times_2_to_23 = splat(0x4b400000);
  return bits_to_float(a + one_and_a_half_times_2_to_23) -
         bits_to_float(one_and_a_half_times_2_to_23);
}

// The rows of one group as tile operands: small blocks as they are, signed; large ones with their
// integer scales multiplied in, which takes two planes of bytes, weight = low + 128 high, and makes
// one sum of the whole block.
template <class Fmt, bool Large = Fmt::kBlock == 256>
struct TilePanel : Panel<Fmt> {
  static void make(const uint8_t* block, size_t stride, TilePanel& panel) {
    Fmt::unpack(block, stride, panel);
    if constexpr (Fmt::kBias != 0) {
      for (Ints& q : panel.q)
        q.v = _mm512_sub_epi8(q.v, _mm512_set1_epi8(static_cast<char>(Fmt::kBias)));
    }
  }
};

template <class Fmt>
struct alignas(64) TilePanel<Fmt, true> {
  Ints low[64], high[64];
  Floats d, m;
  Ints sub_min[4];

  static void make(const uint8_t* block, size_t stride, TilePanel& out) {
    Panel<Fmt> panel;
    Fmt::unpack(block, stride, panel);
    constexpr int kSteps = Fmt::kSub / 4;
    const __m512i bytes = _mm512_set1_epi16(0x00ff), seven_bits = _mm512_set1_epi16(0x007f),
                  bias = _mm512_set1_epi16(Fmt::kBias);
    for (int i = 0; i < 64; ++i) {
      const __m512i s = panel.sub_scale[i / kSteps].v, q = panel.q[i].v;
      const __m512i scale =
          _mm512_or_si512(_mm512_slli_epi32(s, 16), _mm512_and_si512(s, _mm512_set1_epi32(0xffff)));
      const auto scaled = [&](__m512i weights) {
        return _mm512_mullo_epi16(_mm512_sub_epi16(weights, bias), scale);
      };
      const __m512i even = scaled(_mm512_and_si512(q, bytes)),
                    odd = scaled(_mm512_srli_epi16(q, 8));
      out.low[i].v = _mm512_or_si512(_mm512_and_si512(even, seven_bits),
                                     _mm512_slli_epi16(_mm512_and_si512(odd, seven_bits), 8));
      out.high[i].v = _mm512_or_si512(_mm512_and_si512(_mm512_srai_epi16(even, 7), bytes),
                                      _mm512_slli_epi16(_mm512_srai_epi16(odd, 7), 8));
    }
    out.d = panel.d;
    if constexpr (Fmt::kHasMin) {
      out.m = panel.m;
      for (int i = 0; i < 4; ++i) out.sub_min[i] = panel.sub_min[i];
    }
  }
};

// 16 tokens from m on, and 16 rows: y[t] += the blocks [first, last).
template <class Fmt>
struct SmallBlocks {
  const GemmArgs& a;
  const TilePanel<Fmt>* panels;
  size_t m;

  void add(size_t first, size_t last, Floats (&y)[kTileTokens]) const {
    alignas(64) TileSums sums[4];
    const auto step = [&]<int S>(size_t b) __attribute__((always_inline)) {
      if (b >= first + 4 && b - 4 < last) {
        store_sum<S>(sums[S]);
        memory_barrier();
      }
      if (b < last) {
        start_product<S>(a.x.q + m * a.K + 32 * b, a.K, panels[b].q);
        prefetch_next_tokens<S % 2>(b);
      }
      if (b >= first + 4 && b - 4 < last) finish(b - 4, sums[S], y);
    };
    memory_barrier();
    for (size_t b = first; b < last + 4; b += 4) {
      step.template operator()<0>(b);
      step.template operator()<1>(b + 1);
      step.template operator()<2>(b + 2);
      step.template operator()<3>(b + 3);
    }
  }

  // The 16 tokens after these, half of a cache line's tokens at a time: tile loads that miss the
  // first-level cache stop everything.
  template <int Half>
  __attribute__((always_inline)) void prefetch_next_tokens(size_t b) const {
    const int8_t* next = a.x.q + (m + kTileTokens + 8 * Half) * a.K + 32 * (b - Half);
#pragma GCC unroll 8
    for (int t = 0; t < 8; ++t) __builtin_prefetch(next + t * a.K);
  }

  __attribute__((always_inline)) void finish(size_t b, const TileSums& sums,
                                             Floats (&y)[kTileTokens]) const {
    const size_t scales = scale_index(m, b, a.K / 32);
    const Floats d = panels[b].d, minimum = panels[b].m;
    for_each_token([&](auto t) __attribute__((always_inline)) {
      y[t] = fma(small_to_float(load(sums[t])), d * splat(a.x.scale[scales + t]), y[t]);
      if constexpr (Fmt::kHasMin) y[t] = fma(minimum, splat(a.x.scaled_sum[scales + t]), y[t]);
    });
  }
};

template <class Fmt>
struct LargeBlocks {
  const GemmArgs& a;
  const TilePanel<Fmt>* panels;
  size_t m;

  void add(size_t first, size_t last, Floats (&y)[kTileTokens]) const {
    alignas(64) TileSums sums[4];
    const auto step = [&]<int Pair>(size_t b) __attribute__((always_inline)) {
      const bool has_sums = b >= first + 2 && b - 2 < last;
      if (has_sums) {
        store_sum<2 * Pair>(sums[2 * Pair]);
        store_sum<2 * Pair + 1>(sums[2 * Pair + 1]);
        memory_barrier();
      }
      if (b < last) start<Pair>(b);
      if (has_sums) finish(b - 2, sums[2 * Pair], sums[2 * Pair + 1], y);
    };
    memory_barrier();
    for (size_t b = first; b < last + 2; b += 2) {
      step.template operator()<0>(b);
      step.template operator()<1>(b + 1);
    }
  }

  template <int Pair>
  __attribute__((always_inline)) void start(size_t b) const {
    const int8_t* x = a.x.q + m * a.K + 256 * b;
    const Ints *low = panels[b].low, *high = panels[b].high;
    if constexpr (Pair == 0) {
      _tile_zero(0);
      _tile_zero(1);
    } else {
      _tile_zero(2);
      _tile_zero(3);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {  // 64 columns at a time
      if constexpr (Pair == 0) {
        _tile_loadd(4, x + 64 * i, a.K);
        _tile_loadd(6, low + 16 * i, 64);
        _tile_dpbssd(0, 4, 6);
        _tile_loadd(7, high + 16 * i, 64);
        _tile_dpbssd(1, 4, 7);
      } else {
        _tile_loadd(5, x + 64 * i, a.K);
        _tile_loadd(6, low + 16 * i, 64);
        _tile_dpbssd(2, 5, 6);
        _tile_loadd(7, high + 16 * i, 64);
        _tile_dpbssd(3, 5, 7);
      }
    }
  }

  __attribute__((always_inline)) void finish(size_t b, const TileSums& low, const TileSums& high,
                                             Floats (&y)[kTileTokens]) const {
    const size_t blocks = a.K / 256;
    const float* scale = a.x.scale + scale_index(m, b, blocks);
    const int16_t* sums = a.x.sum32 + (m * blocks + b) * 8;
    const TilePanel<Fmt>& panel = panels[b];
    for_each_token([&](auto t) __attribute__((always_inline)) {
      const Floats dx = splat(scale[t]);
      const Ints isum = load(low[t]) + shift_left<7>(load(high[t]));
      y[t] = fma(to_float(isum), panel.d * dx, y[t]);
      if constexpr (Fmt::kHasMin) {
        Ints msum = splat(0);
        for (int i = 0; i < 4; ++i)
          msum = dot_shorts(msum, panel.sub_min[i], sums + t * blocks * 8 + 2 * i);
        y[t] = fnma(to_float(msum), panel.m * dx, y[t]);
      }
    });
  }
};

// Columns that are walked at a time, so that their operands stay in the first-level cache.
constexpr size_t kChunkColumns = 1024;
constexpr size_t kMostTileTokens = kPartialSums / kLanes;  // whose sums scratch holds in between

// Tokens [m, last) with one group of rows.
template <class Fmt>
void walk_tiles(const GemmArgs& a, const RowGroup& group, const TilePanel<Fmt>* panels,
                float* partial, size_t m, size_t last) {
  const size_t blocks = a.K / Fmt::kBlock;
  const size_t chunks = (a.K + kChunkColumns - 1) / kChunkColumns;
  const size_t chunk = (blocks + chunks - 1) / chunks;
  for (size_t first = 0; first < blocks; first += chunk) {
    const size_t end = first + chunk < blocks ? first + chunk : blocks;
    float* sums = partial;
    for (size_t tile = m; tile < last; tile += kTileTokens, sums += kTileTokens * kLanes) {
      Floats y[kTileTokens];
      if (first == 0) {
        for_each_token([&](auto t) { y[t] = splat(0.0f); });
      } else {
        for_each_token([&](auto t) { y[t] = load(sums + t * kLanes); });
      }
      if constexpr (Fmt::kBlock == 32) {
        SmallBlocks<Fmt>{a, panels, tile}.add(first, end, y);
      } else {
        LargeBlocks<Fmt>{a, panels, tile}.add(first, end, y);
      }
      if (end < blocks) {
        for_each_token([&](auto t) { store(sums + t * kLanes, y[t]); });
      } else {
        for_each_token([&](auto t) {
          if (tile + t < last) store_rows(a, group, tile + t, y[t]);
        });
      }
    }
  }
}

template <class Fmt>
void gemm_amx(const GemmArgs& a) {
  constexpr size_t kFewestTokens = 16;  // below, byte dot products waste less
  if (a.M < kFewestTokens) return gemm_int<Fmt>(a);
  static_assert(sizeof(TilePanel<Fmt>) + kLanes * sizeof(typename Fmt::Block) <=
                Fmt::kBlock / 32 * kScratchPer32);
  auto* panels = reinterpret_cast<TilePanel<Fmt>*>(a.scratch);
  const size_t blocks = a.K / Fmt::kBlock;
  auto* partial = reinterpret_cast<float*>(panels + blocks);
  auto* copy = reinterpret_cast<uint8_t*>(partial + kPartialSums);
  size_t tokens = token_block(a.M, a.K);
  if (tokens > kMostTileTokens) tokens = kMostTileTokens;
  configure_tiles(Fmt::kBlock == 32 ? 32 : 64);
  for (size_t m = 0; m < a.M; m += tokens) {
    const size_t last = m + tokens < a.M ? m + tokens : a.M;
    for (size_t n = a.first_row; n < a.last_row; n += kLanes) {
      const RowGroup group = row_group(a, n, copy);
      for (size_t b = 0; b < blocks; ++b) {
        TilePanel<Fmt>::make(group.weights + b * sizeof(typename Fmt::Block), a.row_bytes,
                             panels[b]);
      }
      walk_tiles<Fmt>(a, group, panels, partial, m, last);
    }
  }
  _tile_release();
}

// Products with block-quantised weights on AMX int8 tiles: 16 tokens by 16 rows by one (sub-)block
// at a time.
//
// A Panel is already the second operand of a tile product; the activations are the first as they
// lie. The integer sums are the same numbers that byte dot products give, and the float steps after
// them are block_product's, so a token's result does not tell which of the two computed it. Panels
// are made signed here, which saves the bias correction.
//
// The tile instructions take their register as a literal, hence the four written-out steps. g++
// 12's tile intrinsics do not say that they read memory, and stores to it may be dropped or moved:
// the asm statements below say so.

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

using TileSums = int32_t[16][16];

// Four independent products x[i] . w[i] of 16 tokens, `stride` bytes apart, with 16 rows.
inline void four_products(const int8_t* const x[4], size_t stride, const Ints* const w[4],
                          TileSums sums[4]) {
  asm volatile("" : : : "memory");
  _tile_zero(0);
  _tile_loadd(4, x[0], stride);
  _tile_loadd(6, w[0], 64);
  _tile_dpbssd(0, 4, 6);
  _tile_zero(1);
  _tile_loadd(5, x[1], stride);
  _tile_loadd(7, w[1], 64);
  _tile_dpbssd(1, 5, 7);
  _tile_zero(2);
  _tile_loadd(4, x[2], stride);
  _tile_loadd(6, w[2], 64);
  _tile_dpbssd(2, 4, 6);
  _tile_zero(3);
  _tile_loadd(5, x[3], stride);
  _tile_loadd(7, w[3], 64);
  _tile_dpbssd(3, 5, 7);
  _tile_stored(0, sums[0], 64);
  _tile_stored(1, sums[1], 64);
  _tile_stored(2, sums[2], 64);
  _tile_stored(3, sums[3], 64);
}

template <class Fmt>
inline void make_signed(Panel<Fmt>& panel) {
  if constexpr (Fmt::kBias != 0) {
    for (Ints& q : panel.q)
      q.v = _mm512_sub_epi8(q.v, _mm512_set1_epi8(static_cast<char>(Fmt::kBias)));
  }
}

// 32-blocks: four blocks' products, then their float steps in order.
template <class Fmt>
inline void four_blocks(const GemmArgs& a, const Panel<Fmt>* panels, size_t m, size_t b,
                        size_t count, TileSums sums[4], Floats (&y)[16]) {
  const int8_t* x[4];
  const Ints* w[4];
  for (size_t i = 0; i < 4; ++i) {  // past the end: the last block again, its sums unused
    const size_t block = b + (i < count ? i : count - 1);
    x[i] = a.x.q + m * a.K + 32 * block;
    w[i] = panels[block].q;
  }
  four_products(x, a.K, w, sums);
  const size_t blocks = a.K / 32;
  for (size_t i = 0; i < count; ++i) {
    const Floats d = panels[b + i].d, minimum = panels[b + i].m;
    const float* scale = a.x.scale + scale_index(m, b + i, blocks);
    const float* scaled_sum = a.x.scaled_sum + scale_index(m, b + i, blocks);
#pragma GCC unroll 16
    for (size_t t = 0; t < 16; ++t) {
      y[t] = fma(to_float(load(sums[i][t])), d * splat(scale[t]), y[t]);
      if constexpr (Fmt::kHasMin) y[t] = fma(minimum, splat(scaled_sum[t]), y[t]);
    }
  }
}

// 256-blocks: the sub-blocks' products four at a time, joined by their integer scales, then one
// float step.
template <class Fmt>
inline void k_block(const GemmArgs& a, const Panel<Fmt>& panel, size_t m, size_t b,
                    TileSums sums[4], Floats (&y)[16]) {
  constexpr int kSubs = Panel<Fmt>::kSubs, kSteps = Fmt::kSub / 4;
  Ints isum[16];
  for (Ints& sum : isum) sum = splat(0);
  for (int sub = 0; sub < kSubs; sub += 4) {
    const int8_t* x[4];
    const Ints* w[4];
    for (int i = 0; i < 4; ++i) {
      x[i] = a.x.q + m * a.K + 256 * b + Fmt::kSub * (sub + i);
      w[i] = panel.q + (sub + i) * kSteps;
    }
    four_products(x, a.K, w, sums);
    for (int i = 0; i < 4; ++i) {
#pragma GCC unroll 16
      for (int t = 0; t < 16; ++t) isum[t] = isum[t] + load(sums[i][t]) * panel.sub_scale[sub + i];
    }
  }
  const size_t blocks = a.K / 256;
  const float* scale = a.x.scale + scale_index(m, b, blocks);
#pragma GCC unroll 16
  for (size_t t = 0; t < 16; ++t) {
    const Floats dx = splat(scale[t]);
    y[t] = fma(to_float(isum[t]), panel.d * dx, y[t]);
    if constexpr (Fmt::kHasMin) {
      Ints msum = splat(0);
      for (int i = 0; i < 4; ++i) {
        msum = dot_shorts(msum, panel.sub_min[i], a.x.sum32 + ((m + t) * blocks + b) * 8 + 2 * i);
      }
      y[t] = fnma(to_float(msum), panel.m * dx, y[t]);
    }
  }
}

template <class Fmt>
void tile_tokens(const GemmArgs& a, const RowGroup& group, const Panel<Fmt>* panels, size_t m) {
  alignas(64) TileSums sums[4];
  Floats y[16];
  for (Floats& sum : y) sum = splat(0.0f);
  const size_t blocks = a.K / Fmt::kBlock;
  if constexpr (Fmt::kBlock == 32) {
    for (size_t b = 0; b < blocks; b += 4) {
      four_blocks<Fmt>(a, panels, m, b, blocks - b < 4 ? blocks - b : 4, sums, y);
    }
  } else {
    for (size_t b = 0; b < blocks; ++b) k_block<Fmt>(a, panels[b], m, b, sums, y);
  }
  for (size_t t = 0; t < 16 && m + t < a.M; ++t) store_rows(a, group, m + t, y[t]);
}

template <class Fmt>
void gemm_amx(const GemmArgs& a) {
  constexpr size_t kFewestTokens = 16;  // below, byte dot products waste less
  if (a.M < kFewestTokens) return gemm_int<Fmt>(a);
  configure_tiles(Fmt::kSub);
  gemm_many<Fmt>(a, [](const GemmArgs& args, const RowGroup& group, Panel<Fmt>* panels, size_t m,
                       size_t last) {
    for (size_t b = 0; b < args.K / Fmt::kBlock; ++b) make_signed(panels[b]);
    for (; m < last; m += 16) tile_tokens(args, group, panels, m);
  });
  _tile_release();
}

inline size_t probe_tiles(size_t rounds) {
  configure_tiles(64);
  alignas(64) int8_t data[16][64];
  for (auto& row : data) {
    for (int i = 0; i < 64; ++i) row[i] = static_cast<int8_t>(i * 37 + 11);  // zeros would flatter
  }
  asm volatile("" : : "r"(data) : "memory");
  _tile_loadd(4, data, 64);
  _tile_loadd(5, data, 64);
  _tile_loadd(6, data, 64);
  _tile_loadd(7, data, 64);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (size_t r = 0; r < rounds; ++r) {
    _tile_dpbssd(0, 4, 6);
    _tile_dpbssd(1, 4, 7);
    _tile_dpbssd(2, 5, 6);
    _tile_dpbssd(3, 5, 7);
  }
  _tile_release();
  return rounds * 4 * 16 * 16 * 64 * 2;
}

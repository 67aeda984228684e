// Products by the native definition of machines with AMX: weights and activations rounded to
// bfloat16, 16 tokens by 16 rows by 32 columns at a time (kernels/table.h).
//
// A tile product's operands are 16 tokens of activations as they lie and 16 rows of weights, their
// columns paired: word 2 r + c of tile row i is column 2 i + c of weight row r. One token goes
// through the very same instructions as many, so the definition is the instruction's. Rows are
// unpacked a few hundred at a time into scratch (second-level cache); 32 tokens, whose activations
// stay in the first-level cache, meet them 32 at a time.
//
// For the asm statements see gemm_amx.inl.

struct Bf16TileConfig {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t bytes_per_row[16] = {};
  uint8_t rows[16] = {};
};

constexpr size_t kTileTokens = 16;
constexpr size_t kStep = 32;  // columns of one tile product

// Tiles 0-3 are sums of two groups of tokens (0 1, 2 3) by two of rows (0 2, 1 3); 4-5 activations,
// 6-7 weights. Fewer tokens than a tile holds take a smaller tile.
inline void configure_bf16_tiles(size_t tokens) {
  Bf16TileConfig config;
  for (int tile = 0; tile < 8; ++tile) {
    config.bytes_per_row[tile] = 64;
    config.rows[tile] = static_cast<uint8_t>(tile >= 6 || tokens > kTileTokens ? 16 : tokens);
  }
  asm volatile("ldtilecfg %0" : : "m"(config));
}

// 16 rows by 32 columns of weights: one tile.
struct alignas(64) WeightTile {
  Ints pairs[16];
};

// Lane r: the 16-bit pair (low[r], high[r]) rounded to bfloat16, nearest even, tiny ones to zero.
inline Ints bf16_pairs(Floats low, Floats high) {
  const __m512i interleave = _mm512_set_epi16(
      31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5, 20, 4, 19,
      3, 18, 2, 17, 1, 16, 0);
  const __m512bh words = _mm512_cvtne2ps_pbh(high.v, low.v);
  __m512i bits;
  __builtin_memcpy(&bits, &words, sizeof bits);
  return {_mm512_permutexvar_epi16(interleave, bits)};
}

// A block of a quantised format: weight = fma(q, scale, offset), one rounding, then to bfloat16.
template <class Fmt>
inline void unpack_tiles(const uint8_t* block, size_t stride, WeightTile* tiles) {
  Panel<Fmt> panel;
  Fmt::unpack(block, stride, panel);
  constexpr int kQuads = Fmt::kBlock / 4, kQuadsPerSub = Fmt::kSub / 4;
  for (int i = 0; i < kQuads; i += kQuadsPerSub) {
    Floats scale = panel.d, offset = splat(0.0f);
    if constexpr (Fmt::kBlock == 256) {
      const int sub = i / kQuadsPerSub;
      scale = scale * to_float(panel.sub_scale[sub]);
      if constexpr (Fmt::kHasMin) {
        const Ints two = panel.sub_min[sub / 2];
        const Ints minimum = sub % 2 ? shift_right<16>(two) : two & splat(0xffff);
        offset = splat(0.0f) - panel.m * to_float(minimum);
      }
    } else if constexpr (Fmt::kHasMin) {
      offset = panel.m;
    }
    const auto weight = [&](Ints q) {
      return fma(to_float(q - splat(Fmt::kBias)), scale, offset);
    };
    const Ints byte = splat(0xff);
#pragma GCC unroll 8
    for (int j = i; j < i + kQuadsPerSub; ++j) {
      const Ints q = panel.q[j];
      Ints* pairs = tiles[j / 8].pairs + j % 8 * 2;
      pairs[0] = bf16_pairs(weight(q & byte), weight(shift_right<8>(q) & byte));
      pairs[1] = bf16_pairs(weight(shift_right<16>(q) & byte), weight(shift_right<24>(q)));
    }
  }
}

// 32 columns, or what is left of them, of a float format.
template <class Fmt>
inline void unpack_float_tile(const uint8_t* rows, size_t stride, size_t columns,
                              WeightTile& tile) {
  alignas(64) uint16_t rounded[kLanes][kStep];
  for (size_t r = 0; r < kLanes; ++r) {
    const auto* w = reinterpret_cast<const typename Fmt::Stored*>(rows + r * stride);
    const auto at = [&](size_t k) {
      if (k + kLanes <= columns) return Fmt::load16(w + k);
      return k < columns ? Fmt::load_tail(w + k, columns - k) : splat(0.0f);
    };
    const __m512bh words = _mm512_cvtne2ps_pbh(at(kLanes).v, at(0).v);
    __builtin_memcpy(rounded[r], &words, sizeof words);
  }
  for (size_t i = 0; i < 4; ++i) {
    load_rows(reinterpret_cast<const uint8_t*>(rounded) + 16 * i, sizeof rounded[0],
              tile.pairs + 4 * i);
  }
}

// How a format's rows become tiles: `count` tiles from column `first` on, a multiple of
// kBlockColumns.
template <class Fmt>
struct QuantTiles {
  static constexpr size_t kBlockColumns = Fmt::kBlock;
  static void unpack(const GemmArgs& a, const uint8_t* rows, size_t first, size_t count,
                     WeightTile* tiles) {
    constexpr size_t kTiles = Fmt::kBlock / kStep;
    const uint8_t* block = rows + first / Fmt::kBlock * sizeof(typename Fmt::Block);
    for (size_t i = 0; i < count; i += kTiles, block += sizeof(typename Fmt::Block))
      unpack_tiles<Fmt>(block, a.row_bytes, tiles + i);
  }
};
template <class Fmt>
struct FloatTiles {
  static constexpr size_t kBlockColumns = kStep;
  static void unpack(const GemmArgs& a, const uint8_t* rows, size_t first, size_t count,
                     WeightTile* tiles) {
    for (size_t i = 0; i < count; ++i) {
      const size_t k = first + i * kStep;
      unpack_float_tile<Fmt>(rows + k * sizeof(typename Fmt::Stored), a.row_bytes, a.K - k,
                             tiles[i]);
    }
  }
};

// Rows and columns unpacked at a time, and the sums of all tokens with these rows.
constexpr size_t kPanelRows = 256, kPanelSteps = 24, kPanelTokens = 512;
constexpr size_t kPanelGroups = kPanelRows / kLanes;
struct Bf16Scratch {
  WeightTile tiles[kPanelGroups][kPanelSteps];
  alignas(64) float sums[kPanelTokens / kTileTokens][kPanelGroups][kTileTokens][kLanes];
};
static_assert(sizeof(Bf16Scratch) + 64 <= kBf16Scratch);

// Up to 32 tokens by up to 32 rows: adds `steps` products to sums[token group][row group], or starts
// them.
template <int Tokens, int Groups>
inline void add_products(const uint16_t* x, size_t x_stride, const WeightTile* const w[2],
                         size_t steps, bool start, float* const sums[2][2]) {
  const size_t stride = x_stride * sizeof *x;
  asm volatile("" : : : "memory");
  if (start) {
    _tile_zero(0);
    if constexpr (Groups == 2) _tile_zero(1);
    if constexpr (Tokens == 2) _tile_zero(2);
    if constexpr (Tokens == 2 && Groups == 2) _tile_zero(3);
  } else {
    _tile_loadd(0, sums[0][0], 64);
    if constexpr (Groups == 2) _tile_loadd(1, sums[0][1], 64);
    if constexpr (Tokens == 2) _tile_loadd(2, sums[1][0], 64);
    if constexpr (Tokens == 2 && Groups == 2) _tile_loadd(3, sums[1][1], 64);
  }
  for (size_t i = 0; i < steps; ++i, x += kStep) {
    _tile_loadd(4, x, stride);
    _tile_loadd(6, w[0] + i, 64);
    _tile_dpbf16ps(0, 4, 6);
    if constexpr (Groups == 2) {
      _tile_loadd(7, w[1] + i, 64);
      _tile_dpbf16ps(1, 4, 7);
    }
    if constexpr (Tokens == 2) {
      _tile_loadd(5, x + kTileTokens * x_stride, stride);
      _tile_dpbf16ps(2, 5, 6);
    }
    if constexpr (Tokens == 2 && Groups == 2) _tile_dpbf16ps(3, 5, 7);
  }
  _tile_stored(0, sums[0][0], 64);
  if constexpr (Groups == 2) _tile_stored(1, sums[0][1], 64);
  if constexpr (Tokens == 2) _tile_stored(2, sums[1][0], 64);
  if constexpr (Tokens == 2 && Groups == 2) _tile_stored(3, sums[1][1], 64);
  asm volatile("" : : : "memory");
}

template <class Tiles>
void gemm_bf16(const GemmArgs& a) {
  auto& scratch = *reinterpret_cast<Bf16Scratch*>(a.scratch);
  auto* copy = reinterpret_cast<uint8_t*>(a.scratch) + kBf16Scratch;
  const size_t steps = (a.K + kStep - 1) / kStep, x_stride = round_up(a.K, kStep);
  constexpr size_t kWhole = Tiles::kBlockColumns / kStep;  // steps that are unpacked together
  const size_t pieces = (steps + kPanelSteps - 1) / kPanelSteps;
  const size_t piece = round_up((steps + pieces - 1) / pieces, kWhole);
  configure_bf16_tiles(a.M);
  const size_t panels = (a.last_row - a.first_row + kPanelRows - 1) / kPanelRows;
  const size_t panel_rows =
      round_up((a.last_row - a.first_row + panels - 1) / panels, 2 * kLanes);
  for (size_t n = a.first_row; n < a.last_row; n += panel_rows) {
    RowGroup groups[kPanelGroups];
    size_t n_groups = 0;
    const size_t end = n + panel_rows < a.last_row ? n + panel_rows : a.last_row;
    for (size_t first = n; first < end; first += kLanes, ++n_groups)
      groups[n_groups] = row_group(a, first, copy);
    for (size_t m0 = 0; m0 < a.M; m0 += kPanelTokens) {
      const size_t last = m0 + kPanelTokens < a.M ? m0 + kPanelTokens : a.M;
      for (size_t first = 0; first < steps; first += piece) {
        const size_t count = first + piece < steps ? piece : steps - first;
        const bool done = first + count == steps;
        for (size_t g = 0; g < n_groups; ++g)
          Tiles::unpack(a, groups[g].weights, first * kStep, count, scratch.tiles[g]);
        for (size_t m = m0; m < last; m += 2 * kTileTokens) {
          const uint16_t* x = a.x.bf16 + m * x_stride + first * kStep;
          const bool two = m + kTileTokens < last;
          auto& near = scratch.sums[(m - m0) / kTileTokens];
          auto& far = scratch.sums[(m - m0) / kTileTokens + two];
          for (size_t g = 0; g < n_groups; g += 2) {
            const bool pair = g + 1 < n_groups;
            const WeightTile* const w[2] = {scratch.tiles[g], scratch.tiles[g + pair]};
            float* const sums[2][2] = {{near[g][0], near[g + pair][0]},
                                       {far[g][0], far[g + pair][0]}};
            const auto add = two ? (pair ? add_products<2, 2> : add_products<2, 1>)
                                 : (pair ? add_products<1, 2> : add_products<1, 1>);
            add(x, x_stride, w, count, first == 0, sums);
            if (!done) continue;
            for (size_t t = 0; t < 2 * kTileTokens && m + t < last; ++t) {
              for (size_t i = 0; i <= pair; ++i) {
                store_rows(a, groups[g + i], m + t,
                           load(sums[t / kTileTokens][i] + t % kTileTokens * kLanes));
              }
            }
          }
        }
      }
    }
  }
  _tile_release();
}

// `count` floats, and zeros up to a multiple of kStep.
inline void round_to_bf16(const float* x, size_t count, uint16_t* out) {
  for (size_t k = 0; k < count; k += kLanes) {
    const Floats sixteen =
        k + kLanes <= count ? load(x + k) : load_first(x + k, count - k);
    const __m256bh words = _mm512_cvtneps_pbh(sixteen.v);
    __builtin_memcpy(out + k, &words, sizeof words);
  }
  const size_t written = round_up(count, kLanes);
  __builtin_memset(out + written, 0, (round_up(count, kStep) - written) * sizeof *out);
}

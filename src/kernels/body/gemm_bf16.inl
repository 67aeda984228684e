// Products by the native definition of machines with AMX: weights and activations rounded to
// bfloat16, 16 tokens by 16 rows by 32 columns at a time (kernels/table.h).
//
// A tile product's operands are 16 tokens of activations as they lie and 16 rows of weights, their
// columns paired: word 2 r + c of tile row i is column 2 i + c of weight row r. One token goes
// through the very same instructions as many, so the definition is the instruction's. 32 rows at a
// time are unpacked into tiles that stay in the first-level cache, and the tokens stream past them.
//
// For the asm statements see gemm_amx.inl.

struct Bf16TileConfig {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t bytes_per_row[16] = {};
  uint8_t rows[16] = {};
};

constexpr size_t kTileTokens = 16;

// Tiles 0-3 are sums of two groups of tokens (0 1, 2 3) by two of rows (0 2, 1 3); 4-5 activations,
// 6-7 weights. Fewer tokens than a tile holds take a smaller tile. (Attention uses them alike.)
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

// The four weights in the bytes of each lane, without their bias, as floats. Up to five bits index
// a table, for which the bits above need no masking.
template <class Fmt>
inline void weights_of(Ints q, Floats w[4]) {
  constexpr float kFirst = -static_cast<float>(Fmt::kBias);
  const __m512 low =
      _mm512_set_ps(kFirst + 15, kFirst + 14, kFirst + 13, kFirst + 12, kFirst + 11, kFirst + 10,
                    kFirst + 9, kFirst + 8, kFirst + 7, kFirst + 6, kFirst + 5, kFirst + 4,
                    kFirst + 3, kFirst + 2, kFirst + 1, kFirst);
  const auto lookup = [&](Ints index) -> Floats {
    if constexpr (Fmt::kBits == 4) return {_mm512_permutexvar_ps(index.v, low)};
    if constexpr (Fmt::kBits == 5) {
      const __m512 high = _mm512_add_ps(low, _mm512_set1_ps(16));
      return {_mm512_permutex2var_ps(low, index.v, high)};
    }
    return to_float((index & splat(0xff)) - splat(Fmt::kBias));
  };
  w[0] = lookup(q);
  w[1] = lookup(shift_right<8>(q));
  w[2] = lookup(shift_right<16>(q));
  w[3] = lookup(shift_right<24>(q));
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
#pragma GCC unroll 8
    for (int j = i; j < i + kQuadsPerSub; ++j) {
      Floats w[4];
      weights_of<Fmt>(panel.q[j], w);
      for (Floats& weight : w) weight = fma(weight, scale, offset);
      Ints* pairs = tiles[j / 8].pairs + j % 8 * 2;
      pairs[0] = bf16_pairs(w[0], w[1]);
      pairs[1] = bf16_pairs(w[2], w[3]);
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

// Sums of 32 tokens with a pair of groups of rows: [token tile][group].
struct alignas(64) PairSums {
  float sums[4][kTileTokens * kLanes];
};

// What one thread works on: the tiles of a pair of groups, as many as the first-level cache holds,
// and unfinished sums.
constexpr size_t kPanelSteps = 20, kPanelTokens = 512, kPanelPairs = 8;
struct Bf16Scratch {
  WeightTile tiles[2][kPanelSteps];
  PairSums sums[kPanelPairs * kPanelTokens / (2 * kTileTokens)];
};
static_assert(sizeof(Bf16Scratch) <= kBf16Scratch);

// Where the sums of [token tile][row group] lie: 16 tokens `stride` floats apart.
struct TileSums {
  float* at[2][2];
  size_t stride = kLanes;
};

// Up to 32 tokens by up to 32 rows: adds `steps` products to the sums `from`, or to zero. The
// activations pass by once per pair of groups: they should not push the weights out.
template <int Tokens, int Groups>
inline void add_products(const uint16_t* const x[2], const WeightTile* const w[2], size_t steps,
                         const TileSums* from, const TileSums& to) {
  asm volatile("" : : : "memory");
  if (!from) {
    _tile_zero(0);
    if constexpr (Groups == 2) _tile_zero(1);
    if constexpr (Tokens == 2) _tile_zero(2);
    if constexpr (Tokens == 2 && Groups == 2) _tile_zero(3);
  } else {
    const size_t stride = from->stride * sizeof(float);
    _tile_loadd(0, from->at[0][0], stride);
    if constexpr (Groups == 2) _tile_loadd(1, from->at[0][1], stride);
    if constexpr (Tokens == 2) _tile_loadd(2, from->at[1][0], stride);
    if constexpr (Tokens == 2 && Groups == 2) _tile_loadd(3, from->at[1][1], stride);
  }
  for (size_t i = 0; i < steps; ++i) {
    _tile_stream_loadd(4, x[0] + i * kBf16Tile, 64);
    _tile_loadd(6, w[0] + i, 64);
    _tile_dpbf16ps(0, 4, 6);
    if constexpr (Groups == 2) {
      _tile_loadd(7, w[1] + i, 64);
      _tile_dpbf16ps(1, 4, 7);
    }
    if constexpr (Tokens == 2) {
      _tile_stream_loadd(5, x[1] + i * kBf16Tile, 64);
      _tile_dpbf16ps(2, 5, 6);
    }
    if constexpr (Tokens == 2 && Groups == 2) _tile_dpbf16ps(3, 5, 7);
  }
  const size_t stride = to.stride * sizeof(float);
  _tile_stored(0, to.at[0][0], stride);
  if constexpr (Groups == 2) _tile_stored(1, to.at[0][1], stride);
  if constexpr (Tokens == 2) _tile_stored(2, to.at[1][0], stride);
  if constexpr (Tokens == 2 && Groups == 2) _tile_stored(3, to.at[1][1], stride);
  asm volatile("" : : : "memory");
}

// One or two groups of rows that are multiplied with the same tokens.
struct GroupPair {
  const GemmArgs& a;
  RowGroup groups[2];
  size_t count;

  // All lanes of all groups are results, one behind the other.
  bool whole() const {
    for (size_t g = 0; g < count; ++g) {
      if (groups[g].skip != 0 || groups[g].count != kLanes) return false;
    }
    return count == 1 || groups[1].first == groups[0].first + kLanes;
  }

  // The sums of up to 32 tokens from m on, to where they belong.
  void deliver(size_t m, size_t last, const TileSums& sums) const {
    const size_t tokens = last - m < 2 * kTileTokens ? last - m : 2 * kTileTokens;
    if (!whole()) {
      for (size_t t = 0; t < tokens; ++t) {
        for (size_t g = 0; g < count; ++g) store_rows(a, groups[g], m + t, sum(sums, t, g));
      }
      return;
    }
    float* y = a.y + m * a.y_stride + groups[0].first;
    Floats bias[2] = {splat(0.0f), splat(0.0f)};
    for (size_t g = 0; a.bias && g < count; ++g) bias[g] = load(a.bias + groups[g].first);
    for (size_t t = 0; t < tokens; ++t, y += a.y_stride) {
      for (size_t g = 0; g < count; ++g) {
        Floats value = sum(sums, t, g);
        if (a.bias) value = value + bias[g];
        store(y + g * kLanes, a.add ? load(y + g * kLanes) + value : value);
      }
    }
  }

  static Floats sum(const TileSums& sums, size_t t, size_t g) {
    return load(sums.at[t / kTileTokens][g] + t % kTileTokens * sums.stride);
  }
};

// Steps [first, first + count) of the columns, unpacked together, and whether they are the last.
struct Piece {
  size_t first, count;
  bool last;
};

// Asks for the rows after these: row by row they do not look like one contiguous read.
inline void prefetch_after(const GroupPair& pair, const Piece& piece, size_t steps) {
  const size_t bytes = pair.count * kLanes * pair.a.row_bytes;
  const uint8_t* next = pair.groups[0].weights + bytes + bytes * piece.first / steps;
  for (size_t at = 0; at < bytes * piece.count / steps; at += 64) __builtin_prefetch(next + at);
}

// Tokens [m0, last) with a pair of groups, over one piece of the columns. `sums` holds what is not
// finished, or serves all tokens in turn where the piece is all there is. Sums that need more than
// to be stored wait until the next tokens' products are under way: what a tile store has just
// written is slow to read.
template <class Tiles>
void multiply_pair(const GroupPair& pair, const Piece& piece, size_t m0, size_t last,
                   PairSums* sums) {
  const GemmArgs& a = pair.a;
  auto& scratch = *reinterpret_cast<Bf16Scratch*>(a.scratch);
  for (size_t g = 0; g < pair.count; ++g)
    Tiles::unpack(a, pair.groups[g].weights, piece.first * kStep, piece.count, scratch.tiles[g]);
  const WeightTile* const w[2] = {scratch.tiles[0], scratch.tiles[1]};
  const bool plain = pair.whole() && !a.bias && !a.add;
  const size_t row_tiles = (a.K + kStep - 1) / kStep * kBf16Tile;
  const bool only_piece = piece.last && piece.first == 0;
  TileSums waiting;
  size_t waiting_m = last;
  for (size_t m = m0; m < last; m += 2 * kTileTokens) {
    const bool two = m + kTileTokens < last;
    const uint16_t* const near = a.x.bf16 + bf16_index(m, piece.first * kStep, a.K);
    const uint16_t* const x[2] = {near, near + row_tiles};
    const size_t turn = (m - m0) / (2 * kTileTokens);
    auto& place = sums[only_piece ? turn % 2 : turn].sums;
    const TileSums own{{{place[0], place[1]}, {place[2], place[3]}}};
    const bool direct = piece.last && plain && m + 2 * kTileTokens <= last;
    float* y = a.y + m * a.y_stride + pair.groups[0].first;
    float* far = y + kTileTokens * a.y_stride;
    const TileSums to = direct ? TileSums{{{y, y + kLanes}, {far, far + kLanes}}, a.y_stride} : own;
    const auto add = two ? (pair.count == 2 ? add_products<2, 2> : add_products<2, 1>)
                         : (pair.count == 2 ? add_products<1, 2> : add_products<1, 1>);
    add(x, w, piece.count, piece.first == 0 ? nullptr : &own, to);
    if (waiting_m < last) pair.deliver(waiting_m, last, waiting);
    waiting_m = piece.last && !direct ? m : last;
    waiting = own;
  }
  if (waiting_m < last) pair.deliver(waiting_m, last, waiting);
}

// Rows [n, end), at most kPanelPairs pairs of groups, with tokens [m0, last). A piece of all
// tokens' activations stays in the second-level cache while all pairs pass.
template <class Tiles>
void multiply_panel(const GemmArgs& a, size_t n, size_t end, size_t m0, size_t last) {
  auto& scratch = *reinterpret_cast<Bf16Scratch*>(a.scratch);
  auto* copy = reinterpret_cast<uint8_t*>(a.scratch) + kBf16Scratch;
  const size_t steps = (a.K + kStep - 1) / kStep;
  constexpr size_t kWhole = Tiles::kBlockColumns / kStep;  // steps that are unpacked together
  constexpr size_t kMost = kPanelSteps / kWhole * kWhole;
  const size_t pieces = (steps + kMost - 1) / kMost;
  const size_t length = round_up((steps + pieces - 1) / pieces, kWhole);
  for (size_t first = 0; first < steps; first += length) {
    const Piece piece{first, first + length < steps ? length : steps - first,
                      first + length >= steps};
    PairSums* sums = scratch.sums;
    for (size_t row = n; row < end; row += 2 * kLanes, sums += kPanelTokens / (2 * kTileTokens)) {
      GroupPair pair{a, {row_group(a, row, copy), {}}, 1};
      if (row + kLanes < a.last_row) pair.groups[pair.count++] = row_group(a, row + kLanes, copy);
      if (end - n <= 2 * kLanes) prefetch_after(pair, piece, steps);
      multiply_pair<Tiles>(pair, piece, m0, last, sums);
    }
  }
}

template <class Tiles>
void gemm_bf16(const GemmArgs& a) {
  configure_bf16_tiles(a.M);
  constexpr size_t kFewTokens = 64;  // whose activations need no care
  const size_t pairs = a.M <= kFewTokens || a.K <= kPanelSteps * kStep ? 1 : kPanelPairs;
  for (size_t m = 0; m < a.M; m += kPanelTokens) {
    const size_t last = m + kPanelTokens < a.M ? m + kPanelTokens : a.M;
    for (size_t n = a.first_row; n < a.last_row; n += pairs * 2 * kLanes) {
      const size_t end = n + pairs * 2 * kLanes;
      multiply_panel<Tiles>(a, n, end < a.last_row ? end : a.last_row, m, last);
    }
  }
  _tile_release();
}

// `count` floats, and zeros up to a multiple of kStep: kStep at a time into one tile after another.
inline void round_to_bf16(const float* x, size_t count, uint16_t* out) {
  for (size_t k = 0; k < count; k += kStep, out += kBf16Tile) {
    const auto at = [&](size_t i) {
      if (i + kLanes <= count) return load(x + i);
      return i < count ? load_first(x + i, count - i) : splat(0.0f);
    };
    const __m512bh words = _mm512_cvtne2ps_pbh(at(k + kLanes).v, at(k).v);
    __builtin_memcpy(out, &words, sizeof words);
  }
}

// Attention's products of bfloat16 pairs by tiles (attend_pairs.inl): 16 query rows by 16 positions
// by 32 dimensions for scores, and 16 rows by 16 dimensions by 32 positions for the values' mix.

constexpr size_t kTilesAhead = 4096;  // of 16-bit words: what a lone row asks for beforehand

template <int Rows, int Columns>
inline void tile_products(const PairWork& w) {
  asm volatile("" : : : "memory");
  _tile_zero(0);
  if constexpr (Columns > 1) _tile_zero(1);
  if constexpr (Rows == 2 || Columns > 2) _tile_zero(2);
  if constexpr ((Rows == 2 && Columns == 2) || Columns > 3) _tile_zero(3);
  const size_t stride = w.b_stride * sizeof(uint16_t);
  for (size_t i = 0; i < w.steps; ++i) {
    const uint16_t* b = w.b + i * w.b_step;
    if constexpr (Rows == 1) {
      for (size_t c = 0; c < Columns; ++c) {
        for (size_t r = 0; r < 16; ++r)
          __builtin_prefetch(b + c * w.b_tile + r * w.b_stride + kTilesAhead);
      }
    }
    _tile_loadd(4, w.a[0] + i * w.a_step, 64);
    _tile_loadd(6, b, stride);
    _tile_dpbf16ps(0, 4, 6);
    if constexpr (Columns > 1) {
      _tile_loadd(7, b + w.b_tile, stride);
      _tile_dpbf16ps(1, 4, 7);
    }
    if constexpr (Rows == 2) {
      _tile_loadd(5, w.a[1] + i * w.a_step, 64);
      _tile_dpbf16ps(2, 5, 6);
      if constexpr (Columns == 2) _tile_dpbf16ps(3, 5, 7);
    } else if constexpr (Columns == 4) {
      _tile_loadd(6, b + 2 * w.b_tile, stride);
      _tile_dpbf16ps(2, 4, 6);
      _tile_loadd(7, b + 3 * w.b_tile, stride);
      _tile_dpbf16ps(3, 4, 7);
    }
  }
  const size_t out_stride = w.out_stride * sizeof(float);
  _tile_stored(0, w.out[0], out_stride);
  if constexpr (Columns > 1) _tile_stored(1, w.out[0] + w.out_tile, out_stride);
  if constexpr (Rows == 2) {
    _tile_stored(2, w.out[1], out_stride);
    if constexpr (Columns == 2) _tile_stored(3, w.out[1] + w.out_tile, out_stride);
  } else if constexpr (Columns == 4) {
    _tile_stored(2, w.out[0] + 2 * w.out_tile, out_stride);
    _tile_stored(3, w.out[0] + 3 * w.out_tile, out_stride);
  }
  asm volatile("" : : : "memory");
}

// `columns` tiles in all, in groups that fill the tile registers.
template <int Rows>
void tile_columns(PairWork w, size_t columns) {
  const auto go = [&]<int N>() {
    for (; columns >= N; columns -= N) {
      tile_products<Rows, N>(w);
      w.b += N * w.b_tile;
      for (float*& out : w.out) out += N * w.out_tile;
    }
  };
  if constexpr (Rows == 1) go.template operator()<4>();
  go.template operator()<2>();
  go.template operator()<1>();
}

struct TileProducts {
  static void begin(size_t rows) { configure_bf16_tiles(rows); }
  static void columns(const PairWork& w, size_t columns) {
    w.rows > kLanes ? tile_columns<2>(w, columns) : tile_columns<1>(w, columns);
  }
  static void end() { _tile_release(); }
};

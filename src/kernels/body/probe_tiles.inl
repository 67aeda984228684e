// The peaks of tile products, four sums of 16 by 16 from two by two operands that stay in tiles.
// Needs configure_tiles. Operands are neither zeros nor alike, which would flatter.

constexpr int kTileProducts = 4, kTileRowBytes = 64;

inline void fill_tiles(const void* data) {
  configure_tiles(kTileRowBytes);
  asm volatile("" : : "r"(data) : "memory");
  _tile_loadd(4, data, kTileRowBytes);
  _tile_loadd(5, data, kTileRowBytes);
  _tile_loadd(6, data, kTileRowBytes);
  _tile_loadd(7, data, kTileRowBytes);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
}

constexpr size_t tile_operations(size_t rounds, size_t operand_bytes) {
  return rounds * kTileProducts * 16 * 16 * (kTileRowBytes / operand_bytes) * 2;
}

inline size_t probe_int8_tiles(size_t rounds) {
  alignas(64) int8_t data[16][kTileRowBytes];
  for (auto& row : data) {
    for (int i = 0; i < kTileRowBytes; ++i) row[i] = static_cast<int8_t>(i * 37 + 11);
  }
  fill_tiles(data);
  for (size_t r = 0; r < rounds; ++r) {
    _tile_dpbssd(0, 4, 6);
    _tile_dpbssd(1, 4, 7);
    _tile_dpbssd(2, 5, 6);
    _tile_dpbssd(3, 5, 7);
  }
  _tile_release();
  return tile_operations(rounds, 1);
}

// asm, because this table asks for int8 tiles only; Table::probes says which machines may call it.
inline size_t probe_bf16_tiles(size_t rounds) {
  alignas(64) uint16_t data[16][kTileRowBytes / 2];
  for (int r = 0; r < 16; ++r) {  // between 1 / 256 and 1, of either sign
    for (int i = 0; i < kTileRowBytes / 2; ++i)
      data[r][i] = static_cast<uint16_t>((i % 2) << 15 | (0x3b80 + (r * 37 + i * 71) % 0x400));
  }
  fill_tiles(data);
  for (size_t r = 0; r < rounds; ++r) {
    asm volatile("tdpbf16ps %%tmm6, %%tmm4, %%tmm0" : :);
    asm volatile("tdpbf16ps %%tmm7, %%tmm4, %%tmm1" : :);
    asm volatile("tdpbf16ps %%tmm6, %%tmm5, %%tmm2" : :);
    asm volatile("tdpbf16ps %%tmm7, %%tmm5, %%tmm3" : :);
  }
  _tile_release();
  return tile_operations(rounds, 2);
}

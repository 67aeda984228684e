// Peak probes: how fast this instruction set multiplies when nothing else is in the way. Sums stay
// in registers and depend only on themselves, so that no work can be left out.

// 12 chains hide the latency of both products on every machine we meet.
constexpr int kChains = 12;

inline size_t probe_int8(size_t rounds) {
  alignas(64) static const int8_t x[4] = {1, -2, 3, -4};
  Ints sums[kChains];
  for (int i = 0; i < kChains; ++i) sums[i] = splat(i);
  const Ints w = splat(0x01020304);
  for (size_t r = 0; r < rounds; ++r) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i) sums[i] = dot_bytes(sums[i], w, x);
  }
  Ints total = sums[0];
  for (int i = 1; i < kChains; ++i) total = total + sums[i];
  volatile int32_t keep = sum(total);
  (void)keep;
  return rounds * kChains * kLanes * 4 * 2;
}

inline size_t probe_float(size_t rounds) {
  Floats sums[kChains];
  for (int i = 0; i < kChains; ++i) sums[i] = splat(static_cast<float>(i));
  const Floats a = splat(0.999f), b = splat(0.001f);
  for (size_t r = 0; r < rounds; ++r) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i) sums[i] = fma(sums[i], a, b);
  }
  Floats total = sums[0];
  for (int i = 1; i < kChains; ++i) total = total + sums[i];
  volatile float keep = fold(total);
  (void)keep;
  return rounds * kChains * kLanes * 2;
}

inline void probe_read(const std::byte* data, size_t bytes) {
  Ints sums[4] = {splat(0), splat(0), splat(0), splat(0)};
  const auto* p = reinterpret_cast<const int32_t*>(data);
  constexpr size_t kAhead =
      2048;  // bytes; the hardware's own prefetching leaves a tenth of the bandwidth unused
  for (size_t i = 0; i + 256 <= bytes; i += 256, p += 64) {
    for (size_t line = 0; line < 256; line += 64) {
      __builtin_prefetch(reinterpret_cast<const std::byte*>(p) + kAhead + line);
      sums[line / 64] = sums[line / 64] ^ load(p + line / 4);
    }
  }
  volatile int32_t keep = sum((sums[0] ^ sums[1]) ^ (sums[2] ^ sums[3]));
  (void)keep;
}

// Peak probes: how fast this instruction set multiplies when nothing else is in the way. Sums stay
// in registers, Chains of them: enough to hide the latency of a product and few enough not to be
// spilled.

// The weights come anew in every round, and each chain has its own activations: no product can be
// hoisted or shared.
template <int Chains>
inline size_t probe_int8(size_t rounds) {
  alignas(64) int32_t weights[kLanes];
  for (int32_t& w : weights) w = 0x01020304;
  int8_t x[4 * Chains];
  Ints sums[Chains];
#pragma GCC unroll 16
  for (int i = 0; i < Chains; ++i) {
    for (int j = 0; j < 4; ++j) x[4 * i + j] = static_cast<int8_t>(7 * i - 40 + j);
    sums[i] = splat(i);
  }
  for (size_t r = 0; r < rounds; ++r) {
    asm volatile("" : : "r"(weights) : "memory");
    const Ints w = load(weights);
#pragma GCC unroll 16
    for (int i = 0; i < Chains; ++i) sums[i] = dot_bytes(sums[i], w, x + 4 * i);
  }
  Ints total = sums[0];
#pragma GCC unroll 16
  for (int i = 1; i < Chains; ++i) total = total + sums[i];
  volatile int32_t keep = sum(total);
  (void)keep;
  return rounds * Chains * kLanes * 4 * 2;
}

template <int Chains>
inline size_t probe_fp32(size_t rounds) {
  // Lanes that the compiler knows nothing of: of two registers that hold the same it computes one.
  alignas(64) float start[kLanes];
  for (int i = 0; i < kLanes; ++i) start[i] = static_cast<float>(i);
  asm volatile("" : : "r"(start) : "memory");
  Floats sums[Chains];
#pragma GCC unroll 16
  for (int i = 0; i < Chains; ++i) sums[i] = load(start) + splat(static_cast<float>(i));
  const Floats a = splat(0.999f), b = splat(0.001f);
  for (size_t r = 0; r < rounds; ++r) {
#pragma GCC unroll 16
    for (int i = 0; i < Chains; ++i) sums[i] = fma(sums[i], a, b);
  }
  Floats total = sums[0];
#pragma GCC unroll 16
  for (int i = 1; i < Chains; ++i) total = total + sums[i];
  volatile float keep = fold(total);
  (void)keep;
  return rounds * Chains * kLanes * 2;
}

// The hardware's own prefetching leaves a tenth of the bandwidth unused; how far ahead is best
// depends on where the data lies.
inline void probe_read(const std::byte* data, size_t bytes, size_t ahead) {
  Ints sums[4] = {splat(0), splat(0), splat(0), splat(0)};
  const auto* p = reinterpret_cast<const int32_t*>(data);
  for (size_t i = 0; i + 256 <= bytes; i += 256, p += 64) {
    for (size_t line = 0; line < 256; line += 64) {
      __builtin_prefetch(reinterpret_cast<const std::byte*>(p) + ahead + line);
      sums[line / 64] = sums[line / 64] ^ load(p + line / 4);
    }
  }
  volatile int32_t keep = sum((sums[0] ^ sums[1]) ^ (sums[2] ^ sums[3]));
  (void)keep;
}

// The peaks of AVX-512's sums of products: VPDPBUSD (four bytes a lane) and VDPBF16PS (two
// bfloat16). Written as asm: g++ 12 copies the sums from register to register in between, which
// costs the byte products a third; and VDPBF16PS is not among what the tables ask for
// (kernels::Probes).

constexpr int kProbeChains = 12;

inline size_t probe_vnni(size_t rounds) {
  const Ints w = splat(0x01020304), x = splat(0x05fb03fd);
  Ints sums[kProbeChains];
#pragma GCC unroll 12
  for (int i = 0; i < kProbeChains; ++i) sums[i] = splat(i);
  for (size_t r = 0; r < rounds; ++r) {
#pragma GCC unroll 12
    for (int i = 0; i < kProbeChains; ++i)
      asm volatile("vpdpbusd %2, %1, %0" : "+v"(sums[i].v) : "v"(w.v), "v"(x.v));
  }
  return rounds * kProbeChains * kLanes * 4 * 2;
}

inline size_t probe_bf16(size_t rounds) {
  const Ints a = splat(0x3f7f3f7e), b = splat(0x3c003b80);  // pairs near 1 and near 1 / 256
  Floats sums[kProbeChains];
#pragma GCC unroll 12
  for (int i = 0; i < kProbeChains; ++i) sums[i] = splat(static_cast<float>(i));
  for (size_t r = 0; r < rounds; ++r) {
#pragma GCC unroll 12
    for (int i = 0; i < kProbeChains; ++i)
      asm volatile("vdpbf16ps %2, %1, %0" : "+v"(sums[i].v) : "v"(a.v), "v"(b.v));
  }
  return rounds * kProbeChains * kLanes * 2 * 2;
}

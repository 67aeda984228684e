// The definitions of kernels/table.h in plain scalar code: the permanent oracle of every other
// table.
//
// One row, one token, one number at a time, in the order of the definition; nothing is shared with
// the fast bodies, so that a shared mistake cannot hide. fmaf is the correctly rounded library
// function.

#include <cmath>
#include <cstring>
#include <iterator>
#include <limits>
#include <vector>

#include "base/half.h"
#include "kernels/table.h"
#include "quant/blocks.h"

namespace hob::kernels {
namespace {

float half(uint16_t bits) { return to_float(Half{bits}); }

// ---- virtual lanes ----

struct Lanes {
  float v[kLanes] = {};
};

float fold(const Lanes& lanes) {
  float sums[kLanes];
  std::memcpy(sums, lanes.v, sizeof sums);
  for (int width = kLanes / 2; width > 0; width /= 2) {
    for (int i = 0; i < width; ++i) sums[i] = sums[i] + sums[i + width];
  }
  return sums[0];
}

// ---- products ----

void finish(const GemmArgs& a, size_t m, size_t n, float sum) {
  float* y = a.y + m * a.y_stride + n;
  if (a.bias) sum = sum + a.bias[n];
  *y = a.add ? *y + sum : sum;
}

float stored_float(const float* p) { return *p; }
float stored_float(const Half* p) { return to_float(*p); }
float stored_float(const BFloat16* p) { return to_float(*p); }

template <class Stored>
void gemm_float(const GemmArgs& a) {
  for (size_t n = a.first_row; n < a.last_row; ++n) {
    const auto* w = reinterpret_cast<const Stored*>(a.weights + n * a.row_bytes);
    for (size_t m = 0; m < a.M; ++m) {
      const float* x = a.x.f32 + m * a.x.f32_stride;
      Lanes lanes;
      const size_t padded = (a.K + kLanes - 1) / kLanes * kLanes;
      for (size_t k = 0; k < padded; ++k) {
        const float weight = k < a.K ? stored_float(w + k) : 0.0f, value = k < a.K ? x[k] : 0.0f;
        lanes.v[k % kLanes] = std::fmaf(weight, value, lanes.v[k % kLanes]);
      }
      finish(a, m, n, fold(lanes));
    }
  }
}

// A 32-block as integers: w = d * q (+ m).
struct Small {
  float d, m;
  int q[32];
};

int nibble(const uint8_t* qs, int i) { return i < 16 ? qs[i] & 15 : qs[i - 16] >> 4; }
int fifth(const uint8_t* qh, int i) { return qh[i / 8] >> (i % 8) & 1; }

Small read(const quant::BlockQ4_0& b) {
  Small s{half(b.d), 0, {}};
  for (int i = 0; i < 32; ++i) s.q[i] = nibble(b.qs, i) - 8;
  return s;
}
Small read(const quant::BlockQ4_1& b) {
  Small s{half(b.d), half(b.m), {}};
  for (int i = 0; i < 32; ++i) s.q[i] = nibble(b.qs, i);
  return s;
}
Small read(const quant::BlockQ5_0& b) {
  Small s{half(b.d), 0, {}};
  for (int i = 0; i < 32; ++i) s.q[i] = (nibble(b.qs, i) | fifth(b.qh, i) << 4) - 16;
  return s;
}
Small read(const quant::BlockQ5_1& b) {
  Small s{half(b.d), half(b.m), {}};
  for (int i = 0; i < 32; ++i) s.q[i] = nibble(b.qs, i) | fifth(b.qh, i) << 4;
  return s;
}
Small read(const quant::BlockQ8_0& b) {
  Small s{half(b.d), 0, {}};
  for (int i = 0; i < 32; ++i) s.q[i] = b.qs[i];
  return s;
}

template <class Block>
constexpr bool kHasMin = requires(Block b) {
  b.m;
};

template <class Block>
void gemm_small(const GemmArgs& a) {
  const size_t blocks = a.K / 32;
  for (size_t n = a.first_row; n < a.last_row; ++n) {
    for (size_t m = 0; m < a.M; ++m) {
      float y = 0;
      for (size_t b = 0; b < blocks; ++b) {
        Block block;
        std::memcpy(&block, a.weights + n * a.row_bytes + b * sizeof block, sizeof block);
        const Small w = read(block);
        const int8_t* x = a.x.q + m * a.K + b * 32;
        int isum = 0;
        for (int i = 0; i < 32; ++i) isum += w.q[i] * x[i];
        y = std::fmaf(static_cast<float>(isum), w.d * a.x.scale[scale_index(m, b, blocks)], y);
        if (kHasMin<Block>) y = std::fmaf(w.m, a.x.scaled_sum[scale_index(m, b, blocks)], y);
      }
      finish(a, m, n, y);
    }
  }
}

// A 256-block as integers: w = d * scale[i / sub] * q - dmin * minimum[i / 32].
struct Large {
  float d, dmin;
  int sub;
  int scale[16], minimum[8];
  int q[256];
};

template <class Block>
void read_k_scales(const Block& b, Large& w) {
  for (int j = 0; j < 8; ++j) {
    const uint8_t* s = b.scales;
    w.scale[j] = j < 4 ? s[j] & 63 : (s[j + 4] & 15) | (s[j - 4] >> 6) << 4;
    w.minimum[j] = j < 4 ? s[j + 4] & 63 : (s[j + 4] >> 4) | (s[j] >> 6) << 4;
  }
}

Large read(const quant::BlockQ4_K& b) {
  Large w{half(b.d), half(b.dmin), 32, {}, {}, {}};
  read_k_scales(b, w);
  for (int i = 0; i < 256; ++i) w.q[i] = b.qs[i / 64 * 32 + i % 32] >> (i / 32 % 2 * 4) & 15;
  return w;
}
Large read(const quant::BlockQ5_K& b) {
  Large w{half(b.d), half(b.dmin), 32, {}, {}, {}};
  read_k_scales(b, w);
  for (int i = 0; i < 256; ++i) {
    const int low = b.qs[i / 64 * 32 + i % 32] >> (i / 32 % 2 * 4) & 15;
    w.q[i] = low | (b.qh[i % 32] >> (i / 32) & 1) << 4;
  }
  return w;
}
Large read(const quant::BlockQ6_K& b) {
  Large w{half(b.d), 0, 16, {}, {}, {}};
  for (int j = 0; j < 16; ++j) w.scale[j] = b.scales[j];
  for (int i = 0; i < 256; ++i) {
    const int part = i / 128, within = i % 128, group = within / 32, l = within % 32;
    const int low = b.ql[64 * part + 32 * (group % 2) + l] >> (group / 2 * 4) & 15;
    const int high = b.qh[32 * part + l] >> (2 * group) & 3;
    w.q[i] = (low | high << 4) - 32;
  }
  return w;
}

template <class Block>
void gemm_large(const GemmArgs& a) {
  const size_t blocks = a.K / 256;
  for (size_t n = a.first_row; n < a.last_row; ++n) {
    for (size_t m = 0; m < a.M; ++m) {
      float y = 0;
      for (size_t b = 0; b < blocks; ++b) {
        Block block;
        std::memcpy(&block, a.weights + n * a.row_bytes + b * sizeof block, sizeof block);
        const Large w = read(block);
        const size_t at = m * blocks + b;
        const int8_t* x = a.x.q + m * a.K + b * 256;
        int isum = 0, msum = 0;
        for (int i = 0; i < 256; ++i) isum += w.scale[i / w.sub] * w.q[i] * x[i];
        for (int j = 0; j < 8; ++j) msum += w.minimum[j] * a.x.sum32[at * 8 + j];
        const float dx = a.x.scale[scale_index(m, b, blocks)];
        y = std::fmaf(static_cast<float>(isum), w.d * dx, y);
        if (w.sub == 32) y = std::fmaf(-static_cast<float>(msum), w.dmin * dx, y);
      }
      finish(a, m, n, y);
    }
  }
}

// ---- products of bfloat16 tiles ----

// To bfloat16 as the conversion instruction does it: nearest even, tiny numbers to zero.
float round_to_bf16(float x) {
  if (std::fpclassify(x) == FP_SUBNORMAL) return std::copysign(0.0f, x);
  return to_float(to_bfloat16(x));
}
void round_to_bf16(const float* x, size_t count, uint16_t* out) {
  for (size_t i = 0; i < round_up(count, 32); ++i)
    out[bf16_index(0, i, count)] = i < count ? to_bfloat16(round_to_bf16(x[i])).bits : uint16_t{0};
}

template <class Block>
void dequantize_for_tiles(const std::byte* row, size_t K, float* out) {
  for (size_t k = 0; k < K; ++k) {
    if constexpr (std::is_same_v<Block, float> || std::is_same_v<Block, Half> ||
                  std::is_same_v<Block, BFloat16>) {
      out[k] = stored_float(reinterpret_cast<const Block*>(row) + k);
    } else {
      constexpr bool kSmall = std::is_same_v<decltype(read(Block{})), Small>;
      constexpr size_t kLength = kSmall ? 32 : 256;
      Block block;
      std::memcpy(&block, row + k / kLength * sizeof block, sizeof block);
      const auto w = read(block);
      const size_t i = k % kLength;
      if constexpr (kSmall) {
        out[k] = std::fmaf(static_cast<float>(w.q[i]), w.d, w.m);
      } else {
        const float scale = w.d * static_cast<float>(w.scale[i / w.sub]);
        const float minimum = w.sub == 32 ? w.dmin * static_cast<float>(w.minimum[i / 32]) : 0.0f;
        out[k] = std::fmaf(static_cast<float>(w.q[i]), scale, 0.0f - minimum);
      }
    }
  }
}

// Per 32 columns: one fma chain over the even ones and one over the odd ones, both from zero; their
// sum joins the result.
template <class Block>
void gemm_bf16(const GemmArgs& a) {
  const size_t padded = round_up(a.K, 32);
  std::vector<float> w(padded);
  for (size_t n = a.first_row; n < a.last_row; ++n) {
    dequantize_for_tiles<Block>(a.weights + n * a.row_bytes, a.K, w.data());
    for (float& weight : w) weight = round_to_bf16(weight);
    for (size_t m = 0; m < a.M; ++m) {
      float y = 0;
      for (size_t k = 0; k < padded; k += 32) {
        float sums[2] = {0, 0};
        for (size_t i = k; i < k + 32; ++i) {
          const float x = to_float(BFloat16{a.x.bf16[bf16_index(m, i, a.K)]});
          sums[i % 2] = std::fmaf(w[i], x, sums[i % 2]);
        }
        y = y + (sums[0] + sums[1]);
      }
      finish(a, m, n, y);
    }
  }
}

// ---- activations to int8 ----

struct Scale {
  float scale, inverse;
};
Scale block_scale(const float* x, size_t count) {
  uint32_t bits = 0;  // of the largest magnitude: NaN above infinity above all else
  for (size_t i = 0; i < count; ++i)
    bits = std::max(bits, std::bit_cast<uint32_t>(std::fabs(x[i])));
  const float absmax = std::bit_cast<float>(bits);
  if (absmax < kTinyBlock) return {0, 0};
  return {absmax / 127.0f, 127.0f / absmax};
}
// What is no number becomes -127: -128 would be too much for AVX2's signed product.
int8_t round_to_int8(float x) {
  return static_cast<int8_t>(x >= -127 ? std::nearbyint(x) : -127.0f);
}

void quantize32(const float* x, size_t count, int8_t* q, float* scale, float* scaled_sum,
                int16_t* sum32) {
  for (size_t b = 0; b < count / 32; ++b) {
    const Scale s = block_scale(x + 32 * b, 32);
    int total = 0;
    for (size_t i = 32 * b; i < 32 * b + 32; ++i) {
      q[i] = round_to_int8(x[i] * s.inverse);
      total += q[i];
    }
    scale[b * kLanes] = s.scale;
    scaled_sum[b * kLanes] = s.scale * static_cast<float>(total);
    sum32[b] = static_cast<int16_t>(total);
  }
}

void quantize256(const float* x, size_t count, int8_t* q, float* scale, int16_t* sum16,
                 int16_t* sum32) {
  for (size_t i = 0; i < count / 16; ++i) sum16[i] = 0;
  for (size_t i = 0; i < count / 32; ++i) sum32[i] = 0;
  for (size_t b = 0; b < count / 256; ++b) {
    const Scale s = block_scale(x + 256 * b, 256);
    scale[b * kLanes] = s.scale;
    for (size_t i = 256 * b; i < 256 * b + 256; ++i) {
      q[i] = round_to_int8(x[i] * s.inverse);
      sum16[i / 16] = static_cast<int16_t>(sum16[i / 16] + q[i]);
      sum32[i / 32] = static_cast<int16_t>(sum32[i / 32] + q[i]);
    }
  }
}

// ---- rows ----

void rmsnorm(float* y, const float* x, const float* weight, size_t count, float eps) {
  Lanes squares;
  for (size_t i = 0; i < count; ++i)
    squares.v[i % kLanes] = std::fmaf(x[i], x[i], squares.v[i % kLanes]);
  const float scale = 1.0f / std::sqrt(fold(squares) / static_cast<float>(count) + eps);
  for (size_t i = 0; i < count; ++i) y[i] = x[i] * scale * weight[i];
}

// 2^n p(r) with n = round(x log2 e), r = x - n ln 2; zero below -87 (and for NaN), limited
// above 88.
float exp_of(float x) {
  if (!(x >= -87.0f)) return 0;
  x = std::fmin(x, 88.0f);
  const float n = std::nearbyint(x * 1.44269504f);
  const float r = std::fmaf(-n, -2.12194440e-4f, std::fmaf(-n, 0.693359375f, x));
  constexpr float kTaylor[] = {1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1.0f, 1.0f};
  float p = kTaylor[0];
  for (int i = 1; i < 7; ++i) p = std::fmaf(p, r, kTaylor[i]);
  return p * std::ldexp(1.0f, static_cast<int>(n));
}

void silu_mul(float* gate, const float* up, size_t count) {
  for (size_t i = 0; i < count; ++i) gate[i] = gate[i] / (1.0f + exp_of(0.0f - gate[i])) * up[i];
}

void layernorm(float* y, const float* x, const float* weight, const float* bias, size_t count,
               float eps) {
  Lanes sums, squares;
  for (size_t i = 0; i < count; ++i) sums.v[i % kLanes] = sums.v[i % kLanes] + x[i];
  const float mean = fold(sums) / static_cast<float>(count);
  for (size_t i = 0; i < count; ++i) {
    const float d = x[i] - mean;
    squares.v[i % kLanes] = std::fmaf(d, d, squares.v[i % kLanes]);
  }
  const float scale = 1.0f / std::sqrt(fold(squares) / static_cast<float>(count) + eps);
  for (size_t i = 0; i < count; ++i) y[i] = std::fmaf((x[i] - mean) * scale, weight[i], bias[i]);
}

void gelu_erf(float* x, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const float u = std::fabs(x[i]) * 0.707106781f;
    const float t = 1.0f / std::fmaf(kErfcStep, u, 1.0f);
    float q = kErfc[0];
    for (size_t j = 1; j < std::size(kErfc); ++j) q = std::fmaf(q, t, kErfc[j]);
    const float h = 0.5f * (exp_of(0.0f - u * u) * (t * q));
    x[i] = x[i] * ((x[i] >= 0 ? 1.0f - 2.0f * h : 0.0f) + h);
  }
}

void dot_codes(const int8_t* codes, size_t rows, size_t K, const int16_t* query, int32_t* out) {
  for (size_t r = 0; r < rows; ++r) {
    out[r] = 0;
    for (size_t k = 0; k < K; ++k) out[r] += codes[r * K + k] * query[k];
  }
}

void rope(float* x, const float* c, const float* s, size_t n_heads, size_t head_dim, size_t rotary,
          bool halves) {
  for (size_t h = 0; h < n_heads; ++h) {
    for (size_t i = 0; i < rotary / 2; ++i) {
      float* first = x + h * head_dim + (halves ? i : 2 * i);
      float* second = first + (halves ? rotary / 2 : 1);
      const float x0 = *first, x1 = *second;
      *first = std::fmaf(x0, c[i], x1 * -s[i]);
      *second = std::fmaf(x1, c[i], x0 * s[i]);
    }
  }
}

// ---- attention ----

size_t padded(size_t head_dim) { return (head_dim + kLanes - 1) / kLanes * kLanes; }
size_t q8_blocks(size_t head_dim) { return (head_dim + kKvQ8Block - 1) / kKvQ8Block; }
size_t key_index(size_t position, size_t d, size_t head_dim) {
  return position / kKvTile * kKvTile * head_dim + d * kKvTile + position % kKvTile;
}
size_t key_scale_index(size_t position, size_t d, size_t head_dim) {
  return position / kKvTile * kKvTile * q8_blocks(head_dim) + d / kKvQ8Block * kKvTile +
         position % kKvTile;
}

void append_each(KvAppendArgs a, void (*append_one)(const KvAppendArgs&)) {
  for (; a.count > 0; --a.count, ++a.position, a.k += a.k_stride, a.v += a.v_stride) append_one(a);
}

template <class Stored>
struct Plain {
  static float key(const KvHead& kv, size_t position, size_t d, size_t head_dim) {
    return stored_float(static_cast<const Stored*>(kv.k) + key_index(position, d, head_dim));
  }
  static float value(const KvHead& kv, size_t position, size_t d, size_t head_dim) {
    return stored_float(static_cast<const Stored*>(kv.v) + position * padded(head_dim) + d);
  }
  static Stored convert(float x) {
    if constexpr (std::is_same_v<Stored, Half>)
      return to_half(x);
    else if constexpr (std::is_same_v<Stored, BFloat16>)
      return to_bfloat16(x);
    else
      return x;
  }
  static void append(const KvAppendArgs& a) { append_each(a, append_one); }
  static void append_one(const KvAppendArgs& a) {
    for (size_t d = 0; d < a.head_dim; ++d) {
      static_cast<Stored*>(a.kv.k)[key_index(a.position, d, a.head_dim)] = convert(a.k[d]);
      static_cast<Stored*>(a.kv.v)[a.position * padded(a.head_dim) + d] = convert(a.v[d]);
    }
  }
};

struct Q8 {
  static float key(const KvHead& kv, size_t position, size_t d, size_t head_dim) {
    return static_cast<float>(static_cast<const int8_t*>(kv.k)[key_index(position, d, head_dim)]) *
           kv.k_scale[key_scale_index(position, d, head_dim)];
  }
  static float value(const KvHead& kv, size_t position, size_t d, size_t head_dim) {
    return static_cast<float>(static_cast<const int8_t*>(kv.v)[position * padded(head_dim) + d]) *
           kv.v_scale[position * q8_blocks(head_dim) + d / kKvQ8Block];
  }
  static void append(const KvAppendArgs& a) { append_each(a, append_one); }
  static void append_one(const KvAppendArgs& a) {
    for (size_t d = 0; d < a.head_dim; ++d) {
      const size_t first = d / kKvQ8Block * kKvQ8Block,
                   n = std::min(kKvQ8Block, a.head_dim - first);
      const Scale ks = block_scale(a.k + first, n), vs = block_scale(a.v + first, n);
      static_cast<int8_t*>(a.kv.k)[key_index(a.position, d, a.head_dim)] =
          round_to_int8(a.k[d] * ks.inverse);
      static_cast<int8_t*>(a.kv.v)[a.position * padded(a.head_dim) + d] =
          round_to_int8(a.v[d] * vs.inverse);
      a.kv.k_scale[key_scale_index(a.position, d, a.head_dim)] = ks.scale;
      a.kv.v_scale[a.position * q8_blocks(a.head_dim) + d / kKvQ8Block] = vs.scale;
    }
  }
};

// What a row sums up of one segment, or of those merged so far.
struct AttendSums {
  float m = -INFINITY, l = 0;
  std::vector<float> o;
};

// 2^x by the native definition: a cubic on [0, 1) scaled by the power below.
float exp2_of(float x) {
  if (x == -INFINITY) return 0;
  const float whole = std::floor(x), r = x - whole;
  float p = kExp2Cubic;
  p = std::fmaf(p, r, kExp2Square);
  p = std::fmaf(p, r, kExp2Linear);
  p = std::fmaf(p, r, 1.0f);
  return std::scalbn(p, static_cast<int>(std::fmax(whole, -300.0f)));
}

// Dot products as tiles take them: per 32 products one fma chain over the even ones and one over
// the odd ones, both from zero; their sum joins the result.
struct TileSum {
  float sum = 0, chains[2] = {0, 0};
  int i = 0;
  void add(float a, float b) {
    chains[i % 2] = std::fmaf(a, b, chains[i % 2]);
    if (++i == 32) join();
  }
  float join() {
    sum = sum + (chains[0] + chains[1]);
    chains[0] = chains[1] = 0;
    i = 0;
    return sum;
  }
};

// And as VDPBF16PS takes them: pair by pair, the second product first, tiny results to zero.
struct DotSum {
  float sum = 0, first[2] = {0, 0};
  int i = 0;
  static float flushed(float x) {
    return std::fpclassify(x) == FP_SUBNORMAL ? std::copysign(0.0f, x) : x;
  }
  void add(float a, float b) {
    if (i++ % 2 == 0) {
      first[0] = a;
      first[1] = b;
      return;
    }
    sum = flushed(std::fmaf(a, b, sum));
    sum = flushed(std::fmaf(first[0], first[1], sum));
  }
  float join() {
    if (i % 2 == 1) add(0, 0);
    return sum;
  }
};

// Dot is void for the portable definition, or how a native one sums products.
template <class Dot>
constexpr bool kIsNative = !std::is_void_v<Dot>;

template <class Kv, class Dot>
AttendSums attend_segment(const AttendArgs& a, const float* q, size_t first, size_t last) {
  const size_t segment = first / kSegment * kSegment;
  std::vector<float> p(kSegment, -INFINITY);
  AttendSums sums;
  if constexpr (kIsNative<Dot>) sums.m = std::numeric_limits<float>::lowest();
  for (size_t s = first; s < last; ++s) {
    float score = 0;
    if constexpr (kIsNative<Dot>) {
      Dot dot;
      for (size_t d = 0; d < a.head_dim; ++d) {
        dot.add(round_to_bf16(q[d] * (a.scale * kLog2E)),
                round_to_bf16(Kv::key(a.kv, s, d, a.head_dim)));
      }
      score = dot.join();
    } else {
      for (size_t d = 0; d < a.head_dim; ++d)
        score = std::fmaf(q[d], Kv::key(a.kv, s, d, a.head_dim), score);
      score = score * a.scale;
    }
    p[s - segment] = score;
    sums.m = std::fmax(sums.m, score);
  }
  Lanes l;
  for (size_t i = 0; i < kSegment; ++i) {
    p[i] = kIsNative<Dot> ? exp2_of(p[i] - sums.m) : exp_of(p[i] - sums.m);
    l.v[i % kLanes] = l.v[i % kLanes] + p[i];
  }
  sums.l = fold(l);
  for (size_t d = 0; d < a.head_dim; ++d) {
    float mix = 0;
    if constexpr (kIsNative<Dot>) {
      Dot dot;
      for (size_t i = 0; i < kSegment; ++i) {
        const size_t s = segment + i;
        const bool seen = first <= s && s < last;
        dot.add(seen ? round_to_bf16(p[i]) : 0,
                seen ? round_to_bf16(Kv::value(a.kv, s, d, a.head_dim)) : 0);
      }
      mix = dot.join();
    } else {
      for (size_t s = first; s < last; ++s)
        mix = std::fmaf(p[s - segment], Kv::value(a.kv, s, d, a.head_dim), mix);
    }
    sums.o.push_back(mix);
  }
  return sums;
}

template <class Dot>
void merge(AttendSums& all, const AttendSums& segment) {
  const auto power = [](float x) { return kIsNative<Dot> ? exp2_of(x) : exp_of(x); };
  all.o.resize(segment.o.size(), 0.0f);
  const float most = std::fmax(all.m, segment.m), keep = power(all.m - most),
              take = power(segment.m - most);
  all.m = most;
  all.l = std::fmaf(all.l, keep, segment.l * take);
  for (size_t d = 0; d < all.o.size(); ++d)
    all.o[d] = std::fmaf(all.o[d], keep, segment.o[d] * take);
}

void finish(const AttendSums& all, float* out) {
  for (size_t d = 0; d < all.o.size(); ++d) out[d] = std::fmaf(all.o[d], 1.0f / all.l, 0.0f);
}

void store_part(const AttendSums& sums, float* part) {
  part[0] = sums.m;
  part[1] = sums.l;
  std::copy(sums.o.begin(), sums.o.end(), part + kLanes);
}

AttendSums load_part(const float* part, size_t head_dim) {
  return {part[0], part[1], {part + kLanes, part + kLanes + head_dim}};
}

template <class Kv, class Dot = void>
void attend_row(const AttendArgs& a, size_t token, size_t head) {
  const float* q = a.q + token * a.q_stride + head * a.head_dim;
  const size_t position = a.first_position + token;
  const size_t oldest = a.window == 0 || position < a.window ? 0 : position - a.window + 1;
  AttendSums all;
  for (size_t i = oldest / kSegment; i <= position / kSegment; ++i) {
    const size_t first = std::max(i * kSegment, oldest),
                 last = std::min((i + 1) * kSegment, position + 1);
    if (!a.parts) {
      merge<Dot>(all, attend_segment<Kv, Dot>(a, q, first, last));
    } else if (a.first_segment <= i && i < a.last_segment) {
      store_part(attend_segment<Kv, Dot>(a, q, first, last),
                 a.parts + (i - a.first_segment) * a.parts_stride +
                     (token * a.n_heads + head) * attend_part_floats(a.head_dim));
    }
  }
  if (!a.parts) finish(all, a.out + token * a.out_stride + head * a.head_dim);
}

template <class Kv, class Dot = void>
void attend(const AttendArgs& a) {
  for (size_t t = 0; t < a.n_tokens; ++t) {
    for (size_t h = 0; h < a.n_heads; ++h) attend_row<Kv, Dot>(a, t, h);
  }
}

template <class Dot>
void attend_merge(const AttendMergeArgs& a) {
  AttendSums all;
  if (!a.start) all = load_part(a.sum, a.head_dim);
  for (size_t s = 0; s < a.n_parts; ++s)
    merge<Dot>(all, load_part(a.parts + s * a.parts_stride, a.head_dim));
  store_part(all, a.sum);
  if (a.out) finish(all, a.out);
}

// ---- probes ----

size_t probe_int8(size_t rounds) {
  volatile int8_t w = 3, x = -2;
  int sum = 0;
  for (size_t r = 0; r < rounds; ++r) sum += w * x;
  volatile int keep = sum;
  (void)keep;
  return rounds * 2;
}

size_t probe_fp32(size_t rounds) {
  volatile float a = 0.999f;
  float sum = 1;
  for (size_t r = 0; r < rounds; ++r) sum = std::fmaf(sum, a, 0.001f);
  volatile float keep = sum;
  (void)keep;
  return rounds * 2;
}

void probe_read(const std::byte* data, size_t bytes, size_t) {
  uint64_t sum = 0, word;
  for (size_t i = 0; i + sizeof word <= bytes; i += sizeof word) {
    std::memcpy(&word, data + i, sizeof word);
    sum ^= word;
  }
  volatile uint64_t keep = sum;
  (void)keep;
}

}  // namespace

constexpr Table kRefTable = {
    .name = "ref",
    .needs = 0,
    .numerics = Numerics::kPortable,
    .act_form = {ActForm::kF32, ActForm::kF32, ActForm::kF32, ActForm::kQ32, ActForm::kQ32,
                 ActForm::kQ32, ActForm::kQ32, ActForm::kQ32, ActForm::kQ256, ActForm::kQ256,
                 ActForm::kQ256},
    .gemm = {gemm_float<float>, gemm_float<Half>, gemm_float<BFloat16>,
             gemm_small<quant::BlockQ4_0>, gemm_small<quant::BlockQ4_1>,
             gemm_small<quant::BlockQ5_0>, gemm_small<quant::BlockQ5_1>,
             gemm_small<quant::BlockQ8_0>, gemm_large<quant::BlockQ4_K>,
             gemm_large<quant::BlockQ5_K>, gemm_large<quant::BlockQ6_K>},
    .attend = {attend<Plain<float>>, attend<Plain<Half>>, attend<Plain<BFloat16>>, attend<Q8>},
    .attend_merge = attend_merge<void>,
    .kv_append = {Plain<float>::append, Plain<Half>::append, Plain<BFloat16>::append, Q8::append},
    .quantize32 = quantize32,
    .quantize256 = quantize256,
    .rmsnorm = rmsnorm,
    .layernorm = layernorm,
    .silu_mul = silu_mul,
    .gelu_erf = gelu_erf,
    .rope = rope,
    .dot_codes = dot_codes,
    .probes = {.fp32 = probe_fp32, .int8 = probe_int8, .read = probe_read},
};

namespace {
template <class Dot>
constexpr Table with_native_attention() {
  Table table = kRefTable;
  table.numerics = Numerics::kNative;
  const AttendFn attends[kNumKvFormats] = {attend<Plain<float>, Dot>, attend<Plain<Half>, Dot>,
                                           attend<Plain<BFloat16>, Dot>, attend<Q8, Dot>};
  for (int i = 0; i < kNumKvFormats; ++i) table.attend[i] = attends[i];
  table.attend_merge = attend_merge<Dot>;
  return table;
}

constexpr Table amx_table() {
  Table table = with_native_attention<TileSum>();
  const GemmFn gemms[quant::kNumFormats] = {
      gemm_bf16<float>,
      gemm_bf16<Half>,
      gemm_bf16<BFloat16>,
      gemm_bf16<quant::BlockQ4_0>,
      gemm_bf16<quant::BlockQ4_1>,
      gemm_bf16<quant::BlockQ5_0>,
      gemm_bf16<quant::BlockQ5_1>,
      gemm_bf16<quant::BlockQ8_0>,
      gemm_bf16<quant::BlockQ4_K>,
      gemm_bf16<quant::BlockQ5_K>,
      gemm_bf16<quant::BlockQ6_K>,
  };
  for (int i = 0; i < quant::kNumFormats; ++i) {
    table.gemm[i] = gemms[i];
    table.act_form[i] = ActForm::kBF16;
  }
  table.round_bf16 = round_to_bf16;
  return table;
}
}  // namespace

constinit const Table kRefAmxTable = amx_table();
constinit const Table kRefBf16Table = with_native_attention<DotSum>();

}  // namespace hob::kernels

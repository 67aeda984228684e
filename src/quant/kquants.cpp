// Q4_K, Q5_K and Q6_K: 256 weights whose sub-block scales are themselves small integers
// (quant/blocks.h).
//
// Dequantising forms (d * scale) * q, minus dmin * min where there is one, in float and in that
// order: bit for bit what ggml computes. Quantising is plain: each sub-block's range fixes its
// scale and minimum, those are rounded to their integers, and each weight goes to the nearest level
// that remains. It does not search for better scales or weigh errors by importance, so its files
// are correct but a little less accurate than ggml's.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "base/half.h"
#include "quant/blocks.h"
#include "quant/codecs.h"
#include "quant/each_block.h"

namespace hob::quant {
namespace {

constexpr size_t kLen = 256;
constexpr size_t kSubLen = 32, kSubs = kLen / kSubLen;     // Q4_K, Q5_K
constexpr size_t kSubLen6 = 16, kSubs6 = kLen / kSubLen6;  // Q6_K
constexpr int kMaxScale = 63;                              // six bits
using Levels = std::array<uint8_t, kLen>;

struct ScalesAndMins {
  std::array<uint8_t, kSubs> scale, min;
};

// Bytes 0-3 and 4-7 hold scales and minimums 0-3 in their low six bits. Sub-block 4 + i has its low
// four bits in byte 8 + i (scale low, minimum high) and its two high bits on top of bytes i and 4 +
// i.
ScalesAndMins unpack_scales(const uint8_t* packed) {
  ScalesAndMins s;
  for (size_t i = 0; i < 4; ++i) {
    s.scale[i] = packed[i] & 63;
    s.min[i] = packed[i + 4] & 63;
    s.scale[i + 4] = (packed[i + 8] & 15) | (packed[i] >> 6) << 4;
    s.min[i + 4] = (packed[i + 8] >> 4) | (packed[i + 4] >> 6) << 4;
  }
  return s;
}

void pack_scales(const ScalesAndMins& s, uint8_t* packed) {
  for (size_t i = 0; i < 4; ++i) {
    packed[i] = static_cast<uint8_t>(s.scale[i] | (s.scale[i + 4] >> 4) << 6);
    packed[i + 4] = static_cast<uint8_t>(s.min[i] | (s.min[i + 4] >> 4) << 6);
    packed[i + 8] = static_cast<uint8_t>((s.scale[i + 4] & 15) | (s.min[i + 4] & 15) << 4);
  }
}

// The nibble of weight w is byte 32 * (w / 64) + w % 32, low for even and high for odd sub-blocks.
Levels unpack_nibbles(const uint8_t* qs) {
  Levels levels;
  for (size_t w = 0; w < kLen; ++w) {
    const uint8_t byte = qs[w / 64 * 32 + w % 32];
    levels[w] = w / kSubLen % 2 ? byte >> 4 : byte & 15;
  }
  return levels;
}

void pack_nibbles(const Levels& levels, uint8_t* qs) {
  for (size_t w = 0; w < kLen; ++w) {
    qs[w / 64 * 32 + w % 32] |= (levels[w] & 15) << (w / kSubLen % 2 * 4);
  }
}

void expand(const Levels& levels, uint16_t d_bits, uint16_t dmin_bits, const uint8_t* packed,
            float* out) {
  const float d = to_float(Half{d_bits}), dmin = to_float(Half{dmin_bits});
  const ScalesAndMins s = unpack_scales(packed);
  for (size_t w = 0; w < kLen; ++w) {
    const size_t sub = w / kSubLen;
    const float scale = d * static_cast<float>(s.scale[sub]);
    const float min = dmin * static_cast<float>(s.min[sub]);
    out[w] = scale * static_cast<float>(levels[w]) - min;
  }
}

// Nearest integer of x / unit, held within low..high; 0 where there is no unit.
int nearest(float x, float unit, int low, int high) {
  if (unit == 0) return std::clamp(0, low, high);
  const float ratio = x / unit;
  if (std::isnan(ratio)) return std::clamp(0, low, high);
  return static_cast<int>(
      std::nearbyint(std::clamp(ratio, static_cast<float>(low), static_cast<float>(high))));
}

// Q4_K and Q5_K: fills d, dmin and scales, and returns levels 0..top.
Levels shrink(const float* values, int top, uint16_t& d_bits, uint16_t& dmin_bits,
              uint8_t* packed) {
  std::array<float, kSubs> scale, depth;  // depth: how far below zero the sub-block reaches
  for (size_t sub = 0; sub < kSubs; ++sub) {
    float low = 0, high = 0;  // zero stays representable, and minimums are never positive
    for (size_t l = 0; l < kSubLen; ++l) {
      low = std::min(low, values[sub * kSubLen + l]);
      high = std::max(high, values[sub * kSubLen + l]);
    }
    scale[sub] = (high - low) / static_cast<float>(top);
    depth[sub] = -low;
  }
  d_bits = to_half(std::ranges::max(scale) / kMaxScale).bits;
  dmin_bits = to_half(std::ranges::max(depth) / kMaxScale).bits;
  const float d = to_float(Half{d_bits}), dmin = to_float(Half{dmin_bits});
  ScalesAndMins s;
  Levels levels;
  for (size_t sub = 0; sub < kSubs; ++sub) {
    s.scale[sub] = static_cast<uint8_t>(nearest(scale[sub], d, 0, kMaxScale));
    s.min[sub] = static_cast<uint8_t>(nearest(depth[sub], dmin, 0, kMaxScale));
    const float unit = d * static_cast<float>(s.scale[sub]);
    const float min = dmin * static_cast<float>(s.min[sub]);
    for (size_t w = sub * kSubLen; w < (sub + 1) * kSubLen; ++w) {
      levels[w] = static_cast<uint8_t>(nearest(values[w] + min, unit, 0, top));
    }
  }
  pack_scales(s, packed);
  return levels;
}

// Where the six bits of Q6_K weight w are: see BlockQ6_K.
struct Place6 {
  size_t low, high;  // indexes into ql and qh
  int low_shift, high_shift;
};
Place6 place_of(size_t w) {
  const size_t half = w / 128, quarter = w % 128 / 32, l = w % 32;
  return {half * 64 + quarter % 2 * 32 + l, half * 32 + l, quarter < 2 ? 0 : 4,
          static_cast<int>(quarter * 2)};
}

void shrink_q6_k(const float* values, BlockQ6_K& b) {
  constexpr int kLowest = -32, kHighest = 31, kMaxScale6 = 127;
  std::array<float, kSubs6> scale;  // maps the weight of largest magnitude to kLowest
  float largest = 0;
  for (size_t sub = 0; sub < kSubs6; ++sub) {
    float extreme = 0;
    for (size_t l = 0; l < kSubLen6; ++l) {
      const float value = values[sub * kSubLen6 + l];
      if (std::fabs(value) > std::fabs(extreme)) extreme = value;
    }
    scale[sub] = extreme / static_cast<float>(kLowest);
    largest = std::max(largest, std::fabs(scale[sub]));
  }
  b.d = to_half(largest / kMaxScale6).bits;
  const float d = to_float(Half{b.d});
  for (size_t w = 0; w < kLen; ++w) {
    const size_t sub = w / kSubLen6;
    b.scales[sub] = static_cast<int8_t>(nearest(scale[sub], d, -kMaxScale6, kMaxScale6));
    const float unit = d * static_cast<float>(b.scales[sub]);
    const int level = nearest(values[w], unit, kLowest, kHighest) - kLowest;
    const Place6 place = place_of(w);
    b.ql[place.low] |= (level & 15) << place.low_shift;
    b.qh[place.high] |= (level >> 4) << place.high_shift;
  }
}

}  // namespace

void dequantize_q4_k(const std::byte* blocks, size_t count, float* out) {
  expand_blocks<BlockQ4_K, kLen>(blocks, count, out, [](const BlockQ4_K& b, float* w) {
    expand(unpack_nibbles(b.qs), b.d, b.dmin, b.scales, w);
  });
}

void quantize_q4_k(const float* values, size_t count, std::byte* blocks) {
  shrink_blocks<BlockQ4_K, kLen>(values, count, blocks, [](const float* w, BlockQ4_K& b) {
    pack_nibbles(shrink(w, 15, b.d, b.dmin, b.scales), b.qs);
  });
}

void dequantize_q5_k(const std::byte* blocks, size_t count, float* out) {
  expand_blocks<BlockQ5_K, kLen>(blocks, count, out, [](const BlockQ5_K& b, float* w) {
    Levels levels = unpack_nibbles(b.qs);
    for (size_t i = 0; i < kLen; ++i) {
      levels[i] |= ((b.qh[i % kSubLen] >> (i / kSubLen)) & 1) << 4;
    }
    expand(levels, b.d, b.dmin, b.scales, w);
  });
}

void quantize_q5_k(const float* values, size_t count, std::byte* blocks) {
  shrink_blocks<BlockQ5_K, kLen>(values, count, blocks, [](const float* w, BlockQ5_K& b) {
    const Levels levels = shrink(w, 31, b.d, b.dmin, b.scales);
    pack_nibbles(levels, b.qs);
    for (size_t i = 0; i < kLen; ++i) b.qh[i % kSubLen] |= (levels[i] >> 4) << (i / kSubLen);
  });
}

void dequantize_q6_k(const std::byte* blocks, size_t count, float* out) {
  expand_blocks<BlockQ6_K, kLen>(blocks, count, out, [](const BlockQ6_K& b, float* w) {
    const float d = to_float(Half{b.d});
    for (size_t i = 0; i < kLen; ++i) {
      const Place6 place = place_of(i);
      const int low = (b.ql[place.low] >> place.low_shift) & 15;
      const int high = (b.qh[place.high] >> place.high_shift) & 3;
      const float scale = d * static_cast<float>(b.scales[i / kSubLen6]);
      w[i] = scale * static_cast<float>((low | high << 4) - 32);
    }
  });
}

void quantize_q6_k(const float* values, size_t count, std::byte* blocks) {
  shrink_blocks<BlockQ6_K, kLen>(values, count, blocks, shrink_q6_k);
}

}  // namespace hob::quant

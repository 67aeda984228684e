// Q4_0, Q4_1, Q5_0, Q5_1 and Q8_0: 32 weights with one scale, and for the _1 formats one minimum
// (quant/blocks.h).
//
// Quantising gives the bytes of ggml's reference (quantize_row_*_ref) for finite input: the scale
// is kept in float for the rounding of the weights and stored as a half. A format without a minimum
// maps the weight of largest magnitude to the most negative level, which is why its scale may be
// negative. Where ggml's conversion to an integer would be undefined (a scale so small that its
// reciprocal overflows, or NaN), hob's saturates.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>

#include "base/half.h"
#include "quant/blocks.h"
#include "quant/codecs.h"
#include "quant/each_block.h"

namespace hob::quant {
namespace {

constexpr size_t kLen = 32;
constexpr size_t kHalfLen = kLen / 2;
using Levels = std::array<uint8_t, kLen>;  // unsigned levels, before offset and scale

float half_bits_to_float(uint16_t bits) { return to_float(Half{bits}); }
uint16_t float_to_half_bits(float value) { return to_half(value).bits; }

Levels unpack_nibbles(const uint8_t* qs) {
  Levels levels;
  for (size_t j = 0; j < kHalfLen; ++j) {
    levels[j] = qs[j] & 0x0f;
    levels[j + kHalfLen] = qs[j] >> 4;
  }
  return levels;
}

Levels unpack_five_bits(const uint8_t* qs, const uint8_t* qh) {
  Levels levels = unpack_nibbles(qs);
  for (size_t j = 0; j < kLen; ++j) levels[j] |= ((qh[j / 8] >> (j % 8)) & 1) << 4;
  return levels;
}

void pack_nibbles(const Levels& levels, uint8_t* qs) {
  for (size_t j = 0; j < kHalfLen; ++j) {
    qs[j] = static_cast<uint8_t>((levels[j] & 0x0f) | (levels[j + kHalfLen] & 0x0f) << 4);
  }
}

void pack_five_bits(const Levels& levels, uint8_t* qs, uint8_t* qh) {
  pack_nibbles(levels, qs);
  for (size_t j = 0; j < kLen; ++j) qh[j / 8] |= (levels[j] >> 4) << (j % 8);
}

// w = d * (q - offset)
void scale_levels(const Levels& levels, float d, int offset, float* out) {
  for (size_t j = 0; j < kLen; ++j) out[j] = d * static_cast<float>(levels[j] - offset);
}

// w = d * q + m
void scale_levels_above(const Levels& levels, float d, float m, float* out) {
  for (size_t j = 0; j < kLen; ++j) out[j] = d * static_cast<float>(levels[j]) + m;
}

float reciprocal_or_zero(float d) { return d != 0 ? 1.0f / d : 0.0f; }

// Towards zero, held within 0..max; NaN becomes 0.
uint8_t to_level(float x, int max) {
  if (!(x > 0)) return 0;
  return static_cast<uint8_t>(std::min(x, static_cast<float>(max)));
}

struct Symmetric {
  float d;
  Levels levels;
};

// 2 * offset levels around zero.
Symmetric quantize_symmetric(const float* values, int offset) {
  float magnitude = 0, extreme = 0;
  for (size_t j = 0; j < kLen; ++j) {
    if (magnitude < std::fabs(values[j])) {
      magnitude = std::fabs(values[j]);
      extreme = values[j];
    }
  }
  Symmetric result;
  result.d = extreme / static_cast<float>(-offset);
  const float inverse = reciprocal_or_zero(result.d);
  for (size_t j = 0; j < kLen; ++j) {
    const float centred = values[j] * inverse + (static_cast<float>(offset) + 0.5f);
    result.levels[j] = to_level(centred, 2 * offset - 1);
  }
  return result;
}

struct Ranged {
  float d, m;
  Levels levels;
};

// Levels 0..top from the smallest value to the largest.
Ranged quantize_ranged(const float* values, int top) {
  float low = std::numeric_limits<float>::max(), high = -low;
  for (size_t j = 0; j < kLen; ++j) {
    if (values[j] < low) low = values[j];
    if (values[j] > high) high = values[j];
  }
  Ranged result;
  result.d = (high - low) / static_cast<float>(top);
  result.m = low;
  const float inverse = reciprocal_or_zero(result.d);
  for (size_t j = 0; j < kLen; ++j) {
    result.levels[j] = to_level((values[j] - low) * inverse + 0.5f, top);
  }
  return result;
}

// Nearest integer, halves away from zero, held within +-127; NaN becomes 0.
int8_t to_signed_level(float x) {
  constexpr float kMax = 127;
  if (std::isnan(x)) return 0;
  return static_cast<int8_t>(std::round(std::clamp(x, -kMax, kMax)));
}

}  // namespace

void dequantize_q4_0(const std::byte* blocks, size_t count, float* out) {
  expand_blocks<BlockQ4_0, kLen>(blocks, count, out, [](const BlockQ4_0& b, float* w) {
    scale_levels(unpack_nibbles(b.qs), half_bits_to_float(b.d), 8, w);
  });
}

void quantize_q4_0(const float* values, size_t count, std::byte* blocks) {
  shrink_blocks<BlockQ4_0, kLen>(values, count, blocks, [](const float* w, BlockQ4_0& b) {
    const Symmetric result = quantize_symmetric(w, 8);
    b.d = float_to_half_bits(result.d);
    pack_nibbles(result.levels, b.qs);
  });
}

void dequantize_q4_1(const std::byte* blocks, size_t count, float* out) {
  expand_blocks<BlockQ4_1, kLen>(blocks, count, out, [](const BlockQ4_1& b, float* w) {
    scale_levels_above(unpack_nibbles(b.qs), half_bits_to_float(b.d), half_bits_to_float(b.m), w);
  });
}

void quantize_q4_1(const float* values, size_t count, std::byte* blocks) {
  shrink_blocks<BlockQ4_1, kLen>(values, count, blocks, [](const float* w, BlockQ4_1& b) {
    const Ranged result = quantize_ranged(w, 15);
    b.d = float_to_half_bits(result.d);
    b.m = float_to_half_bits(result.m);
    pack_nibbles(result.levels, b.qs);
  });
}

void dequantize_q5_0(const std::byte* blocks, size_t count, float* out) {
  expand_blocks<BlockQ5_0, kLen>(blocks, count, out, [](const BlockQ5_0& b, float* w) {
    scale_levels(unpack_five_bits(b.qs, b.qh), half_bits_to_float(b.d), 16, w);
  });
}

void quantize_q5_0(const float* values, size_t count, std::byte* blocks) {
  shrink_blocks<BlockQ5_0, kLen>(values, count, blocks, [](const float* w, BlockQ5_0& b) {
    const Symmetric result = quantize_symmetric(w, 16);
    b.d = float_to_half_bits(result.d);
    pack_five_bits(result.levels, b.qs, b.qh);
  });
}

void dequantize_q5_1(const std::byte* blocks, size_t count, float* out) {
  expand_blocks<BlockQ5_1, kLen>(blocks, count, out, [](const BlockQ5_1& b, float* w) {
    scale_levels_above(unpack_five_bits(b.qs, b.qh), half_bits_to_float(b.d),
                       half_bits_to_float(b.m), w);
  });
}

void quantize_q5_1(const float* values, size_t count, std::byte* blocks) {
  shrink_blocks<BlockQ5_1, kLen>(values, count, blocks, [](const float* w, BlockQ5_1& b) {
    const Ranged result = quantize_ranged(w, 31);
    b.d = float_to_half_bits(result.d);
    b.m = float_to_half_bits(result.m);
    pack_five_bits(result.levels, b.qs, b.qh);
  });
}

void dequantize_q8_0(const std::byte* blocks, size_t count, float* out) {
  expand_blocks<BlockQ8_0, kLen>(blocks, count, out, [](const BlockQ8_0& b, float* w) {
    const float d = half_bits_to_float(b.d);
    for (size_t j = 0; j < kLen; ++j) w[j] = d * static_cast<float>(b.qs[j]);
  });
}

void quantize_q8_0(const float* values, size_t count, std::byte* blocks) {
  shrink_blocks<BlockQ8_0, kLen>(values, count, blocks, [](const float* w, BlockQ8_0& b) {
    float magnitude = 0;
    for (size_t j = 0; j < kLen; ++j) magnitude = std::max(magnitude, std::fabs(w[j]));
    const float d = magnitude / 127;
    const float inverse = reciprocal_or_zero(d);
    b.d = float_to_half_bits(d);
    for (size_t j = 0; j < kLen; ++j) b.qs[j] = to_signed_level(w[j] * inverse);
  });
}

}  // namespace hob::quant

// The formats without blocks: F32, F16 and BF16. Reading is exact; writing rounds to nearest, ties
// to even.
#include <cstdint>

#include "base/half.h"
#include "quant/codecs.h"
#include "quant/each_block.h"

namespace hob::quant {

void dequantize_f32(const std::byte* blocks, size_t count, float* out) {
  if (count) std::memcpy(out, blocks, count * sizeof(float));
}

void quantize_f32(const float* values, size_t count, std::byte* blocks) {
  if (count) std::memcpy(blocks, values, count * sizeof(float));
}

void dequantize_f16(const std::byte* blocks, size_t count, float* out) {
  expand_blocks<Half, 1>(blocks, count, out, [](Half half, float* w) { *w = to_float(half); });
}

void quantize_f16(const float* values, size_t count, std::byte* blocks) {
  shrink_blocks<Half, 1>(values, count, blocks,
                         [](const float* w, Half& half) { half = to_half(*w); });
}

void dequantize_bf16(const std::byte* blocks, size_t count, float* out) {
  expand_blocks<BFloat16, 1>(blocks, count, out,
                             [](BFloat16 bits, float* w) { *w = to_float(bits); });
}

void quantize_bf16(const float* values, size_t count, std::byte* blocks) {
  shrink_blocks<BFloat16, 1>(values, count, blocks,
                             [](const float* w, BFloat16& bits) { bits = to_bfloat16(*w); });
}

}  // namespace hob::quant

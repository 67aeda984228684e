// The functions behind the traits table, one pair per format; use them through traits()
// (quant/format.h).
#pragma once

#include <cstddef>

namespace hob::quant {

#define HOB_CODEC(name)                                                      \
  void dequantize_##name(const std::byte* blocks, size_t count, float* out); \
  void quantize_##name(const float* values, size_t count, std::byte* blocks)

HOB_CODEC(f32);  // floats.cpp
HOB_CODEC(f16);
HOB_CODEC(bf16);
HOB_CODEC(q4_0);  // legacy.cpp
HOB_CODEC(q4_1);
HOB_CODEC(q5_0);
HOB_CODEC(q5_1);
HOB_CODEC(q8_0);
HOB_CODEC(q4_k);  // kquants.cpp
HOB_CODEC(q5_k);
HOB_CODEC(q6_k);

#undef HOB_CODEC

}  // namespace hob::quant

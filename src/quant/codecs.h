// The functions behind the traits table, one pair per format; use them through traits()
// (quant/format.h), which states their contract.
#pragma once

#include <cstddef>

namespace hob::quant {

using Dequantize = void(const std::byte* blocks, size_t count, float* out);
using Quantize = void(const float* values, size_t count, std::byte* blocks);

// floats.cpp
Dequantize dequantize_f32, dequantize_f16, dequantize_bf16;
Quantize quantize_f32, quantize_f16, quantize_bf16;

// legacy.cpp
Dequantize dequantize_q4_0, dequantize_q4_1, dequantize_q5_0, dequantize_q5_1, dequantize_q8_0;
Quantize quantize_q4_0, quantize_q4_1, quantize_q5_0, quantize_q5_1, quantize_q8_0;

// kquants.cpp
Dequantize dequantize_q4_k, dequantize_q5_k, dequantize_q6_k;
Quantize quantize_q4_k, quantize_q5_k, quantize_q6_k;

}  // namespace hob::quant

// The traits table: one row per weight format, in the order of enum Format. A new format is one row
// here and one codec.
#include "quant/format.h"

#include <array>

#include "base/check.h"
#include "quant/blocks.h"
#include "quant/codecs.h"

namespace hob::quant {
namespace {

constexpr std::array<FormatTraits, kNumFormats> kFormats = {{
    {Format::kF32, "F32", 0, 1, 4, dequantize_f32, quantize_f32},
    {Format::kF16, "F16", 1, 1, 2, dequantize_f16, quantize_f16},
    {Format::kBF16, "BF16", 30, 1, 2, dequantize_bf16, quantize_bf16},
    {Format::kQ4_0, "Q4_0", 2, 32, sizeof(BlockQ4_0), dequantize_q4_0, quantize_q4_0},
    {Format::kQ4_1, "Q4_1", 3, 32, sizeof(BlockQ4_1), dequantize_q4_1, quantize_q4_1},
    {Format::kQ5_0, "Q5_0", 6, 32, sizeof(BlockQ5_0), dequantize_q5_0, quantize_q5_0},
    {Format::kQ5_1, "Q5_1", 7, 32, sizeof(BlockQ5_1), dequantize_q5_1, quantize_q5_1},
    {Format::kQ8_0, "Q8_0", 8, 32, sizeof(BlockQ8_0), dequantize_q8_0, quantize_q8_0},
    {Format::kQ4_K, "Q4_K", 12, 256, sizeof(BlockQ4_K), dequantize_q4_k, quantize_q4_k},
    {Format::kQ5_K, "Q5_K", 13, 256, sizeof(BlockQ5_K), dequantize_q5_k, quantize_q5_k},
    {Format::kQ6_K, "Q6_K", 14, 256, sizeof(BlockQ6_K), dequantize_q6_k, quantize_q6_k},
}};

constexpr bool in_enum_order() {
  for (size_t i = 0; i < kFormats.size(); ++i) {
    if (static_cast<size_t>(kFormats[i].format) != i) return false;
  }
  return true;
}
static_assert(in_enum_order());

}  // namespace

const FormatTraits& traits(Format format) {
  const auto index = static_cast<size_t>(format);
  HOB_CHECK(index < kFormats.size(), "format {}", index);
  return kFormats[index];
}

std::span<const FormatTraits> all_formats() { return kFormats; }

std::optional<Format> format_from_gguf(uint32_t gguf_type) {
  for (const FormatTraits& t : kFormats) {
    if (t.gguf_type == gguf_type) return t.format;
  }
  return std::nullopt;
}

std::optional<Format> format_from_name(std::string_view name) {
  for (const FormatTraits& t : kFormats) {
    if (t.name == name) return t.format;
  }
  return std::nullopt;
}

}  // namespace hob::quant

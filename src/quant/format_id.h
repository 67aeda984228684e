// The weight formats' numbers alone: plain enough for instruction-set files. quant/format.h has
// what there is to know about each.
#pragma once

#include <cstdint>

namespace hob::quant {

enum class Format : uint8_t {
  kF32,
  kF16,
  kBF16,
  kQ4_0,
  kQ4_1,
  kQ5_0,
  kQ5_1,
  kQ8_0,
  kQ4_K,
  kQ5_K,
  kQ6_K,
};
inline constexpr int kNumFormats = 11;

}  // namespace hob::quant

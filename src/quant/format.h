// Weight formats: how a row of K numbers is stored. One traits table; every place that needs a fact
// about a format reads it here.
//
// A row is a whole number of blocks; a block holds `block_len` weights in `block_bytes` bytes. Byte
// order is little endian. Layouts: the GGUF specification (ggml docs/gguf.md) and quant/blocks.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "quant/format_id.h"

namespace hob::quant {

struct FormatTraits {
  Format format;
  std::string_view name;  // as GGUF tools print it: "Q4_K"
  uint32_t gguf_type;     // ggml_type in a GGUF tensor record
  uint32_t block_len;     // weights in a block
  uint32_t block_bytes;
  // Exact float values of `count` weights (a multiple of block_len) from `blocks`.
  void (*dequantize)(const std::byte* blocks, size_t count, float* out);
  // Nearest representable blocks for `count` floats; null where hob only reads the format.
  void (*quantize)(const float* values, size_t count, std::byte* blocks);
};

const FormatTraits& traits(Format format);
std::span<const FormatTraits> all_formats();
std::optional<Format> format_from_gguf(uint32_t gguf_type);
std::optional<Format> format_from_name(std::string_view name);

// Bytes of a row of `count` weights; `count` must be a multiple of the block length.
inline size_t row_bytes(Format format, size_t count) {
  const FormatTraits& t = traits(format);
  return count / t.block_len * t.block_bytes;
}

}  // namespace hob::quant

// A fingerprint of token ids, for records.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "store/json_text.h"
#include "text/tokenizer.h"

namespace hob::chat {

// BLAKE2b-16 of the ids, four bytes each, little-endian.
inline std::string token_hash(std::span<const text::Token> tokens) {
  std::string bytes;
  bytes.reserve(tokens.size() * sizeof(text::Token));
  for (const text::Token token : tokens) {
    const auto bits = static_cast<uint32_t>(token);
    for (int shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(bits >> shift & 0xff);
  }
  return store::blake2b_16(bytes);
}

}  // namespace hob::chat

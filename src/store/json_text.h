// JSON as Python's json.dumps writes it, byte for byte: what llm's columns hold and its hashes
// cover. Text that is not UTF-8 loses the bytes that are not (U+FFFD takes their place).
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace hob::store {

// The defaults: a space after ',' and ':', keys in their order, all but ASCII escaped.
std::string json_text(const nlohmann::ordered_json& value);
// separators=(",", ":"), otherwise the same.
std::string compact_json(const nlohmann::ordered_json& value);
// The form that hashes are taken of: keys sorted by code point, no spaces, UTF-8 as it is.
std::string canonical_json(const nlohmann::ordered_json& value);
// indent=2.
std::string indented_json(const nlohmann::ordered_json& value);

// BLAKE2b with a digest of 16 bytes, SHA-256; in lower-case hexadecimal.
std::string blake2b_16(std::string_view bytes);
std::string sha256(std::string_view bytes);

}  // namespace hob::store

// UTF-8 as Unicode chapter 3.9 (table 3-7) defines it: no surrogates, no overlong forms, nothing
// past U+10FFFF.
//
// The text layer never assumes that a string is valid; it asks these functions byte by byte and
// carries invalid bytes along one at a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace hob::text {

// What the first bytes of a text are.
enum class Utf8Head { kWhole, kCut, kInvalid };

struct Utf8Sequence {
  Utf8Head head;
  int length;           // kWhole: of the sequence. kCut: the bytes there are. kInvalid: 1
  char32_t code_point;  // kWhole only
};

// `text` must not be empty. kCut: the text ends inside a sequence that more bytes could complete.
Utf8Sequence next_utf8(std::string_view text);

bool is_utf8(std::string_view text);

// Characters that make text read differently from what it is (Boucher & Anderson, "Trojan Source",
// 2021): marks, embeddings, overrides and isolates of direction.
bool is_bidi_control(char32_t code_point);

void append_utf8(std::string& out, char32_t code_point);

// Number of leading ASCII bytes, found eight at a time.
size_t ascii_prefix(std::string_view text);

}  // namespace hob::text

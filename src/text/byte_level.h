// Byte-level spelling: how GPT-2 and its descendants write any bytes as printable characters in a
// vocabulary.
//
// Radford et al. 2019 (encoder.py, bytes_to_unicode): the printable bytes of Latin-1 stand for
// themselves, the others (control characters, space, 0x7f-0xa0, 0xad) for U+0100 upward in order.
// So " the" is spelled U+0120 "the".
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace hob::text {

// The code point that spells each byte.
constexpr std::array<char32_t, 256> byte_level_alphabet() {
  std::array<char32_t, 256> alphabet{};
  char32_t next = 0x100;
  for (int byte = 0; byte < 256; ++byte) {
    const bool printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte != 0xad);
    alphabet[byte] = printable ? byte : next++;
  }
  return alphabet;
}

// Appends the bytes that `spelling` stands for. False, with `out` as it was, if it has a character
// outside the alphabet.
bool append_spelled_bytes(std::string& out, std::string_view spelling);

std::string spell_bytes(std::string_view bytes);

}  // namespace hob::text

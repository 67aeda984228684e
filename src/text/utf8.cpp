// Decoding by the table of well-formed sequences: the lead byte fixes the length and the range of
// the second byte.
#include "text/utf8.h"

#include <cstring>

namespace hob::text {
namespace {

struct Lead {
  int length;  // 0: not a lead byte
  uint8_t second_min, second_max;
};

constexpr Lead lead_of(uint8_t byte) {
  if (byte < 0x80) return {1, 0, 0};
  if (byte < 0xc2) return {0, 0, 0};
  if (byte < 0xe0) return {2, 0x80, 0xbf};
  if (byte == 0xe0) return {3, 0xa0, 0xbf};
  if (byte == 0xed) return {3, 0x80, 0x9f};
  if (byte < 0xf0) return {3, 0x80, 0xbf};
  if (byte == 0xf0) return {4, 0x90, 0xbf};
  if (byte < 0xf4) return {4, 0x80, 0xbf};
  if (byte == 0xf4) return {4, 0x80, 0x8f};
  return {0, 0, 0};
}

}  // namespace

Utf8Sequence next_utf8(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const Lead lead = lead_of(byte(0));
  if (lead.length == 0) return {Utf8Head::kInvalid, 1, 0};
  if (lead.length == 1) return {Utf8Head::kWhole, 1, byte(0)};
  char32_t code_point = byte(0) & (0x7f >> lead.length);
  for (int i = 1; i < lead.length; ++i) {
    if (static_cast<size_t>(i) == text.size()) return {Utf8Head::kCut, i, 0};
    const uint8_t low = i == 1 ? lead.second_min : 0x80, high = i == 1 ? lead.second_max : 0xbf;
    if (byte(i) < low || byte(i) > high) return {Utf8Head::kInvalid, 1, 0};
    code_point = code_point << 6 | (byte(i) & 0x3f);
  }
  return {Utf8Head::kWhole, lead.length, code_point};
}

bool is_utf8(std::string_view text) {
  for (text.remove_prefix(ascii_prefix(text)); !text.empty();
       text.remove_prefix(ascii_prefix(text))) {
    const Utf8Sequence next = next_utf8(text);
    if (next.head != Utf8Head::kWhole) return false;
    text.remove_prefix(static_cast<size_t>(next.length));
  }
  return true;
}

bool is_bidi_control(char32_t c) {
  return c == 0x061C || c == 0x200E || c == 0x200F || (c >= 0x202A && c <= 0x202E) ||
         (c >= 0x2066 && c <= 0x2069);
}

void append_utf8(std::string& out, char32_t code_point) {
  const auto push = [&](char32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code_point < 0x80) return push(code_point);
  if (code_point < 0x800) {
    push(0xc0 | code_point >> 6);
  } else {
    if (code_point < 0x10000) {
      push(0xe0 | code_point >> 12);
    } else {
      push(0xf0 | code_point >> 18);
      push(0x80 | (code_point >> 12 & 0x3f));
    }
    push(0x80 | (code_point >> 6 & 0x3f));
  }
  push(0x80 | (code_point & 0x3f));
}

size_t ascii_prefix(std::string_view text) {
  size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    uint64_t word;
    std::memcpy(&word, text.data() + i, 8);
    if (word & 0x8080808080808080u) break;
  }
  while (i < text.size() && static_cast<uint8_t>(text[i]) < 0x80) ++i;
  return i;
}

}  // namespace hob::text

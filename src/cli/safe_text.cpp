#include "cli/safe_text.h"

#include <fmt/format.h>
#include <utf8proc.h>

#include "text/utf8.h"

namespace hob::cli {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

std::string shown(std::string_view text, bool keep_lines) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const text::Utf8Sequence next = text::next_utf8(text);
    const auto length = static_cast<size_t>(next.length);
    const char32_t c = next.code_point;
    if (next.head != text::Utf8Head::kWhole) {
      out += kReplacement;
    } else if (c == '\n' || c == '\t') {
      out += keep_lines ? static_cast<char>(c) : ' ';
    } else if (c == '\r' && !keep_lines) {
      out += ' ';
    } else if (c < 0x20 || c == 0x7F) {
      out += '^';
      out += static_cast<char>(c ^ 0x40);
    } else if ((c >= 0x80 && c < 0xA0) || text::is_bidi_control(c)) {
      out += fmt::format("<U+{:04X}>", static_cast<uint32_t>(c));
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length);
  }
  return out;
}

}  // namespace

std::string safe_text(std::string_view text) { return shown(text, true); }
std::string safe_line(std::string_view text) { return shown(text, false); }

std::string_view utf8_prefix(std::string_view text, size_t bytes) {
  if (text.size() <= bytes) return text;
  while (bytes > 0 && (static_cast<uint8_t>(text[bytes]) & 0xC0) == 0x80) --bytes;
  return text.substr(0, bytes);
}

int display_width(std::string_view text) {
  int width = 0;
  while (!text.empty()) {
    const text::Utf8Sequence next = text::next_utf8(text);
    width += next.head == text::Utf8Head::kWhole
                 ? utf8proc_charwidth(static_cast<utf8proc_int32_t>(next.code_point))
                 : 1;
    text.remove_prefix(static_cast<size_t>(next.length));
  }
  return width;
}

}  // namespace hob::cli

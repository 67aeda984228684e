#include "text/python_text.h"

#include <fmt/format.h>

#include "text/utf8.h"
#include "text/yaml_scalar.h"

namespace hob::text {
namespace {

using nlohmann::ordered_json;

// str.isspace() of one code point.
bool is_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 ||
         c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
         c == 0x202F || c == 0x205F || c == 0x3000;
}

bool ends_line(char32_t c) {
  return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 ||
         c == 0x2029;
}

struct Next {
  char32_t c;
  size_t length;
};

Next next_of(std::string_view text) {
  const Utf8Sequence next = next_utf8(text);
  if (next.head != Utf8Head::kWhole) return {0xFFFD, 1};
  return {next.code_point, static_cast<size_t>(next.length)};
}

std::string on_one_line(std::string_view text) {
  std::string out;
  bool in_space = false;
  while (!text.empty()) {
    const Next next = next_of(text);
    const bool space = is_space(next.c);
    if (!space) out += text.substr(0, next.length);
    if (space && !in_space) out += ' ';
    in_space = space;
    text.remove_prefix(next.length);
  }
  return out;
}

// Where each code point begins, and the end.
std::vector<size_t> boundaries(std::string_view text) {
  std::vector<size_t> at;
  for (size_t i = 0; i < text.size(); i += next_of(text.substr(i)).length) at.push_back(i);
  at.push_back(text.size());
  return at;
}

bool is_blank(std::string_view text) { return without_trailing_space(text).empty(); }

std::string string_repr(std::string_view text) {
  const bool single = text.find('\'') == text.npos || text.find('"') != text.npos;
  const char quote = single ? '\'' : '"';
  std::string out(1, quote);
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == quote || c == '\\') {
      out += {'\\', c};
    } else if (c == '\n' || c == '\r' || c == '\t') {
      out += {'\\', c == '\n' ? 'n' : c == '\r' ? 'r' : 't'};
    } else if (byte < 0x20 || byte == 0x7F) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out + quote;
}

std::string repr(const ordered_json& value) {
  switch (value.type()) {
    case ordered_json::value_t::null:
      return "None";
    case ordered_json::value_t::boolean:
      return value.get<bool>() ? "True" : "False";
    case ordered_json::value_t::string:
      return string_repr(value.get_ref<const std::string&>());
    case ordered_json::value_t::number_float:
      return python_float(value.get<double>());
    case ordered_json::value_t::array: {
      std::string out = "[";
      for (const auto& item : value) out += (out.size() > 1 ? ", " : "") + repr(item);
      return out + "]";
    }
    case ordered_json::value_t::object: {
      std::string out = "{";
      for (const auto& [key, item] : value.items())
        out += fmt::format("{}{}: {}", out.size() > 1 ? ", " : "", string_repr(key), repr(item));
      return out + "}";
    }
    default:
      return value.dump();
  }
}

}  // namespace

std::string shortened(std::string_view text, size_t length, const Shortening& how) {
  const std::string flat = how.one_line ? on_one_line(text) : std::string(text);
  if (flat.size() <= length) return flat;
  const auto at = boundaries(flat);
  const size_t points = at.size() - 1;
  if (points <= length) return flat;
  constexpr size_t kDots = 3, kBetween = 5, kShortestWithEnd = 9;  // "a... z"
  if (how.keep_end && length >= kShortestWithEnd) {
    const size_t each = (length - kBetween) / 2;
    return flat.substr(0, at[each]) + "... " + flat.substr(at[points - each]);
  }
  return flat.substr(0, at[length - std::min(length, kDots)]) + "...";
}

std::vector<std::string_view> unicode_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  size_t begin = 0;
  for (size_t i = 0; i < text.size();) {
    const Next next = next_of(text.substr(i));
    i += next.length;
    if (!ends_line(next.c)) continue;
    if (next.c == '\r' && i < text.size() && text[i] == '\n') ++i;
    lines.push_back(text.substr(begin, i - begin));
    begin = i;
  }
  if (begin < text.size()) lines.push_back(text.substr(begin));
  return lines;
}

std::string with_plain_newlines(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n') continue;
    out += text[i] == '\r' ? '\n' : text[i];
  }
  return out;
}

std::string indented(std::string_view text, std::string_view prefix) {
  std::string out;
  for (const std::string_view line : unicode_lines(text)) {
    if (!is_blank(line)) out += prefix;
    out += line;
  }
  return out;
}

std::string_view without_trailing_space(std::string_view text) {
  size_t end = 0;
  for (size_t i = 0; i < text.size();) {
    const Next next = next_of(text.substr(i));
    i += next.length;
    if (!is_space(next.c)) end = i;
  }
  return text.substr(0, end);
}

std::string_view stripped(std::string_view text) {
  while (!text.empty()) {
    const Next next = next_of(text);
    if (!is_space(next.c)) break;
    text.remove_prefix(next.length);
  }
  return without_trailing_space(text);
}

std::string_view without_line_end(std::string_view line) {
  size_t end = 0;
  for (size_t i = 0; i < line.size();) {
    const Next next = next_of(line.substr(i));
    i += next.length;
    if (!ends_line(next.c)) end = i;
  }
  return line.substr(0, end);
}

std::string python_str(const ordered_json& value) {
  return value.is_string() ? value.get<std::string>() : repr(value);
}

}  // namespace hob::text

#include "cli/listing.h"

#include <algorithm>
#include <charconv>

#include "os/terminal.h"
#include "text/utf8.h"

namespace hob::cli {
namespace {

// The bytes of the first `characters` characters.
size_t prefix_bytes(std::string_view text, size_t characters) {
  size_t at = 0;
  for (; characters > 0 && at < text.size(); --characters) {
    at += static_cast<size_t>(text::next_utf8(text.substr(at)).length);
  }
  return at;
}

}  // namespace

std::string json_text(const nlohmann::ordered_json& value, int indent) {
  return value.dump(indent, ' ', true, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

int listing_width(const Io& io) {
  const std::string columns = os::environment("COLUMNS");
  int width = 0;
  std::from_chars(columns.data(), columns.data() + columns.size(), width);
  return width > 0 ? width : io.width;
}

size_t character_count(std::string_view text) {
  size_t count = 0;
  for (; !text.empty(); ++count) {
    text.remove_prefix(static_cast<size_t>(text::next_utf8(text).length));
  }
  return count;
}

std::string cut_to(std::string_view text, size_t most) {
  if (character_count(text) <= most) return std::string(text);
  return std::string(text.substr(0, prefix_bytes(text, most > 3 ? most - 3 : 0))) + "...";
}

std::string padded(std::string_view text, size_t width) {
  std::string out(text);
  const size_t count = character_count(text);
  if (count < width) out.append(width - count, ' ');
  return out;
}

std::string indented_by(std::string_view lines, size_t indent) {
  std::string out;
  while (!lines.empty()) {
    const size_t end = std::min(lines.find('\n'), lines.size());
    out += std::string(indent, ' ').append(lines.substr(0, end)) + '\n';
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
  return out;
}

}  // namespace hob::cli

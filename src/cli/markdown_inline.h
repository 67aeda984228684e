// Markdown inside a block, through md4c: emphasis, code, links as ANSI styles; and tables.
//
// Raw HTML is shown as text. Character references cannot smuggle in control characters.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hob::cli {

// One block's text with styles. `base` is the style that everything in the block has, "" for none;
// it is still on at the end. What is rendered of a stable_length() is how the rendering of the
// whole begins.
std::string render_inline(std::string_view source, std::string_view base = {});

// How many bytes of an unfinished paragraph will look the same whatever follows: up to the first
// delimiter that may still open something.
size_t stable_length(std::string_view source);

struct MarkdownTable {
  enum class Align { kLeft, kCenter, kRight };
  std::vector<Align> align;
  std::vector<std::vector<std::string>> rows;  // rendered; the first is the head
};
// Empty when `source` is no table.
std::optional<MarkdownTable> parse_table(std::string_view source);

}  // namespace hob::cli

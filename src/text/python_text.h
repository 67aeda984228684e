// Texts cut, indented and spelled as Python does it, where llm's output depends on it. Lengths
// count code points; bytes that are no UTF-8 count one each.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace hob::text {

struct Shortening {
  bool one_line = false;  // each run of white space becomes one space first
  bool keep_end = false;  // "beginning... end" rather than "beginning..."
};
// `text` where it has at most `length` code points; else cut so that it has, with the dots.
std::string shortened(std::string_view text, size_t length, const Shortening& how = {});

// With their line ends, which are all that Unicode knows (str.splitlines).
std::vector<std::string_view> unicode_lines(std::string_view text);
// "\r\n" and "\r" become "\n", as in files that are opened as text.
std::string with_plain_newlines(std::string_view text);
// `prefix` before every line that is not blank.
std::string indented(std::string_view text, std::string_view prefix);
// Without the white space at its end, at both ends, without a line's end.
std::string_view without_trailing_space(std::string_view text);
std::string_view stripped(std::string_view text);
std::string_view without_line_end(std::string_view line);
// str(value) of a parsed JSON value: "True", "None", "['a', 1.5]".
std::string python_str(const nlohmann::ordered_json& value);

}  // namespace hob::text

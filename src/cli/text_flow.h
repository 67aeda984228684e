// Words onto lines of a terminal: what arrives piecemeal is broken between words, with a hanging
// indent.
//
// Escape sequences for colour take no room. A word is held until something ends it.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace hob::cli {

// display_width() of text that may hold colour sequences.
int styled_width(std::string_view text);

class TextFlow {
 public:
  using Write = std::function<void(std::string_view)>;
  TextFlow(int width, Write write) : width_(width), write_(std::move(write)) {}

  // A new line that starts with `prefix`; lines broken off it start with `hanging`.
  void begin(std::string_view prefix, std::string hanging);
  // More of the text; '\n' breaks the line.
  void put(std::string_view text);
  // Writes the held word: the caller knows that it is whole.
  void put_word();
  // Ends the line, if one is open.
  void end();
  // As it stands, on a line of its own, without breaking: code, tables.
  void verbatim(std::string_view text);

 private:
  void break_line();
  int width_;
  Write write_;
  std::string hanging_;
  int indent_ = 0, column_ = 0;
  int spaces_ = 0;  // before the held word
  std::string word_;
  int word_width_ = 0;
  bool open_ = false;
};

}  // namespace hob::cli

#include "cli/text_flow.h"

#include <algorithm>

#include "cli/safe_text.h"
#include "text/utf8.h"

namespace hob::cli {
namespace {

constexpr char kEscape = '\x1b';

// The length of the colour sequence at the start of `text`.
size_t escape_length(std::string_view text) {
  return std::min(text.find('m'), text.size() - 1) + 1;
}

size_t character_length(std::string_view text) {
  return static_cast<size_t>(text::next_utf8(text).length);
}

}  // namespace

int styled_width(std::string_view text) {
  int width = 0;
  while (!text.empty()) {
    const bool escape = text[0] == kEscape;
    const size_t length = escape ? escape_length(text) : character_length(text);
    if (!escape) width += display_width(text.substr(0, length));
    text.remove_prefix(length);
  }
  return width;
}

void TextFlow::begin(std::string_view prefix, std::string hanging) {
  end();
  write_(prefix);
  column_ = styled_width(prefix);
  hanging_ = std::move(hanging);
  indent_ = styled_width(hanging_);
  open_ = true;
}

void TextFlow::put(std::string_view text) {
  while (!text.empty()) {
    size_t length = 1;
    if (text[0] == '\n') {
      put_word();
      break_line();
    } else if (text[0] == ' ') {
      put_word();
      ++spaces_;
    } else if (text[0] == kEscape) {
      length = escape_length(text);
      word_ += text.substr(0, length);
    } else {
      length = character_length(text);
      word_ += text.substr(0, length);
      word_width_ += display_width(text.substr(0, length));
    }
    text.remove_prefix(length);
  }
}

void TextFlow::put_word() {
  if (word_.empty()) return;
  const bool fits = column_ + spaces_ + word_width_ < width_;
  if (!fits && column_ > indent_ && spaces_ > 0) {
    break_line();
  } else {
    write_(std::string(static_cast<size_t>(spaces_), ' '));
    column_ += spaces_;
  }
  write_(word_);
  column_ += word_width_;
  word_.clear();
  word_width_ = spaces_ = 0;
}

void TextFlow::break_line() {
  write_("\n");
  write_(hanging_);
  column_ = indent_;
  spaces_ = 0;
}

void TextFlow::end() {
  put_word();
  spaces_ = 0;
  if (open_) write_("\n");
  open_ = false;
}

void TextFlow::verbatim(std::string_view text) {
  end();
  write_(text);
}

}  // namespace hob::cli

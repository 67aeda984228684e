// Text from a model or a file, made harmless for a terminal.
//
// Covers: C0 and C1 control characters (so no escape sequence survives), DEL, invalid UTF-8, and
// the bidirectional controls that make text read differently from what it is (Boucher & Anderson,
// "Trojan Source", 2021). Does not cover: look-alike letters, very long lines.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace hob::cli {

// Keeps newline and tab. Other controls are shown in caret notation ("^["), bidirectional controls
// as "<U+202E>", invalid bytes as U+FFFD. `text` must hold whole UTF-8 sequences (text/stream.h
// cuts it that way).
std::string safe_text(std::string_view text);
// The same on one line: newline, tab and carriage return become a space.
std::string safe_line(std::string_view text);
// The longest prefix of at most `bytes` bytes that cuts no UTF-8 sequence.
std::string_view utf8_prefix(std::string_view text, size_t bytes);
// Columns that text takes on a terminal: wide East Asian characters and emoji count two, combining
// marks none.
int display_width(std::string_view text);

}  // namespace hob::cli

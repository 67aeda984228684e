// Where a command reads and writes. Model text and results go to `out`, everything else to `err`;
// commands touch no stream but these, so a test can be the terminal.
#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace hob::cli {

struct Io {
  FILE* in = nullptr;
  FILE* out = nullptr;
  FILE* err = nullptr;
  bool in_terminal = false, out_terminal = false, err_terminal = false;
  bool out_colour = false, err_colour = false;
  int width = 80;       // of the terminal behind out
  int write_errno = 0;  // why `out` took no more; 0 while it does

  // The process's own streams.
  static Io process();

  // Writes and flushes. False when the reader is gone or the disk is full: the caller stops then;
  // run() reports.
  bool write(std::string_view text);
  // Text that is not hob's own, of a model, a file, a server: as it is for programs, harmless for a
  // terminal.
  bool show(std::string_view text);
  template <class... Args>
  bool print(fmt::format_string<Args...> format, Args&&... args) {
    return write(fmt::format(format, std::forward<Args>(args)...));
  }
  // To `err`, as it stands.
  void note(std::string_view text);
};

// All of `in`, up to end of file.
Result<std::string> read_input(Io& io);
// One line without its newline; false at end of file.
bool read_line(Io& io, std::string& line);

// "Error: ..." on one line of `err`, control characters made harmless.
void print_error(Io& io, std::string_view message);

// ANSI styles, empty strings without colour.
struct Style {
  const char *bold = "", *dim = "", *italic = "", *underline = "", *yellow = "", *red = "",
             *cyan = "", *reset = "";
  static Style when(bool colour);
};

}  // namespace hob::cli

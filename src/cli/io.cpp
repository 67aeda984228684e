// The streams of io.h over stdio.
#include "cli/io.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "cli/safe_text.h"
#include "os/terminal.h"

namespace hob::cli {

Io Io::process() {
  Io io;
  io.in = stdin;
  io.out = stdout;
  io.err = stderr;
  io.in_terminal = os::is_terminal(STDIN_FILENO);
  io.out_terminal = os::is_terminal(STDOUT_FILENO);
  io.err_terminal = os::is_terminal(STDERR_FILENO);
  io.out_colour = os::wants_colour(STDOUT_FILENO);
  io.err_colour = os::wants_colour(STDERR_FILENO);
  io.width = os::terminal_width(STDOUT_FILENO);
  return io;
}

bool Io::write(std::string_view text) {
  if (write_errno != 0) return false;
  errno = 0;
  const bool whole = std::fwrite(text.data(), 1, text.size(), out) == text.size();
  if (!whole || std::fflush(out) != 0) write_errno = errno != 0 ? errno : EIO;
  return write_errno == 0;
}

bool Io::show(std::string_view text) { return out_terminal ? write(safe_text(text)) : write(text); }

void Io::note(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), err);
  std::fflush(err);
}

Result<std::string> read_input(Io& io) {
  std::string text;
  char buffer[1 << 16];
  size_t n;
  errno = 0;
  while ((n = std::fread(buffer, 1, sizeof buffer, io.in)) > 0) text.append(buffer, n);
  if (std::ferror(io.in)) {
    return fail(ErrorKind::kIo, "standard input: cannot read: {}", std::strerror(errno));
  }
  return text;
}

bool read_line(Io& io, std::string& line) {
  line.clear();
  int c;
  while ((c = std::getc(io.in)) != EOF && c != '\n') line.push_back(static_cast<char>(c));
  return c != EOF || !line.empty();
}

void print_error(Io& io, std::string_view message) {
  std::string line = safe_line(message);
  io.note(fmt::format("Error: {}\n", line));
}

Style Style::when(bool colour) {
  if (!colour) return {};
  return {.bold = "\x1b[1m",
          .dim = "\x1b[2m",
          .italic = "\x1b[3m",
          .underline = "\x1b[4m",
          .yellow = "\x1b[33m",
          .red = "\x1b[31m",
          .cyan = "\x1b[36m",
          .reset = "\x1b[0m"};
}

}  // namespace hob::cli

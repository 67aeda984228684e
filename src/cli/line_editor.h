// Lines from a person: libedit with a history file on a terminal, plain lines from a pipe.
#pragma once

#include <memory>
#include <string>

#include "cli/io.h"

namespace hob::cli {

class LineEditor {
 public:
  enum class Outcome { kLine, kEnd, kInterrupted };

  // `history` is the file that keeps what was typed, readable by its owner alone; empty keeps
  // nothing. One LineEditor at a time reads a terminal.
  LineEditor(Io& io, std::string history);
  ~LineEditor();
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;

  // Shows `mark` on a terminal and reads a line without its newline. Ctrl-C gives kInterrupted
  // (under an os::InterruptGuard), Ctrl-D on an empty line kEnd.
  Outcome read(const char* mark, std::string& line);
  // The same, with `text` on the line already as if it had been typed. It must be one line of plain
  // characters: any other could act as a key. What was typed before the line stood there whole is
  // forgotten, so that no earlier Enter counts for it. On a terminal only.
  Outcome edit(const char* mark, const std::string& text, std::string& line);
  // Remembers a whole message for the arrow keys.
  void remember(const std::string& text);

 private:
  struct Impl;
  Io& io_;
  std::unique_ptr<Impl> impl_;  // null on a pipe
};

}  // namespace hob::cli

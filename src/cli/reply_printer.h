// How a reply appears: text on standard output as it comes, made harmless on a terminal or rendered
// as Markdown there; reasoning, dim, on standard error.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "chat/model.h"
#include "cli/io.h"
#include "cli/markdown.h"

namespace hob::cli {

struct PrinterOptions {
  bool stream = true;         // false: nothing is shown until end()
  bool markdown = false;      // render, where the terminal can
  bool hide_reasoning = false;
};

class ReplyPrinter {
 public:
  ReplyPrinter(Io& io, const PrinterOptions& options);
  // To be a model's on_text. Where nobody reads on, the interrupt flag is raised.
  void show(chat::Stream stream, std::string_view text);
  // Shows `text` where it was not streamed, and ends the last line.
  void end(std::string_view text);
  // After an error in mid-stream: ends the line that was begun.
  void broken_off();

 private:
  void write(std::string_view text);
  void write_text(std::string_view text);

  Io& io_;
  PrinterOptions options_;
  std::unique_ptr<MarkdownRenderer> markdown_;
  bool reasoning_ = false;  // the last that was shown
  bool begun_ = false;
};

}  // namespace hob::cli

#include "cli/reply_printer.h"

#include "cli/safe_text.h"
#include "os/terminal.h"

namespace hob::cli {

ReplyPrinter::ReplyPrinter(Io& io, const PrinterOptions& options) : io_(io), options_(options) {
  if (!options_.markdown || !io_.out_colour) return;
  markdown_ = std::make_unique<MarkdownRenderer>(io_.width,
                                                 [this](std::string_view text) { write(text); });
}

void ReplyPrinter::write(std::string_view text) {
  if (!io_.write(text)) os::InterruptGuard::requested() = true;
}

void ReplyPrinter::write_text(std::string_view text) {
  if (markdown_) return markdown_->push(text);
  write(io_.out_terminal ? safe_text(text) : std::string(text));
}

void ReplyPrinter::show(chat::Stream stream, std::string_view text) {
  if (text.empty()) return;
  if (stream == chat::Stream::kReasoning) {
    if (options_.hide_reasoning || !options_.stream) return;
    const Style style = Style::when(io_.err_colour);
    io_.note(fmt::format("{}{}{}", style.dim, safe_text(text), style.reset));
    reasoning_ = true;
    return;
  }
  if (!options_.stream) return;
  if (reasoning_) io_.note("\n");
  reasoning_ = false;
  begun_ = true;
  write_text(text);
}

void ReplyPrinter::end(std::string_view text) {
  if (!options_.stream) write_text(text);
  if (markdown_) return markdown_->finish();
  write("\n");
}

void ReplyPrinter::broken_off() {
  if (!begun_) return;
  markdown_ ? markdown_->finish() : write("\n");
}

}  // namespace hob::cli

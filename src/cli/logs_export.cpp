// hob logs export: a conversation as a page or a text to keep or to show.
#include <algorithm>
#include <memory>

#include "cli/command.h"
#include "cli/ledger_flags.h"
#include "logs/page.h"
#include "logs/transcript.h"
#include "os/file.h"
#include "store/log_reader.h"

namespace hob::cli {
namespace {

struct ExportFlags {
  LogDatabaseFlags ledger;
  std::string conversation, output;
  bool html = false, markdown = false;
};

Result<logs::Transcript> read_transcript(store::Database& ledger, const ExportFlags& flags) {
  store::LogFilter filter;
  filter.conversation = flags.conversation;
  if (flags.conversation.empty()) {
    HOB_TRY(filter.conversation, store::newest_conversation(ledger));
    if (!filter.conversation) return fail(ErrorKind::kNotFound, "No conversations found");
  }
  logs::Transcript transcript;
  HOB_TRY(transcript.turns, store::read_turns(ledger, filter));
  if (transcript.turns.empty())
    return fail(ErrorKind::kNotFound, "No conversation found with id={}", *filter.conversation);
  std::reverse(transcript.turns.begin(), transcript.turns.end());
  for (const auto& turn : transcript.turns) {
    for (const auto& attachment : turn.attachments) {
      if (!logs::is_shown_image(attachment)) continue;
      HOB_TRY(auto content, store::attachment_content(ledger, attachment.id));
      if (content) transcript.images[attachment.id] = std::move(*content);
    }
  }
  return transcript;
}

Result<> export_conversation(Io& io, const ExportFlags& flags) {
  if (flags.html && flags.markdown)
    return fail(ErrorKind::kInvalid, "a conversation is exported as --html or as --md");
  HOB_TRY(auto ledger, flags.ledger.open_for_reading());
  HOB_TRY(const auto transcript, read_transcript(ledger, flags));
  const std::string text =
      flags.html ? logs::html_page(transcript) : logs::markdown_text(transcript);
  if (!flags.output.empty()) return os::write_file_atomically(flags.output, text);
  io.show(text);
  return {};
}

}  // namespace

Action define_logs_export(CLI::App& app, Io& io) {
  auto flags = std::make_shared<ExportFlags>();
  app.add_option("--cid,--conversation", flags->conversation,
                 "The conversation with this id (default: that of the newest turn)")
      ->option_text("ID");
  app.add_flag("--html", flags->html, "A page that needs nothing else");
  app.add_flag("--md", flags->markdown, "Markdown (the default)");
  app.add_option("-o,--output", flags->output, "Write to this file")->option_text("FILE");
  flags->ledger.declare(app);
  return [flags, &io] { return export_conversation(io, *flags); };
}

}  // namespace hob::cli

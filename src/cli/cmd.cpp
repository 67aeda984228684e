// hob cmd: a shell command from a request in words.
//
// What the model suggests is only ever printed or put under the person's cursor. It runs when a
// person at a terminal presses Enter on it, after the model has answered: what was typed before
// does not count, and without a terminal on both sides nothing runs at all.
#include <sys/utsname.h>

#include <memory>

#include "cli/command.h"
#include "cli/conversation.h"
#include "cli/line_editor.h"
#include "cli/model_choice.h"
#include "cli/model_flags.h"
#include "cli/prompt_parts.h"
#include "cli/safe_text.h"
#include "cli/suggested_command.h"
#include "os/process.h"
#include "os/terminal.h"
#include "prompts/settings.h"
#include "store/clock.h"

namespace hob::cli {
namespace {

constexpr const char* kShell = "/bin/sh";
// One line that begins with neither a fence nor a blank: models that can be held to it are.
constexpr const char* kOneLine = R"([^\s`#][^\n\r\t]{0,400})";
constexpr size_t kMostTokens = 200;

struct CmdFlags {
  EngineFlags engine;
  ReplyFlags reply;
  LedgerFlags ledger;
  std::vector<std::string> words, queries;
};

Result<std::string> request_text(Io& io, const CmdFlags& flags) {
  std::string text = fmt::format("{}", fmt::join(flags.words, " "));
  if (!io.in_terminal) {
    HOB_TRY(const std::string piped, read_input(io));
    if (!piped.empty()) text = text.empty() ? piped : piped + ' ' + text;
  }
  if (text.find_first_not_of(" \t\r\n") == text.npos) {
    return fail(ErrorKind::kUsage, "Missing argument 'REQUEST...'.");
  }
  return text;
}

std::string system_name() {
  utsname names{};
  return ::uname(&names) == 0 ? names.sysname : "Unix";
}

Result<chat::TurnRequest> request_of(const CmdFlags& flags, const std::string& text,
                                     const chat::Model& model) {
  chat::TurnRequest request;
  request.source = "cmd";
  request.title = text;
  auto& asked = request.model;
  asked.system = flags.reply.system.empty() ? command_instructions(kShell, system_name())
                                            : flags.reply.system;
  asked.messages = {store::Message::of_text("system", asked.system),
                    store::Message::of_text("user", text)};
  auto options = flags.reply.option_texts();
  HOB_TRY(const auto saved, prompts::ModelOptions::standard().of(model.info().id));
  add_options(options, saved);
  if (model.info().constrains) {
    add_options(options, {{"max_tokens", kMostTokens}});
    asked.constraint = chat::ConstraintText{engine::ConstraintKind::kRegex, "one line", kOneLine};
  }
  HOB_TRY(asked.options, model.check_options(options));
  asked.stream = false;
  asked.cancel = &os::InterruptGuard::requested();
  return request;
}

// What was run and how it ended, beside the turn that suggested it.
Result<> record_run(store::Ledger& ledger, const std::string& turn_id, const std::string& suggested,
                    const std::string& command, int status) {
  return ledger.database().write([&](SQLite::Database& sql) -> Result<> {
    SQLite::Statement row(sql,
                          "insert into turn_commands (turn_id, suggested, command, exit_status,"
                          " datetime_utc) values (?, ?, ?, ?, ?)");
    row.bind(1, turn_id);
    row.bind(2, suggested);
    row.bind(3, command);
    row.bind(4, status);
    row.bind(5, store::utc_now());
    row.exec();
    return {};
  });
}

// The person edits the command and presses Enter, or leaves by Ctrl-C or Ctrl-D.
Result<std::string> confirmed(Io& io, const std::string& command) {
  const Style style = Style::when(io.out_colour);
  io.print("{}Enter runs it, Ctrl-C does not{}\n", style.dim, style.reset);
  LineEditor editor(io, "");
  std::string line;
  const auto outcome = editor.edit("> ", command, line);
  const bool blank = line.find_first_not_of(" \t") == line.npos;
  if (outcome != LineEditor::Outcome::kLine || blank) {
    return fail(ErrorKind::kCancelled, "not run");
  }
  return line;
}

Result<> suggest(Io& io, const CmdFlags& flags) {
  HOB_TRY_VOID(flags.ledger.gate.check());
  HOB_TRY(const std::string text, request_text(io, flags));
  HOB_TRY(auto conversation, Conversation::open(flags.ledger, false));
  HOB_TRY(auto model, open_chosen({.named = flags.engine.model, .queries = flags.queries},
                                  flags.engine.options()));
  HOB_TRY(auto request, request_of(flags, text, *model));
  os::InterruptGuard guard;
  const auto ask = [&] {
    const os::EchoGuard quiet(fileno(io.in));
    return conversation.ask(*model, std::move(request), nullptr);
  };
  HOB_TRY(const auto result, ask());
  if (result.reply.stopped) return fail(ErrorKind::kCancelled, "stopped");
  const auto suggested = suggested_command(result.reply.text);
  if (!(io.in_terminal && io.out_terminal)) {
    const std::string text = suggested.value_or(result.reply.text);
    io.write((io.out_terminal ? safe_text(text) : text) + (text.ends_with('\n') ? "" : "\n"));
    return conversation.recorded();
  }
  if (!suggested) {
    io.write(safe_text(result.reply.text) + "\n");
    return fail(suggested.error().kind, "{}: it is shown and cannot be run",
                suggested.error().message);
  }
  HOB_TRY(const std::string command, confirmed(io, *suggested));
  HOB_TRY(const int status, os::run_shell(command));
  if (conversation.ledger() && !result.turn_id.empty()) {
    HOB_TRY_VOID(record_run(*conversation.ledger(), result.turn_id, *suggested, command, status));
  }
  if (status != 0) return fail(ErrorKind::kIo, "the command ended with status {}", status);
  return conversation.recorded();
}

}  // namespace

Action define_cmd(CLI::App& app, Io& io) {
  auto flags = std::make_shared<CmdFlags>();
  app.add_option("REQUEST", flags->words, "What the command is to do, in words")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  flags->engine.declare(app);
  declare_model_query(app, flags->queries);
  flags->reply.declare(app);
  flags->ledger.declare(app);
  return [flags, &io] { return suggest(io, *flags); };
}

}  // namespace hob::cli

// hob chat: a conversation in the terminal.
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <utility>

#include "cli/accepted_flags.h"
#include "cli/chat_input.h"
#include "cli/command.h"
#include "cli/conversation.h"
#include "cli/line_editor.h"
#include "cli/model_choice.h"
#include "cli/model_flags.h"
#include "cli/not_yet.h"
#include "cli/prompt_parts.h"
#include "cli/reply_printer.h"
#include "cli/safe_text.h"
#include "os/file.h"
#include "os/process.h"
#include "os/terminal.h"
#include "prompts/settings.h"

namespace hob::cli {
namespace {

namespace fs = std::filesystem;

// What a person writes in an editor; nothing where the file was left as it was.
Result<std::optional<std::string>> edited_text() {
  std::string path = (fs::temp_directory_path() / "hob-message-XXXXXX").string();
  const int fd = ::mkstemp(path.data());
  if (fd < 0) return fail(ErrorKind::kIo, "{}: cannot be created", path);
  ::close(fd);
  const auto edit = [&]() -> Result<std::optional<std::string>> {
    std::error_code error;
    const auto before = fs::last_write_time(path, error);
    HOB_TRY_VOID(os::edit_file(path));
    HOB_TRY(const std::string text, os::read_file(path));
    if (text.empty() && fs::last_write_time(path, error) == before)
      return std::optional<std::string>();
    return std::optional<std::string>(text);
  };
  auto result = edit();
  std::error_code ignored;
  fs::remove(path, ignored);
  return result;
}

struct ChatFlags {
  EngineFlags engine;
  ReplyFlags reply;
  LedgerFlags ledger;
  PartsFlags parts;
  NotYetFlags not_yet;
  bool plain = false, usage = false, no_stream = false, hide_reasoning = false;
};

class ChatSession {
 public:
  ChatSession(Io& io, ChatFlags& flags, Conversation conversation, TemplateParts templates)
      : io_(io),
        flags_(flags),
        style_(Style::when(io.out_colour)),
        conversation_(std::move(conversation)),
        templates_(std::move(templates)),
        system_(flags.reply.system) {}

  Result<> run() {
    HOB_TRY(model_, open_chosen({.named = flags_.engine.model,
                                 .of_template = templates_.model.value_or(""),
                                 .of_conversation = conversation_.model()},
                                flags_.engine.options()));
    HOB_TRY(options_, options_of(*model_));
    HOB_TRY_VOID(resolve_flags());
    if (conversation_.has_begun() && asks_system() && model_->info().provider != "echo") {
      return fail(ErrorKind::kInvalid,
                  "--system: the conversation has begun, and keeps the system prompt that it has");
    }
    os::InterruptGuard guard;
    LineEditor editor(io_, flags_.ledger.gate.never ? "" : os::data_dir() + "/chat_history");
    greet();
    for (std::string line; io_.write_errno == 0;) {
      if (!io_.in_terminal) io_.write(input_.mark());
      const auto outcome = editor.read(input_.mark(), line);
      if (outcome == LineEditor::Outcome::kEnd) break;
      if (outcome == LineEditor::Outcome::kInterrupted) {
        input_.abandon();
        io_.note("\n(Ctrl-D or exit leaves)\n");
        continue;
      }
      const ChatTurn turn = input_.line(line);
      if (turn.action == ChatAction::kQuit) return recorded();
      if (turn.action == ChatAction::kMessage || turn.action == ChatAction::kSystem)
        editor.remember(line_of(turn));
      HOB_TRY_VOID(act(turn));
    }
    if (io_.in_terminal) io_.write("\n");
    return recorded();
  }

 private:
  static std::string line_of(const ChatTurn& turn) {
    return turn.action == ChatAction::kSystem ? "!system " + turn.text : turn.text;
  }

  // -o's, then the template's, then those saved for the model.
  Result<nlohmann::ordered_json> options_of(const chat::Model& model) const {
    auto options = flags_.reply.option_texts();
    options.insert(options.end(), templates_.options.begin(), templates_.options.end());
    HOB_TRY(const auto saved, prompts::ModelOptions::standard().of(model.info().id));
    add_options(options, saved);
    return model.check_options(options);
  }

  Result<std::vector<prompts::Fragment>> resolve(const std::vector<std::string>& names) {
    if (names.empty()) return std::vector<prompts::Fragment>();
    HOB_TRY(auto database, fragment_database(flags_.ledger.gate.path()));
    return prompts::resolve_fragments(names,
                                      fragment_context(io_, database ? &*database : nullptr));
  }

  // The fragments of -f and --sf, and of the template: they go with the first message.
  Result<> resolve_flags() {
    HOB_TRY(fragments_, resolve(templates_.fragments));
    HOB_TRY(system_fragments_, resolve(templates_.system_fragments));
    return {};
  }

  // Whether a system prompt comes with -s, --sf or a template.
  bool asks_system() const {
    return !system_.empty() || !system_fragments_.empty() ||
           std::any_of(templates_.templates.begin(), templates_.templates.end(),
                       [](const auto& one) { return !one.system.value_or("").empty(); });
  }

  Result<> recorded() const {
    const auto recorded = conversation_.recorded();
    if (recorded) return {};
    return fail(ErrorKind::kIo,
                "turns of this chat are not in the ledger: {} (-n chats without recording)",
                recorded.error().message);
  }

  void greet() {
    if (!io_.in_terminal) return greet_script();
    io_.print("{}Chatting with {}{}\n", style_.bold, safe_line(model_->info().id), style_.reset);
    io_.print("{}Ctrl-C stops a reply, Ctrl-D or exit leaves, !help lists more{}\n", style_.dim,
              style_.reset);
  }

  // Who pipes lines in reads what llm prints.
  void greet_script() {
    io_.print("Chatting with {}\n", model_->info().id);
    io_.write(
        "Type 'exit' or 'quit' to exit\n"
        "Type '!multi' to enter multiple lines, then '!end' to finish\n"
        "Type '!edit' to open your default editor and modify the prompt\n"
        "Type '!fragment <my_fragment> [<another_fragment> ...]' to insert one or more "
        "fragments\n");
  }

  void set_system(const std::string& text) {
    conversation_.restart();
    system_ = text;
  }

  // What is wrong with one line: a person goes on after it; of a script, nobody knows what its next
  // lines take for granted, and it ends.
  Result<> complain(const Error& error) {
    if (!io_.in_terminal) return tl::unexpected<Error>(error);
    return print_error(io_, error.message), Result<>();
  }

  Result<> act(const ChatTurn& turn) {
    switch (turn.action) {
      case ChatAction::kMessage:
        return say(turn);
      case ChatAction::kEdit:
        return edit();
      case ChatAction::kReset:
        conversation_.restart();
        return io_.note("(a new conversation)\n"), Result<>();
      case ChatAction::kSystem:
        set_system(turn.text);
        return io_.note("(a new conversation)\n"), Result<>();
      case ChatAction::kModel:
        return change_model(turn.text);
      case ChatAction::kHelp:
        io_.note(chat_help());
        return {};
      case ChatAction::kUnknown:
        io_.note(fmt::format("{} is not a command; !help lists them\n", safe_line(turn.text)));
        return {};
      case ChatAction::kMore:
      case ChatAction::kNothing:
      case ChatAction::kQuit:
        return {};
    }
    return {};
  }

  Result<> change_model(const std::string& name) {
    if (!name.empty()) {
      auto loaded = open_chosen({.named = name}, flags_.engine.options());
      if (!loaded) return complain(loaded.error());
      auto options = options_of(**loaded);
      if (!options) return complain(options.error());
      model_ = std::move(*loaded);
      options_ = std::move(*options);
      flags_.engine.model = name;
    }
    io_.note(fmt::format("(the model is {})\n", safe_line(model_->info().id)));
    return {};
  }

  Result<> edit() {
    auto text = edited_text();
    if (!text) return complain(text.error());
    if (!*text) return io_.note("Editor closed without saving.\n"), Result<>();
    return act(input_.edited(**text));
  }

  // Whether -s, --sf and their like have still to be said.
  bool is_fresh() const { return !conversation_.has_begun() || !system_sent_; }

  // The message with the template around it and fragments before it. -s counts for the first one; a
  // template's system prompt is asked with every one, as llm does, and is a message of the first.
  Result<prompts::Texts> texts_of(const ChatTurn& turn, std::vector<prompts::Fragment>& fragments) {
    fragments = fragments_;
    HOB_TRY(auto named, resolve(turn.fragments));
    std::move(named.begin(), named.end(), std::back_inserter(fragments));
    HOB_TRY(auto texts, apply_templates(templates_, {turn.text, is_fresh() ? system_ : ""}));
    texts.prompt = prompts::joined_prompt(contents_of(fragments), texts.prompt);
    if (is_fresh())
      texts.system = prompts::joined_system(contents_of(system_fragments_), texts.system);
    return texts;
  }

  chat::TurnRequest request_of(const prompts::Texts& texts,
                               std::vector<prompts::Fragment> fragments) {
    chat::TurnRequest request;
    request.source = "chat";
    request.title = texts.prompt;
    request.prompt_fragments = std::move(fragments);
    auto& asked = request.model;
    const bool begins = !conversation_.has_begun();
    if (begins) request.system_fragments = system_fragments_;
    if (begins && !texts.system.empty())
      asked.messages.push_back(store::Message::of_text("system", texts.system));
    asked.messages.push_back(store::Message::of_text("user", texts.prompt));
    asked.system = texts.system;
    asked.options = options_;
    asked.stream = model_->info().streams && !flags_.no_stream;
    asked.hide_reasoning = flags_.hide_reasoning;
    asked.cancel = &os::InterruptGuard::requested();
    return request;
  }

  // A problem with one message (it does not fit, say) leaves the conversation as it was.
  Result<> say(const ChatTurn& turn) {
    os::InterruptGuard::take();
    std::vector<prompts::Fragment> fragments;
    const auto texts = texts_of(turn, fragments);
    if (!texts) return complain(texts.error());
    ReplyPrinter printer(io_, {.stream = !flags_.no_stream,
                               .markdown = !flags_.plain,
                               .hide_reasoning = flags_.hide_reasoning});
    const os::EchoGuard quiet(fileno(io_.in));
    const auto result = conversation_.ask(
        *model_, request_of(*texts, std::move(fragments)),
        [&](chat::Stream stream, std::string_view part) { printer.show(stream, part); },
        [&](const chat::ModelReply& reply) { printer.end(reply.text); });
    if (!result) {
      printer.broken_off();
      return complain(result.error());
    }
    system_sent_ = true;
    fragments_.clear();
    note_end(result->reply);
    note_unrecorded(result->recorded);
    return {};
  }

  void note(std::string_view text) {
    const Style style = Style::when(io_.err_colour);
    io_.note(fmt::format("{}({}){}\n", style.dim, text, style.reset));
  }

  // Once, to a person; leaving ends with the error in any case.
  void note_unrecorded(const Result<>& recorded) {
    if (recorded || !io_.in_terminal || std::exchange(told_, true)) return;
    note(fmt::format("this turn is not in the ledger: {}", safe_line(recorded.error().message)));
  }

  void note_end(const chat::ModelReply& reply) {
    if (os::InterruptGuard::take() && io_.write_errno == 0) note("stopped");
    if (reply.finish == "context_full") note("the context is full; !reset starts anew");
    if (reply.finish == "length") note("cut at the length that --tokens asks for");
    if (!flags_.usage || !reply.local) return;
    const auto& usage = reply.local->usage;
    const std::string drafts =
        usage.drafted_tokens == 0
            ? ""
            : fmt::format("; {} of {} drafts came true", grouped(usage.accepted_tokens),
                          grouped(usage.drafted_tokens));
    note(fmt::format("{} input, {} of them cached; {} output in {}{}", grouped(usage.prompt_tokens),
                     grouped(usage.cached_tokens), grouped(usage.reply_tokens),
                     seconds_text(usage.prompt_seconds + usage.reply_seconds), drafts));
  }

  Io& io_;
  ChatFlags& flags_;
  Style style_;
  Conversation conversation_;
  TemplateParts templates_;
  std::vector<prompts::Fragment> fragments_, system_fragments_;
  std::string system_;
  bool system_sent_ = false;
  bool told_ = false;  // that turns are not recorded
  std::unique_ptr<chat::Model> model_;
  nlohmann::ordered_json options_;
  ChatInput input_;
};

Result<> converse(Io& io, ChatFlags& flags) {
  HOB_TRY_VOID(flags.not_yet.check());
  HOB_TRY(auto templates, load_templates(flags.parts, flags.reply.option_texts()));
  HOB_TRY(auto conversation, Conversation::open(flags.ledger, false));
  return ChatSession(io, flags, std::move(conversation), std::move(templates)).run();
}

}  // namespace

Action define_chat(CLI::App& app, Io& io) {
  auto flags = std::make_shared<ChatFlags>();
  flags->engine.declare(app);
  flags->reply.declare(app);
  flags->parts.declare(app, false);
  flags->ledger.declare(app);
  app.add_flag("--no-stream", flags->no_stream, "Print each reply when it is complete");
  app.add_flag("-R,--hide-reasoning", flags->hide_reasoning, "Do not show the model's reasoning");
  app.add_flag("--plain", flags->plain, "Show replies as they are, without rendering Markdown");
  app.add_flag("-u,--usage", flags->usage, "Show token counts after each reply");
  accept_key(app);
  flags->not_yet.declare(app);
  return [flags, &io] { return converse(io, *flags); };
}

}  // namespace hob::cli

// hob chat: a conversation in the terminal.
#include <memory>

#include "cli/chat_input.h"
#include "cli/command.h"
#include "cli/line_editor.h"
#include "cli/markdown.h"
#include "cli/model_flags.h"
#include "cli/safe_text.h"
#include "os/file.h"
#include "os/terminal.h"

namespace hob::cli {
namespace {

struct ChatFlags {
  EngineFlags engine;
  ReplyFlags reply;
  bool plain = false, usage = false;
};

class ChatSession {
 public:
  ChatSession(Io& io, ChatFlags& flags, chat::ReplyOptions options)
      : io_(io), flags_(flags), options_(std::move(options)), style_(Style::when(io.out_colour)) {
    options_.cancel = &os::InterruptGuard::requested();
    set_system(flags.reply.system);
  }

  Result<> run() {
    HOB_TRY(model_, flags_.engine.load());
    os::InterruptGuard guard;
    LineEditor editor(io_, os::data_dir() + "/chat_history");
    greet();
    for (std::string line; io_.write_errno == 0;) {
      const auto outcome = editor.read(input_.mark(), line);
      if (outcome == LineEditor::Outcome::kEnd) break;
      if (outcome == LineEditor::Outcome::kInterrupted) {
        input_.abandon();
        io_.note("\n(Ctrl-D or exit leaves)\n");
        continue;
      }
      const ChatTurn turn = input_.line(line);
      if (turn.action == ChatAction::kQuit) return {};
      if (turn.action == ChatAction::kMessage || turn.action == ChatAction::kSystem)
        editor.remember(line_of(turn));
      HOB_TRY_VOID(act(turn));
    }
    if (io_.in_terminal) io_.write("\n");
    return {};
  }

 private:
  static std::string line_of(const ChatTurn& turn) {
    return turn.action == ChatAction::kSystem ? "!system " + turn.text : turn.text;
  }

  void greet() {
    if (!io_.in_terminal) return;
    io_.print("{}Chatting with {}{}\n", style_.bold, safe_line(model_->name()), style_.reset);
    io_.print("{}Ctrl-C stops a reply, Ctrl-D or exit leaves, !help lists more{}\n", style_.dim,
              style_.reset);
  }

  void set_system(const std::string& text) {
    messages_.clear();
    if (!text.empty()) messages_.push_back({"system", text});
  }

  void reset() {
    const bool has_system = !messages_.empty() && messages_.front().role == "system";
    messages_.resize(has_system ? 1 : 0);
  }

  Result<> act(const ChatTurn& turn) {
    switch (turn.action) {
      case ChatAction::kMessage:
        return say(turn.text);
      case ChatAction::kReset:
        reset();
        return io_.note("(a new conversation)\n"), Result<>();
      case ChatAction::kSystem:
        set_system(turn.text);
        return io_.note("(a new conversation)\n"), Result<>();
      case ChatAction::kModel:
        change_model(turn.text);
        return {};
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

  void change_model(const std::string& name) {
    if (!name.empty()) {
      EngineFlags wanted = flags_.engine;
      wanted.model = name;
      auto loaded = wanted.load();
      if (!loaded) return print_error(io_, loaded.error().message);
      model_ = std::move(*loaded);
      flags_.engine = wanted;
    }
    io_.note(fmt::format("(the model is {})\n", safe_line(model_->name())));
  }

  // A problem with one message (it does not fit, say) leaves the conversation as it was.
  Result<> say(const std::string& text) {
    messages_.push_back({"user", text});
    const bool render = io_.out_colour && !flags_.plain;
    const auto write = [&](std::string_view shown) {
      if (!io_.write(shown)) os::InterruptGuard::requested() = true;  // nobody reads on
    };
    MarkdownRenderer markdown(io_.width, write);
    const auto on_text = [&](std::string_view part) {
      if (render) return markdown.push(part);
      write(io_.out_terminal ? safe_text(part) : std::string(part));
    };
    os::InterruptGuard::take();
    const os::EchoGuard quiet(fileno(io_.in));
    auto reply = model_->reply(messages_, options_, on_text);
    if (!reply) {
      messages_.pop_back();
      print_error(io_, reply.error().message);
      return {};
    }
    if (render) {
      markdown.finish();
    } else if (!reply->text.ends_with('\n')) {
      io_.write("\n");
    }
    messages_.push_back({"assistant", reply->text});
    note_end(*reply);
    return {};
  }

  void note_end(const chat::Reply& reply) {
    const Style style = Style::when(io_.err_colour);
    const auto note = [&](std::string_view text) {
      io_.note(fmt::format("{}({}){}\n", style.dim, text, style.reset));
    };
    if (os::InterruptGuard::take() && io_.write_errno == 0) note("stopped");
    if (reply.finish == engine::Finish::kContextFull)
      note("the context is full; !reset starts anew");
    if (reply.finish == engine::Finish::kLength) note("cut at the length that -n asks for");
    if (!flags_.usage) return;
    const auto& usage = reply.usage;
    const std::string drafts =
        options_.sampler.draft == 0
            ? ""
            : fmt::format("; {} of {} drafts came true", grouped(usage.accepted_tokens),
                          grouped(usage.drafted_tokens));
    note(fmt::format("{} input, {} of them cached; {} output in {}{}", grouped(usage.prompt_tokens),
                     grouped(usage.cached_tokens), grouped(usage.reply_tokens),
                     seconds_text(usage.prompt_seconds + usage.reply_seconds), drafts));
  }

  Io& io_;
  ChatFlags& flags_;
  chat::ReplyOptions options_;
  Style style_;
  std::unique_ptr<chat::LocalModel> model_;
  std::vector<chat::Message> messages_;
  ChatInput input_;
};

Result<> converse(Io& io, ChatFlags& flags) {
  HOB_TRY(auto options, flags.reply.reply_options());
  return ChatSession(io, flags, std::move(options)).run();
}

}  // namespace

Action define_chat(CLI::App& app, Io& io) {
  auto flags = std::make_shared<ChatFlags>();
  flags->engine.declare(app);
  flags->reply.declare(app);
  app.add_flag("--plain", flags->plain, "Show replies as they are, without rendering Markdown");
  app.add_flag("-u,--usage", flags->usage, "Show token counts after each reply");
  return [flags, &io] { return converse(io, *flags); };
}

}  // namespace hob::cli

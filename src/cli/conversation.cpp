#include "cli/conversation.h"

#include "cli/path_argument.h"
#include "cli/repeatable.h"
#include "os/file.h"

namespace hob::cli {

void LedgerFlags::declare_recording(CLI::App& app) {
  app.add_flag("-n,--no-log", gate.never, "Do not record this in the ledger, nor write any file");
  app.add_flag("--log", gate.always, "Record this in the ledger, also after 'hob logs off'");
  app.add_option("-d,--database", gate.database, "Ledger to record in and to go on from")
      ->option_text("FILE")
      ->check(path_argument({.missing = true}));
  add_repeatable(app, "--tag", tags, "A word to find and count the turn by; repeatable")
      ->option_text("TAG");
}

void LedgerFlags::declare(CLI::App& app) {
  declare_recording(app);
  app.add_flag("-c,--continue", last, "Go on with the conversation that was begun last");
  app.add_option("--cid,--conversation", thread_id, "Go on with the conversation of this id")
      ->option_text("ID");
}

Result<Conversation> Conversation::open(const LedgerFlags& flags, bool in_memory) {
  HOB_TRY_VOID(flags.gate.check());
  Conversation out;
  out.tags_ = flags.tags;
  out.in_memory_ = in_memory;
  const std::string path = flags.gate.path();
  const bool record = flags.gate.is_open();
  std::optional<store::Thread> thread;
  if (flags.goes_on() && (record || os::file_exists(path))) {
    const auto access = record ? store::Access::kCreate : store::Access::kRead;
    HOB_TRY(auto ledger, store::Ledger::open(path, access));
    if (!flags.thread_id.empty()) {
      HOB_TRY(thread, ledger.thread(flags.thread_id));
    } else {
      HOB_TRY(thread, ledger.newest_thread());
    }
    if (record) out.ledger_ = std::make_unique<store::Ledger>(std::move(ledger));
  } else if (!flags.thread_id.empty()) {
    return fail(ErrorKind::kNotFound, "No conversation found with id={}", flags.thread_id);
  } else if (record) {
    auto ledger = store::Ledger::open(path);
    ledger ? void(out.ledger_ = std::make_unique<store::Ledger>(*std::move(ledger)))
           : void(out.recorded_ = tl::unexpected<Error>(std::move(ledger.error())));
  }
  if (!out.ledger_ && in_memory) {
    HOB_TRY(auto ledger, store::Ledger::memory());
    out.ledger_ = std::make_unique<store::Ledger>(std::move(ledger));
  }
  if (thread) {
    out.thread_id_ = thread->id;
    out.model_ = thread->model;
    out.history_ = std::move(thread->messages);
    if (record) out.tip_ = thread->tip;
    out.stored_ = out.tip_.empty() ? 0 : out.history_.size();
  }
  return out;
}

Result<chat::TurnResult> Conversation::ask(chat::Model& model, chat::TurnRequest request,
                                           const chat::OnText& on_text,
                                           const chat::OnReply& on_reply) {
  auto& messages = request.model.messages;
  if (has_begun()) {
    std::erase_if(messages, [](const store::Message& m) { return m.role == "system"; });
  }
  const std::string prompt = messages.empty() ? std::string() : messages.back().text();
  messages.insert(messages.begin(), history_.begin(), history_.end());
  request.model.earlier_prompts = prompts_;
  request.thread_id = thread_id_;
  request.stored_messages = stored_;
  request.parent = tip_;
  request.tags = tags_;
  HOB_TRY(auto result, chat::run_turn(model, ledger_.get(), request, on_text, on_reply));
  if (!result.recorded) recorded_ = result.recorded;
  if (result.unrecorded && in_memory_) HOB_TRY_VOID(keep_in_memory(result, messages));
  history_ = std::move(messages);
  for (auto& message : chat::reply_messages(result.reply.text, result.reply.reasoning))
    history_.push_back(std::move(message));
  // Where the ledger lacks this turn, the next one brings along what is missing.
  if (!result.tip.empty()) {
    thread_id_ = result.thread_id;
    tip_ = result.tip;
    stored_ = history_.size();
  }
  prompts_.push_back(prompt);
  return result;
}

// As the ledger would have had it, but for the turns before: `messages` are all of the
// conversation.
Result<> Conversation::keep_in_memory(chat::TurnResult& result,
                                      const std::vector<store::Message>& messages) {
  HOB_TRY(auto memory, store::Ledger::memory());
  store::TurnStart& start = result.unrecorded->start;
  start.parent.clear();
  start.messages = messages;
  HOB_TRY(const auto turn, memory.begin(start));
  HOB_TRY(result.tip, memory.finish(turn, result.unrecorded->end));
  result.turn_id = turn.turn_id;
  result.thread_id = turn.thread_id;
  ledger_ = std::make_unique<store::Ledger>(std::move(memory));
  return {};
}

void Conversation::restart() {
  history_.clear();
  thread_id_.clear();
  tip_.clear();
  stored_ = 0;
}

}  // namespace hob::cli

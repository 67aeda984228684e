// hob logs delete: turns taken out of the ledger for good.
#include <memory>

#include "cli/command.h"
#include "cli/ledger_flags.h"
#include "cli/safe_text.h"
#include "store/log_delete.h"
#include "store/log_reader.h"

namespace hob::cli {
namespace {

struct DeleteFlags {
  LogDatabaseFlags ledger;
  std::vector<std::string> ids;
  std::string conversation;
  bool yes = false;
};

std::string plural(int64_t count, std::string_view one) {
  return fmt::format("{} {}{}", count, one, count == 1 ? "" : "s");
}

Result<> delete_logs(Io& io, const DeleteFlags& flags) {
  if (flags.ids.empty() == flags.conversation.empty())
    return fail(ErrorKind::kInvalid, "name the turns to delete, or a conversation with --cid");
  HOB_TRY(auto ledger, flags.ledger.open_for_writing());
  std::vector<std::string> ids = flags.ids;
  if (!flags.conversation.empty()) {
    HOB_TRY(ids, store::conversation_turns(ledger, flags.conversation));
  }
  if (!flags.yes) {
    HOB_TRY_VOID(confirm(io, fmt::format("Delete {} for good?", plural(ids.size(), "turn"))));
  }
  HOB_TRY(const auto counts, store::delete_turns(ledger, ids));
  std::string line = "Deleted " + plural(counts.turns, "turn") + ", " +
                     plural(counts.messages, "message");
  if (counts.attachments > 0) line += ", " + plural(counts.attachments, "attachment");
  if (counts.fragments > 0) line += ", " + plural(counts.fragments, "fragment");
  if (counts.conversations > 0) line += ", " + plural(counts.conversations, "conversation");
  if (counts.shared_messages > 0)
    line += fmt::format("; {} that other turns contain stay",
                        plural(counts.shared_messages, "message"));
  io.print("{}\n", line);
  if (!counts.overwritten) {
    io.note(fmt::format(
        "Another program has the ledger open: until it ends, {}-wal holds what was deleted.\n",
        safe_line(ledger.path())));
  }
  return {};
}

}  // namespace

Action define_logs_delete(CLI::App& app, Io& io) {
  auto flags = std::make_shared<DeleteFlags>();
  app.add_option("ID", flags->ids, "Turns, by the ids that 'hob logs' shows")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--cid,--conversation", flags->conversation,
                 "All of the conversation with this id")
      ->option_text("ID");
  flags->ledger.declare(app);
  app.add_flag("-y,--yes", flags->yes, "Do not ask");
  return [flags, &io] { return delete_logs(io, *flags); };
}

}  // namespace hob::cli

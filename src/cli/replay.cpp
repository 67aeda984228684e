// hob replay: recorded replies done again, and compared token by token.
#include <memory>

#include "chat/replay.h"
#include "cli/command.h"
#include "cli/model_flags.h"
#include "cli/safe_text.h"
#include "os/terminal.h"
#include "store/ledger.h"

namespace hob::cli {
namespace {

struct ReplayFlags {
  std::vector<std::string> ids;
  bool all = false;
  std::string database;
  int threads = 0;
};

std::string token_text(const chat::ReplayedToken& token) {
  if (!token.token) return "the end of the reply";
  return fmt::format("{} {} (log-probability {:.4f})", *token.token,
                     safe_line(nlohmann::ordered_json(token.text).dump(
                         -1, ' ', false, nlohmann::ordered_json::error_handler_t::replace)),
                     token.logprob);
}

void print_difference(Io& io, const std::string& id, const chat::Replay& replay) {
  io.print("{}: differs\n", safe_line(id));
  if (!replay.same_prompt) io.write("  the prompt has other tokens than it had\n");
  if (replay.divergence) {
    const auto& at = *replay.divergence;
    io.print("  token {} of {}: recorded {}, now {}\n", at.index + 1, replay.tokens,
             token_text(at.recorded), token_text(at.now));
  }
  for (const auto& difference : replay.differences) {
    io.print("  {}: recorded {}, now {}\n", difference.what, safe_line(difference.recorded),
             safe_line(difference.now));
  }
  if (replay.differences.empty())
    io.write("  model file, build, instruction set and threads are as recorded\n");
}

Result<std::vector<std::string>> recorded_turns(store::Ledger& ledger) {
  return ledger.database().read([](SQLite::Database& sql) -> Result<std::vector<std::string>> {
    std::vector<std::string> ids;
    SQLite::Statement rows(sql, "select turn_id from turn_records order by turn_id");
    while (rows.executeStep()) ids.push_back(rows.getColumn(0).getString());
    return ids;
  });
}

struct Counts {
  size_t identical = 0, different = 0, skipped = 0;
};

Result<> replay_one(Io& io, chat::Replayer& replayer, store::Ledger& ledger, const std::string& id,
                    bool all, Counts& counts) {
  const auto replay = replayer.replay(ledger, id);
  if (!replay) {
    if (!all || replay.error().kind == ErrorKind::kCancelled)
      return tl::unexpected<Error>(replay.error());
    ++counts.skipped;
    if (replay.error().kind != ErrorKind::kUnsupported) print_error(io, replay.error().message);
    return {};
  }
  replay->identical() ? ++counts.identical : ++counts.different;
  if (!replay->identical()) {
    print_difference(io, id, *replay);
  } else if (!all) {
    io.print("{}: identical, {} tokens\n", safe_line(id), replay->tokens);
  }
  return {};
}

Result<> replay(Io& io, const ReplayFlags& flags) {
  if (flags.all == !flags.ids.empty())
    return fail(ErrorKind::kUsage, "name turns by their ids, or ask for --all");
  const std::string path = store::LoggingGate{.database = flags.database}.path();
  HOB_TRY(auto ledger, store::Ledger::open(path, store::Access::kWrite));
  std::vector<std::string> ids = flags.ids;
  if (flags.all) {
    HOB_TRY(ids, recorded_turns(ledger));
  }
  chat::Replayer replayer(chat::ModelStore::standard(), flags.threads,
                          &os::InterruptGuard::requested());
  os::InterruptGuard guard;
  Counts counts;
  size_t done = 0;
  for (const std::string& id : ids) {
    if (os::InterruptGuard::requested()) return fail(ErrorKind::kCancelled, "stopped");
    HOB_TRY_VOID(replay_one(io, replayer, ledger, id, flags.all, counts));
    ++done;
    if (flags.all && io.err_terminal) io.note(fmt::format("\r{} of {}", done, ids.size()));
  }
  if (flags.all) {
    if (io.err_terminal) io.note("\r\x1b[K");
    io.print("{} identical, {} different, {} that no engine can do again\n", counts.identical,
             counts.different, counts.skipped);
  }
  if (counts.different == 0) return {};
  return fail(ErrorKind::kInvalid, "{} of {} replies are not what they were", counts.different,
              counts.identical + counts.different);
}

}  // namespace

Action define_replay(CLI::App& app, Io& io) {
  auto flags = std::make_shared<ReplayFlags>();
  app.add_option("ID", flags->ids, "Turns to do again, as 'hob logs' shows their ids");
  app.add_flag("--all", flags->all, "Do every turn of the ledger again");
  app.add_option("-d,--database", flags->database, "Another ledger")->option_text("FILE");
  app.add_option("--threads", flags->threads,
                 "Threads to compute with (default: every usable core)")
      ->option_text("N")
      ->transform(whole_number(0, 1024));
  return [flags, &io] { return replay(io, *flags); };
}

}  // namespace hob::cli

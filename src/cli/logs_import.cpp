// hob logs import: the logs of llm, or of another hob, into the ledger.
#include <memory>

#include "cli/command.h"
#include "cli/ledger_flags.h"
#include "cli/path_argument.h"
#include "store/log_import.h"
#include "store/log_schema.h"

namespace hob::cli {
namespace {

struct ImportFlags {
  std::string database, file;
};

Result<> import_logs(Io& io, const ImportFlags& flags) {
  LogDatabaseFlags own;
  own.database = flags.database;
  HOB_TRY(auto ledger, store::Database::open(own.path(), store::Access::kCreate,
                                             store::log_migrations()));
  HOB_TRY(const auto counts, store::import_log(ledger, flags.file));
  std::string line;
  const auto add = [&](int64_t count, std::string_view one) {
    if (count > 0)
      line += fmt::format("{}{} {}{}", line.empty() ? "" : ", ", count, one, count == 1 ? "" : "s");
  };
  add(counts.turns, "turn");
  add(counts.threads, "thread");
  add(counts.messages, "message");
  add(counts.responses, "response");
  add(counts.conversations, "conversation");
  add(counts.attachments, "attachment");
  add(counts.fragments, "fragment");
  add(counts.schemas, "schema");
  io.print("Imported {}{}\n", line.empty() ? "nothing" : line,
           counts.present > 0 ? fmt::format("; {} were here already", counts.present) : "");
  return {};
}

}  // namespace

Action define_logs_import(CLI::App& app, Io& io) {
  auto flags = std::make_shared<ImportFlags>();
  app.add_option("FILE", flags->file, "A log database: logs.db of llm, in any of its layouts")
      ->required()
      ->check(path_argument());
  app.add_option("-d,--database", flags->database, "Import into this file (default: hob's logs.db)")
      ->option_text("FILE");
  return [flags, &io] { return import_logs(io, *flags); };
}

}  // namespace hob::cli

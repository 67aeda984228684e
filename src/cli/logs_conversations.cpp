// hob logs conversations: what there is to go on with, the one used last first.
#include <memory>

#include "cli/command.h"
#include "cli/ledger_flags.h"
#include "cli/model_flags.h"
#include "cli/table.h"
#include "logs/transcript.h"
#include "store/json_text.h"
#include "store/log_reader.h"

namespace hob::cli {
namespace {

struct ConversationsFlags {
  LogDatabaseFlags ledger;
  PeriodFlags period;
  size_t count = 20;
  std::string model;
  bool json = false;
};

Result<> list_conversations(Io& io, const ConversationsFlags& flags) {
  HOB_TRY(auto ledger, flags.ledger.open_for_reading());
  store::LogFilter filter;
  if (flags.count > 0) filter.count = flags.count;
  if (!flags.model.empty()) {
    HOB_TRY(filter.model, logged_model(flags.model));
  }
  if (!flags.period.since.empty()) filter.since = flags.period.since;
  if (!flags.period.until.empty()) filter.until = flags.period.until;
  HOB_TRY(const auto conversations, store::read_conversations(ledger, filter));
  if (flags.json) {
    auto out = nlohmann::ordered_json::array();
    for (const auto& one : conversations) {
      out.push_back({{"id", one.id},
                     {"name", one.name.value_or("")},
                     {"model", one.model.value_or("")},
                     {"turns", one.turns},
                     {"first_utc", one.first_utc},
                     {"last_utc", one.last_utc}});
    }
    io.write(store::indented_json(out) + "\n");
    return {};
  }
  std::vector<std::vector<std::string>> rows;
  for (const auto& one : conversations) {
    rows.push_back({one.id, logs::minute_of(one.last_utc), std::to_string(one.turns),
                    one.model.value_or(""), one.name.value_or("")});
  }
  io.show(table_text({{"ID"}, {"LAST USED"}, {"TURNS", true}, {"MODEL"}, {"NAME"}}, rows));
  return {};
}

}  // namespace

Action define_logs_conversations(CLI::App& app, Io& io) {
  auto flags = std::make_shared<ConversationsFlags>();
  app.add_option("-n,--count", flags->count, "How many; 0 for all (default: 20)")
      ->option_text("N")
      ->transform(whole_number(0, INT32_MAX));
  flags->ledger.declare(app);
  app.add_option("-m,--model", flags->model, "Only with turns of this model")->option_text("MODEL");
  flags->period.declare(app);
  app.add_flag("--json", flags->json, "Print a JSON array");
  return [flags, &io] { return list_conversations(io, *flags); };
}

}  // namespace hob::cli

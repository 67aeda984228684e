// hob cost list: what the ledger's turns cost.
#include <memory>

#include "cli/command.h"
#include "cli/spending_text.h"
#include "store/json_text.h"

namespace hob::cli {
namespace {

Result<> list_costs(Io& io, const SpendingFlags& flags) {
  HOB_TRY(const auto by, flags.group_by());
  HOB_TRY(const auto report, flags.report());
  if (flags.json) {
    io.write(store::indented_json(spending_json(report, by)) + "\n");
    return {};
  }
  if (report.total.turns == 0) {
    io.note("No turns on record.\n");
    return {};
  }
  io.write(spending_table(report, by, /*energy_first=*/false));
  io.note(money_notes(report));
  return {};
}

}  // namespace

Action define_cost_list(CLI::App& app, Io& io) {
  auto flags = std::make_shared<SpendingFlags>();
  flags->declare(app);
  return [flags, &io] { return list_costs(io, *flags); };
}

}  // namespace hob::cli

// What `hob cost` and `hob energy` share: their flags, and sums over turns as tables and JSON.
#pragma once

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <string>

#include "accounts/spending.h"
#include "base/result.h"
#include "cli/ledger_flags.h"

namespace hob::cli {

struct SpendingFlags {
  std::string by = "model", database;
  PeriodFlags period;
  bool json = false;
  void declare(CLI::App& app);
  Result<accounts::GroupBy> group_by() const;
  // Of logs.db or --database. Without a ledger there are no turns.
  Result<accounts::SpendingReport> report() const;
};

// A table with a last row that sums up.
std::string spending_table(const accounts::SpendingReport& report, accounts::GroupBy by,
                           bool energy_first);
nlohmann::ordered_json spending_json(const accounts::SpendingReport& report, accounts::GroupBy by);
// What a reader of the sums must know: which turns are not in them, which prices were looked up
// now.
std::string money_notes(const accounts::SpendingReport& report);

}  // namespace hob::cli

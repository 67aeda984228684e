#include "cli/spending_text.h"

#include "accounts/cost.h"
#include "accounts/energy.h"
#include "cli/model_flags.h"
#include "cli/safe_text.h"
#include "cli/table.h"
#include "store/log_reader.h"
#include "store/user_folder.h"

namespace hob::cli {
namespace {

using accounts::GroupBy;
using accounts::Spending;
using nlohmann::ordered_json;

struct Grouping {
  const char* name;
  GroupBy by;
};
constexpr Grouping kGroupings[] = {{"model", GroupBy::kModel},
                                   {"day", GroupBy::kDay},
                                   {"thread", GroupBy::kThread},
                                   {"tag", GroupBy::kTag}};

const char* name_of(GroupBy by) {
  for (const auto& grouping : kGroupings) {
    if (grouping.by == by) return grouping.name;
  }
  return "";
}

std::string cost_cell(const Spending& row) {
  std::string cell;
  const auto also = [&](const std::string& text) { cell += cell.empty() ? text : " + " + text; };
  if (row.priced > 0) also(accounts::dollars(row.cost));
  if (row.local > 0 && row.priced == 0 && row.unknown + row.uncounted == 0) also("local");
  if (row.unknown + row.uncounted > 0) also("unknown");
  return cell;
}

std::string energy_cell(const Spending& row) {
  if (row.with_energy == 0) return "-";
  return accounts::joules_text(row.joules) +
         (row.energy_measured == row.with_energy ? "" : " (estimate)");
}

std::string key_cell(const Spending& row, GroupBy by) {
  if (row.key.empty()) return by == GroupBy::kTag ? "(no tag)" : "(none)";
  return row.name.empty() ? row.key : fmt::format("{}  {}", row.key, row.name);
}

std::vector<std::string> cells(const Spending& row, const std::string& key) {
  return {key,
          grouped(row.turns),
          grouped(row.input_tokens),
          grouped(row.output_tokens),
          cost_cell(row),
          energy_cell(row)};
}

ordered_json row_json(const Spending& row) {
  ordered_json out = {{"turns", row.turns},
                      {"input_tokens", row.input_tokens},
                      {"output_tokens", row.output_tokens}};
  out["cost_usd"] =
      row.priced > 0 ? ordered_json::parse(accounts::exact_text(row.cost)) : ordered_json();
  out["turns_with_price"] = row.priced;
  out["turns_priced_by_table"] = row.from_table;
  out["turns_local"] = row.local;
  out["turns_of_unknown_price"] = row.unknown;
  out["turns_without_token_counts"] = row.uncounted;
  out["energy_joules"] = row.with_energy > 0 ? ordered_json(row.joules) : ordered_json();
  out["turns_with_energy"] = row.with_energy;
  out["turns_with_measured_energy"] = row.energy_measured;
  out["seconds"] = row.seconds;
  return out;
}

std::string turns_text(uint64_t turns) {
  return fmt::format("{} turn{}", grouped(turns), turns == 1 ? "" : "s");
}

}  // namespace

void SpendingFlags::declare(CLI::App& app) {
  app.add_option("--by", by, "Sums per model, day, thread or tag (default: model)")
      ->option_text("WHAT");
  period.declare(app);
  app.add_flag("--json", json, "Print an object with \"rows\" and \"total\"");
  app.add_option("-d,--database", database, "Another log database")->option_text("FILE");
}

Result<GroupBy> SpendingFlags::group_by() const {
  for (const auto& grouping : kGroupings) {
    if (by == grouping.name) return grouping.by;
  }
  return fail(ErrorKind::kInvalid, "--by: '{}' is none of model, day, thread, tag", by);
}

Result<accounts::SpendingReport> SpendingFlags::report() const {
  accounts::SpendingQuery query{.since = period.since, .until = period.until};
  HOB_TRY(query.by, group_by());
  HOB_TRY(const auto prices, accounts::PriceTable::standard());
  const std::string path = database.empty() ? store::logs_database() : database;
  auto ledger = store::open_ledger(path);
  if (!ledger && ledger.error().kind == ErrorKind::kNotFound && database.empty())
    return accounts::SpendingReport();
  if (!ledger) return tl::unexpected<Error>(ledger.error());
  return accounts::spending(*ledger, query, prices);
}

std::string spending_table(const accounts::SpendingReport& report, GroupBy by, bool energy_first) {
  std::vector<Column> columns = {{name_of(by)},    {"turns", true}, {"input", true},
                                 {"output", true}, {"cost", true},  {"energy", true}};
  std::vector<std::vector<std::string>> rows;
  for (const Spending& row : report.rows) rows.push_back(cells(row, key_cell(row, by)));
  rows.push_back(cells(report.total, "all"));
  if (energy_first) {
    std::swap(columns[4], columns[5]);
    for (auto& row : rows) std::swap(row[4], row[5]);
  }
  return table_text(columns, rows);
}

ordered_json spending_json(const accounts::SpendingReport& report, GroupBy by) {
  ordered_json out = {{"by", name_of(by)}, {"rows", ordered_json::array()}};
  for (const Spending& row : report.rows) {
    ordered_json entry = {{name_of(by), row.key.empty() ? ordered_json() : ordered_json(row.key)}};
    if (by == GroupBy::kThread)
      entry["name"] = row.name.empty() ? ordered_json() : ordered_json(row.name);
    entry.update(row_json(row));
    out["rows"].push_back(std::move(entry));
  }
  out["total"] = row_json(report.total);
  out["unknown_models"] = report.unknown_models;
  return out;
}

std::string money_notes(const accounts::SpendingReport& report) {
  const Spending& total = report.total;
  std::string notes;
  if (total.unknown > 0) {
    notes += safe_line(fmt::format("{} of models without a known price not in the sum: {}",
                                   turns_text(total.unknown),
                                   fmt::join(report.unknown_models, ", "))) +
             '\n';
  }
  if (total.uncounted > 0)
    notes +=
        fmt::format("{} without a count of tokens not in the sum.\n", turns_text(total.uncounted));
  if (total.from_table > 0) {
    notes += fmt::format("{} kept no price of their own: taken from the table for their day.\n",
                         turns_text(total.from_table));
  }
  if (total.priced > 0)
    notes += "List prices; each row is summed exactly and rounded for show, half up.\n";
  return notes;
}

}  // namespace hob::cli

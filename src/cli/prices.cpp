// hob prices list, show, update: the table of what hosted models cost.
#include <memory>
#include <nlohmann/json.hpp>

#include "accounts/day.h"
#include "accounts/price_file.h"
#include "accounts/price_table.h"
#include "base/ascii.h"
#include "cli/command.h"
#include "cli/repeatable.h"
#include "cli/ledger_flags.h"
#include "cli/safe_text.h"
#include "cli/table.h"
#include "hub/http.h"
#include "os/file.h"
#include "os/terminal.h"
#include "store/json_text.h"

namespace hob::cli {
namespace {

using accounts::Price;
using accounts::PriceRow;
using accounts::PriceTable;
using nlohmann::ordered_json;

constexpr size_t kMostBytes = 16 << 20;  // of a list; llm-prices' are some 30 KB

struct ListFlags {
  std::vector<std::string> query;
  std::string on, vendor;
  bool all = false, json = false;
};

struct ShowFlags {
  std::string model, on;
};

struct UpdateFlags {
  std::string source;
};

std::string cell(const std::optional<Price>& price) {
  return price ? accounts::price_text(*price) : "-";
}

ordered_json number(const std::optional<Price>& price) {
  return price ? ordered_json::parse(accounts::price_text(*price)) : ordered_json();
}

bool wanted(const PriceRow& row, const ListFlags& flags, const std::string& day) {
  if (!flags.all && !row.holds_on(day)) return false;
  if (!flags.vendor.empty() && ascii_lower(row.vendor) != ascii_lower(flags.vendor)) return false;
  for (const std::string& word : flags.query) {
    const std::string text = ascii_lower(row.id + ' ' + row.name + ' ' + row.vendor);
    if (text.find(ascii_lower(word)) == std::string::npos) return false;
  }
  return true;
}

ordered_json row_json(const PriceRow& row) {
  const auto text = [](const std::string& t) {
    return t.empty() ? ordered_json() : ordered_json(t);
  };
  return {{"id", row.id},
          {"vendor", row.vendor},
          {"name", row.name},
          {"input", number(row.rates.input)},
          {"output", number(row.rates.output)},
          {"input_cached", number(row.rates.cached)},
          {"batch_input", number(row.rates.batch_input)},
          {"batch_output", number(row.rates.batch_output)},
          {"above_input_tokens", row.above},
          {"from_date", text(row.from)},
          {"to_date", text(row.to)},
          {"as_of", row.as_of},
          {"source", row.source},
          {"built_in", row.built_in}};
}

Result<> list_prices(Io& io, const ListFlags& flags) {
  HOB_TRY(const auto table, PriceTable::standard());
  std::string day = accounts::today();
  if (!flags.on.empty()) {
    HOB_TRY(day, parse_day(flags.on, "--on"));
  }
  auto json = ordered_json::array();
  std::vector<std::vector<std::string>> rows;
  for (const PriceRow& row : table.rows()) {
    if (!wanted(row, flags, day)) continue;
    json.push_back(row_json(row));
    const std::string id =
        row.above > 0 ? fmt::format("{}, above {} in", row.id, row.above) : row.id;
    rows.push_back({id, row.vendor, cell(row.rates.input), cell(row.rates.output),
                    cell(row.rates.cached), cell(row.rates.batch_input),
                    cell(row.rates.batch_output), row.from.empty() ? "-" : row.from,
                    row.to.empty() ? "-" : row.to, row.as_of});
  }
  if (flags.json) {
    io.write(store::indented_json(json) + "\n");
    return {};
  }
  if (rows.empty()) {
    io.note("No such prices.\n");
    return {};
  }
  io.write(table_text({{"model"},
                       {"vendor"},
                       {"input", true},
                       {"output", true},
                       {"cached", true},
                       {"batch in", true},
                       {"batch out", true},
                       {"from"},
                       {"to"},
                       {"as of"}},
                      rows));
  io.note("USD per million tokens; list prices, see 'hob prices show MODEL' for where from.\n");
  return {};
}

Result<> show_price(Io& io, const ShowFlags& flags) {
  HOB_TRY(const auto table, PriceTable::standard());
  std::string day = accounts::today();
  if (!flags.on.empty()) {
    HOB_TRY(day, parse_day(flags.on, "--on"));
  }
  HOB_TRY(const auto found, table.find(flags.model, day));
  io.write(safe_line(fmt::format("{}: {}, {}", found.row.id, found.row.name, found.row.vendor)) +
           '\n');
  if (!found.caveat.empty()) io.print("  no price of its own: {}\n", safe_line(found.caveat));
  for (const PriceRow& row : table.rows()) {
    if (row.id != found.row.id) continue;
    io.print(
        "  {} to {}{}: input ${}, output ${}, cached ${}, batch ${} and ${} per million tokens\n"
        "    {}, as of {}\n",
        row.from.empty() ? "?" : row.from, row.to.empty() ? "now" : row.to,
        row.above > 0 ? fmt::format(", above {} tokens in", row.above) : "", cell(row.rates.input),
        cell(row.rates.output), cell(row.rates.cached), cell(row.rates.batch_input),
        cell(row.rates.batch_output), safe_line(row.source), row.as_of);
  }
  return {};
}

Result<std::string> fetch(const std::string& url) {
  std::string body;
  const os::InterruptGuard guard;
  const auto reply = hub::http_get({.url = url, .headers = {}},
                                   {.on_headers = [](const hub::HttpReply&) { return true; },
                                    .on_body =
                                        [&](std::string_view piece) {
                                          body += piece;
                                          return body.size() <= kMostBytes;
                                        },
                                    .goes_on = [] { return !os::InterruptGuard::requested(); }});
  if (os::InterruptGuard::take()) return fail(ErrorKind::kCancelled, "stopped");
  if (body.size() > kMostBytes) return fail(ErrorKind::kTooLarge, "{}: too large", url);
  if (!reply.problem.empty()) return fail(ErrorKind::kIo, "{}: {}", url, reply.problem);
  if (reply.status != 200) return fail(ErrorKind::kIo, "{}: HTTP status {}", url, reply.status);
  return body;
}

Result<> update_prices(Io& io, const UpdateFlags& flags) {
  const bool is_url = flags.source.starts_with("http://") || flags.source.starts_with("https://");
  HOB_TRY(const std::string text, is_url ? fetch(flags.source) : os::read_file(flags.source));
  HOB_TRY(const auto list, accounts::parse_price_list(text, flags.source));
  HOB_TRY(auto table, PriceTable::standard());
  const auto update =
      accounts::apply_prices(table, list, list.as_of.empty() ? accounts::today() : list.as_of);
  if (!update.added.empty() || !update.changed.empty()) {
    HOB_TRY_VOID(accounts::save_own_prices(table));
  }
  for (const auto& id : update.added) io.print("new: {}\n", safe_line(id));
  for (const auto& id : update.changed) io.print("changed: {}\n", safe_line(id));
  io.note(fmt::format("{} new, {} changed, {} as they were\n", update.added.size(),
                      update.changed.size(), update.unchanged));
  return {};
}

}  // namespace

Action define_prices_list(CLI::App& app, Io& io) {
  auto flags = std::make_shared<ListFlags>();
  add_repeatable(app, "-q,--query", flags->query,
                 "Only models with this in id, name or vendor; repeatable")
      ->option_text("TEXT");
  app.add_option("--vendor", flags->vendor, "Only this vendor's models")->option_text("NAME");
  app.add_option("--on", flags->on, "Prices of this day (default: today)")->option_text("DAY");
  app.add_flag("--all", flags->all, "Prices of all days");
  app.add_flag("--json", flags->json, "Print a JSON array");
  return [flags, &io] { return list_prices(io, *flags); };
}

Action define_prices_show(CLI::App& app, Io& io) {
  auto flags = std::make_shared<ShowFlags>();
  app.add_option("MODEL", flags->model, "A model as its API calls it")->required();
  app.add_option("--on", flags->on, "As of this day (default: today)")->option_text("DAY");
  return [flags, &io] { return show_price(io, *flags); };
}

Action define_prices_update(CLI::App& app, Io& io) {
  auto flags = std::make_shared<UpdateFlags>();
  app.add_option("SOURCE", flags->source,
                 "URL or file with llm-prices' current-v1.json or historical-v1.json")
      ->required();
  return [flags, &io] { return update_prices(io, *flags); };
}

}  // namespace hob::cli

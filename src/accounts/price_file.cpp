#include "accounts/price_file.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "accounts/day.h"
#include "os/file.h"
#include "store/user_folder.h"

namespace hob::accounts {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr size_t kMostBytes = 16 << 20, kMostRows = 100'000, kLongestText = 200;

Result<std::string> text_field(const json& row, const char* key, const std::string& where) {
  const auto found = row.find(key);
  if (found == row.end() || found->is_null()) return std::string();
  if (!found->is_string()) return fail(ErrorKind::kInvalid, "{}: \"{}\" is no text", where, key);
  auto text = found->get<std::string>();
  const bool control = std::any_of(text.begin(), text.end(),
                                   [](char c) { return static_cast<unsigned char>(c) < 32; });
  if (text.size() > kLongestText || control)
    return fail(ErrorKind::kInvalid, "{}: \"{}\" is no short line of text", where, key);
  return text;
}

Result<std::optional<Price>> price_field(const json& row, const char* key,
                                         const std::string& where) {
  const auto found = row.find(key);
  if (found == row.end() || found->is_null()) return std::nullopt;
  const std::string what = fmt::format("{}: \"{}\"", where, key);
  if (found->is_string()) {
    HOB_TRY(const Price price, parse_price(found->get<std::string>(), what));
    return price;
  }
  if (!found->is_number()) return fail(ErrorKind::kInvalid, "{} is no number", what);
  // The shortest decimal that reads back as the same double is the one the file holds.
  HOB_TRY(const Price price,
          parse_price(
              found->is_number_float() ? fmt::format("{}", found->get<double>()) : found->dump(),
              what));
  return price;
}

Result<std::string> day_field(const json& row, const char* key, const std::string& where) {
  HOB_TRY(std::string day, text_field(row, key, where));
  if (day.empty() || is_day(day)) return day;
  return fail(ErrorKind::kInvalid, "{}: \"{}\" is no day: '{}'", where, key, day);
}

Result<PriceRow> parse_row(const json& entry, const std::string& where, const std::string& source) {
  if (!entry.is_object()) return fail(ErrorKind::kInvalid, "{} is no object", where);
  PriceRow row;
  row.built_in = false;
  HOB_TRY(row.id, text_field(entry, "id", where));
  if (row.id.empty()) return fail(ErrorKind::kInvalid, "{} has no \"id\"", where);
  HOB_TRY(row.name, text_field(entry, "name", where));
  HOB_TRY(row.vendor, text_field(entry, "vendor", where));
  HOB_TRY(row.rates.input, price_field(entry, "input", where));
  HOB_TRY(row.rates.output, price_field(entry, "output", where));
  HOB_TRY(row.rates.cached, price_field(entry, "input_cached", where));
  HOB_TRY(row.rates.batch_input, price_field(entry, "batch_input", where));
  HOB_TRY(row.rates.batch_output, price_field(entry, "batch_output", where));
  HOB_TRY(row.from, day_field(entry, "from_date", where));
  HOB_TRY(row.to, day_field(entry, "to_date", where));
  HOB_TRY(row.as_of, day_field(entry, "as_of", where));
  HOB_TRY(row.source, text_field(entry, "source", where));
  if (row.source.empty()) row.source = source;
  if (row.name.empty()) row.name = row.id;
  if (!row.rates.input && !row.rates.output)
    return fail(ErrorKind::kInvalid, "{}: '{}' has no price", where, row.id);
  if (!row.from.empty() && !row.to.empty() && row.from >= row.to)
    return fail(ErrorKind::kInvalid, "{}: '{}' holds from {} to {}, which is no time", where,
                row.id, row.from, row.to);
  if (const auto above = entry.find("above"); above != entry.end()) {
    if (!above->is_number_unsigned())
      return fail(ErrorKind::kInvalid, "{}: \"above\" is no number of tokens", where);
    row.above = above->get<uint64_t>();
  }
  return row;
}

// Makes "x-272k", named "X >272k", a row of x for requests of more than 272,000 tokens.
void recognise_tiers(std::vector<PriceRow>& rows) {
  std::set<std::string> ids;
  for (const PriceRow& row : rows) ids.insert(row.id);
  for (PriceRow& row : rows) {
    const size_t dash = row.id.rfind('-');
    if (dash == row.id.npos || !row.id.ends_with('k') || row.name.find('>') == row.name.npos)
      continue;
    const std::string digits = row.id.substr(dash + 1, row.id.size() - dash - 2);
    if (digits.empty() || digits.size() > 6 || !ids.contains(row.id.substr(0, dash)) ||
        digits.find_first_not_of("0123456789") != digits.npos)
      continue;
    row.above = std::stoull(digits) * 1000;
    row.id.resize(dash);
  }
}

bool overlap(const PriceRow& a, const PriceRow& b) {
  return (a.to.empty() || b.from < a.to) && (b.to.empty() || a.from < b.to);
}

bool same(const PriceRow& a, const PriceRow& b) {
  return a.id == b.id && a.above == b.above && a.rates == b.rates && a.from == b.from &&
         a.to == b.to;
}

// Drops repeated rows; two prices for one day are an error.
Result<> check_rows(std::vector<PriceRow>& rows, const std::string& source) {
  std::map<std::pair<std::string, uint64_t>, std::vector<PriceRow>> of;
  std::vector<PriceRow> kept;
  for (PriceRow& row : rows) {
    auto& others = of[{row.id, row.above}];
    bool repeated = false;
    for (const PriceRow& other : others) {
      if (same(row, other)) {
        repeated = true;
      } else if (overlap(row, other)) {
        return fail(ErrorKind::kInvalid, "{}: '{}' has two prices for the same day", source,
                    row.id);
      }
    }
    if (repeated) continue;
    others.push_back(row);
    kept.push_back(std::move(row));
  }
  rows = std::move(kept);
  return {};
}

// Whether `known` already says what `row` does. Lists have no batch prices, and often no cached
// one.
bool agrees(const PriceRow& known, const PriceRow& row) {
  return known.rates.input == row.rates.input && known.rates.output == row.rates.output &&
         (!row.rates.cached || known.rates.cached == row.rates.cached);
}

// Takes one row into the rows of its model; false where they say so already.
bool take(std::vector<PriceRow>& known, PriceRow row, const std::string& day) {
  const bool any = std::any_of(known.begin(), known.end(),
                               [&](const PriceRow& r) { return r.above == row.above; });
  if (any && row.from.empty()) {
    // Without a beginning it says no more than: this is (or, with an end, was last) the price.
    if (!row.to.empty() && std::any_of(known.begin(), known.end(), [&](const PriceRow& r) {
          return r.above == row.above && r.from < row.to;
        }))
      return false;
    if (row.to.empty()) row.from = day;
  }
  // What begins after the day of the list is news to it.
  for (const PriceRow& r : known) {
    if (r.above == row.above && r.from > std::max(day, row.from) && overlap(r, row))
      row.to = r.from;
  }
  for (const PriceRow& r : known) {
    if (r.above == row.above && r.holds_on(row.from.empty() ? day : row.from) && agrees(r, row))
      return false;
  }
  for (PriceRow& r : known) {
    if (r.above == row.above && r.from < row.from && overlap(r, row)) r.to = row.from;
  }
  std::erase_if(known, [&](const PriceRow& r) { return r.above == row.above && overlap(r, row); });
  known.push_back(std::move(row));
  return true;
}

ordered_json row_json(const PriceRow& row) {
  const auto price = [](const std::optional<Price>& p) {
    return p ? ordered_json(price_text(*p)) : ordered_json();
  };
  const auto text = [](const std::string& t) {
    return t.empty() ? ordered_json() : ordered_json(t);
  };
  ordered_json out = {{"id", row.id},
                      {"vendor", row.vendor},
                      {"name", row.name},
                      {"input", price(row.rates.input)},
                      {"output", price(row.rates.output)},
                      {"input_cached", price(row.rates.cached)},
                      {"from_date", text(row.from)},
                      {"to_date", text(row.to)},
                      {"as_of", text(row.as_of)},
                      {"source", row.source}};
  if (row.rates.batch_input) out["batch_input"] = price(row.rates.batch_input);
  if (row.rates.batch_output) out["batch_output"] = price(row.rates.batch_output);
  if (row.above > 0) out["above"] = row.above;
  return out;
}

}  // namespace

Result<PriceList> parse_price_list(std::string_view text, const std::string& source) {
  if (text.size() > kMostBytes) return fail(ErrorKind::kTooLarge, "{}: too large", source);
  const json document = json::parse(text, nullptr, false);
  if (document.is_discarded()) return fail(ErrorKind::kInvalid, "{}: not JSON", source);
  const auto prices = document.is_object() ? document.find("prices") : document.end();
  if (prices == document.end() || !prices->is_array())
    return fail(ErrorKind::kInvalid, "{}: no list \"prices\": not a file of llm-prices", source);
  if (prices->empty()) return fail(ErrorKind::kInvalid, "{}: \"prices\" is empty", source);
  if (prices->size() > kMostRows) return fail(ErrorKind::kTooLarge, "{}: too large", source);
  PriceList list;
  HOB_TRY(list.as_of, day_field(document, "updated_at", source));
  for (size_t i = 0; i < prices->size(); ++i) {
    HOB_TRY(PriceRow row,
            parse_row((*prices)[i], fmt::format("{}: prices[{}]", source, i), source));
    list.rows.push_back(std::move(row));
  }
  recognise_tiers(list.rows);
  HOB_TRY_VOID(check_rows(list.rows, source));
  return list;
}

PriceUpdate apply_prices(PriceTable& table, const PriceList& list, const std::string& day) {
  PriceUpdate update;
  std::vector<std::string> order;
  std::map<std::string, std::vector<PriceRow>> of;
  for (const PriceRow& row : list.rows) {
    if (!of.contains(row.id)) order.push_back(row.id);
    of[row.id].push_back(row);
  }
  for (const std::string& id : order) {
    std::vector<PriceRow> known;
    for (const PriceRow& row : table.rows()) {
      if (row.id == id) known.push_back(row);
    }
    const bool is_new = known.empty();
    bool changed = false;
    auto& rows = of[id];
    std::sort(rows.begin(), rows.end(),
              [](const PriceRow& a, const PriceRow& b) { return a.to.empty() < b.to.empty(); });
    for (PriceRow& row : rows) {
      if (row.as_of.empty()) row.as_of = day;
      changed |= take(known, row, day);
    }
    if (!changed) {
      ++update.unchanged;
      continue;
    }
    for (PriceRow& row : known) row.built_in = false;
    std::stable_sort(known.begin(), known.end(), [](const PriceRow& a, const PriceRow& b) {
      return std::pair(a.above, a.from) < std::pair(b.above, b.from);
    });
    table.replace(id, std::move(known));
    (is_new ? update.added : update.changed).push_back(id);
  }
  return update;
}

std::string own_prices_path() { return store::settings_file("prices.json"); }

Result<> add_own_prices(PriceTable& table) {
  const std::string path = own_prices_path();
  if (!os::file_exists(path)) return {};
  HOB_TRY(const std::string text, os::read_file(path));
  HOB_TRY(const PriceList list, parse_price_list(text, path));
  std::map<std::string, std::vector<PriceRow>> of;
  for (const PriceRow& row : list.rows) of[row.id].push_back(row);
  for (auto& [id, rows] : of) table.replace(id, std::move(rows));
  return {};
}

Result<> save_own_prices(const PriceTable& table) {
  ordered_json document = {{"prices", ordered_json::array()}};
  for (const PriceRow& row : table.rows()) {
    if (!row.built_in) document["prices"].push_back(row_json(row));
  }
  const std::string path = own_prices_path();
  std::error_code ignored;  // the write below says what is wrong
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
  return os::write_file_atomically(path, document.dump(2) + "\n");
}

}  // namespace hob::accounts

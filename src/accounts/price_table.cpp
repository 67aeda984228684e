#include "accounts/price_table.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "accounts/day.h"
#include "accounts/price_data.h"
#include "accounts/price_file.h"
#include "base/ascii.h"
#include "base/check.h"
#include "base/spelling.h"

namespace hob::accounts {
namespace {

constexpr size_t kColumns = 11;
constexpr std::string_view kSpaces = " \t\r";

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(kSpaces);
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpaces) - begin + 1);
}

std::vector<std::string_view> cells_of(std::string_view line) {
  std::vector<std::string_view> cells;
  for (;;) {
    const size_t end = line.find('|');
    cells.push_back(trimmed(line.substr(0, end)));
    if (end == line.npos) return cells;
    line.remove_prefix(end + 1);
  }
}

// Calls use(line number, line) for what is neither blank nor a remark.
template <class Use>
Result<> each_line(std::string_view text, Use&& use) {
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.starts_with('#')) continue;
    HOB_TRY_VOID(use(number, line));
  }
  return {};
}

Result<std::optional<Price>> optional_price(std::string_view cell, std::string_view where) {
  if (cell == "-") return std::nullopt;
  HOB_TRY(const Price price, parse_price(cell, where));
  return price;
}

Result<std::string> optional_day(std::string_view cell, std::string_view where) {
  if (cell == "-") return std::string();
  if (is_day(cell)) return std::string(cell);
  return fail(ErrorKind::kInvalid, "{}: '{}' is no day", where, cell);
}

Result<PriceRow> parse_row(const std::vector<std::string_view>& cells, std::string_view where) {
  PriceRow row;
  row.id = cells[0];
  row.name = cells[1];
  if (row.id.empty()) return fail(ErrorKind::kInvalid, "{}: a row without an id", where);
  HOB_TRY(row.rates.input, optional_price(cells[2], where));
  HOB_TRY(row.rates.output, optional_price(cells[3], where));
  HOB_TRY(row.rates.cached, optional_price(cells[4], where));
  HOB_TRY(row.rates.batch_input, optional_price(cells[5], where));
  HOB_TRY(row.rates.batch_output, optional_price(cells[6], where));
  if (!row.rates.input) return fail(ErrorKind::kInvalid, "{}: a row without a price", where);
  if (cells[7] != "-") {
    const auto [end, error] =
        std::from_chars(cells[7].data(), cells[7].data() + cells[7].size(), row.above);
    if (error != std::errc() || end != cells[7].data() + cells[7].size())
      return fail(ErrorKind::kInvalid, "{}: '{}' is no number of tokens", where, cells[7]);
  }
  HOB_TRY(row.from, optional_day(cells[8], where));
  HOB_TRY(row.to, optional_day(cells[9], where));
  HOB_TRY(row.as_of, optional_day(cells[10], where));
  if (!row.from.empty() && !row.to.empty() && row.from >= row.to)
    return fail(ErrorKind::kInvalid, "{}: from {} to {} is no time", where, row.from, row.to);
  return row;
}

bool all_digits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// What vendors put behind a family's name, longest first: "-2024-07-18", "-20241022",
// "-preview-05-20",
// "-0613", "-002", "-v1:0", ":0", "-latest". The text without it; empty where nothing is there.
std::string_view without_version(std::string_view name) {
  const size_t n = name.size();
  if (n > 11 && name[n - 11] == '-' && is_day(name.substr(n - 10))) return name.substr(0, n - 11);
  if (const size_t colon = name.rfind(':'); colon != name.npos && colon > 0) {
    if (all_digits(name.substr(colon + 1))) return name.substr(0, colon);
  }
  const size_t dash = name.find_last_of("-@");
  if (dash == name.npos || dash == 0) return {};
  const std::string_view last = name.substr(dash + 1);
  const bool digits = all_digits(last);
  if (digits && last.size() == 2) {  // "-preview-05-20"
    const std::string_view before = name.substr(0, dash);
    const size_t other = before.rfind('-');
    if (other != before.npos && other > 0 && all_digits(before.substr(other + 1)) &&
        before.size() - other == 3)
      return name.substr(0, other);
    return {};
  }
  if (digits && (last.size() == 3 || last.size() == 4 || last.size() == 8))
    return name.substr(0, dash);
  if (last == "latest" || (last.size() > 1 && last[0] == 'v' && all_digits(last.substr(1))))
    return name.substr(0, dash);
  return {};
}

}  // namespace

Result<std::vector<PriceRow>> parse_price_rows(std::string_view text, std::string_view name) {
  std::vector<PriceRow> rows;
  std::string vendor, source;
  const auto use = [&](size_t number, std::string_view line) -> Result<> {
    const std::string where = fmt::format("{}:{}", name, number);
    if (line.starts_with('[') && line.ends_with(']')) {
      const auto cells = cells_of(line.substr(1, line.size() - 2));
      if (cells.size() != 3) return fail(ErrorKind::kInvalid, "{}: no section", where);
      vendor = cells[0];
      source = fmt::format("{}, {}", cells[1], cells[2]);
      return {};
    }
    const auto cells = cells_of(line);
    if (cells.size() != kColumns)
      return fail(ErrorKind::kInvalid, "{}: {} cells for {} columns", where, cells.size(),
                  kColumns);
    if (source.empty()) return fail(ErrorKind::kInvalid, "{}: a row before any section", where);
    HOB_TRY(PriceRow row, parse_row(cells, where));
    row.vendor = vendor;
    row.source = source;
    rows.push_back(std::move(row));
    return {};
  };
  HOB_TRY_VOID(each_line(text, use));
  return rows;
}

PriceTable PriceTable::built_in() {
  PriceTable table;
  auto rows = parse_price_rows(kPricesText, "prices.txt");
  HOB_CHECK(rows.has_value(), "{}", rows.error().message);
  table.rows_ = *std::move(rows);
  const auto use = [&](size_t, std::string_view line) -> Result<> {
    const size_t space = line.find_first_of(kSpaces);
    if (space == line.npos) {
      table.prefixes_.emplace_back(line);
    } else {
      table.names_.emplace_back(line.substr(0, space), trimmed(line.substr(space)));
    }
    return {};
  };
  HOB_CHECK(each_line(kPriceNamesText, use).has_value());
  return table;
}

Result<PriceTable> PriceTable::standard() {
  PriceTable table = built_in();
  HOB_TRY_VOID(add_own_prices(table));
  return table;
}

void PriceTable::replace(const std::string& id, std::vector<PriceRow> rows) {
  const auto first =
      std::find_if(rows_.begin(), rows_.end(), [&](const PriceRow& row) { return row.id == id; });
  auto at = first - rows_.begin();
  std::erase_if(rows_, [&](const PriceRow& row) { return row.id == id; });
  at = std::min(at, static_cast<std::ptrdiff_t>(rows_.size()));
  rows_.insert(rows_.begin() + at, std::make_move_iterator(rows.begin()),
               std::make_move_iterator(rows.end()));
}

std::vector<const PriceRow*> PriceTable::rows_of(std::string_view id) const {
  std::vector<const PriceRow*> found;
  for (const PriceRow& row : rows_) {
    if (row.id == id) found.push_back(&row);
  }
  return found;
}

std::string PriceTable::id_of(std::string_view name) const {
  for (const PriceRow& row : rows_) {
    if (ascii_lower(row.id) == name) return row.id;
  }
  for (const auto& [other, id] : names_) {
    if (other == name) return id;
  }
  return {};
}

const PriceRow* PriceTable::row_of(std::string_view id, std::string_view day,
                                   uint64_t above) const {
  for (const PriceRow& row : rows_) {
    if (row.id == id && row.above == above && row.holds_on(day)) return &row;
  }
  return nullptr;
}

std::vector<std::string> PriceTable::ids() const {
  std::vector<std::string> ids;
  for (const PriceRow& row : rows_) {
    if (ids.empty() || ids.back() != row.id) ids.push_back(row.id);
  }
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

Result<FoundPrice> PriceTable::find(std::string_view model, std::string_view day,
                                    uint64_t input_tokens) const {
  const std::string whole = ascii_lower(model);
  FoundPrice found;
  std::string_view name = whole;
  std::string id = id_of(name);
  for (size_t i = 0; id.empty() && i < prefixes_.size(); ++i) {
    if (!whole.starts_with(prefixes_[i])) continue;
    name = std::string_view(whole).substr(prefixes_[i].size());
    id = id_of(name);
    break;
  }
  found.match = !id.empty() && id == model ? Match::kId : Match::kName;
  while (id.empty()) {
    name = without_version(name);
    if (name.empty()) {
      const std::string near = nearest(whole, ids());
      return fail(ErrorKind::kNotFound, "no price is known for '{}'{}", model,
                  near.empty() ? "" : fmt::format("; there is one for {}", near));
    }
    id = id_of(name);
    found.match = Match::kFamily;
  }
  const PriceRow* best = nullptr;
  std::string earliest;
  for (const PriceRow* row : rows_of(id)) {
    if (row->above > 0 && input_tokens <= row->above) continue;
    if (earliest.empty() || row->from < earliest) earliest = row->from;
    if (row->holds_on(day) && (!best || row->above > best->above)) best = row;
  }
  if (!best) {
    return fail(ErrorKind::kNotFound, "no price of '{}' is known for {}{}", id, day,
                earliest > day ? fmt::format(", only from {} on", earliest) : "");
  }
  found.row = *best;
  if (found.match == Match::kFamily) found.caveat = fmt::format("family of {}", model);
  return found;
}

}  // namespace hob::accounts

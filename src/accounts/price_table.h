// Which price a model had on a day.
//
// The rows are those of prices.txt, built in, and over them what `hob prices update` stored
// (price_file.h). A name is taken as an id, as another name for one (price_names.txt), or as a
// member of a family: "gpt-4o-mini-2024-07-18" has no row of its own and costs what gpt-4o-mini
// costs. How a price was found goes with it, so that nobody takes a guess for a fact. What is not
// in the table is an error and never zero.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "accounts/money.h"
#include "base/result.h"

namespace hob::accounts {

struct Rates {
  std::optional<Price> input, output, cached, batch_input, batch_output;  // empty: not published
  bool operator==(const Rates&) const = default;
};

struct PriceRow {
  std::string id, name, vendor;
  Rates rates;
  uint64_t above = 0;         // holds for requests of more input tokens than this
  std::string from, to;       // first day, first day after; empty: open
  std::string as_of, source;  // where the figure was published, and a day on which it stood there
  bool built_in = true;

  bool holds_on(std::string_view day) const {
    return (from.empty() || from <= day) && (to.empty() || day < to);
  }
};

enum class Match { kId, kName, kFamily };

struct FoundPrice {
  PriceRow row;
  Match match = Match::kId;
  // "family of gpt-4o-mini-2024-07-18" where a guess was made; else empty.
  std::string caveat;
};

class PriceTable {
 public:
  // The built-in rows. Never fails: a test proves the files.
  static PriceTable built_in();
  // Those and the person's own file. What is wrong in that file is an error that names it.
  static Result<PriceTable> standard();

  // In the order of vendors and ids.
  const std::vector<PriceRow>& rows() const { return rows_; }
  // The rows of one id stand in for those there are of it.
  void replace(const std::string& id, std::vector<PriceRow> rows);

  // The price for a request of `input_tokens` on `day`. kNotFound names what is unknown: the model,
  // or the day.
  Result<FoundPrice> find(std::string_view model, std::string_view day,
                          uint64_t input_tokens = 0) const;
  // The row of an id as of a day and exactly this `above`.
  const PriceRow* row_of(std::string_view id, std::string_view day, uint64_t above = 0) const;
  // Near misses first. For "did you mean".
  std::vector<std::string> ids() const;

 private:
  std::vector<const PriceRow*> rows_of(std::string_view id) const;
  std::string id_of(std::string_view name) const;  // of an id or another name; empty: neither

  std::vector<PriceRow> rows_;
  std::vector<std::pair<std::string, std::string>> names_;
  std::vector<std::string> prefixes_;
};

// The format of prices.txt. `name` is what errors call the text.
Result<std::vector<PriceRow>> parse_price_rows(std::string_view text, std::string_view name);

}  // namespace hob::accounts

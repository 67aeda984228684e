// Prices from elsewhere: the two JSON files of llm-prices (https://www.llm-prices.com), and the
// file in which hob keeps what it took from them.
//
//   current-v1     {"updated_at", "prices": [{id, vendor, name, input, output, input_cached}]}
//   historical-v1  {"prices": [{... the same ..., from_date, to_date}]}
//
// Long contexts are ids of their own there ("gpt-5.4-272k", named "GPT-5.4 >272k"); here they are
// rows of the model with `above`. A file is taken whole or not at all.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "accounts/price_table.h"
#include "base/result.h"

namespace hob::accounts {

struct PriceList {
  std::vector<PriceRow> rows;
  std::string as_of;  // updated_at; empty where the file does not say
};

// `source` is what errors and the rows call it. Every row is checked: ids, prices, days, and that
// no two rows of a model speak of the same day.
Result<PriceList> parse_price_list(std::string_view text, const std::string& source);

struct PriceUpdate {
  std::vector<std::string> added, changed;  // ids
  size_t unchanged = 0;                     // models of which the table already says so
};

// Takes a list into the table. A price without a beginning holds from `day` on where the table has
// another one, so that what was paid before keeps its price, and until the next one that the table
// has after that day; batch prices, which the lists lack, stay with a price that stays.
PriceUpdate apply_prices(PriceTable& table, const PriceList& list, const std::string& day);

// The person's own file, prices.json among the settings.
std::string own_prices_path();
// Puts its rows over the built-in ones; nothing where there is no such file.
Result<> add_own_prices(PriceTable& table);
// Writes the rows that are not built in: written beside, synced, renamed.
Result<> save_own_prices(const PriceTable& table);

}  // namespace hob::accounts

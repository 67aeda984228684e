// What the ledger's turns cost in money and energy, added up.
//
// A turn costs what the price that was stored with it says; where none was (turns of llm, imports),
// what the table says for the turn's day. Turns of local models cost no money but energy. A turn
// whose price nobody knows, or whose tokens nobody counted, is counted as such and never as zero.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "accounts/money.h"
#include "accounts/price_table.h"
#include "base/result.h"
#include "store/database.h"

namespace hob::accounts {

enum class GroupBy { kModel, kDay, kThread, kTag };

struct SpendingQuery {
  GroupBy by = GroupBy::kModel;
  std::string since, until;  // beginnings of a time in UTC, as store::LogFilter's; empty: open
};

struct Spending {
  std::string key;   // the model, day, thread id or tag; empty: turns without one
  std::string name;  // of a thread
  uint64_t turns = 0, input_tokens = 0, output_tokens = 0;
  // Where the money stands: of the turns, those with a price, those of local models, those of
  // unknown price, and those without a count of tokens.
  uint64_t priced = 0, local = 0, unknown = 0, uncounted = 0;
  uint64_t from_table = 0;  // of `priced`, those whose price was looked up now, for that day
  Money cost;               // of the priced ones
  uint64_t with_energy = 0, energy_measured = 0;  // turns
  double joules = 0;
  double seconds = 0;  // that models ran, where it was recorded; else the turns' duration
};

struct SpendingReport {
  std::vector<Spending> rows;  // by key for days and tags, else the dearest first
  Spending total;              // every turn once, also where it has several tags
  std::vector<std::string> unknown_models;
};

// `ledger` as store::open_ledger gives it, or one of hob's own.
Result<SpendingReport> spending(store::Database& ledger, const SpendingQuery& query,
                                const PriceTable& prices);

// How fast a local model was in the ledger and what it drew, for estimates.
struct Pace {
  uint64_t turns = 0;
  double prompt_tokens_per_second = 0, reply_tokens_per_second = 0;
  std::optional<double> watts;  // joules per second that it ran
  bool watts_measured = false;
};
// Of the newest turns of a model file, or of a model by name. No turns: nothing.
Result<std::optional<Pace>> pace_of(store::Database& ledger, const std::string& model_file,
                                    const std::string& model);

}  // namespace hob::accounts

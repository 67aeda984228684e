// What a request costs: tokens times prices, line by line.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "accounts/money.h"
#include "accounts/price_table.h"
#include "base/result.h"

namespace hob::accounts {

struct TokenUse {
  uint64_t input = 0;   // all of the prompt
  uint64_t cached = 0;  // of those, what the vendor read from its cache
  uint64_t output = 0;
  bool batch = false;  // by the asynchronous service
};

struct CostLine {
  std::string what;  // "input", "cached input", "output"
  uint64_t tokens = 0;
  Price price;
  Money cost;
};

struct Cost {
  std::vector<CostLine> lines;
  Money total;
};

// Where no price for cached input is published it costs what input costs. A price that is needed
// and not published is an error that names it; 0 tokens need none.
Result<Cost> cost_of(const PriceRow& row, const TokenUse& use);

// What requests would cost before they are sent: their prompts' tokens are counted, their replies'
// are a guess or a limit, so the whole is an estimate.
struct Prediction {
  FoundPrice price;         // of the longest prompt
  size_t requests = 1;
  Money input;              // exact, for the counted tokens
  Money at_most;            // with max_output tokens of reply each
  uint64_t max_output = 0;  // 0: no limit is known, at_most says nothing
};
// `inputs`: tokens of prompt, one number a request, at least one.
Result<Prediction> predicted_cost(const PriceTable& table, std::string_view model,
                                  std::span<const uint64_t> inputs, uint64_t max_output,
                                  std::string_view day);
// One line: "estimate: $0.0012 for the prompt, at most $0.0112 with 1,000 tokens of reply (gpt-4o:
// $2.5 and $10 per million tokens, as of 2025-04-14)"; "20 prompts" and "20 x 1,000" of several.
std::string prediction_text(const Prediction& prediction);

// What the ledger keeps with a turn, and back. The JSON holds prices as decimals in text, so that
// nothing is lost.
std::string price_json(const FoundPrice& price);
Result<FoundPrice> price_from_json(std::string_view text);

}  // namespace hob::accounts

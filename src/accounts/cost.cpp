#include "accounts/cost.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace hob::accounts {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

Result<> add(Cost& cost, const PriceRow& row, const char* what, uint64_t tokens,
             const std::optional<Price>& price, bool batch) {
  if (tokens == 0) return {};
  if (!price) {
    return fail(ErrorKind::kNotFound, "no {}price for {} of '{}' is known", batch ? "batch " : "",
                what, row.id);
  }
  cost.lines.push_back({what, tokens, *price, times(tokens, *price)});
  cost.total += cost.lines.back().cost;
  return {};
}

// "prices" of FoundPrice as they are named in the JSON.
struct NamedRate {
  const char* name;
  std::optional<Price> Rates::*rate;
};
constexpr NamedRate kRates[] = {{"input", &Rates::input},
                                {"output", &Rates::output},
                                {"cached", &Rates::cached},
                                {"batch_input", &Rates::batch_input},
                                {"batch_output", &Rates::batch_output}};

}  // namespace

Result<Cost> cost_of(const PriceRow& row, const TokenUse& use) {
  Cost cost;
  const Rates& rates = row.rates;
  const uint64_t cached = std::min(use.cached, use.input);
  const auto& input = use.batch ? rates.batch_input : rates.input;
  const auto& output = use.batch ? rates.batch_output : rates.output;
  HOB_TRY_VOID(add(cost, row, "input", use.input - cached, input, use.batch));
  HOB_TRY_VOID(add(cost, row, "cached input", cached,
                   rates.cached && !use.batch ? rates.cached : input, use.batch));
  HOB_TRY_VOID(add(cost, row, "output", use.output, output, use.batch));
  return cost;
}

Result<Prediction> predicted_cost(const PriceTable& table, std::string_view model,
                                  std::span<const uint64_t> inputs, uint64_t max_output,
                                  std::string_view day) {
  Prediction prediction;
  prediction.requests = inputs.size();
  prediction.max_output = max_output;
  const uint64_t longest = *std::max_element(inputs.begin(), inputs.end());
  HOB_TRY(prediction.price, table.find(model, day, longest));
  for (const uint64_t input : inputs) {
    HOB_TRY(const FoundPrice price, table.find(model, day, input));
    HOB_TRY(const Cost prompt, cost_of(price.row, {.input = input}));
    HOB_TRY(const Cost most, cost_of(price.row, {.input = input, .output = max_output}));
    prediction.input += prompt.total;
    prediction.at_most += most.total;
  }
  return prediction;
}

std::string prediction_text(const Prediction& prediction) {
  const PriceRow& row = prediction.price.row;
  const size_t n = prediction.requests;
  std::string text = fmt::format("estimate: {} for the prompt", dollars(prediction.input));
  if (n > 1) text = fmt::format("estimate: {} for {} prompts", dollars(prediction.input), n);
  if (prediction.max_output > 0)
    text += fmt::format(", at most {} with {}{} tokens of reply", dollars(prediction.at_most),
                        n > 1 ? fmt::format("{} x ", n) : "", prediction.max_output);
  text += fmt::format(" ({}: ${} in", row.id, row.rates.input ? price_text(*row.rates.input) : "?");
  if (row.rates.output) text += fmt::format(" and ${} out", price_text(*row.rates.output));
  text += fmt::format(" per million tokens, as of {}", row.as_of);
  if (!prediction.price.caveat.empty()) text += ", " + prediction.price.caveat;
  return text + ")";
}

std::string price_json(const FoundPrice& price) {
  const PriceRow& row = price.row;
  ordered_json out = {{"id", row.id}, {"vendor", row.vendor}};
  for (const auto& [name, rate] : kRates) {
    if (row.rates.*rate) out[name] = price_text(*(row.rates.*rate));
  }
  if (row.above > 0) out["above"] = row.above;
  out["as_of"] = row.as_of;
  out["source"] = row.source;
  if (!price.caveat.empty()) out["caveat"] = price.caveat;
  return out.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

Result<FoundPrice> price_from_json(std::string_view text) {
  const json document = json::parse(text, nullptr, false);
  if (!document.is_object()) return fail(ErrorKind::kCorrupt, "a stored price is no JSON object");
  FoundPrice price;
  const auto get = [&](const char* key) {
    const auto found = document.find(key);
    return found != document.end() && found->is_string() ? found->get<std::string>() : "";
  };
  price.row.id = get("id");
  price.row.vendor = get("vendor");
  price.row.as_of = get("as_of");
  price.row.source = get("source");
  price.caveat = get("caveat");
  if (!price.caveat.empty()) price.match = Match::kFamily;
  for (const auto& [name, rate] : kRates) {
    const std::string value = get(name);
    if (value.empty()) continue;
    HOB_TRY(price.row.rates.*rate, parse_price(value, "a stored price"));
  }
  if (const auto above = document.find("above");
      above != document.end() && above->is_number_unsigned())
    price.row.above = above->get<uint64_t>();
  return price;
}

}  // namespace hob::accounts

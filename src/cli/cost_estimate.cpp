// hob cost estimate: what a number of requests would cost, hosted models in money, local ones in
// time and energy, line by line.
#include <algorithm>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>

#include "accounts/cost.h"
#include "accounts/day.h"
#include "accounts/energy.h"
#include "accounts/spending.h"
#include "chat/model_store.h"
#include "cli/command.h"
#include "cli/cost_prediction.h"
#include "cli/ledger_flags.h"
#include "cli/model_flags.h"
#include "cli/repeatable.h"
#include "cli/safe_text.h"
#include "cli/table.h"
#include "store/json_text.h"

namespace hob::cli {
namespace {

using accounts::Money;
using nlohmann::ordered_json;

constexpr uint64_t kMostItems = 1'000'000'000'000;

struct EstimateFlags {
  uint64_t items = 1, input = 0, output = 0, cached = 0;
  std::vector<std::string> models;
  std::string on, prompt_speed, reply_speed;
  bool batch = false, json = false;
};

// Of one model: money for a hosted one, seconds for a local one.
struct Estimate {
  std::string model;
  std::optional<accounts::FoundPrice> price;
  accounts::Cost each;  // of one item
  Money input, output, total;
  bool local = false;
  double seconds = 0, joules = 0;
  bool energy_known = false;
  std::string basis;  // of a local model's speed
};

struct Speeds {
  double prompt = 0, reply = 0;
};

Result<double> positive(const std::string& text, const char* flag) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0' || !(value > 0) || value > 1e12)
    return fail(ErrorKind::kInvalid, "{}: '{}' is no number of tokens per second", flag, text);
  return value;
}

Money multiplied(Money money, uint64_t items) {
  return {money.picos * static_cast<accounts::Wide>(items)};
}

Result<Estimate> hosted(const EstimateFlags& flags, const std::string& model,
                        accounts::FoundPrice price) {
  Estimate estimate;
  estimate.model = model;
  HOB_TRY(estimate.each, accounts::cost_of(price.row, {.input = flags.input,
                                                       .cached = flags.cached,
                                                       .output = flags.output,
                                                       .batch = flags.batch}));
  estimate.price = std::move(price);
  for (const auto& line : estimate.each.lines) {
    Money& sum = line.what == "output" ? estimate.output : estimate.input;
    sum += multiplied(line.cost, flags.items);
  }
  estimate.total = estimate.input + estimate.output;
  return estimate;
}

Result<Estimate> local(const EstimateFlags& flags, const std::string& model,
                       const std::string& path) {
  Estimate estimate;
  estimate.model = model;
  estimate.local = true;
  HOB_TRY(const auto pace, recorded_pace(path));
  HOB_TRY(const auto settings, accounts::EnergySettings::standard());
  Speeds speeds;
  if (pace) speeds = {pace->prompt_tokens_per_second, pace->reply_tokens_per_second};
  if (!flags.prompt_speed.empty()) {
    HOB_TRY(speeds.prompt, positive(flags.prompt_speed, "--prompt-speed"));
  }
  if (!flags.reply_speed.empty()) {
    HOB_TRY(speeds.reply, positive(flags.reply_speed, "--reply-speed"));
  }
  if (!(speeds.prompt > 0) || !(speeds.reply > 0)) {
    return fail(
        ErrorKind::kNotFound,
        "'{}' has no turns on record to tell its speed: measure it with 'hob bench -m {}' and "
        "give --prompt-speed and --reply-speed",
        model, model);
  }
  const auto source = [&](const std::string& given) {
    return given.empty() ? fmt::format("the mean of {} turns on record", pace->turns) : "as given";
  };
  const std::string of_prompt = source(flags.prompt_speed), of_reply = source(flags.reply_speed);
  estimate.basis = fmt::format("{:.1f} tokens/s of prompt{} and {:.1f} of reply, {}", speeds.prompt,
                               of_prompt == of_reply ? "" : fmt::format(" ({})", of_prompt),
                               speeds.reply, of_reply);
  const double items = static_cast<double>(flags.items);
  estimate.seconds = items *
                         static_cast<double>(flags.input - std::min(flags.cached, flags.input)) /
                         speeds.prompt +
                     items * static_cast<double>(flags.output) / speeds.reply;
  if (pace && pace->watts) {
    estimate.energy_known = true;
    estimate.joules = estimate.seconds * *pace->watts;
    estimate.basis +=
        fmt::format("; {:.1f} W {}", *pace->watts,
                    pace->watts_measured ? "measured" : "estimated from processor time");
  }
  return estimate;
}

Result<Estimate> estimate_for(const EstimateFlags& flags, const accounts::PriceTable& table,
                              const std::string& model, const std::string& day) {
  auto price = table.find(model, day, flags.input);
  if (price) return hosted(flags, model, *std::move(price));
  const auto path = chat::ModelStore::standard().find(model);
  if (path) return local(flags, model, *path);
  return fail(ErrorKind::kNotFound, "{}, and no model on this machine has the name",
              price.error().message);
}

std::string per_item(uint64_t tokens, uint64_t items) {
  return fmt::format("{} x {} = {} tokens", grouped(items), grouped(tokens),
                     grouped(items * tokens));
}

void explain_hosted(Io& io, const EstimateFlags& flags, const Estimate& estimate) {
  const auto& row = estimate.price->row;
  const std::string& caveat = estimate.price->caveat;
  io.write(safe_line(fmt::format("{}: {} by {}{}", estimate.model, row.name, row.vendor,
                                 caveat.empty() ? "" : fmt::format(" ({})", caveat))) +
           '\n');
  for (const auto& line : estimate.each.lines) {
    const Money cost = multiplied(line.cost, flags.items);
    io.print("  {:<13}{} at ${} per million{} = {} (${})\n", line.what,
             per_item(line.tokens, flags.items), accounts::price_text(line.price),
             flags.batch ? " in batch" : "", accounts::dollars(cost), accounts::exact_text(cost));
  }
  io.print("  {:<13}{} + {} = {} (${})\n", "estimate", accounts::dollars(estimate.input),
           accounts::dollars(estimate.output), accounts::dollars(estimate.total),
           accounts::exact_text(estimate.total));
  io.print("  price of {}{}: {}, as of {}\n", row.from.empty() ? "unknown beginning" : row.from,
           row.to.empty() ? " on" : fmt::format(" to {}", row.to), safe_line(row.source),
           row.as_of);
}

void explain_local(Io& io, const EstimateFlags& flags, const Estimate& estimate) {
  io.print("{}: on this machine, no price per token\n", safe_line(estimate.model));
  io.print("  {:<13}{}\n", "input", per_item(flags.input, flags.items));
  io.print("  {:<13}{}\n", "output", per_item(flags.output, flags.items));
  io.print(
      "  {:<13}{}{}\n", "estimate", seconds_text(estimate.seconds),
      estimate.energy_known ? ", " + accounts::joules_text(estimate.joules) : ", energy not known");
  io.print("  by {}, one request at a time\n", estimate.basis);
}

void compare(Io& io, const EstimateFlags& flags, const std::vector<Estimate>& estimates,
             const accounts::Grid& grid) {
  std::vector<std::vector<std::string>> rows;
  for (const Estimate& e : estimates) {
    const std::string co2e =
        e.energy_known ? accounts::grams_text(accounts::grams_co2e(e.joules, grid)) : "-";
    rows.push_back({e.model, e.local ? "-" : accounts::dollars(e.input),
                    e.local ? "-" : accounts::dollars(e.output),
                    e.local ? "local" : accounts::dollars(e.total),
                    e.local ? "-" : accounts::dollars(e.each.total),
                    e.local ? seconds_text(e.seconds) : "-",
                    e.energy_known ? accounts::joules_text(e.joules) : "-", co2e});
  }
  io.print("\nestimates for {} item{} of {} tokens in and {} out{}:\n", grouped(flags.items),
           flags.items == 1 ? "" : "s", grouped(flags.input), grouped(flags.output),
           flags.batch ? ", in batch" : "");
  io.write(table_text({{"model"},
                       {"input", true},
                       {"output", true},
                       {"total", true},
                       {"an item", true},
                       {"time", true},
                       {"energy", true},
                       {"CO2e", true}},
                      rows));
}

ordered_json estimate_json(const Estimate& e, const accounts::Grid& grid) {
  ordered_json out = {{"model", e.model}, {"estimate", true}, {"local", e.local}};
  if (e.local) {
    out["seconds"] = e.seconds;
    out["energy_joules"] = e.energy_known ? ordered_json(e.joules) : ordered_json();
    out["grams_co2e"] =
        e.energy_known ? ordered_json(accounts::grams_co2e(e.joules, grid)) : ordered_json();
    out["basis"] = e.basis;
    return out;
  }
  const auto exact = [](Money money) { return ordered_json::parse(accounts::exact_text(money)); };
  out["input_usd"] = exact(e.input);
  out["output_usd"] = exact(e.output);
  out["total_usd"] = exact(e.total);
  out["price"] = ordered_json::parse(accounts::price_json(*e.price));
  return out;
}

Result<> estimate(Io& io, const EstimateFlags& flags) {
  // Far above any bill, and far below what 128 bits of picodollars hold.
  if (flags.items > kMostItems / (flags.input + flags.output + 1))
    return fail(ErrorKind::kTooLarge, "more than {} tokens in all", grouped(kMostItems));
  if (flags.input + flags.output == 0)
    return fail(ErrorKind::kInvalid,
                "nothing to estimate: give --input and --output, tokens an item");
  HOB_TRY(const auto table, accounts::PriceTable::standard());
  HOB_TRY(const auto settings, accounts::EnergySettings::standard());
  std::string day = accounts::today();
  if (!flags.on.empty()) {
    HOB_TRY(day, parse_day(flags.on, "--on"));
  }
  std::vector<Estimate> estimates;
  for (const std::string& model : flags.models) {
    HOB_TRY(Estimate one, estimate_for(flags, table, model, day));
    estimates.push_back(std::move(one));
  }
  if (flags.json) {
    auto out = ordered_json::array();
    for (const Estimate& one : estimates) out.push_back(estimate_json(one, settings.grid));
    io.write(store::indented_json(out) + "\n");
    return {};
  }
  for (size_t i = 0; i < estimates.size(); ++i) {
    if (i > 0) io.write("\n");
    if (estimates[i].local) {
      explain_local(io, flags, estimates[i]);
    } else {
      explain_hosted(io, flags, estimates[i]);
    }
  }
  if (estimates.size() > 1) compare(io, flags, estimates, settings.grid);
  io.note(
      "An estimate: real requests have other lengths. Sums are exact, dollars rounded for show.\n");
  return {};
}

}  // namespace

Action define_cost_estimate(CLI::App& app, Io& io) {
  auto flags = std::make_shared<EstimateFlags>();
  const auto count = [&](const char* name, uint64_t& value, const char* help) {
    app.add_option(name, value, help)->option_text("N")->transform(whole_number(0, kMostItems));
  };
  add_repeatable(app, "-m,--model", flags->models,
                 "A hosted model's name or one on this machine; repeatable")
      ->option_text("MODEL")
      ->required();
  count("--items", flags->items, "How many requests (default: 1)");
  count("--input", flags->input, "Tokens of prompt an item");
  count("--output", flags->output, "Tokens of reply an item");
  count("--cached", flags->cached, "Of --input, what the vendor has in its cache");
  app.add_flag("--batch", flags->batch, "At the price of the vendor's batch service");
  app.add_option("--on", flags->on, "At the prices of this day (default: today)")
      ->option_text("DAY");
  app.add_option("--prompt-speed", flags->prompt_speed,
                 "Tokens per second at which a local model reads (default: as on record)")
      ->option_text("R");
  app.add_option("--reply-speed", flags->reply_speed, "And writes")->option_text("R");
  app.add_flag("--json", flags->json, "Print a JSON array");
  return [flags, &io] { return estimate(io, *flags); };
}

}  // namespace hob::cli

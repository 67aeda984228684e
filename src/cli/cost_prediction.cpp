#include "cli/cost_prediction.h"

#include <filesystem>
#include <numeric>

#include "accounts/cost.h"
#include "accounts/day.h"
#include "accounts/energy.h"
#include "cli/model_flags.h"
#include "cli/safe_text.h"
#include "store/log_schema.h"
#include "store/user_folder.h"

namespace hob::cli {
namespace {

Result<std::string> hosted(const chat::ModelInfo& model, std::span<const uint64_t> inputs,
                           uint64_t most_output) {
  HOB_TRY(const auto table, accounts::PriceTable::standard());
  HOB_TRY(const auto prediction, accounts::predicted_cost(table, model.id, inputs, most_output,
                                                          accounts::today()));
  return "cost: " + accounts::prediction_text(prediction);
}

std::string joules_of(double seconds, const accounts::Pace& pace) {
  if (!pace.watts) return "";
  return fmt::format(" ({})", accounts::joules_text(seconds * *pace.watts));
}

Result<std::string> local(const chat::ModelInfo& model, std::span<const uint64_t> inputs,
                          uint64_t most_output) {
  std::string text = "cost: nothing is paid for a local model; ";
  HOB_TRY(const auto pace, recorded_pace(model.file));
  if (!pace || !(pace->prompt_tokens_per_second > 0) || !(pace->reply_tokens_per_second > 0))
    return text + "it has no turns on record to estimate its time and energy by";
  const auto tokens = std::accumulate(inputs.begin(), inputs.end(), uint64_t{0});
  const double prompt = static_cast<double>(tokens) / pace->prompt_tokens_per_second;
  text += fmt::format("estimate: {}{} for the prompt{}", seconds_text(prompt),
                      joules_of(prompt, *pace), inputs.size() == 1 ? "" : "s");
  if (most_output > 0) {
    const double most = prompt + static_cast<double>(most_output * inputs.size()) /
                                     pace->reply_tokens_per_second;
    text += fmt::format(", at most {}{} with {}{} tokens of reply", seconds_text(most),
                        joules_of(most, *pace),
                        inputs.size() == 1 ? "" : fmt::format("{} x ", grouped(inputs.size())),
                        grouped(most_output));
  }
  return text + fmt::format(", by the mean of {} turn{} on record, one at a time",
                            grouped(pace->turns), pace->turns == 1 ? "" : "s");
}

}  // namespace

Result<std::optional<accounts::Pace>> recorded_pace(const std::string& model_file) {
  auto ledger =
      store::Database::open(store::logs_database(), store::Access::kRead, store::log_migrations());
  if (!ledger && ledger.error().kind == ErrorKind::kNotFound) return std::nullopt;
  if (!ledger) return tl::unexpected<Error>(std::move(ledger.error()));
  const std::string name = std::filesystem::path(model_file).stem().string();  // the ledger's
  return accounts::pace_of(*ledger, model_file, name);
}

uint64_t most_output(const nlohmann::ordered_json& options) {
  const auto found = options.find("max_tokens");
  if (found == options.end() || !found->is_number_integer() || *found < 0) return 0;
  return found->get<uint64_t>();
}

std::string cost_prediction(const chat::ModelInfo& model, std::span<const uint64_t> inputs,
                            uint64_t most_output) {
  if (inputs.empty()) return "cost: nothing is left to ask";
  if (model.id == chat::kEchoModel) return "cost: the echo model costs nothing";
  const auto text =
      model.file.empty() ? hosted(model, inputs, most_output) : local(model, inputs, most_output);
  return safe_line(text ? *text : fmt::format("cost: not known: {}", text.error().message));
}

}  // namespace hob::cli

// What a request would cost, before it is sent.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>

#include "accounts/spending.h"
#include "base/result.h"
#include "chat/model.h"

namespace hob::cli {

// How fast the ledger saw the model of a file; nothing where it has no turns of it.
Result<std::optional<accounts::Pace>> recorded_pace(const std::string& model_file);

// The tokens that "max_tokens" allows a reply; 0: it says nothing.
uint64_t most_output(const nlohmann::ordered_json& options);

// One line: money for a hosted model, time and energy for a local one. `inputs`: tokens of prompt,
// one number a request. `most_output`: tokens of each reply at most; 0: nobody knows. What cannot be
// predicted says why.
std::string cost_prediction(const chat::ModelInfo& model, std::span<const uint64_t> inputs,
                            uint64_t most_output);

}  // namespace hob::cli

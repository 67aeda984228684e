// `hob prompt --json`: the reply as `logs list --json` shows it, and what the engine knows of it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "base/result.h"
#include "chat/model.h"
#include "chat/turn.h"
#include "store/ledger.h"

namespace hob::cli {

// An array of one object. What the engine adds stands behind llm's keys; `logprobs`: every token
// with its log-probability.
Result<std::string> prompt_json(store::Ledger& ledger, chat::Model& model,
                                const chat::TurnResult& result, bool logprobs);

}  // namespace hob::cli

// Which model answers.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "chat/model.h"
#include "engine/engine.h"

namespace hob::cli {

// What may name one, the first that does stands: -m, or $HOB_MODEL; -q's words; the conversation
// that goes on; else the default.
struct ModelWish {
  std::string named;
  std::vector<std::string> queries;
  std::string of_conversation;
};

// The name to open it by; empty: the default that chat::ModelStore has.
Result<std::string> chosen_model(const ModelWish& wish);
Result<std::unique_ptr<chat::Model>> open_chosen(const ModelWish& wish,
                                                 const engine::EngineOptions& options);

}  // namespace hob::cli

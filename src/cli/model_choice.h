// Which model answers.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "chat/model.h"
#include "engine/engine.h"

namespace hob::cli {

// What may name one, the first that does stands: -m, or $HOB_MODEL; -q's words; a template; the
// conversation that goes on; the saved default; else the built-in one.
struct ModelWish {
  std::string named;
  std::vector<std::string> queries;
  std::string of_template, of_conversation;
};

// -q.
void declare_model_query(CLI::App& app, std::vector<std::string>& queries);

// Its id or what finds it, an alias resolved.
Result<std::string> chosen_model(const ModelWish& wish);
Result<std::unique_ptr<chat::Model>> open_chosen(const ModelWish& wish,
                                                 const engine::EngineOptions& options);

}  // namespace hob::cli

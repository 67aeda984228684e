// hob models default: which model answers when none is named.
#include <memory>

#include "cli/catalog.h"
#include "cli/command.h"
#include "prompts/settings.h"
#include "store/user_folder.h"

namespace hob::cli {
namespace {

Result<> show_or_set(Io& io, const std::string& model) {
  if (model.empty()) {
    HOB_TRY(const std::string chosen, default_model());
    io.print("{}\n", chosen);
    return {};
  }
  HOB_TRY(const std::string id, model_id(model));
  return prompts::save_default(store::default_model_file(), id);
}

}  // namespace

Action define_models_default(CLI::App& app, Io& io) {
  auto model = std::make_shared<std::string>();
  app.add_option("MODEL", *model, "The new default, by id or alias");
  return [model, &io] { return show_or_set(io, *model); };
}

}  // namespace hob::cli

#include "cli/model_choice.h"

#include "cli/catalog.h"
#include "cli/repeatable.h"
#include "os/terminal.h"
#include "prompts/settings.h"

namespace hob::cli {

void declare_model_query(CLI::App& app, std::vector<std::string>& queries) {
  add_repeatable(app, "-q,--query", queries,
                 "Choose the model with the shortest name that has all of these in it; repeatable")
      ->option_text("TEXT");
}

Result<std::string> chosen_model(const ModelWish& wish) {
  std::string name = wish.named.empty() ? os::environment("HOB_MODEL") : wish.named;
  if (name.empty() && !wish.queries.empty()) return model_by_query(wish.queries);
  for (const std::string* next : {&wish.of_template, &wish.of_conversation}) {
    if (name.empty()) name = *next;
  }
  if (name.empty()) {
    HOB_TRY(name, default_model());
  }
  HOB_TRY(const auto alias, prompts::Aliases::standard().find(name));
  return alias.value_or(name);
}

Result<std::unique_ptr<chat::Model>> open_chosen(const ModelWish& wish,
                                                 const engine::EngineOptions& options) {
  HOB_TRY(const std::string id, chosen_model(wish));
  return chat::open_model(id, options);
}

}  // namespace hob::cli

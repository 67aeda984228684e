// hob aliases: other names for models.
#include <memory>

#include "cli/catalog.h"
#include "cli/command.h"
#include "cli/listing.h"
#include "cli/repeatable.h"
#include "prompts/settings.h"

namespace hob::cli {
namespace {

struct SetFlags {
  std::string alias, model;
  std::vector<std::string> queries;
};

// Those of models that are here, in the order of the models, as llm lists them.
Result<> list_aliases(Io& io, bool json) {
  HOB_TRY(const auto models, catalog());
  auto pairs = nlohmann::ordered_json::object();
  for (const CatalogModel& model : models) {
    for (const std::string& alias : model.aliases) {
      if (alias != model.id) pairs[alias] = model.id;
    }
  }
  if (json) {
    io.write(json_text(pairs, 4));
    return {};
  }
  size_t longest = 0;
  for (const auto& [alias, model] : pairs.items())
    longest = std::max(longest, character_count(alias));
  for (const auto& [alias, model] : pairs.items())
    io.show(fmt::format("{} : {}\n", padded(alias, longest), model.get_ref<const std::string&>()));
  return {};
}

Result<> set_alias(Io& io, const SetFlags& flags) {
  auto aliases = prompts::Aliases::standard();
  if (!flags.model.empty()) {
    // What is no model here may be one later: the name is kept as it is.
    return aliases.set(flags.alias, model_id(flags.model).value_or(flags.model));
  }
  if (flags.queries.empty()) {
    return fail(ErrorKind::kInvalid, "You must provide a model_id or at least one -q option");
  }
  HOB_TRY(const auto models, catalog());
  for (const CatalogModel& model : models) {
    if (!model.matches_all(flags.queries)) continue;
    HOB_TRY_VOID(aliases.set(flags.alias, model.id));
    io.note(fmt::format("Alias '{}' set to model '{}'\n", flags.alias, model.id));
    return {};
  }
  return fail(ErrorKind::kNotFound, "No model found matching query: {}",
              fmt::join(flags.queries, ", "));
}

}  // namespace

Action define_aliases_list(CLI::App& app, Io& io) {
  auto json = std::make_shared<bool>(false);
  app.add_flag("--json", *json, "Print a JSON object");
  return [json, &io] { return list_aliases(io, *json); };
}

Action define_aliases_set(CLI::App& app, Io& io) {
  auto flags = std::make_shared<SetFlags>();
  app.add_option("ALIAS", flags->alias, "The new name")->required();
  app.add_option("MODEL", flags->model, "The model, by id or alias");
  add_repeatable(app, "-q,--query", flags->queries, "The first model that matches this; repeatable")
      ->option_text("TEXT");
  return [flags, &io] { return set_alias(io, *flags); };
}

Action define_aliases_remove(CLI::App& app, Io&) {
  auto alias = std::make_shared<std::string>();
  app.add_option("ALIAS", *alias, "The name that goes")->required();
  return [alias] { return prompts::Aliases::standard().remove(*alias); };
}

Action define_aliases_path(CLI::App&, Io& io) {
  return [&io]() -> Result<> {
    io.print("{}\n", prompts::Aliases::standard().path());
    return {};
  };
}

}  // namespace hob::cli

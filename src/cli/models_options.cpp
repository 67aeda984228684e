// hob models options: default options that stand for a model wherever -o does not say otherwise.
#include <memory>

#include "chat/model.h"
#include "cli/catalog.h"
#include "cli/command.h"
#include "prompts/settings.h"
#include "text/python_text.h"

namespace hob::cli {
namespace {

using nlohmann::ordered_json;

struct OptionFlags {
  std::string model, key, value;
};

// A model that is not here keeps the name it is given: its options may be set before it comes.
std::string id_or_name(const std::string& name) { return model_id(name).value_or(name); }

void print_options(Io& io, const ordered_json& options, std::string_view indent) {
  for (const auto& [key, value] : options.items())
    io.print("{}{}: {}\n", indent, key, text::python_str(value));
}

Result<> list_options(Io& io) {
  HOB_TRY(const auto all, prompts::ModelOptions::standard().all());
  if (all.empty()) io.note("No default options set for any models.\n");
  for (const auto& [model, options] : all.items()) {
    io.print("{}:\n", model);
    print_options(io, options, "  ");
  }
  return {};
}

Result<> show_options(Io& io, const OptionFlags& flags) {
  const std::string model = id_or_name(flags.model);
  HOB_TRY(const auto options, prompts::ModelOptions::standard().of(model));
  if (options.empty()) io.note(fmt::format("No default options set for model '{}'.\n", model));
  print_options(io, options, "");
  return {};
}

Result<> set_option_of(Io& io, const OptionFlags& flags) {
  std::string model = flags.model;
  if (const auto id = model_id(flags.model)) {
    model = *id;
    HOB_TRY_VOID(chat::check_options(model, {{flags.key, flags.value}}));
  }
  HOB_TRY_VOID(prompts::ModelOptions::standard().set(model, flags.key, flags.value));
  io.note(fmt::format("Set default option {}={} for model {}\n", flags.key, flags.value, model));
  return {};
}

Result<> clear_options(Io& io, const OptionFlags& flags) {
  const std::string model = id_or_name(flags.model);
  auto store = prompts::ModelOptions::standard();
  std::vector<std::string> keys;
  if (!flags.key.empty()) {
    keys.push_back(flags.key);
  } else {
    HOB_TRY(const auto options, store.of(model));
    for (const auto& [key, value] : options.items()) keys.push_back(key);
  }
  for (const std::string& key : keys) HOB_TRY_VOID(store.clear(model, key));
  if (keys.size() == 1) {
    io.print("Cleared option '{}' for model {}\n", keys[0], model);
  } else if (!keys.empty()) {
    io.print("Cleared {} options for model {}\n", fmt::join(keys, ", "), model);
  }
  return {};
}

}  // namespace

Action define_models_options_list(CLI::App&, Io& io) {
  return [&io] { return list_options(io); };
}

Action define_models_options_show(CLI::App& app, Io& io) {
  auto flags = std::make_shared<OptionFlags>();
  app.add_option("MODEL", flags->model, "By id or alias")->required();
  return [flags, &io] { return show_options(io, *flags); };
}

Action define_models_options_set(CLI::App& app, Io& io) {
  auto flags = std::make_shared<OptionFlags>();
  app.add_option("MODEL", flags->model, "By id or alias")->required();
  app.add_option("KEY", flags->key, "An option, as -o takes it")->required();
  app.add_option("VALUE", flags->value, "Its value")->required();
  return [flags, &io] { return set_option_of(io, *flags); };
}

Action define_models_options_clear(CLI::App& app, Io& io) {
  auto flags = std::make_shared<OptionFlags>();
  app.add_option("MODEL", flags->model, "By id or alias")->required();
  app.add_option("KEY", flags->key, "Only this option (default: all)");
  return [flags, &io] { return clear_options(io, *flags); };
}

}  // namespace hob::cli

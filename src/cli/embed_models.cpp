// hob embed-models: which models make vectors, and which one does where none is named.
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/ascii.h"
#include "cli/command.h"
#include "cli/embed_flags.h"
#include "cli/repeatable.h"
#include "prompts/settings.h"
#include "store/user_folder.h"

namespace hob::cli {
namespace {

struct QueryFlag {
  std::vector<std::string> words;
};

// hob's own names for the model, then those of aliases.json.
std::vector<std::string> names_of(const embed::KnownModel& model,
                                  const nlohmann::ordered_json& aliases) {
  std::vector<std::string> names(model.aliases.begin(), model.aliases.end());
  for (const auto& [alias, meant] : aliases.items()) {
    if (meant.is_string() && meant.get<std::string>() == model.id) names.push_back(alias);
  }
  return names;
}

Result<> list_models(Io& io, const QueryFlag& flags) {
  HOB_TRY(const auto aliases, prompts::Aliases::standard().all());
  std::string lines;
  for (const embed::KnownModel& model : embed::known_models()) {
    const bool named = std::ranges::any_of(
        flags.words, [&](const std::string& word) { return ascii_lower(word) == model.id; });
    if (model.hidden && !named) continue;
    const std::string name = fmt::format("{}: {}", model.kind, model.id);
    const auto names = names_of(model, aliases);
    const auto matches = [&](const std::string& word) {
      const auto has = [&](std::string_view text) {
        return ascii_lower(text).find(ascii_lower(word)) != std::string::npos;
      };
      return has(name) || std::ranges::any_of(names, has);
    };
    if (!std::ranges::all_of(flags.words, matches)) continue;
    lines += name;
    if (!names.empty()) lines += fmt::format(" (aliases: {})", fmt::join(names, ", "));
    lines += '\n';
  }
  io.show(lines.empty() ? "\n" : lines);
  return {};
}

struct DefaultFlags {
  std::string model;
  bool remove = false;
};

Result<> default_model(Io& io, const DefaultFlags& flags) {
  const std::string file = store::default_embedding_model_file();
  if (flags.remove) {
    std::error_code error;
    std::filesystem::remove(file, error);
    if (error) return fail(ErrorKind::kIo, "{}: cannot remove: {}", file, error.message());
    return {};
  }
  if (flags.model.empty()) {
    HOB_TRY(const auto* model, choose_model({}));
    io.print("{}\n", model->id);
    return {};
  }
  HOB_TRY(const embed::KnownModel* model, choose_model(flags.model));
  return prompts::save_default(file, std::string(model->id));
}

}  // namespace

Action define_embed_models_list(CLI::App& app, Io& io) {
  auto flags = std::make_shared<QueryFlag>();
  add_repeatable(app, "-q,--query", flags->words,
                 "Only models whose name has this in it; repeatable")
      ->option_text("TEXT");
  return [flags, &io] { return list_models(io, *flags); };
}

Action define_embed_models_default(CLI::App& app, Io& io) {
  auto flags = std::make_shared<DefaultFlags>();
  app.add_option("MODEL", flags->model, "Make this the default; without it, the default is shown");
  app.add_flag("--remove-default", flags->remove, "Go back to hob's own default");
  return [flags, &io] { return default_model(io, *flags); };
}

}  // namespace hob::cli

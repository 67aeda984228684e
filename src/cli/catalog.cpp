#include "cli/catalog.h"

#include <algorithm>

#include "base/ascii.h"
#include "chat/model_store.h"
#include "engine/sampler.h"
#include "prompts/settings.h"
#include "store/user_folder.h"

namespace hob::cli {
namespace {

using nlohmann::ordered_json;
constexpr int kHelpColumns = 70;  // of llm's texts about options

std::vector<OptionFact> local_options() {
  std::vector<OptionFact> out;
  for (const auto& option : engine::sampler_option_table()) {
    out.push_back({std::string(option.name), std::string(option.type), std::string(option.help)});
  }
  out.push_back({"max_tokens", "int", "longest reply, as --tokens"});
  out.push_back({"stop", "str", "end the reply before this text, as --stop"});
  return out;
}

void add_local(std::vector<CatalogModel>& out) {
  const auto options = local_options();
  for (const chat::StoredModel& stored : chat::ModelStore::standard().list()) {
    CatalogModel model{.kind = "Local", .id = stored.name, .schemas = true};
    model.options = options;
    model.path = stored.path;
    model.bytes = stored.bytes;
    for (const chat::KnownModel& known : chat::known_models()) {
      if (known.name == stored.name) model.aliases.emplace_back(known.alias);
    }
    out.push_back(std::move(model));
  }
}

// The model that repeats what it is given: llm-echo's contract.
void add_echo(std::vector<CatalogModel>& out) {
  CatalogModel model{.kind = "Echo", .id = "echo", .tools = true, .async = true};
  model.attachment_types = {"image/gif", "image/jpeg", "image/png"};
  model.options = {
      {"example_bool", "boolean", "Example boolean option"},
      {"thinking", "boolean", "If set, emit canned reasoning chunks before the response"}};
  out.push_back(std::move(model));
}

// Words on lines of at most `columns`.
std::vector<std::string> wrapped(std::string_view text, size_t columns) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    if (lines.empty() || lines.back().size() + 1 + word.size() > columns) {
      lines.emplace_back(word);
    } else {
      lines.back().append(" ").append(word);
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

// "top_p" -> "Top P".
std::string title(std::string_view name) {
  std::string out;
  bool first = true;
  for (const char c : name) {
    out += c == '_' ? ' ' : first && c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    first = c == '_';
  }
  return out;
}

std::string json_type(std::string_view type) {
  if (type == "float") return "number";
  if (type == "int") return "integer";
  return type == "str" ? "string" : std::string(type);
}

}  // namespace

std::string CatalogModel::label(bool async_twin) const {
  return async_twin ? fmt::format("{}Async (async): {}", kind, id)
                    : fmt::format("{}: {}", kind, id);
}

bool CatalogModel::goes_by(std::string_view name) const {
  return id == name || std::find(aliases.begin(), aliases.end(), name) != aliases.end();
}

bool CatalogModel::matches(std::string_view query) const {
  const std::string wanted = ascii_lower(query);
  const auto holds = [&](const std::string& text) {
    return ascii_lower(text).find(wanted) != std::string::npos;
  };
  return holds(label()) || std::any_of(aliases.begin(), aliases.end(), holds);
}

bool CatalogModel::matches_all(const std::vector<std::string>& queries) const {
  return std::all_of(queries.begin(), queries.end(), [&](const auto& q) { return matches(q); });
}

Result<std::vector<CatalogModel>> catalog() {
  std::vector<CatalogModel> out;
  add_local(out);
  add_echo(out);
  HOB_TRY(const auto aliases, prompts::Aliases::standard().all());
  for (const auto& [alias, id] : aliases.items()) {
    for (CatalogModel& model : out) {
      if (model.id == id.get<std::string>()) model.aliases.push_back(alias);
    }
  }
  return out;
}

CatalogModel local_model(const std::string& path) {
  CatalogModel model{.kind = "Local", .id = path, .schemas = true};
  model.options = local_options();
  model.path = path;
  return model;
}

Result<std::string> model_by_query(const std::vector<std::string>& queries) {
  HOB_TRY(const auto models, catalog());
  const CatalogModel* best = nullptr;
  for (const CatalogModel& model : models) {
    if (model.matches_all(queries) && (!best || model.id.size() < best->id.size())) best = &model;
  }
  if (best) return best->id;
  return fail(ErrorKind::kNotFound, "No model found matching queries {}", fmt::join(queries, ", "));
}

Result<std::string> model_id(const std::string& name) {
  HOB_TRY(const auto models, catalog());
  for (const CatalogModel& model : models) {
    if (model.goes_by(name)) return model.id;
  }
  const auto path = chat::ModelStore::standard().find(name);
  if (!path) return fail(ErrorKind::kNotFound, "Unknown model: {}", name);
  for (const CatalogModel& model : models) {
    if (model.path == *path) return model.id;
  }
  return *path;
}

Result<std::string> default_model() {
  HOB_TRY(const auto saved, prompts::saved_default(store::default_model_file()));
  return saved.value_or(std::string(chat::kDefaultModel));
}

std::string options_text(const CatalogModel& model, int width, bool async_twin, bool helps) {
  std::string out = model.label(async_twin);
  if (!model.aliases.empty()) out += fmt::format(" (aliases: {})", fmt::join(model.aliases, ", "));
  if (!model.options.empty()) out += "\n  Options:";
  for (const OptionFact& option : model.options) {
    out += fmt::format("\n    {}: {}", option.name, option.type);
    if (!helps || option.help.empty()) continue;
    for (const std::string& line : wrapped(option.help, kHelpColumns)) out += "\n      " + line;
  }
  if (!model.attachment_types.empty()) {
    const auto columns = static_cast<size_t>(std::clamp(width, 30, kHelpColumns)) - 4;
    out += "\n  Attachment types:";
    for (const std::string& line :
         wrapped(fmt::format("{}", fmt::join(model.attachment_types, ", ")), columns))
      out += "\n    " + line;
  }
  std::vector<std::string_view> features;
  if (model.streams) features.emplace_back("streaming");
  if (model.schemas) features.emplace_back("schemas");
  if (model.tools) features.emplace_back("tools");
  if (model.async) features.emplace_back("async");
  if (!features.empty()) out += "\n  Features:";
  for (const auto feature : features) out += fmt::format("\n  - {}", feature);
  return out;
}

ordered_json options_json(const CatalogModel& model) {
  auto out = ordered_json::object();
  for (const OptionFact& option : model.options) {
    out[option.name] = {
        {"anyOf", {{{"type", json_type(option.type)}}, {{"type", "null"}}}},
        {"default", nullptr},
        {"description", option.help},
        {"title", title(option.name)},
    };
  }
  return out;
}

}  // namespace hob::cli

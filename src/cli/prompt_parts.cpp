#include "cli/prompt_parts.h"

#include <algorithm>

#include "base/ascii.h"
#include "chat/model.h"
#include "cli/catalog.h"
#include "cli/repeatable.h"
#include "cli/safe_text.h"
#include "os/file.h"
#include "os/terminal.h"
#include "prompts/templates.h"
#include "store/log_schema.h"
#include "text/python_text.h"

namespace hob::cli {
namespace {

using nlohmann::ordered_json;
using Strings = std::vector<std::string>;

template <class T>
void append(std::vector<T>& to, const std::optional<std::vector<T>>& from) {
  if (from) to.insert(to.end(), from->begin(), from->end());
}

Result<prompts::Template> load_one(const std::string& name) {
  HOB_TRY(auto out, prompts::TemplateStore::standard().load(name));
  const auto local = out.from_file ? Strings() : out.local_names();
  if (!local.empty()) {
    return fail(ErrorKind::kInvalid,
                "template {}: it is no file of yours and may name URLs alone, not {}", name,
                fmt::join(local, ", "));
  }
  const auto refused = out.refused();
  if (refused.empty()) return out;
  return fail(ErrorKind::kUnsupported, "template {}: its {} cannot be run: hob calls no tools yet",
              name, fmt::join(refused, " and "));
}

// The JSON value that -o's text stands for.
ordered_json typed(const std::vector<OptionFact>& options, const std::string& key,
                   const std::string& text) {
  const auto fact = std::find_if(options.begin(), options.end(),
                                 [&](const OptionFact& o) { return o.name == key; });
  if (fact == options.end() || fact->type == "str") return text;
  if (fact->type == "boolean") {
    constexpr std::string_view kTrue[] = {"true", "1", "yes", "on", "t", "y"};
    return std::ranges::count(kTrue, ascii_lower(text)) > 0;
  }
  auto number = ordered_json::parse(text, nullptr, false);
  if (!number.is_number()) return text;
  return fact->type == "float" ? ordered_json(number.get<double>()) : number;
}

// In the order in which the model lists its options, each checked.
Result<ordered_json> typed_options(const std::string& model, const OptionPairs& pairs) {
  HOB_TRY(const auto models, catalog());
  std::vector<OptionFact> known;
  for (const CatalogModel& one : models) {
    if (one.id == model) known = one.options;
  }
  ordered_json given = ordered_json::object();
  HOB_TRY_VOID(chat::check_options(model, pairs));
  for (const auto& [key, value] : pairs) given[key] = typed(known, key, value);
  ordered_json out = ordered_json::object();
  for (const OptionFact& option : known) {
    if (given.contains(option.name)) out[option.name] = given[option.name];
  }
  for (const auto& [key, value] : given.items()) {
    if (!out.contains(key)) out[key] = value;
  }
  return out;
}

ordered_json object_of(const OptionPairs& pairs) {
  auto out = ordered_json::object();
  for (const auto& [key, value] : pairs) out[key] = value;
  return out;
}

}  // namespace

void PartsFlags::declare(CLI::App& app, bool many) {
  add_repeatable(app, "-f,--fragment", fragments,
                 "Text to put before the prompt: a path, URL, alias, hash, dir:PATH, git:PATH@REV "
                 "or - for standard input; repeatable")
      ->option_text("FRAGMENT");
  add_repeatable(app, "--sf,--system-fragment", system_fragments,
                 "Text to put before the system prompt, as -f; repeatable")
      ->option_text("FRAGMENT");
  auto* option =
      add_repeatable(app, "-t,--template", templates,
                     many ? "Template: a saved name, path, URL or prefix:name; repeatable"
                          : "Template: a saved name, path, URL or prefix:name")
          ->option_text("TEMPLATE");
  if (!many) option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  add_repeatable(app, "-p,--param", params, "A value for a variable of the template; repeatable")
      ->option_text("NAME VALUE");
}

bool TemplateParts::uses_input() const {
  return std::any_of(templates.begin(), templates.end(),
                     [](const prompts::Template& t) { return t.uses_input(); });
}

void add_options(OptionPairs& options, const ordered_json& more) {
  for (const auto& [key, value] : more.items()) {
    const bool given = std::any_of(options.begin(), options.end(),
                                   [&](const auto& pair) { return pair.first == key; });
    if (given || value.is_null()) continue;
    options.emplace_back(
        key, value.is_boolean() ? (value.get<bool>() ? "true" : "false") : text::python_str(value));
  }
}

Result<TemplateParts> load_templates(const PartsFlags& flags, const OptionPairs& options) {
  TemplateParts parts;
  parts.params = object_of(flags.params);
  parts.options = options;
  for (const std::string& name : flags.templates) {
    HOB_TRY(auto one, load_one(name));
    append(parts.fragments, one.fragments);
    append(parts.system_fragments, one.system_fragments);
    append(parts.attachments, one.attachments);
    append(parts.typed_attachments, one.attachment_types);
    if (!parts.model && one.model && !one.model->empty()) parts.model = one.model;
    if (one.options) add_options(parts.options, *one.options);
    if (!parts.extract && !parts.extract_last) {
      parts.extract = one.extract.value_or(false);
      parts.extract_last = one.extract_last.value_or(false);
    }
    if (one.schema_object && !one.schema_object->empty()) parts.schema = one.schema_object;
    parts.templates.push_back(std::move(one));
  }
  parts.options.erase(parts.options.begin(),
                      parts.options.begin() + static_cast<std::ptrdiff_t>(options.size()));
  append(parts.fragments, std::optional(flags.fragments));
  append(parts.system_fragments, std::optional(flags.system_fragments));
  return parts;
}

Result<prompts::Texts> apply_templates(TemplateParts& parts, prompts::Texts texts) {
  for (const prompts::Template& one : parts.templates) {
    HOB_TRY(texts, prompts::apply_template(one, std::move(texts), parts.params));
  }
  return texts;
}

prompts::FragmentContext fragment_context(Io& io, store::Database* database) {
  return {.database = database,
          .standard_input = [&io] { return read_input(io); },
          .note = [&io](std::string_view text) { io.note(safe_text(text)); },
          .goes_on = [] { return !os::InterruptGuard::requested(); }};
}

Result<std::optional<store::Database>> fragment_database(const std::string& path) {
  if (!os::file_exists(path)) return std::optional<store::Database>();
  HOB_TRY(auto database,
          store::Database::open(path, store::Access::kRead, store::log_migrations()));
  return std::optional<store::Database>(std::move(database));
}

std::vector<std::string> contents_of(const std::vector<prompts::Fragment>& fragments) {
  std::vector<std::string> out;
  for (const auto& fragment : fragments) out.push_back(fragment.content);
  return out;
}

Result<> save_prompt(const SavedPrompt& saved) {
  auto keys = ordered_json::object();
  std::string model = saved.model;
  if (!model.empty()) {
    const auto id = model_id(model);
    if (!id) return fail(ErrorKind::kNotFound, "'{}' is not a known model", model);
    keys["model"] = model = *id;
  }
  const auto add = [&](const char* key, const auto& value) {
    if (!value.empty()) keys[key] = value;
  };
  add("prompt", saved.prompt);
  add("system", saved.system);
  add("defaults", object_of(saved.params));
  if (saved.extract) keys["extract"] = true;
  if (saved.extract_last) keys["extract_last"] = true;
  if (saved.schema) add("schema_object", *saved.schema);
  add("fragments", saved.fragments);
  add("system_fragments", saved.system_fragments);
  add("attachments", saved.attachments);
  if (!saved.typed_attachments.empty()) {
    auto& list = keys["attachment_types"] = ordered_json::array();
    for (const auto& one : saved.typed_attachments)
      list.push_back({{"type", one.type}, {"value", one.value}});
  }
  if (!saved.options.empty()) {
    if (model.empty()) {
      HOB_TRY(model, default_model());
    }
    HOB_TRY(keys["options"], typed_options(model, saved.options));
  }
  return prompts::TemplateStore::standard().save(saved.name, keys);
}

}  // namespace hob::cli

// The keys of a template as a table: each row reads one kind of value into one member and writes it
// back, so that parsing, showing and saving cannot drift apart.
#include "prompts/template_file.h"

#include <algorithm>

#include "prompts/fragment.h"
#include "prompts/interpolate.h"
#include "text/yaml.h"

namespace hob::prompts {
namespace {

using nlohmann::ordered_json;
using Strings = std::vector<std::string>;

// Each returns what is wrong with the value; empty where nothing is.
std::string read(const ordered_json& value, std::optional<std::string>& out) {
  if (!value.is_string()) return "must be text";
  out = value.get<std::string>();
  return {};
}

std::string read(const ordered_json& value, std::optional<bool>& out) {
  if (value.is_boolean()) {
    out = value.get<bool>();
  } else if (value == 0 || value == 1) {
    out = value == 1;
  } else if (value == "true" || value == "yes" || value == "on") {
    out = true;
  } else if (value == "false" || value == "no" || value == "off") {
    out = false;
  } else {
    return "must be true or false";
  }
  return {};
}

std::string read(const ordered_json& value, std::optional<ordered_json>& out) {
  if (!value.is_object()) return "must be a mapping";
  out = value;
  return {};
}

std::string read(const ordered_json& value, std::optional<Strings>& out) {
  const bool strings = value.is_array() && std::all_of(value.begin(), value.end(),
                                                       [](const auto& v) { return v.is_string(); });
  if (!strings) return "must be a list of texts";
  out = value.get<Strings>();
  return {};
}

std::string read(const ordered_json& value, std::optional<std::vector<TypedAttachment>>& out) {
  constexpr const char* kWhat = "must be a list of mappings with type and value, both text";
  if (!value.is_array()) return kWhat;
  out.emplace();
  for (const auto& one : value) {
    const auto text = [&](const char* key) { return one.contains(key) && one[key].is_string(); };
    if (!one.is_object() || !text("type") || !text("value")) return kWhat;
    out->push_back({one["type"].get<std::string>(), one["value"].get<std::string>()});
  }
  return {};
}

template <class T>
ordered_json write(const T& value) {
  return value;
}
ordered_json write(const std::vector<TypedAttachment>& list) {
  auto out = ordered_json::array();
  for (const auto& one : list) out.push_back({{"type", one.type}, {"value", one.value}});
  return out;
}

struct Key {
  const char* name;
  std::string (*read)(const ordered_json& value, Template& out);
  void (*write)(const Template& from, ordered_json& out, const char* name);
};

template <auto Member>
constexpr Key key(const char* name) {
  return {name,
          [](const ordered_json& value, Template& out) -> std::string {
            return value.is_null() ? "" : read(value, out.*Member);
          },
          [](const Template& from, ordered_json& out, const char* as) {
            if (from.*Member) out[as] = write(*(from.*Member));
          }};
}

constexpr Key kKeys[] = {
    key<&Template::prompt>("prompt"),
    key<&Template::system>("system"),
    key<&Template::attachments>("attachments"),
    key<&Template::attachment_types>("attachment_types"),
    key<&Template::model>("model"),
    key<&Template::defaults>("defaults"),
    key<&Template::options>("options"),
    key<&Template::extract>("extract"),
    key<&Template::extract_last>("extract_last"),
    key<&Template::schema_object>("schema_object"),
    key<&Template::fragments>("fragments"),
    key<&Template::system_fragments>("system_fragments"),
    key<&Template::tools>("tools"),
    key<&Template::functions>("functions"),
};

constexpr std::string_view kBlanks = " \t\n\r\v\f";

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

}  // namespace

ordered_json Template::to_json() const {
  ordered_json out = {{"name", name}};
  for (const Key& one : kKeys) one.write(*this, out, one.name);
  return out;
}

std::vector<std::string> Template::variables() const {
  auto names = variables_of(prompt.value_or(""));
  for (auto& more : variables_of(system.value_or(""))) {
    if (std::find(names.begin(), names.end(), more) == names.end()) names.push_back(more);
  }
  return names;
}

bool Template::uses_input() const {
  const auto names = variables();
  return std::find(names.begin(), names.end(), "input") != names.end();
}

std::vector<std::string> Template::refused() const {
  std::vector<std::string> out;
  if (tools && !tools->empty()) out.emplace_back("tools");
  if (functions && !functions->empty()) out.emplace_back("functions");
  return out;
}

std::vector<std::string> Template::local_names() const {
  std::vector<std::string> out;
  const auto add = [&](const std::string& name) {
    if (!is_url(name)) out.push_back(name);
  };
  for (const auto* names : {&fragments, &system_fragments, &attachments}) {
    if (*names) std::for_each((*names)->begin(), (*names)->end(), add);
  }
  if (attachment_types) {
    for (const auto& one : *attachment_types) add(one.value);
  }
  return out;
}

Result<Template> parse_template(std::string name, std::string_view yaml) {
  Template out;
  out.name = std::move(name);
  const auto value = text::parse_yaml(yaml);
  if (!value) {
    return fail(value.error().kind, "template {}: invalid YAML: {}", out.name,
                value.error().message);
  }
  if (value->is_string()) {
    out.prompt = value->get<std::string>();
    return out;
  }
  if (!value->is_object()) {
    return fail(ErrorKind::kInvalid, "template {}: must be a text or a mapping of keys", out.name);
  }
  std::vector<std::string> complaints;
  for (const auto& [name_of, one] : value->items()) {
    if (name_of == "name") continue;  // the file's name is the name
    const Key* known = std::find_if(std::begin(kKeys), std::end(kKeys),
                                    [&](const Key& k) { return k.name == name_of; });
    if (known == std::end(kKeys)) {
      complaints.push_back(fmt::format("unknown key '{}'", name_of));
    } else if (const std::string problem = known->read(one, out); !problem.empty()) {
      complaints.push_back(fmt::format("'{}' {}", name_of, problem));
    }
  }
  if (!complaints.empty()) {
    return fail(ErrorKind::kInvalid, "template {}: {}", out.name, fmt::join(complaints, "; "));
  }
  return out;
}

Result<Texts> apply_template(const Template& source, Texts texts, ordered_json& params) {
  const bool around = source.uses_input();
  params["input"] = around ? texts.prompt : "";
  if (source.defaults) {
    for (const auto& [name, value] : source.defaults->items()) {
      if (!params.contains(name)) params[name] = value;
    }
  }
  const auto fill = [&](const std::optional<std::string>& text) -> Result<std::string> {
    auto filled = interpolate(text.value_or(""), params);
    if (filled || filled.error().message.starts_with("Missing")) return filled;
    return fail(filled.error().kind, "template {}: {}", source.name, filled.error().message);
  };
  // Without a prompt of its own the template passes the person's text on.
  std::string prompt = params["input"].get<std::string>();
  if (source.prompt && !source.prompt->empty()) {
    HOB_TRY(prompt, fill(source.prompt));
  }
  HOB_TRY(std::string system, fill(source.system));
  if (texts.system.empty()) texts.system = std::move(system);
  if (!prompt.empty()) {
    texts.prompt = texts.prompt.empty() || around ? prompt : prompt + '\n' + texts.prompt;
  }
  return texts;
}

std::string joined_prompt(const std::vector<std::string>& fragments, std::string_view prompt) {
  std::string out = fmt::format("{}", fmt::join(fragments, "\n"));
  if (!fragments.empty() && !prompt.empty()) out += '\n';
  return out.append(prompt);
}

std::string joined_system(const std::vector<std::string>& fragments, std::string_view system) {
  std::vector<std::string_view> pieces;
  for (const std::string& fragment : fragments) pieces.push_back(trimmed(fragment));
  pieces.push_back(trimmed(system));
  std::erase(pieces, std::string_view());
  return fmt::format("{}", fmt::join(pieces, "\n\n"));
}

}  // namespace hob::prompts

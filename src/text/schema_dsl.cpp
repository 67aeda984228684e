#include "text/schema_dsl.h"

#include <string>
#include <utility>
#include <vector>

namespace hob::text {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kSpace = " \t\r\n\v\f";

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

std::vector<std::string_view> fields_of(std::string_view dsl) {
  const char separator = dsl.find('\n') == dsl.npos ? ',' : '\n';
  std::vector<std::string_view> fields;
  while (!dsl.empty()) {
    const size_t end = std::min(dsl.find(separator), dsl.size());
    const auto field = trimmed(dsl.substr(0, end));
    if (!field.empty()) fields.push_back(field);
    dsl.remove_prefix(std::min(end + 1, dsl.size()));
  }
  return fields;
}

// Empty: no such type.
std::string_view type_of(std::string_view word) {
  constexpr std::pair<std::string_view, std::string_view> kTypes[] = {
      {"int", "integer"}, {"float", "number"}, {"bool", "boolean"}, {"str", "string"}};
  for (const auto& [name, type] : kTypes) {
    if (word == name) return type;
  }
  return {};
}

}  // namespace

Result<Json> schema_from_dsl(std::string_view dsl) {
  Json properties = Json::object(), required = Json::array();
  for (const std::string_view field : fields_of(dsl)) {
    const size_t colon = std::min(field.find(':'), field.size());
    const auto left = trimmed(field.substr(0, colon));
    const auto description = trimmed(field.substr(std::min(colon + 1, field.size())));
    const size_t name_end = std::min(left.find_first_of(kSpace), left.size());
    const std::string name(left.substr(0, name_end));
    if (name.empty())
      return fail(ErrorKind::kInvalid, "schema: a field without a name: '{}'", field);
    const auto rest = trimmed(left.substr(name_end));
    const auto word = rest.substr(0, rest.find_first_of(kSpace));
    const auto type = word.empty() ? "string" : type_of(word);
    if (type.empty())
      return fail(ErrorKind::kInvalid, "schema: field '{}': no type '{}'; int, float, bool or str",
                  name, word);
    if (properties.contains(name))
      return fail(ErrorKind::kInvalid, "schema: field '{}' comes twice", name);
    Json property = {{"type", type}};
    if (!description.empty()) property["description"] = description;
    properties[name] = std::move(property);
    required.push_back(name);
  }
  return Json{
      {"type", "object"}, {"properties", std::move(properties)}, {"required", std::move(required)}};
}

Json schema_of_many(Json schema) {
  return {{"type", "object"},
          {"properties", {{"items", {{"type", "array"}, {"items", std::move(schema)}}}}},
          {"required", Json::array({"items"})}};
}

}  // namespace hob::text

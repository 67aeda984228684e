#include "cli/constraint_flags.h"

#include <algorithm>

#include "os/file.h"
#include "prompts/templates.h"
#include "store/bind.h"
#include "store/database.h"
#include "text/schema_dsl.h"

namespace hob::cli {
namespace {

using nlohmann::ordered_json;

Result<ordered_json> parse_schema(const std::string& text, const std::string& source) {
  auto schema = ordered_json::parse(text, nullptr, false);
  if (schema.is_discarded()) return fail(ErrorKind::kInvalid, "{}: not JSON", source);
  return schema;
}

// A grammar's text: the file of this name where there is one, else the argument itself.
Result<std::string> text_or_file(const std::string& argument) {
  if (!os::file_exists(argument)) return argument;
  return os::read_file(argument);
}

Result<ordered_json> schema_of_template(const std::string& name) {
  auto found = prompts::TemplateStore::standard().load(name);
  if (!found)
    return fail(found.error().kind, "Invalid template: {}: {}", name, found.error().message);
  if (!found->schema_object)
    return fail(ErrorKind::kInvalid, "Template '{}' has no schema", name);
  return *found->schema_object;
}

}  // namespace

StoredSchemas schemas_in(const std::string& path) {
  return [path](const std::string& id) -> std::optional<std::string> {
    auto database = store::Database::open(path, store::Access::kRead, {});
    if (!database) return std::nullopt;
    const auto found = database->read([&](SQLite::Database& sql) -> Result<std::string> {
      SQLite::Statement row(sql, "select content from schemas where id = ?");
      row.bind(1, id);
      return row.executeStep() ? store::text_of(row.getColumn(0)) : std::string();
    });
    return found && !found->empty() ? std::optional(*found) : std::nullopt;
  };
}

Result<ResolvedSchema> resolve_schema(const std::string& text, const StoredSchemas& stored) {
  constexpr const char* kSpace = " \t\r\n";
  const size_t begin = std::min(text.find_first_not_of(kSpace), text.size());
  const std::string inner = text.substr(begin, text.find_last_not_of(kSpace) + 1 - begin);
  if (inner.starts_with("t:")) {
    HOB_TRY(auto schema, schema_of_template(inner.substr(2)));
    return ResolvedSchema{std::move(schema)};
  }
  if (inner.starts_with('{')) {
    auto schema = ordered_json::parse(inner, nullptr, false);
    if (!schema.is_discarded()) return ResolvedSchema{std::move(schema)};
  }
  if (inner.find_first_of(" ,\n") != inner.npos) {
    auto schema = text::schema_from_dsl(text);
    if (!schema) return fail(ErrorKind::kUsage, "{}", schema.error().message);
    return ResolvedSchema{*std::move(schema), true};
  }
  if (os::file_exists(text)) {
    HOB_TRY(const std::string content, os::read_file(text));
    HOB_TRY(auto schema, parse_schema(content, text));
    return ResolvedSchema{std::move(schema)};
  }
  if (const auto content = stored ? stored(text) : std::nullopt) {
    HOB_TRY(auto schema, parse_schema(*content, "schema " + text));
    return ResolvedSchema{std::move(schema)};
  }
  return fail(ErrorKind::kUsage,
              "Invalid schema: '{}' is neither JSON nor a list of fields, and no file or stored "
              "schema has this name",
              text);
}

void ConstraintFlags::declare(CLI::App& app) {
  app.add_option("--schema", schema,
                 "Reply in JSON that obeys SCHEMA: JSON Schema, fields as in 'name, age int', a "
                 "file, or a stored schema's id")
      ->option_text("SCHEMA");
  app.add_option("--schema-multi", schema_multi,
                 "As --schema, for many such values: {\"items\": [...]}")
      ->option_text("SCHEMA");
  app.add_option("--regex", regex, "Reply in text that the regular expression matches as a whole")
      ->option_text("REGEX");
  app.add_option("--grammar", grammar,
                 "Reply in text of a grammar in Lark's notation or in GBNF; the text or a file")
      ->option_text("GRAMMAR");
}

Result<std::optional<ordered_json>> ConstraintFlags::asked_schema(
    const StoredSchemas& stored) const {
  if (!schema && !schema_multi) return std::nullopt;
  HOB_TRY(auto resolved, resolve_schema(schema ? *schema : *schema_multi, stored));
  if (schema_multi) resolved.schema = text::schema_of_many(std::move(resolved.schema));
  return std::optional<ordered_json>(std::move(resolved.schema));
}

Result<std::optional<chat::ConstraintText>> ConstraintFlags::constraint(
    const StoredSchemas& stored) const {
  using engine::ConstraintKind;
  const int given =
      schema.has_value() + schema_multi.has_value() + regex.has_value() + grammar.has_value();
  if (given == 0) return std::nullopt;
  if (given > 1) {
    return fail(ErrorKind::kInvalid,
                "a reply obeys one of --schema, --schema-multi, --regex and --grammar");
  }
  if (regex) return chat::ConstraintText{ConstraintKind::kRegex, "--regex", *regex};
  if (grammar) {
    HOB_TRY(std::string text, text_or_file(*grammar));
    return chat::ConstraintText{ConstraintKind::kGrammar, "--grammar", std::move(text)};
  }
  HOB_TRY(auto resolved, resolve_schema(schema ? *schema : *schema_multi, stored));
  // Who lists fields wants these and no others; a schema says itself whether there may be more.
  if (resolved.from_fields) resolved.schema["additionalProperties"] = false;
  if (schema_multi) {
    resolved.schema = text::schema_of_many(std::move(resolved.schema));
    resolved.schema["additionalProperties"] = false;
  }
  return chat::ConstraintText{
      ConstraintKind::kJsonSchema, schema ? "--schema" : "--schema-multi",
      resolved.schema.dump(-1, ' ', false, ordered_json::error_handler_t::replace)};
}

}  // namespace hob::cli

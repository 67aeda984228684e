#include "cli/constraint_flags.h"

#include "os/file.h"
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

}  // namespace

Result<ordered_json> resolve_schema(const std::string& text, const StoredSchemas& stored) {
  if (text.starts_with("t:")) {
    return fail(ErrorKind::kUnsupported, "--schema '{}': schemas of templates are not supported",
                text);
  }
  const size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin != text.npos && text[begin] == '{') {
    if (auto schema = ordered_json::parse(text, nullptr, false); !schema.is_discarded())
      return schema;
  }
  const std::string inner = begin == text.npos ? "" : text.substr(begin);
  if (inner.substr(0, inner.find_last_not_of(" \t\r\n") + 1).find_first_of(" ,\n") != inner.npos) {
    return text::schema_from_dsl(text);
  }
  if (os::file_exists(text)) {
    HOB_TRY(const std::string content, os::read_file(text));
    return parse_schema(content, text);
  }
  if (stored) {
    if (const auto content = stored(text)) return parse_schema(*content, "schema " + text);
  }
  return fail(ErrorKind::kNotFound,
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

Result<std::optional<chat::ConstraintText>> ConstraintFlags::constraint(
    const StoredSchemas& stored) const {
  using engine::ConstraintKind;
  const int given = schema.has_value() + schema_multi.has_value() + regex.has_value() +
                    grammar.has_value();
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
  if (schema_multi) resolved = text::schema_of_many(std::move(resolved));
  return chat::ConstraintText{
      ConstraintKind::kJsonSchema, schema ? "--schema" : "--schema-multi",
      resolved.dump(-1, ' ', false, ordered_json::error_handler_t::replace)};
}

}  // namespace hob::cli

// hob schemas list, hob schemas show: the schemas that turns were held to.
#include <memory>

#include "cli/command.h"
#include "cli/ledger_flags.h"
#include "cli/repeatable.h"
#include "store/json_text.h"
#include "store/log_chain.h"
#include "store/log_reader.h"
#include "text/python_text.h"

namespace hob::cli {
namespace {

using nlohmann::ordered_json;

struct SchemasFlags {
  LogDatabaseFlags ledger;
  std::vector<std::string> words;
  bool full = false, json = false, lines = false;
};

const ordered_json* member(const ordered_json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

bool is_type(const ordered_json& schema, std::string_view name) {
  const ordered_json* type = member(schema, "type");
  return type && type->is_string() && type->get_ref<const std::string&>() == name;
}

// The names of an object's fields and of the objects inside it: "{name, pets: [{kind}]}".
std::string summary(const ordered_json& schema) {
  if (is_type(schema, "array")) {
    const ordered_json* items = member(schema, "items");
    return items ? summary(*items) : "";
  }
  if (!is_type(schema, "object")) return "";
  std::string out = "{";
  if (const ordered_json* fields = member(schema, "properties"); fields && fields->is_object()) {
    for (const auto& [name, field] : fields->items()) {
      if (out.size() > 1) out += ", ";
      out += name;
      if (is_type(field, "array")) {
        const ordered_json* items = member(field, "items");
        out += fmt::format(": [{}]", items ? summary(*items) : "");
      } else if (is_type(field, "object")) {
        out += ": " + summary(field);
      }
    }
  }
  return out + "}";
}

ordered_json parsed(const std::string& content) {
  auto schema = store::parse_shallow_json(content);
  return schema ? *schema : ordered_json(content);
}

void print_json(Io& io, const std::vector<store::StoredSchema>& schemas, bool lines) {
  std::string out;
  for (const auto& schema : schemas) {
    const ordered_json row = {{"id", schema.id},
                              {"content", parsed(schema.content)},
                              {"recently_used", schema.recently_used},
                              {"times_used", schema.times_used}};
    if (lines) {
      out += store::json_text(row) + "\n";
    } else {
      out += (out.empty() ? "[\n" : ",\n") + text::indented(store::indented_json(row), "  ");
    }
  }
  if (!lines) out += out.empty() ? "[]\n" : "\n]\n";
  io.write(out);
}

Result<> list_schemas(Io& io, const SchemasFlags& flags) {
  HOB_TRY(auto ledger, flags.ledger.open_for_reading());
  HOB_TRY(const auto schemas, store::read_schemas(ledger, flags.words));
  if (flags.json || flags.lines) {
    print_json(io, schemas, flags.lines);
    return {};
  }
  for (const auto& schema : schemas) {
    const ordered_json content = parsed(schema.content);
    std::string entry = fmt::format("- id: {}\n", schema.id);
    entry += flags.full ? fmt::format("  schema: |\n{}\n",
                                      text::indented(store::indented_json(content), "    "))
                        : fmt::format("  summary: |\n    {}\n", summary(content));
    entry += fmt::format("  usage: |\n    {} time{}, most recently {}\n", schema.times_used,
                         schema.times_used == 1 ? "" : "s", schema.recently_used);
    if (!io.show(entry)) break;
  }
  return {};
}

Result<> show_schema(Io& io, const LogDatabaseFlags& flags, const std::string& id) {
  HOB_TRY(auto ledger, flags.open_for_reading());
  HOB_TRY(const auto content, store::schema_content(ledger, id));
  if (!content) return fail(ErrorKind::kNotFound, "Invalid schema ID");
  const auto schema = store::parse_shallow_json(*content);
  if (!schema) return fail(ErrorKind::kCorrupt, "{}: schema {} is not JSON", flags.path(), id);
  io.write(store::indented_json(*schema) + "\n");
  return {};
}

}  // namespace

Action define_schemas_list(CLI::App& app, Io& io) {
  auto flags = std::make_shared<SchemasFlags>();
  flags->ledger.declare(app);
  add_repeatable(app, "-q,--query", flags->words, "Only schemas that contain this text; repeatable")
      ->option_text("TEXT");
  app.add_flag("--full", flags->full, "Show the whole schemas");
  app.add_flag("--json", flags->json, "Print a JSON array");
  app.add_flag("--nl", flags->lines, "Print JSON, one schema a line");
  return [flags, &io] { return list_schemas(io, *flags); };
}

Action define_schemas_show(CLI::App& app, Io& io) {
  struct Flags {
    LogDatabaseFlags ledger;
    std::string id;
  };
  auto flags = std::make_shared<Flags>();
  app.add_option("SCHEMA_ID", flags->id, "The id that 'hob schemas' shows")->required();
  flags->ledger.declare(app);
  return [flags, &io] { return show_schema(io, flags->ledger, flags->id); };
}

}  // namespace hob::cli

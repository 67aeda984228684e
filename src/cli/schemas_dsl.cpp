// hob schemas dsl: the short notation of a schema as JSON Schema.
#include <memory>

#include "cli/command.h"
#include "text/schema_dsl.h"

namespace hob::cli {
namespace {

struct DslFlags {
  std::string input;
  bool multi = false;
};

Result<> print_schema(Io& io, const DslFlags& flags) {
  HOB_TRY(auto schema, text::schema_from_dsl(flags.input));
  if (flags.multi) schema = text::schema_of_many(std::move(schema));
  io.write(schema.dump(2, ' ', true, nlohmann::ordered_json::error_handler_t::replace) + "\n");
  return {};
}

}  // namespace

Action define_schemas_dsl(CLI::App& app, Io& io) {
  auto flags = std::make_shared<DslFlags>();
  app.add_option("INPUT", flags->input, "Fields, separated by commas or lines")->required();
  app.add_flag("--multi", flags->multi, "A schema of many such values: {\"items\": [...]}");
  return [flags, &io] { return print_schema(io, *flags); };
}

}  // namespace hob::cli

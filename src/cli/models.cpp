// hob models list: which models there are. Text and JSON are llm's; --long is hob's table of what
// the local files are.
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "chat/model_store.h"
#include "cli/catalog.h"
#include "cli/command.h"
#include "cli/listing.h"
#include "cli/model_facts.h"
#include "cli/model_flags.h"
#include "cli/repeatable.h"
#include "cli/table.h"

namespace hob::cli {
namespace {

using nlohmann::ordered_json;

struct ModelsFlags {
  std::vector<std::string> words, queries, models;
  bool options = false, async = false, schemas = false, tools = false, json = false, table = false;
};

bool wanted(const ModelsFlags& flags, const CatalogModel& model) {
  if (flags.async && !model.async) return false;
  if (flags.schemas && !model.schemas) return false;
  if (flags.tools && !model.tools) return false;
  if (!model.matches_all(flags.queries) || !model.matches_all(flags.words)) return false;
  return flags.models.empty() ||
         std::any_of(flags.models.begin(), flags.models.end(),
                     [&](const std::string& name) { return model.goes_by(name); });
}

// What the file says of itself; for --long.
void add_facts(const CatalogModel& model, ordered_json& out) {
  out["path"] = model.path;
  out["bytes"] = model.bytes;
  const auto facts = gguf::File::open(model.path).and_then(read_facts);
  if (!facts) {
    out["error"] = facts.error().message;
    return;
  }
  out["name"] = facts->name;
  out["family"] = facts->architecture;
  out["quantisation"] = facts->quantisation;
  out["parameters"] = facts->parameters;
  out["context"] = facts->context;
  out["licence"] = facts->licence;
}

ordered_json model_json(const ModelsFlags& flags, const CatalogModel& model) {
  ordered_json out = {{"model_id", model.id},
                      {"aliases", model.aliases},
                      {"can_stream", model.streams},
                      {"supports_schema", model.schemas},
                      {"supports_tools", model.tools},
                      {"supports_conversation", true},
                      {"supports_async", model.async},
                      {"attachment_types", model.attachment_types},
                      {"server_side_tools", ordered_json::array()}};
  if (flags.options) out["options"] = options_json(model);
  if (flags.table && !model.path.empty()) add_facts(model, out);
  return out;
}

void print_table(Io& io, const std::vector<CatalogModel>& models) {
  std::vector<std::vector<std::string>> cells;
  for (const CatalogModel& model : models) {
    const std::string name =
        model.aliases.empty() ? model.id
                              : fmt::format("{} ({})", model.id, fmt::join(model.aliases, ", "));
    if (model.path.empty()) {
      cells.push_back({name, "echo", "", "", "", "", "built in"});
      continue;
    }
    const auto facts = gguf::File::open(model.path).and_then(read_facts);
    if (!facts) {
      cells.push_back(
          {name, "unreadable", bytes_text(model.bytes), "", "", "", facts.error().message});
      continue;
    }
    cells.push_back({name, facts->architecture, bytes_text(model.bytes), facts->quantisation,
                     count_text(facts->parameters), grouped(facts->context), model.path});
  }
  io.write(table_text({{"NAME"},
                       {"FAMILY"},
                       {"SIZE", true},
                       {"TYPE"},
                       {"PARAMETERS", true},
                       {"CONTEXT", true},
                       {"PATH"}},
                      cells));
}

std::string plain_line(const CatalogModel& model, bool async_twin) {
  std::string line = model.label(async_twin);
  if (!model.aliases.empty()) line += fmt::format(" (aliases: {})", fmt::join(model.aliases, ", "));
  return line;
}

Result<> print_text(Io& io, const ModelsFlags& flags, const std::vector<CatalogModel>& models) {
  std::set<std::string> explained;  // kinds whose options have been described above
  for (const CatalogModel& model : models) {
    const bool helps = flags.options && explained.insert(model.kind).second;
    io.show((flags.options ? options_text(model, listing_width(io), flags.async, helps)
                           : plain_line(model, flags.async)) +
            "\n");
  }
  const bool whole = flags.queries.empty() && flags.words.empty() && flags.models.empty() &&
                     !flags.options && !flags.schemas;
  if (!whole) return {};
  HOB_TRY(const std::string chosen, default_model());
  io.show(fmt::format("Default: {}\n", chosen));
  return {};
}

Result<> list_models(Io& io, const ModelsFlags& flags) {
  HOB_TRY(auto models, catalog());
  if (std::all_of(models.begin(), models.end(), [](const auto& m) { return m.path.empty(); })) {
    io.note(fmt::format("No model files in {}\n",
                        fmt::join(chat::ModelStore::standard().folders(), " or ")));
  }
  std::erase_if(models, [&](const CatalogModel& model) { return !wanted(flags, model); });
  if (flags.json) {
    auto out = ordered_json::array();
    for (const CatalogModel& model : models) out.push_back(model_json(flags, model));
    io.write(json_text(out, 2));
    return {};
  }
  if (flags.table) return print_table(io, models), Result<>();
  return print_text(io, flags, models);
}

}  // namespace

Action define_models(CLI::App& app, Io& io) {
  auto flags = std::make_shared<ModelsFlags>();
  app.add_option("WORD", flags->words, "Only models whose name contains every WORD, as -q")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  add_repeatable(app, "-q,--query", flags->queries, "Only models that match this text; repeatable")
      ->option_text("TEXT");
  add_repeatable(app, "-m,--model", flags->models, "Only this model, by id or alias; repeatable")
      ->option_text("NAME");
  app.add_flag("--options", flags->options, "Show what -o takes, and what each model can do");
  app.add_flag("--async", flags->async, "Only models that run asynchronously");
  app.add_flag("--schemas", flags->schemas, "Only models whose replies can follow a schema");
  app.add_flag("--tools", flags->tools, "Only models that can call tools");
  app.add_flag("--json", flags->json, "Print a JSON array");
  app.add_flag("-l,--long", flags->table,
               "Show family, size, type, context and path of local files");
  return [flags, &io] { return list_models(io, *flags); };
}

}  // namespace hob::cli

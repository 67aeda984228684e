// hob models: which model files are here.
#include <memory>
#include <nlohmann/json.hpp>

#include "chat/model_store.h"
#include "cli/command.h"
#include "cli/model_facts.h"
#include "cli/model_flags.h"
#include "cli/table.h"

namespace hob::cli {
namespace {

using nlohmann::ordered_json;

struct ModelsFlags {
  std::vector<std::string> words;
  bool json = false;
};

struct Row {
  chat::StoredModel stored;
  Result<ModelFacts> facts;
  std::vector<std::string> aliases;
};

bool contains_all(std::string name, const std::vector<std::string>& words) {
  const auto lower = [](std::string text) {
    for (char& c : text) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
    return text;
  };
  name = lower(name);
  return std::all_of(words.begin(), words.end(),
                     [&](const auto& word) { return name.find(lower(word)) != name.npos; });
}

std::vector<Row> rows_of(const chat::ModelStore& store, const std::vector<std::string>& words) {
  std::vector<Row> rows;
  for (const chat::StoredModel& stored : store.list()) {
    if (!contains_all(stored.name, words)) continue;
    Row row{stored, gguf::File::open(stored.path).and_then(read_facts), {}};
    for (const chat::KnownModel& known : chat::known_models()) {
      if (known.name == stored.name) row.aliases.emplace_back(known.alias);
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

ordered_json row_json(const Row& row) {
  ordered_json out = {{"model_id", row.stored.name},
                      {"aliases", row.aliases},
                      {"path", row.stored.path},
                      {"bytes", row.stored.bytes}};
  if (!row.facts) {
    out["error"] = row.facts.error().message;
    return out;
  }
  const ModelFacts& facts = *row.facts;
  out["name"] = facts.name;
  out["family"] = facts.architecture;
  out["quantisation"] = facts.quantisation;
  out["parameters"] = facts.parameters;
  out["context"] = facts.context;
  out["licence"] = facts.licence;
  return out;
}

void print_table(Io& io, const std::vector<Row>& rows) {
  std::vector<std::vector<std::string>> cells;
  for (const Row& row : rows) {
    const std::string name =
        row.aliases.empty() ? row.stored.name
                            : fmt::format("{} ({})", row.stored.name, fmt::join(row.aliases, ", "));
    if (!row.facts) {
      cells.push_back({name, "unreadable", bytes_text(row.stored.bytes), "", "", "",
                       row.facts.error().message});
      continue;
    }
    const ModelFacts& facts = *row.facts;
    cells.push_back({name, facts.architecture, bytes_text(row.stored.bytes), facts.quantisation,
                     count_text(facts.parameters), grouped(facts.context), row.stored.path});
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

Result<> list_models(Io& io, const ModelsFlags& flags) {
  const auto store = chat::ModelStore::standard();
  const auto rows = rows_of(store, flags.words);
  if (flags.json) {
    auto out = ordered_json::array();
    for (const Row& row : rows) out.push_back(row_json(row));
    io.write(out.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n");
  } else if (rows.empty()) {
    io.note(fmt::format("No models{} in {}\n", flags.words.empty() ? "" : " of that name",
                        fmt::join(store.folders(), " or ")));
  } else {
    print_table(io, rows);
  }
  return {};
}

}  // namespace

Action define_models(CLI::App& app, Io& io) {
  auto flags = std::make_shared<ModelsFlags>();
  app.add_option("WORD", flags->words, "Only models whose name contains every WORD")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_flag("--json", flags->json, "Print a JSON array");
  return [flags, &io] { return list_models(io, *flags); };
}

}  // namespace hob::cli

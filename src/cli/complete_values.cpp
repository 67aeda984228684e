// The values that completions offer, each read from where it is kept.
#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "accounts/price_table.h"
#include "chat/model_store.h"
#include "cli/complete.h"
#include "embed/model.h"
#include "engine/sampler.h"
#include "os/file.h"
#include "store/database.h"
#include "store/user_folder.h"

namespace hob::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr size_t kMost = 300;
constexpr int kPatienceMs = 100;  // with a database that another program has locked

class Values {
 public:
  explicit Values(std::string_view prefix) : prefix_(prefix) {}
  void add(std::string value, std::string help = "") {
    const bool known = std::any_of(list_.begin(), list_.end(),
                                   [&](const Candidate& c) { return c.value == value; });
    if (list_.size() < kMost && !value.empty() && !known && value.starts_with(prefix_))
      list_.push_back({std::move(value), std::move(help)});
  }
  std::vector<Candidate> take() { return std::move(list_); }

 private:
  std::string_view prefix_;
  std::vector<Candidate> list_;
};

// Two columns of text: value and help.
void add_rows(Values& values, const std::string& database, const char* query) {
  auto opened = store::Database::open(database, store::Access::kRead, {}, kPatienceMs);
  if (!opened) return;
  // A database of another age lacks tables: then there is nothing to offer.
  (void)opened->read([&](SQLite::Database& sql) -> Result<> {
    SQLite::Statement rows(sql, query);
    while (rows.executeStep()) {
      const auto text = [&](int i) {
        return rows.getColumn(i).isNull() ? std::string() : rows.getColumn(i).getString();
      };
      values.add(text(0), text(1));
    }
    return {};
  });
}

void add_alias_file(Values& values, const std::string& path, bool with_models) {
  const auto text = os::read_file(path);
  if (!text) return;
  const json document = json::parse(*text, nullptr, false);
  if (!document.is_object()) return;
  for (const auto& [alias, model] : document.items()) {
    const std::string target = model.is_string() ? model.get<std::string>() : "";
    values.add(alias, "alias of " + target);
    if (with_models) values.add(target);
  }
}

void add_aliases(Values& values) { add_alias_file(values, store::aliases_file(), false); }

void add_models(Values& values) {
  for (const auto& known : chat::known_models())
    values.add(std::string(known.alias), "alias of " + std::string(known.name));
  add_aliases(values);
  add_alias_file(values, store::llm_folder() + "/aliases.json", false);
  for (const auto& model : chat::ModelStore::standard().list()) values.add(model.name);
}

void add_hosted_models(Values& values) {
  add_models(values);
  const auto table = accounts::PriceTable::standard();
  if (!table) return;
  for (const auto& row : table->rows()) values.add(row.id, row.vendor);
}

void add_embedding_models(Values& values) {
  for (const embed::KnownModel& model : embed::known_models()) {
    if (model.hidden) continue;
    values.add(std::string(model.id), std::string(model.kind));
    for (const auto alias : model.aliases)
      values.add(std::string(alias), "alias of " + std::string(model.id));
  }
}

void add_templates(Values& values) {
  for (const std::string& folder :
       {store::templates_folder(), store::llm_folder() + "/templates"}) {
    std::vector<std::string> names;
    std::error_code error;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
         entry.increment(error)) {
      if (entry->path().extension() == ".yaml") names.push_back(entry->path().stem().string());
    }
    std::sort(names.begin(), names.end());
    for (std::string& name : names) values.add(std::move(name));
  }
}

void add_sampler_options(Values& values) {
  for (const auto& option : engine::sampler_option_table())
    values.add(std::string(option.name), std::string(option.help));
  values.add("max_tokens", "longest reply");
  values.add("stop", "end the reply before this text");
}

}  // namespace

std::vector<Candidate> live_values(ValueKind kind, std::string_view prefix) {
  Values values(prefix);
  switch (kind) {
    case ValueKind::kNone:
    case ValueKind::kFile:
      break;
    case ValueKind::kModel:
      add_models(values);
      break;
    case ValueKind::kHostedModel:
      add_hosted_models(values);
      break;
    case ValueKind::kEmbeddingModel:
      add_embedding_models(values);
      add_rows(values, store::embeddings_database(),
               "select distinct model, 'used by a collection' from collections order by model");
      break;
    case ValueKind::kTemplate:
      add_templates(values);
      break;
    case ValueKind::kAlias:
      add_aliases(values);
      break;
    case ValueKind::kFragment:
      add_rows(values, store::logs_database(),
               "select a.alias, substr(f.content, 1, 60) from fragment_aliases a "
               "join fragments f on f.id = a.fragment_id order by a.alias");
      break;
    case ValueKind::kConversation:
      add_rows(values, store::logs_database(),
               "select id, name from threads order by id desc limit 100");
      break;
    case ValueKind::kCollection:
      add_rows(values, store::embeddings_database(),
               "select name, model from collections order by name");
      break;
    case ValueKind::kSchema:
      add_rows(values, store::logs_database(),
               "select id, substr(content, 1, 60) from schemas order by rowid desc limit 100");
      break;
    case ValueKind::kSamplerOption:
      add_sampler_options(values);
      break;
    case ValueKind::kShell:
      for (const char* shell : {"bash", "zsh", "fish"}) values.add(shell);
      break;
    case ValueKind::kGrouping:
      for (const char* by : {"model", "day", "thread", "tag"}) values.add(by);
      break;
  }
  return values.take();
}

}  // namespace hob::cli

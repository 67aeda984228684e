// hob fragments: the stored pieces of text that go before a prompt.
#include <memory>

#include "cli/command.h"
#include "cli/listing.h"
#include "cli/repeatable.h"
#include "cli/safe_text.h"
#include "prompts/fragment.h"
#include "prompts/loaders.h"
#include "store/log_schema.h"
#include "store/user_folder.h"
#include "text/yaml.h"

namespace hob::cli {
namespace {

using nlohmann::ordered_json;
constexpr size_t kShownCharacters = 100;

struct ListFlags {
  std::vector<std::string> queries;
  bool aliases = false, json = false;
};

Result<store::Database> open_logs() {
  return store::Database::open(store::logs_database(), store::Access::kCreate,
                               store::log_migrations());
}

std::string stripped(std::string text) {
  constexpr const char* kBlanks = " \t\r\n\v\f";
  text.erase(text.find_last_not_of(kBlanks) + 1);
  return text.erase(0, text.find_first_not_of(kBlanks));
}

ordered_json fragment_json(const prompts::StoredFragment& one) {
  return {{"hash", one.hash},
          {"aliases", one.aliases},
          {"datetime_utc", one.datetime_utc},
          {"source", one.has_source ? ordered_json(one.source) : ordered_json()},
          {"content", one.content}};
}

Result<> list_all(Io& io, const ListFlags& flags) {
  HOB_TRY(auto database, open_logs());
  HOB_TRY(const auto found, prompts::list_fragments(database, flags.queries, flags.aliases));
  auto all = ordered_json::array();
  for (const auto& one : found) all.push_back(fragment_json(one));
  if (flags.json) {
    io.write(json_text(all, 4));
    return {};
  }
  for (auto& one : all) {
    one["content"] = cut_to(one["content"].get_ref<const std::string&>(), kShownCharacters);
    HOB_TRY(std::string yaml, text::to_yaml(ordered_json::array({one}),
                                            {.width = 0, .literal_lines = true}));
    io.show(stripped(std::move(yaml)) + "\n");
  }
  return {};
}

// The first of what a name resolves to, as llm takes it.
Result<prompts::Fragment> resolve(Io& io, store::Database& database, const std::string& name) {
  const prompts::FragmentContext context = {
      .database = &database,
      .standard_input = [&io] { return read_input(io); },
      .note = [&io](std::string_view text) { io.note(safe_text(text)); },
  };
  HOB_TRY(auto found, prompts::resolve_fragments({name}, context));
  if (found.empty()) return fail(ErrorKind::kNotFound, "Fragment '{}' is empty", name);
  return std::move(found.front());
}

Result<> check_alias(const std::string& alias) {
  if (prompts::is_fragment_alias(alias)) return {};
  return fail(ErrorKind::kUsage, "Invalid value for 'ALIAS': Fragment alias must be alphanumeric");
}

Result<> set_alias(Io& io, const std::string& alias, const std::string& name) {
  HOB_TRY_VOID(check_alias(alias));
  HOB_TRY(auto database, open_logs());
  HOB_TRY(const auto fragment, resolve(io, database, name));
  return prompts::set_fragment_alias(database, alias, fragment);
}

Result<> show_one(Io& io, const std::string& name) {
  HOB_TRY(auto database, open_logs());
  HOB_TRY(const auto fragment, resolve(io, database, name));
  io.show(fragment.content + "\n");
  return {};
}

Result<> remove_alias(const std::string& alias) {
  HOB_TRY_VOID(check_alias(alias));
  HOB_TRY(auto database, open_logs());
  return prompts::remove_fragment_alias(database, alias);
}

}  // namespace

Action define_fragments_list(CLI::App& app, Io& io) {
  auto flags = std::make_shared<ListFlags>();
  add_repeatable(
      app, "-q,--query", flags->queries,
      "Only those with this text in content or source, or this alias or hash; repeatable")
      ->option_text("TEXT");
  app.add_flag("--aliases", flags->aliases, "Only those that have an alias");
  app.add_flag("--json", flags->json, "Print a JSON array, with the whole texts");
  return [flags, &io] { return list_all(io, *flags); };
}

Action define_fragments_set(CLI::App& app, Io& io) {
  auto names = std::make_shared<std::pair<std::string, std::string>>();
  app.add_option("ALIAS", names->first, "Letters, digits, _ and -")->required();
  app.add_option("FRAGMENT", names->second, "A path, URL, hash, prefix:argument, or - for input")
      ->required();
  return [names, &io] { return set_alias(io, names->first, names->second); };
}

Action define_fragments_show(CLI::App& app, Io& io) {
  auto name = std::make_shared<std::string>();
  app.add_option("ALIAS_OR_HASH", *name, "Which to show")->required();
  return [name, &io] { return show_one(io, *name); };
}

Action define_fragments_remove(CLI::App& app, Io&) {
  auto alias = std::make_shared<std::string>();
  app.add_option("ALIAS", *alias, "The alias that goes; the text stays")->required();
  return [alias] { return remove_alias(*alias); };
}

Action define_fragments_loaders(CLI::App&, Io& io) {
  return [&io]() -> Result<> {
    bool first = true;
    for (const auto& loader : prompts::fragment_loaders()) {
      io.print("{}{}:\n{}", first ? "" : "\n", loader.prefix, indented_by(loader.help, 2));
      first = false;
    }
    return {};
  };
}

}  // namespace hob::cli

// hob logs list: logged turns, searched and filtered, as Markdown, YAML, JSON or replies alone.
#include <algorithm>
#include <memory>

#include "cli/command.h"
#include "cli/constraint_flags.h"
#include "cli/ledger_flags.h"
#include "cli/repeatable.h"
#include "logs/markdown.h"
#include "logs/rows.h"
#include "prompts/fragment.h"
#include "store/json_text.h"
#include "store/log_reader.h"
#include "store/message.h"
#include "text/fenced_code.h"
#include "text/python_text.h"
#include "text/schema_dsl.h"

namespace hob::cli {
namespace {

constexpr size_t kDefaultCount = 3;

struct ListFlags {
  LogDatabaseFlags ledger;
  PeriodFlags period;
  std::optional<int64_t> count;
  std::string model, query, conversation, id_gt, id_gte;
  std::vector<std::string> fragments, tools;
  std::string schema, schema_multi;
  std::optional<std::string> data_key;
  bool any_tool = false, latest = false, data = false, data_array = false, data_ids = false;
  bool truncate = false, short_form = false, usage = false, response = false, extract = false,
       extract_last = false, current = false, json = false, expand = false;

  bool wants_data() const {
    return data || data_array || data_ids || (data_key && !data_key->empty());
  }
};

// The hashes of what -f names, as a prompt would take it.
Result<std::vector<std::string>> fragment_hashes(Io& io, store::Database& ledger,
                                                 const std::vector<std::string>& names) {
  const prompts::FragmentContext context{.database = &ledger,
                                         .standard_input = [&io] { return read_input(io); }};
  HOB_TRY(const auto fragments, prompts::resolve_fragments(names, context));
  std::vector<std::string> hashes;
  for (const auto& fragment : fragments) hashes.push_back(store::sha256(fragment.content));
  return hashes;
}

Result<std::string> schema_id(store::Database& ledger, const ListFlags& flags) {
  const StoredSchemas stored = [&](const std::string& id) -> std::optional<std::string> {
    auto content = store::schema_content(ledger, id);
    return content ? *content : std::nullopt;
  };
  const bool multi = !flags.schema_multi.empty();
  HOB_TRY(auto resolved, resolve_schema(multi ? flags.schema_multi : flags.schema, stored));
  if (multi) resolved.schema = text::schema_of_many(std::move(resolved.schema));
  return store::schema_text(resolved.schema).id;
}

Result<> check(const ListFlags& flags) {
  if (!flags.short_form || (!flags.json && !flags.response)) return {};
  const char* other = flags.json && flags.response ? "--json or --response"
                      : flags.json                 ? "--json"
                                                   : "--response";
  return fail(ErrorKind::kInvalid, "Cannot use --short and {} together", other);
}

Result<store::LogFilter> filter_of(Io& io, store::Database& ledger, const ListFlags& flags) {
  store::LogFilter filter;
  if (!flags.conversation.empty()) filter.conversation = flags.conversation;
  if (flags.current || (flags.response && flags.conversation.empty())) {
    HOB_TRY(filter.conversation, store::newest_conversation(ledger));
    if (!filter.conversation) return fail(ErrorKind::kNotFound, "No conversations found");
  }
  const int64_t all = 0;
  const int64_t count = flags.count.value_or(filter.conversation ? all : kDefaultCount);
  if (count > 0) filter.count = static_cast<size_t>(count);
  if (!flags.model.empty()) {
    HOB_TRY(filter.model, logged_model(flags.model));
  }
  if (!flags.query.empty()) filter.query = flags.query;
  if (!flags.id_gt.empty()) filter.id_after = flags.id_gt;
  if (!flags.id_gte.empty()) filter.id_from = flags.id_gte;
  if (!flags.period.since.empty()) filter.since = flags.period.since;
  if (!flags.period.until.empty()) filter.until = flags.period.until;
  filter.latest = flags.latest;
  filter.tools = flags.tools;
  filter.any_tool = flags.any_tool;
  HOB_TRY(filter.fragments, fragment_hashes(io, ledger, flags.fragments));
  if (!flags.schema.empty() || !flags.schema_multi.empty()) {
    HOB_TRY(filter.schema_id, schema_id(ledger, flags));
  }
  return filter;
}

// What -x or -r print; nothing where there is neither, and then everything is listed.
std::optional<std::string> only_text(const std::vector<store::LoggedTurn>& turns,
                                     const ListFlags& flags) {
  const auto response = [&](const store::LoggedTurn& turn) -> store::Text {
    if (!flags.truncate) return turn.response;
    return text::shortened(turn.response.value_or(""), 100);
  };
  if (flags.extract || flags.extract_last) {
    const auto pick = flags.extract_last ? text::FencePick::kLast : text::FencePick::kFirst;
    for (const auto& turn : turns) {
      if (auto code = text::fenced_code(response(turn).value_or(""), pick)) return code;
    }
    return std::nullopt;
  }
  if (flags.response && !turns.empty()) return response(turns.back());
  return std::nullopt;
}

Result<> print_entries(Io& io, const std::vector<store::LoggedTurn>& turns, const ListFlags& flags,
                       bool one_conversation) {
  logs::MarkdownLog markdown({.one_conversation = one_conversation,
                              .expand = flags.expand,
                              .truncate = flags.truncate,
                              .usage = flags.usage});
  for (const auto& turn : turns) {
    std::string entry;
    if (flags.short_form) {
      HOB_TRY(entry, logs::short_entry(turn, flags.truncate, flags.usage));
    } else {
      entry = markdown.entry(turn);
    }
    if (!io.show(entry)) break;
  }
  return {};
}

Result<> list_logs(Io& io, const ListFlags& flags) {
  HOB_TRY(auto ledger, flags.ledger.open_for_reading());
  HOB_TRY_VOID(check(flags));
  HOB_TRY(const auto filter, filter_of(io, ledger, flags));
  HOB_TRY(auto turns, store::read_turns(ledger, filter));
  // Chronologically, except what a search found, whose best comes first.
  if (flags.query.empty() && !flags.data) std::reverse(turns.begin(), turns.end());
  if (flags.wants_data()) {
    io.show(logs::data_lines(turns, {.array = flags.data_array,
                                              .key = flags.data_key,
                                              .ids = flags.data_ids}));
    return {};
  }
  if (flags.json) {
    io.write(logs::turns_json(turns, {.expand = flags.expand, .truncate = flags.truncate}));
    return {};
  }
  if (const auto text = only_text(turns, flags)) {
    io.show(*text + "\n");
    return {};
  }
  return print_entries(io, turns, flags, filter.conversation.has_value());
}

void declare_filters(CLI::App& app, ListFlags& flags) {
  app.add_option("-n,--count", flags.count,
                 "How many, the newest ones; 0 for all (default: 3, or all of a conversation)")
      ->option_text("N");
  flags.ledger.declare(app);
  app.add_option("-m,--model", flags.model, "Only of this model")->option_text("MODEL");
  app.add_option("-q,--query", flags.query,
                 "Search prompts and replies in SQLite's FTS5 notation; best matches first")
      ->option_text("QUERY");
  app.add_flag("-l,--latest", flags.latest, "With --query: the newest matches first");
  add_repeatable(app, "-f,--fragment", flags.fragments,
                 "Only turns that used this fragment (alias, hash or file); repeatable")
      ->option_text("FRAGMENT");
  add_repeatable(app, "-T,--tool", flags.tools, "Only turns with a result of this tool; repeatable")
      ->option_text("NAME");
  app.add_flag("--tools", flags.any_tool, "Only turns with a result of any tool");
  app.add_option("--schema", flags.schema, "Only turns under this schema")->option_text("SCHEMA");
  app.add_option("--schema-multi", flags.schema_multi,
                 "Only turns under a schema of many such values")
      ->option_text("SCHEMA");
  app.add_flag("-c,--current", flags.current, "Only the conversation of the newest turn");
  app.add_option("--cid,--conversation", flags.conversation, "Only the conversation with this id")
      ->option_text("ID");
  app.add_option("--id-gt", flags.id_gt, "Only turns with an id above this")->option_text("ID");
  app.add_option("--id-gte", flags.id_gte, "Only turns with this id or above")->option_text("ID");
  flags.period.declare(app);
}

void declare_forms(CLI::App& app, ListFlags& flags) {
  app.add_flag("-s,--short", flags.short_form, "A short entry for each turn, as YAML");
  app.add_flag("-t,--truncate", flags.truncate, "Cut long prompts and replies");
  app.add_flag("-e,--expand", flags.expand, "Show the text of fragments");
  app.add_flag("-u,--usage", flags.usage, "Show tokens and duration");
  app.add_flag("-r,--response", flags.response, "Only the last reply");
  app.add_flag("-x,--extract", flags.extract, "Only the first fenced code block");
  app.add_flag("--xl,--extract-last", flags.extract_last, "Only the last fenced code block");
  app.add_flag("--json", flags.json, "Print a JSON array");
  app.add_flag("--data", flags.data, "Only replies that are JSON, one a line");
  app.add_flag("--data-array", flags.data_array, "Only replies that are JSON, as one array");
  app.add_option("--data-key", flags.data_key, "The items of the list under KEY in such replies")
      ->option_text("KEY");
  app.add_flag("--data-ids", flags.data_ids, "Such replies with response_id and conversation_id");
}

}  // namespace

Action define_logs_list(CLI::App& app, Io& io) {
  auto flags = std::make_shared<ListFlags>();
  declare_filters(app, *flags);
  declare_forms(app, *flags);
  return [flags, &io] { return list_logs(io, *flags); };
}

}  // namespace hob::cli

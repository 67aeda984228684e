#include "store/log_import.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <vector>

#include "store/json_text.h"
#include "store/log_chain.h"
#include "store/log_import_oldest.h"

namespace hob::store {
namespace {

using Columns = std::vector<std::string>;

Columns columns_of(SQLite::Database& sql, const std::string& schema, const std::string& table) {
  Columns columns;
  SQLite::Statement rows(sql, "select name from pragma_table_info(?, ?)");
  rows.bind(1, table);
  rows.bind(2, schema);
  while (rows.executeStep()) columns.push_back(rows.getColumn(0).getString());
  return columns;
}

bool has(const Columns& columns, std::string_view name) {
  return std::find(columns.begin(), columns.end(), name) != columns.end();
}

bool has_table(SQLite::Database& sql, const char* schema, const std::string& table) {
  return !columns_of(sql, schema, table).empty();
}

// What the reader needs that not every version of llm made.
constexpr std::pair<const char*, const char*> kNewest[] = {
    {"turns", "response_json"},        {"turn_tools", "instance_id"},
    {"tool_instantiations", "instance_id"}, {"responses", "reasoning"},
    {"responses", "resolved_model"},   {"responses", "schema_id"},
    {"tool_results", "exception"},     {"tool_results", "instance_id"},
    {"tool_results_attachments", "order"}, {"turn_search", "response"},
    {"responses_fts", "response"},     {"turn_search_fts", "response"},
    {"fragment_aliases", "alias"},     {"prompt_fragments", "order"},
    {"system_fragments", "order"},     {"prompt_attachments", "order"},
    {"attachments", "content"},        {"conversations", "name"},
    {"messages", "provider_metadata"}, {"parts", "payload"},
    {"threads", "name"},               {"turn_fragments", "kind"},
};

// Copies tables of `source` into those of the same name in `main`.
class Copier {
 public:
  explicit Copier(SQLite::Database& sql) : sql_(sql) {}

  // Rows whose key is not there yet; how many. `replace` gives the source's expression for a column
  // whose numbers are of that database ("fragment_id": looked up in a map). Columns that the source
  // lacks stay NULL. `number` is a column whose values mean nothing outside the file: they are kept
  // where the ledger has no row yet, else new ones are given.
  int64_t copy(const std::string& table, const std::map<std::string, std::string>& replace = {},
               const std::string& where = "", const std::string& number = "") {
    const Columns theirs = columns_of(sql_, "source", table);
    if (theirs.empty()) return 0;
    const bool renumbered = !number.empty() && !is_empty(table);
    std::string names, values;
    for (const std::string& column : columns_of(sql_, "main", table)) {
      if (!has(theirs, column) || (renumbered && column == number)) continue;
      const auto other = replace.find(column);
      names += fmt::format("{}\"{}\"", names.empty() ? "" : ", ", column);
      values += fmt::format("{}{}", values.empty() ? "" : ", ",
                            other == replace.end() ? fmt::format("s.\"{}\"", column)
                                                   : other->second);
    }
    if (names.empty()) return 0;
    return sql_.exec(
        fmt::format("insert or ignore into main.{} ({}) select {} from source.{} as s {}", table,
                    names, values, table, where));
  }

  // temp.`name`(theirs, ours): ids of rows that are the same by `columns`.
  void map_ids(const std::string& name, const std::string& table, const std::string& same) {
    sql_.exec(fmt::format("drop table if exists temp.{}", name));
    sql_.exec(fmt::format("create temp table {} (theirs integer primary key, ours integer)", name));
    if (!has_table(sql_, "source", table)) return;
    sql_.exec(fmt::format("insert or ignore into temp.{} select s.id, (select o.id from main.{} o"
                          " where {} limit 1) from source.{} as s",
                          name, table, same, table));
  }

 private:
  bool is_empty(const std::string& table) {
    SQLite::Statement row(sql_, fmt::format("select 1 from main.{} limit 1", table));
    return !row.executeStep();
  }

  SQLite::Database& sql_;
};

std::string ours(const char* map, const char* column) {
  return fmt::format("(select ours from temp.{} where theirs = s.\"{}\")", map, column);
}

// What both generations point to.
void copy_shared(Copier& copier, ImportCounts& counts) {
  counts.attachments = copier.copy("attachments", {}, "where s.id is not null");
  counts.schemas = copier.copy("schemas", {}, "where s.id is not null");
  counts.fragments = copier.copy("fragments", {}, "where s.hash is not null", "id");
  copier.map_ids("fragment_map", "fragments", "o.hash = s.hash");
  copier.copy("fragment_aliases", {{"fragment_id", ours("fragment_map", "fragment_id")}},
              "where s.alias is not null");
  copier.copy("tools", {}, "where s.hash is not null", "id");
  copier.map_ids("tool_map", "tools", "o.hash = s.hash");
  const std::string same_instance =
      "o.plugin is s.plugin and o.name is s.name and o.arguments is s.arguments";
  copier.copy("tool_instances", {},
              fmt::format("where not exists (select 1 from main.tool_instances o where {})",
                          same_instance),
              "id");
  copier.map_ids("instance_map", "tool_instances", same_instance);
}

// A part's payload names fragments by number: {"text_ref": [{"fragment": 3}, ...]}.
void renumber_fragments(SQLite::Database& sql) {
  SQLite::Statement rows(sql,
                         "select p.id, p.payload from temp.part_map m join main.parts p"
                         " on p.id = m.ours where m.fresh and p.payload like '%\"text_ref\"%'");
  SQLite::Statement number(sql, "select ours from temp.fragment_map where theirs = ?");
  SQLite::Statement update(sql, "update main.parts set payload = ? where id = ?");
  while (rows.executeStep()) {
    auto payload = parse_shallow_json(rows.getColumn(1).getString());
    if (!payload || !payload->is_object() || !(*payload)["text_ref"].is_array()) continue;
    for (auto& piece : (*payload)["text_ref"]) {
      if (!piece.is_object() || !piece.contains("fragment")) continue;
      if (!piece["fragment"].is_number_integer()) continue;
      number.reset();
      number.bind(1, piece["fragment"].get<int64_t>());
      if (number.executeStep() && !number.getColumn(0).isNull())
        piece["fragment"] = number.getColumn(0).getInt64();
    }
    update.reset();
    update.bind(1, json_text(*payload));
    update.bind(2, rows.getColumn(0).getInt64());
    update.exec();
  }
}

void copy_messages(SQLite::Database& sql, Copier& copier, ImportCounts& counts) {
  sql.exec("drop table if exists temp.fresh_messages");
  sql.exec(
      "create temp table fresh_messages as select s.hash from source.messages s where s.hash is"
      " not null and not exists (select 1 from main.messages o where o.hash = s.hash)");
  sql.exec("create unique index temp.fresh_messages_hash on fresh_messages(hash)");
  counts.messages = copier.copy("messages", {}, "where s.hash is not null");
  copier.copy("parts", {}, "where s.message_hash in (select hash from temp.fresh_messages)", "id");
  sql.exec("drop table if exists temp.part_map");
  sql.exec(
      "create temp table part_map as select s.id as theirs, o.id as ours, s.message_hash in"
      " (select hash from temp.fresh_messages) as fresh from source.parts s join main.parts o"
      " on o.message_hash = s.message_hash and o.position = s.position");
  sql.exec("create index temp.part_map_theirs on part_map(theirs)");
  renumber_fragments(sql);
  const std::string fresh =
      "where s.part_id in (select theirs from temp.part_map where fresh)";
  copier.copy("part_attachments", {{"part_id", ours("part_map", "part_id")}}, fresh);
  copier.copy("part_fragments",
              {{"part_id", ours("part_map", "part_id")},
               {"fragment_id", ours("fragment_map", "fragment_id")}},
              fresh);
}

void copy_turns(SQLite::Database& sql, Copier& copier, ImportCounts& counts) {
  if (!has_table(sql, "source", "turns")) return;
  copy_messages(sql, copier, counts);
  sql.exec("drop table if exists temp.fresh_turns");
  sql.exec(
      "create temp table fresh_turns as select s.id from source.turns s where s.id is not null"
      " and not exists (select 1 from main.turns o where o.id = s.id)");
  sql.exec("create unique index temp.fresh_turns_id on fresh_turns(id)");
  sql.exec("drop table if exists temp.fresh_threads");
  sql.exec(
      "create temp table fresh_threads as select s.id from source.threads s where s.id is not null"
      " and not exists (select 1 from main.threads o where o.id = s.id)");
  sql.exec("create unique index temp.fresh_threads_id on fresh_threads(id)");
  counts.threads = copier.copy("threads", {}, "where s.id is not null order by s.rowid");
  counts.turns = copier.copy("turns", {}, "where s.id in (select id from temp.fresh_turns)");
  const std::string fresh = "where s.turn_id in (select id from temp.fresh_turns)";
  copier.copy("turn_tools",
              {{"tool_id", ours("tool_map", "tool_id")},
               {"instance_id", ours("instance_map", "instance_id")}},
              fresh);
  copier.copy("turn_fragments", {{"fragment_id", ours("fragment_map", "fragment_id")}}, fresh);
  copier.copy("turn_search", {}, fresh, "id");
  copier.copy("tool_instantiations", {{"instance_id", ours("instance_map", "instance_id")}}, fresh);
  // hob's own. A rendering may build on one that comes later in the table.
  copier.copy("renderings");
  copier.copy("turn_records", {}, fresh);
  copier.copy("turn_tags", {}, fresh);
  copier.copy("turn_commands", {}, fresh + " order by s.id", "id");
  // A thread that was not here ends where it did. One that was goes on from the newest of its turns
  // that came to an end.
  sql.exec(
      "update main.threads set tip_message_hash = coalesce((select t.tip_message_hash from"
      " main.turns t left join main.turn_records r on r.turn_id = t.id"
      " where t.thread_id = main.threads.id and t.tip_message_hash is not null"
      " and coalesce(r.state, 'done') in ('done', 'stopped')"
      " order by t.id desc limit 1), tip_message_hash) where id in (select thread_id from"
      " main.turns where id in (select id from temp.fresh_turns))"
      " and id not in (select id from temp.fresh_threads)");
}

void copy_responses(SQLite::Database& sql, Copier& copier, ImportCounts& counts) {
  if (!has_table(sql, "source", "responses")) return;
  sql.exec("drop table if exists temp.fresh_responses");
  sql.exec(
      "create temp table fresh_responses as select s.id from source.responses s where s.id is not"
      " null and not exists (select 1 from main.responses o where o.id = s.id)");
  sql.exec("create unique index temp.fresh_responses_id on fresh_responses(id)");
  counts.conversations = copier.copy("conversations", {}, "where s.id is not null");
  counts.responses =
      copier.copy("responses", {}, "where s.id in (select id from temp.fresh_responses) order by"
                                   " s.rowid");
  const std::string fresh = "where s.response_id in (select id from temp.fresh_responses)";
  const std::map<std::string, std::string> fragment = {
      {"fragment_id", ours("fragment_map", "fragment_id")}};
  copier.copy("prompt_attachments", {}, fresh);
  copier.copy("prompt_fragments", fragment, fresh);
  copier.copy("system_fragments", fragment, fresh);
  const std::string tool = ours("tool_map", "tool_id");
  copier.copy("tool_responses", {{"tool_id", tool}}, fresh);
  copier.copy("tool_calls", {{"tool_id", tool}}, fresh + " order by s.id", "id");
  copier.copy("tool_results",
              {{"tool_id", tool}, {"instance_id", ours("instance_map", "instance_id")}},
              fresh + " order by s.id", "id");
  if (has_table(sql, "source", "tool_results_attachments")) {
    // The results of a response have kept their order.
    sql.exec(
        "insert or ignore into main.tool_results_attachments (tool_result_id, attachment_id,"
        " \"order\") select o.id, a.attachment_id, a.\"order\" from"
        " source.tool_results_attachments a join"
        " (select id, response_id, row_number() over (partition by response_id order by id) as n"
        "  from source.tool_results where response_id in (select id from temp.fresh_responses)) s"
        " on s.id = a.tool_result_id join"
        " (select id, response_id, row_number() over (partition by response_id order by id) as n"
        "  from main.tool_results where response_id in (select id from temp.fresh_responses)) o"
        " on o.response_id = s.response_id and o.n = s.n");
  }
}

int64_t rows_of(SQLite::Database& sql, const std::string& table) {
  if (!has_table(sql, "source", table)) return 0;
  return sql.execAndGet(fmt::format("select count(*) from source.{}", table)).getInt64();
}

bool is_log(SQLite::Database& sql, const char* schema) {
  const auto with = [&](const char* table, std::initializer_list<const char*> columns) {
    const Columns found = columns_of(sql, schema, table);
    return std::all_of(columns.begin(), columns.end(),
                       [&](const char* column) { return has(found, column); });
  };
  return (with("turns", {"id", "thread_id", "tip_message_hash", "model"}) &&
          with("messages", {"hash", "parent_hash", "role"}) &&
          with("parts", {"id", "message_hash", "position", "type"}) && with("threads", {"id"})) ||
         with("responses", {"id", "model", "prompt", "response", "conversation_id"}) ||
         !oldest_table(sql, schema).empty();
}

Result<ImportCounts> copy_log(SQLite::Database& sql, const std::string& path) {
  if (!is_log(sql, "source")) {
    return fail(ErrorKind::kInvalid,
                "{}: not a log database: it has neither turns nor responses nor logs", path);
  }
  sql.exec("pragma defer_foreign_keys = 1");
  ImportCounts found;
  Copier copier(sql);
  copy_shared(copier, found);
  copy_turns(sql, copier, found);
  copy_responses(sql, copier, found);
  found.present = rows_of(sql, "turns") + rows_of(sql, "responses") - found.turns - found.responses;
  import_oldest(sql, found);
  for (const char* table : {"fragment_map", "tool_map", "instance_map", "fresh_messages",
                            "part_map", "fresh_threads", "fresh_turns", "fresh_responses"}) {
    sql.exec(fmt::format("drop table if exists temp.{}", table));
  }
  return found;
}

}  // namespace

Result<LogLayout> log_layout(Database& db) {
  return db.read([](SQLite::Database& sql) -> Result<LogLayout> {
    if (!is_log(sql, "main")) return LogLayout::kNone;
    for (const auto& [table, column] : kNewest) {
      if (!has(columns_of(sql, "main", table), column)) return LogLayout::kOlder;
    }
    return LogLayout::kCurrent;
  });
}

Result<ImportCounts> import_log(Database& ledger, const std::string& path) {
  HOB_TRY_VOID(ledger.attach(path, "source"));
  // Database::write would lock the other file too, which is only read.
  auto counts = ledger.read([&](SQLite::Database& sql) -> Result<ImportCounts> {
    try {
      SQLite::Transaction transaction(sql, SQLite::TransactionBehavior::DEFERRED);
      sql.exec("delete from main.turns where 0");  // takes the right to write to the ledger
      HOB_TRY(const ImportCounts found, copy_log(sql, path));
      transaction.commit();
      return found;
    } catch (const SQLite::Exception& error) {  // which does not say of which of the files
      return tl::unexpected<Error>(
          ledger.error_of(error, fmt::format("{} into {}", path, ledger.path())));
    }
  });
  const auto detached = ledger.read([](SQLite::Database& sql) -> Result<> {
    sql.exec("detach database source");
    return {};
  });
  if (counts && !detached) return tl::unexpected<Error>(detached.error());
  return counts;
}

}  // namespace hob::store

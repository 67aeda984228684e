#include "embed/index_record.h"

#include <algorithm>
#include <string>
#include <string_view>

namespace hob::embed {
namespace {

constexpr const char* kTables =
    "create table if not exists _hob_vector_state (collection_id integer primary key, version "
    "integer, removed integer);"
    "create table if not exists _hob_vector_index (collection_id integer primary key, build "
    "integer, version integer, removed integer, last_row integer, rows integer)";

// REPLACE removes a row without a delete trigger's knowing; so it is looked for before an insert.
struct Trigger {
  const char *name, *text;
};
constexpr Trigger kTriggers[] = {
    {"_hob_vectors_insert",
     "CREATE TRIGGER _hob_vectors_insert before insert on embeddings begin "
     "update _hob_vector_state set removed = random() where collection_id = new.collection_id and "
     "exists (select 1 from embeddings where collection_id = new.collection_id and id = new.id); "
     "update _hob_vector_state set version = random() where collection_id = new.collection_id;"
     " end"},
    {"_hob_vectors_delete",
     "CREATE TRIGGER _hob_vectors_delete after delete on embeddings begin "
     "update _hob_vector_state set version = random(), removed = random() "
     "where collection_id = old.collection_id; end"},
    {"_hob_vectors_update",
     "CREATE TRIGGER _hob_vectors_update after update of collection_id, id, embedding "
     "on embeddings begin update _hob_vector_state set version = random(), removed = random() "
     "where collection_id in (old.collection_id, new.collection_id); end"},
};

bool has(SQLite::Database& sql, const char* type, std::string_view name, std::string_view text) {
  SQLite::Statement found(sql, "select sql from sqlite_master where type = ? and name = ?");
  found.bind(1, type);
  found.bind(2, std::string(name));
  return found.executeStep() && (text.empty() || found.getColumn(0).getString() == text);
}

bool followed(SQLite::Database& sql) {
  return has(sql, "table", "_hob_vector_state", {}) && has(sql, "table", "_hob_vector_index", {}) &&
         std::all_of(std::begin(kTriggers), std::end(kTriggers), [&](const Trigger& t) {
           return has(sql, "trigger", t.name, t.text);
         });
}

}  // namespace

std::optional<CollectionState> collection_state(SQLite::Database& sql, int64_t collection) {
  if (!followed(sql)) return {};
  SQLite::Statement row(
      sql, "select version, removed from _hob_vector_state where collection_id = ?");
  row.bind(1, collection);
  if (!row.executeStep()) return {};
  return CollectionState{row.getColumn(0).getInt64(), row.getColumn(1).getInt64()};
}

std::optional<IndexRecord> index_record(SQLite::Database& sql, int64_t collection) {
  SQLite::Statement row(sql,
                        "select build, version, removed, last_row, rows from _hob_vector_index "
                        "where collection_id = ?");
  row.bind(1, collection);
  if (!row.executeStep()) return {};
  return IndexRecord{.build = static_cast<uint64_t>(row.getColumn(0).getInt64()),
                     .state = {row.getColumn(1).getInt64(), row.getColumn(2).getInt64()},
                     .last_row = row.getColumn(3).getInt64(),
                     .rows = static_cast<uint64_t>(row.getColumn(4).getInt64())};
}

CollectionState follow_collection(SQLite::Database& sql, int64_t collection) {
  if (!followed(sql)) {
    sql.exec(kTables);
    sql.exec("delete from _hob_vector_state; delete from _hob_vector_index");
    for (const Trigger& trigger : kTriggers) {
      sql.exec(std::string("drop trigger if exists ") + trigger.name);
      sql.exec(trigger.text);
    }
  }
  SQLite::Statement add(
      sql, "insert or ignore into _hob_vector_state values (?, random(), random())");
  add.bind(1, collection);
  add.exec();
  return *collection_state(sql, collection);
}

void save_index_record(SQLite::Database& sql, int64_t collection, const IndexRecord& record) {
  SQLite::Statement save(sql, "insert or replace into _hob_vector_index values (?, ?, ?, ?, ?, ?)");
  save.bind(1, collection);
  save.bind(2, static_cast<int64_t>(record.build));
  save.bind(3, record.state.version);
  save.bind(4, record.state.removed);
  save.bind(5, record.last_row);
  save.bind(6, static_cast<int64_t>(record.rows));
  save.exec();
}

}  // namespace hob::embed

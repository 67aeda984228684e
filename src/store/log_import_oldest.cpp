#include "store/log_import_oldest.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "store/clock.h"
#include "store/bind.h"
#include "store/json_text.h"
#include "store/log_import.h"
#include "store/log_reader.h"
#include "store/message.h"

namespace hob::store {
namespace {

// Column expressions of whichever of the names the table has.
struct OldestColumns {
  std::string id, time, prompt, system, response, model, chat, duration, options, prompt_json,
      response_json;
};

OldestColumns columns_of(SQLite::Database& sql, const std::string& table) {
  std::map<std::string, bool> names;
  SQLite::Statement rows(sql, "select name from pragma_table_info(?, 'source')");
  rows.bind(1, table);
  while (rows.executeStep()) names[rows.getColumn(0).getString()] = true;
  const auto first = [&](std::initializer_list<const char*> candidates) -> std::string {
    for (const char* name : candidates) {
      if (names.contains(name)) return fmt::format("\"{}\"", name);
    }
    return "null";
  };
  OldestColumns found;
  found.id = names.contains("id") ? "id" : "rowid";
  found.time = first({"datetime_utc", "timestamp_utc", "timestamp"});
  found.prompt = first({"prompt"});
  found.system = first({"system"});
  found.response = first({"response"});
  found.model = first({"model"});
  found.chat = first({"chat_id"});
  found.duration = first({"duration_ms"});
  found.options = first({"options_json", "options"});
  found.prompt_json = first({"prompt_json"});
  found.response_json = first({"response_json"});
  return found;
}

// Milliseconds since 1970 of a time that SQLite reads; 0 for any other text.
int64_t milliseconds(SQLite::Statement& parse, const std::string& time) {
  parse.reset();
  parse.bind(1, time);
  if (!parse.executeStep() || parse.getColumn(0).isNull()) return 0;
  return std::max<int64_t>(0, parse.getColumn(0).getInt64());
}

}  // namespace

std::string oldest_table(SQLite::Database& sql, const std::string& schema) {
  for (const char* table : {"logs", "log"}) {
    SQLite::Statement rows(sql,
                           "select count(*) from pragma_table_info(?, ?)"
                           " where name in ('prompt', 'response', 'model', 'system')");
    rows.bind(1, table);
    rows.bind(2, schema);
    if (rows.executeStep() && rows.getColumn(0).getInt() == 4) return table;
  }
  return {};
}

void import_oldest(SQLite::Database& sql, ImportCounts& counts) {
  const std::string table = oldest_table(sql, "source");
  if (table.empty()) return;
  const OldestColumns c = columns_of(sql, table);
  SQLite::Statement parse(
      sql, "select cast(round((julianday(?) - 2440587.5) * 86400000) as integer)");
  SQLite::Statement add_conversation(
      sql, "insert or ignore into main.conversations (id, name, model) values (?, ?, ?)");
  SQLite::Statement add_response(
      sql,
      "insert or ignore into main.responses (id, model, prompt, system, prompt_json, options_json,"
      " response, response_json, conversation_id, duration_ms, datetime_utc)"
      " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  SQLite::Statement rows(
      sql,
      fmt::format("select {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {} from source.{} order by 1",
                  c.id, c.model, c.prompt, c.system, c.prompt_json, c.options, c.response,
                  c.response_json, c.chat, c.duration, c.time, table));
  std::map<int64_t, std::string> conversations;  // of the row that began each
  while (rows.executeStep()) {
    std::string content;
    for (int i = 0; i < rows.getColumnCount(); ++i)
      content += rows.getColumn(i).getString() + '\0';
    const std::string digest = sha256(content);
    const auto began = milliseconds(parse, rows.getColumn(10).getString());
    const std::string time = base32(static_cast<uint64_t>(began), kUlidTimeDigits);
    const auto part = [&](size_t from) {
      return base32(std::stoull(digest.substr(from, 10), nullptr, 16), kUlidRandomDigits / 2);
    };
    const std::string id = time + part(0) + part(10);
    const int64_t number = rows.getColumn(0).getInt64();
    const int64_t chat = rows.getColumn(8).isNull() ? number : rows.getColumn(8).getInt64();
    const auto [conversation, fresh] = conversations.try_emplace(chat, time + part(20) + part(30));
    if (fresh) {
      add_conversation.reset();
      add_conversation.bind(1, conversation->second);
      add_conversation.bind(2, thread_name(rows.getColumn(2).getString()));
      add_conversation.bind(3, rows.getColumn(1).getString());
      counts.conversations += add_conversation.exec();
    }
    add_response.reset();
    add_response.clearBindings();
    add_response.bind(1, id);
    for (int i = 1; i <= 7; ++i) {
      if (const Text text = column_text(rows.getColumn(i))) add_response.bind(i + 1, *text);
    }
    add_response.bind(9, conversation->second);
    if (const Count duration = integer_of(rows.getColumn(9))) add_response.bind(10, *duration);
    if (const Text when = column_text(rows.getColumn(10))) add_response.bind(11, *when);
    const int added = add_response.exec();
    counts.responses += added;
    counts.present += 1 - added;
  }
}

}  // namespace hob::store

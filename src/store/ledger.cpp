#include "store/ledger.h"

#include <algorithm>

#include "os/file.h"
#include "store/bind.h"
#include "store/json_text.h"
#include "store/log_schema.h"
#include "store/message_rows.h"
#include "store/user_folder.h"

namespace hob::store {
namespace {

using nlohmann::ordered_json;

FragmentRows fragment_rows(SQLite::Database& sql, const TurnStart& start) {
  FragmentRows rows;
  for (const auto* list : {&start.prompt_fragments, &start.system_fragments}) {
    for (const FragmentText& fragment : *list)
      rows.emplace_back(fragment.content, ensure_fragment(sql, fragment));
  }
  return rows;
}

void write_turn_fragments(SQLite::Database& sql, const std::string& turn,
                          const std::vector<FragmentText>& fragments, const char* kind) {
  for (size_t i = 0; i < fragments.size(); ++i) {
    SQLite::Statement row(sql, "insert or replace into turn_fragments values (?, ?, ?, ?)");
    row.bind(1, turn);
    row.bind(2, ensure_fragment(sql, fragments[i]));
    row.bind(3, static_cast<int64_t>(i));
    row.bind(4, kind);
    row.exec();
  }
}

std::string ensure_schema(SQLite::Database& sql, const ordered_json& schema) {
  const StoredSchemaText stored = schema_text(schema);
  SQLite::Statement row(sql, "insert or ignore into schemas values (?, ?)");
  row.bind(1, stored.id);
  row.bind(2, stored.content);
  row.exec();
  return stored.id;
}

void ensure_thread(SQLite::Database& sql, const std::string& id, const std::string& title,
                   std::string datetime) {
  SQLite::Statement row(sql,
                        "insert or ignore into threads (id, name, datetime_utc) values (?, ?, ?)");
  row.bind(1, id);
  row.bind(2, thread_name(title));
  std::replace(datetime.begin(), datetime.end(), 'T', ' ');
  row.bind(3, datetime);
  row.exec();
}

// What full text search covers: what was typed, and what the model answered.
void write_search(SQLite::Database& sql, const std::string& turn, const std::string& prompt,
                  const std::string& response) {
  if (prompt.empty() && response.empty()) return;
  SQLite::Statement row(
      sql, "insert or ignore into turn_search (turn_id, prompt, response) values (?, ?, ?)");
  row.bind(1, turn);
  row.bind(2, prompt);
  row.bind(3, response);
  row.exec();
}

// The fragments that this turn was given, to tell typed text from theirs.
FragmentRows fragments_of_turn(SQLite::Database& sql, const std::string& turn) {
  FragmentRows rows;
  SQLite::Statement row(sql,
                        "select fragments.content, fragments.id from turn_fragments join fragments "
                        "on fragments.id = fragment_id where turn_id = ? order by kind, \"order\"");
  row.bind(1, turn);
  while (row.executeStep())
    rows.emplace_back(text_of(row.getColumn(0)), row.getColumn(1).getInt64());
  return rows;
}

std::string typed_prompt(SQLite::Database& sql, const StartedTurn& turn) {
  LogChain chain(sql);
  const ChainMessage* last = chain.message(turn.tip);
  if (!last || last->role != "user") return {};
  return literal_text(message_of(sql, *last).text(), fragments_of_turn(sql, turn.turn_id));
}

// The rendering of the thread's turn before this one: a prompt in a conversation begins with it.
std::string rendering_before(SQLite::Database& sql, const StartedTurn& turn) {
  SQLite::Statement row(sql,
                        "select rendering_hash from turns join turn_records on turn_id = id "
                        "where thread_id = ? and id < ? order by id desc limit 1");
  row.bind(1, turn.thread_id);
  row.bind(2, turn.turn_id);
  return row.executeStep() ? text_of(row.getColumn(0)) : std::string();
}

std::string text_or_empty(const ordered_json& value) {
  return value.is_null() || value.empty() ? std::string() : json_text(value);
}

// Messages of a conversation from before there was a tree of messages: one prompt, one response.
std::vector<Message> legacy_messages(SQLite::Database& sql, const std::string& conversation) {
  std::vector<Message> messages;
  SQLite::Statement row(sql,
                        "select prompt, system, response from responses where conversation_id = ? "
                        "order by datetime_utc, id");
  row.bind(1, conversation);
  while (row.executeStep()) {
    const std::string system = text_of(row.getColumn(1));
    if (messages.empty() && !system.empty())
      messages.push_back(Message::of_text("system", system));
    messages.push_back(Message::of_text("user", text_of(row.getColumn(0))));
    messages.push_back(Message::of_text("assistant", text_of(row.getColumn(2))));
  }
  return messages;
}

std::optional<std::string> first_text(SQLite::Database& sql, const char* query,
                                      const std::string& parameter) {
  SQLite::Statement row(sql, query);
  row.bind(1, parameter);
  if (!row.executeStep()) return std::nullopt;
  return text_of(row.getColumn(0));
}

// From the first message to the one with that hash. `name` is what an error calls the file.
Result<std::vector<Message>> read_chain(SQLite::Database& sql, const std::string& tip,
                                        const std::string& name) {
  LogChain chain(sql);
  const auto stored = chain.between(tip, "");
  if (const std::string& before = stored.empty() ? tip : stored.front()->parent; !before.empty()) {
    return fail(ErrorKind::kCorrupt,
                "{}: the conversation cannot be read: its message {} is missing or its own "
                "ancestor",
                name, before);
  }
  std::vector<Message> messages;
  for (const ChainMessage* message : stored) messages.push_back(message_of(sql, *message));
  return messages;
}

}  // namespace

int64_t ensure_fragment(SQLite::Database& sql, const FragmentText& fragment) {
  const std::string hash = sha256(fragment.content);
  SQLite::Statement row(sql,
                        "insert into fragments (hash, content, datetime_utc, source) "
                        "values (?, ?, datetime('now'), ?) on conflict(hash) do nothing");
  row.bind(1, hash);
  row.bind(2, fragment.content);
  bind_text(row, 3, fragment.source);
  row.exec();
  SQLite::Statement found(sql, "select id from fragments where hash = ?");
  found.bind(1, hash);
  found.executeStep();
  return found.getColumn(0).getInt64();
}

std::string ensure_attachment(SQLite::Database& sql, const Attachment& attachment) {
  const std::string id = attachment.id();
  // Bytes that are stored stay: the file that has them too may be gone tomorrow.
  SQLite::Statement row(sql,
                        "insert into attachments (id, type, path, url, content)"
                        " values (?, ?, ?, ?, ?) on conflict(id) do update set"
                        " type = excluded.type, path = excluded.path, url = excluded.url,"
                        " content = coalesce(content, excluded.content)");
  row.bind(1, id);
  bind_text(row, 2, attachment.type);
  bind_text(row, 3, attachment.path);
  bind_text(row, 4, attachment.url);
  if (!attachment.content.empty())
    row.bind(5, attachment.content.data(), static_cast<int>(attachment.content.size()));
  row.exec();
  return id;
}

std::string_view state_name(TurnState state) {
  switch (state) {
    case TurnState::kDone:
      return "done";
    case TurnState::kStopped:
      return "stopped";
    case TurnState::kFailed:
      return "failed";
  }
  return "failed";
}

Result<Ledger> Ledger::open(const std::string& path, Access access) {
  HOB_TRY(auto database, Database::open(path, access, log_migrations(), kBusyTimeoutMs));
  return Ledger(std::move(database));
}

Result<Ledger> Ledger::memory() {
  HOB_TRY(auto database, Database::memory(log_migrations()));
  return Ledger(std::move(database));
}

Result<StartedTurn> Ledger::begin(const TurnStart& start) {
  StartedTurn turn{.turn_id = start.turn_id, .thread_id = start.thread_id};
  if (turn.thread_id.empty()) turn.thread_id = new_id();
  if (turn.turn_id.empty()) turn.turn_id = new_id();
  const std::string datetime = start.datetime.empty() ? utc_now() : start.datetime;
  return database_.write([&](SQLite::Database& sql) -> Result<StartedTurn> {
    ensure_thread(sql, turn.thread_id, start.thread_title, datetime);
    turn.tip = write_chain(sql, start.messages, start.parent, fragment_rows(sql, start));
    SQLite::Statement row(sql,
                          "insert into turns (id, thread_id, parent_message_hash, tip_message_hash,"
                          " model, options_json, schema_id, datetime_utc)"
                          " values (?, ?, ?, ?, ?, ?, ?, ?)");
    row.bind(1, turn.turn_id);
    row.bind(2, turn.thread_id);
    bind_text(row, 3, turn.tip);
    bind_text(row, 4, turn.tip);
    row.bind(5, start.model);
    bind_text(row, 6, text_or_empty(start.options));
    bind_text(row, 7, start.schema ? ensure_schema(sql, *start.schema) : "");
    row.bind(8, datetime);
    row.exec();
    write_turn_fragments(sql, turn.turn_id, start.prompt_fragments, "prompt");
    write_turn_fragments(sql, turn.turn_id, start.system_fragments, "system");
    for (const std::string& tag : start.tags) {
      SQLite::Statement tagged(sql, "insert or ignore into turn_tags values (?, ?)");
      tagged.bind(1, turn.turn_id);
      tagged.bind(2, tag);
      tagged.exec();
    }
    TurnRecord record = start.record;
    record.state = "running";
    write_turn_record(sql, turn.turn_id, record, rendering_before(sql, turn));
    return turn;
  });
}

Result<std::string> Ledger::finish(const StartedTurn& turn, const TurnEnd& end) {
  return database_.write([&](SQLite::Database& sql) -> Result<std::string> {
    const std::string tip = write_chain(sql, end.messages, turn.tip, {});
    SQLite::Statement row(sql,
                          "update turns set tip_message_hash = ?, resolved_model = ?,"
                          " input_tokens = ?, output_tokens = ?, token_details = ?,"
                          " duration_ms = ?, response_json = ? where id = ?");
    bind_text(row, 1, tip);
    bind_text(row, 2, end.resolved_model);
    bind(row, 3, end.input_tokens);
    bind(row, 4, end.output_tokens);
    bind_text(row, 5, text_or_empty(end.token_details));
    row.bind(6, end.duration_ms);
    bind_text(row, 7, end.response_json.is_null() ? "" : json_text(end.response_json));
    row.bind(8, turn.turn_id);
    if (row.exec() != 1) {
      return fail(ErrorKind::kNotFound, "{}: the turn {} was deleted before it ended",
                  database_.path(), turn.turn_id);
    }
    std::string response;
    for (const Message& message : end.messages) {
      if (message.role == "assistant") response += message.text();
    }
    write_search(sql, turn.turn_id, typed_prompt(sql, turn), response);
    TurnRecord record = end.record;
    record.state = state_name(end.state);
    record.error = end.error;
    write_turn_record(sql, turn.turn_id, record, rendering_before(sql, turn));
    // A turn that failed is no part of the conversation: the next one goes on from before it.
    if (end.state != TurnState::kFailed) {
      SQLite::Statement thread(sql, "update threads set tip_message_hash = ? where id = ?");
      bind_text(thread, 1, tip);
      thread.bind(2, turn.thread_id);
      thread.exec();
    }
    return tip;
  });
}

Result<> Ledger::set_model_hash(const std::string& turn_id, const std::string& hash) {
  return database_.write([&](SQLite::Database& sql) -> Result<> {
    SQLite::Statement row(sql, "update turn_records set model_hash = ? where turn_id = ?");
    row.bind(1, hash);
    row.bind(2, turn_id);
    row.exec();
    return {};
  });
}

Result<std::optional<Thread>> Ledger::newest_thread() {
  HOB_TRY(const std::string id, database_.read([](SQLite::Database& sql) -> Result<std::string> {
    SQLite::Statement row(sql,
                          "select max(id) from (select max(id) as id from threads"
                          " union all select max(id) from conversations)");
    row.executeStep();
    return text_of(row.getColumn(0));
  }));
  if (id.empty()) return std::nullopt;
  HOB_TRY(Thread found, thread(id));
  return std::optional<Thread>(std::move(found));
}

Result<Thread> Ledger::thread(const std::string& id) {
  return database_.read([&](SQLite::Database& sql) -> Result<Thread> {
    const auto tip = first_text(sql, "select tip_message_hash from threads where id = ?", id);
    const auto legacy = first_text(sql, "select model from conversations where id = ?", id);
    if (!tip && !legacy)
      return fail(ErrorKind::kNotFound, "No conversation found with id={}", id);
    Thread thread{.id = id, .tip = tip.value_or("")};
    thread.model =
        first_text(sql, "select model from turns where thread_id = ? order by id desc limit 1", id)
            .value_or(legacy.value_or(""));
    if (thread.tip.empty() && legacy) {
      thread.messages = legacy_messages(sql, id);
    } else {
      HOB_TRY(thread.messages, read_chain(sql, thread.tip, database_.path()));
    }
    return thread;
  });
}

Result<TurnRecord> Ledger::record(const std::string& turn_id) {
  return database_.read([&](SQLite::Database& sql) -> Result<TurnRecord> {
    auto record = read_turn_record(sql, turn_id);
    if (!record) return fail(ErrorKind::kNotFound, "there is no record of a turn {}", turn_id);
    return *std::move(record);
  });
}

Result<> LoggingGate::check() const {
  if (never && always)
    return fail(ErrorKind::kInvalid, "--log and --no-log are mutually exclusive");
  return {};
}

bool LoggingGate::is_open() const {
  return !never && (always || !os::file_exists(logs_off_file()));
}

std::string LoggingGate::path() const { return database.empty() ? logs_database() : database; }

}  // namespace hob::store

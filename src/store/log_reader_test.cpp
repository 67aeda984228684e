// Ledgers read, imported and deleted from. Rows are put in with SQL, as llm and other writers do.
#include "store/log_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "store/log_delete.h"
#include "store/log_import.h"
#include "store/log_schema.h"
#include "tests/support/temp_folder.h"

namespace hob::store {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

// s (system) <- u1 <- a1 <- u2 <- a2, and a fork: a1 <- u3 <- a3. Turns t1, t2 in thread A; t3,
// which failed, in B.
constexpr const char* kTwoThreads = R"sql(
insert into messages values ('s', null, 'system', null), ('u1', 's', 'user', null),
  ('a1', 'u1', 'assistant', null), ('u2', 'a1', 'user', null), ('a2', 'u2', 'assistant', null),
  ('u3', 'a1', 'user', null), ('a3', 'u3', 'assistant', null);
insert into fragments values (7, 'hash7', 'Seven swans', '2026', 'swans.txt');
insert into fragment_aliases values ('swans', 7);
insert into attachments values ('img', 'image/png', null, null, x'89504e47');
insert into parts values (1, 's', 0, 'text', null, 'Be brief', null),
  (2, 'u1', 0, 'text', null, 'What is a swan?', null), (3, 'a1', 0, 'text', null, 'A bird', null),
  (4, 'u2', 0, 'text', null, null,
    '{"text_ref": [{"fragment": 7}, {"literal": " are many"}, {"fragment": 99}]}'),
  (5, 'u2', 1, 'attachment', null, null, '{"attachment": {"id": "img"}}'),
  (6, 'a2', 0, 'reasoning', null, 'Hm.', null), (7, 'a2', 1, 'text', null, 'Seven', null),
  (8, 'u3', 0, 'text', null, 'And a goose?', null), (9, 'a3', 0, 'text', null, 'Also a bird', null);
insert into part_fragments values (4, 7, 0);
insert into part_attachments values (5, 'img', 0);
insert into schemas values ('sid', '{"type":"object"}');
insert into threads values ('A', 'Swans', 'a2', null, '2026'), ('B', 'Geese', 'a1', 'A', '2026');
insert into turns (id, thread_id, parent_message_hash, tip_message_hash, model, options_json,
    schema_id, input_tokens, output_tokens, duration_ms, datetime_utc) values
  ('t1', 'A', 'u1', 'a1', 'm1', null, null, 5, 2, 10, '2026-08-01T10:00:00.5+00:00'),
  ('t2', 'A', 'u2', 'a2', 'm2', '{"x": 1}', 'sid', 9, 1, 20, '2026-08-02T10:00:00.5+00:00'),
  ('t3', 'B', 'u3', 'a3', 'm1', null, null, 7, 3, 30, '2026-08-03T10:00:00.5+00:00');
insert into turn_fragments values ('t2', 7, 0, 'prompt');
insert into turn_search (turn_id, prompt, response) values ('t1', 'What is a swan?', 'A bird'),
  ('t2', ' are many', 'Seven swan'), ('t3', 'And a goose?', 'Also a bird');
insert into turn_records (turn_id, state, error) values ('t3', 'failed', 'the model is gone');
)sql";

// What kTwoThreads lacks of the tables that belong to turns or responses, and a response.
constexpr const char* kEverythingElse = R"sql(
insert into tools values (1, 'toolhash', 'search', 'finds', '{}', null);
insert into tool_instances values (1, 'plugin', 'Box', '{}');
insert into turn_tools values ('t2', 1, 1);
insert into tool_instantiations values ('t2', 'call', 1);
insert into turn_tags values ('t1', 'birds');
insert into turn_commands values (1, 't1', 'ls', 'ls -l', 0, '2026');
insert into renderings values ('r1', null, 'What is'), ('r2', 'r1', ' a swan?');
update turn_records set rendering_hash = 'r2';
insert into conversations values ('C', 'Old', 'm1');
insert into responses (id, model, prompt, response, conversation_id) values
  ('o1', 'm1', 'Old?', 'Very', 'C');
insert into prompt_attachments values ('o1', 'img', 0);
insert into prompt_fragments values ('o1', 7, 0);
insert into system_fragments values ('o1', 7, 0);
insert into tool_responses values (1, 'o1');
insert into tool_calls values (1, 'o1', 1, 'search', '{}', 'call');
insert into tool_results values (1, 'o1', 1, 'search', 'found', 'call', 1, null);
insert into tool_results_attachments values (1, 'img', 0);
)sql";

class LogReader : public test::FolderTest {
 protected:
  Database ledger(const std::string& name, const char* rows) {
    auto db = Database::open(path(name), Access::kCreate, log_migrations());
    EXPECT_TRUE(db) << db.error().message;
    execute(*db, rows);
    return std::move(*db);
  }
  static void execute(Database& db, const char* rows) {
    const auto done = db.write([&](SQLite::Database& sql) -> Result<> {
      sql.exec(rows);
      return {};
    });
    EXPECT_TRUE(done) << done.error().message;
  }
  static int64_t count(Database& db, const std::string& what) {
    return *db.read([&](SQLite::Database& sql) -> Result<int64_t> {
      return sql.execAndGet("select count(*) from " + what).getInt64();
    });
  }
  // Of turns and responses and all that belongs to one.
  static std::vector<std::string> turn_tables(Database& db) {
    std::vector<std::string> tables = {"turns", "responses"};
    const auto read = db.read([&](SQLite::Database& sql) -> Result<> {
      SQLite::Statement rows(sql,
                             "select distinct m.name from sqlite_master m join"
                             " pragma_table_info(m.name) c where m.type = 'table' and c.name in"
                             " ('turn_id', 'response_id', 'tool_result_id') order by 1");
      while (rows.executeStep()) tables.push_back(rows.getColumn(0).getString());
      return {};
    });
    EXPECT_TRUE(read) << read.error().message;
    return tables;
  }
  static std::vector<std::string> ids(Database& db, const LogFilter& filter) {
    std::vector<std::string> out;
    const auto turns = read_turns(db, filter);
    EXPECT_TRUE(turns) << turns.error().message;
    if (turns) {
      for (const auto& turn : *turns) out.push_back(turn.id);
    }
    return out;
  }
};

TEST_F(LogReader, PutsTurnsTogetherFromTheirMessages) {
  auto db = ledger("a.db", kTwoThreads);
  const auto turns = read_turns(db, {});
  ASSERT_TRUE(turns) << turns.error().message;
  ASSERT_EQ(turns->size(), 3u);
  const LoggedTurn& second = (*turns)[1];
  EXPECT_EQ(second.id, "t2");
  EXPECT_EQ(second.prompt, "Seven swans are many");  // a fragment that is gone is nothing
  EXPECT_EQ(second.system, "Be brief");
  EXPECT_EQ(second.response, "Seven");
  EXPECT_EQ(second.reasoning, "Hm.");
  EXPECT_EQ(second.conversation_name, "Swans");
  ASSERT_EQ(second.attachments.size(), 1u);
  EXPECT_EQ(second.attachments[0].content_length, 4);
  ASSERT_EQ(second.prompt_fragments.size(), 1u);
  EXPECT_THAT(second.prompt_fragments[0].aliases, ElementsAre("swans"));
  EXPECT_EQ((*turns)[0].state, "failed");
  EXPECT_EQ((*turns)[0].error, "the model is gone");
  EXPECT_EQ((*turns)[2].state, "done");
}

TEST_F(LogReader, Filters) {
  auto db = ledger("a.db", kTwoThreads);
  EXPECT_THAT(ids(db, {.count = 2}), ElementsAre("t3", "t2"));
  EXPECT_THAT(ids(db, {.model = "m1"}), ElementsAre("t3", "t1"));
  EXPECT_THAT(ids(db, {.conversation = "A"}), ElementsAre("t2", "t1"));
  EXPECT_THAT(ids(db, {.fragments = {"hash7"}}), ElementsAre("t2"));
  EXPECT_THAT(ids(db, {.fragments = {"hash7", "other"}}), IsEmpty());
  EXPECT_THAT(ids(db, {.schema_id = "sid"}), ElementsAre("t2"));
  EXPECT_THAT(ids(db, {.id_after = "t2"}), ElementsAre("t3"));
  EXPECT_THAT(ids(db, {.id_from = "t2"}), ElementsAre("t3", "t2"));
  EXPECT_THAT(ids(db, {.since = "2026-08-02"}), ElementsAre("t3", "t2"));
  EXPECT_THAT(ids(db, {.until = "2026-08-02"}), ElementsAre("t2", "t1"));
  EXPECT_THAT(ids(db, {.since = "2026-08-02T10", .until = "2026-08-02T10:00"}), ElementsAre("t2"));
  EXPECT_THAT(ids(db, {.ids = {"t1", "t3", "none"}}), ElementsAre("t3", "t1"));
  EXPECT_THAT(ids(db, {.any_tool = true}), IsEmpty());
}

TEST_F(LogReader, SearchRanksPromptsOverReplies) {
  auto db = ledger("a.db", kTwoThreads);
  EXPECT_THAT(ids(db, {.query = "swan"}), ElementsAre("t1", "t2"));
  EXPECT_THAT(ids(db, {.count = 1, .query = "swan"}), ElementsAre("t1"));
  EXPECT_THAT(ids(db, {.query = "swan", .latest = true}), ElementsAre("t2", "t1"));
  EXPECT_THAT(ids(db, {.model = "m2", .query = "swan"}), ElementsAre("t2"));
  EXPECT_THAT(ids(db, {.query = "brief"}), IsEmpty());  // system prompts are not searched
  const auto wrong = read_turns(db, {.query = "\""});
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().message, HasSubstr("Invalid search query: "));
}

// Two ways to find the newest matches, one for few and one for many.
TEST_F(LogReader, TheNewestOfManyMatches) {
  auto db = ledger("a.db", "");
  execute(db,
          "insert into turns (id, model) with recursive n(i) as (select 1 union all select i + 1"
          " from n where i < 4000) select printf('t%05d', i * 7919 % 4001), 'm' from n");
  execute(db,
          "insert into turn_search (turn_id, prompt, response)"
          " select id, iif(rowid % 4 = 0, 'odd', 'pelican'), 'reply' from turns");
  const auto all = ids(db, {.query = "pelican", .latest = true});
  ASSERT_EQ(all.size(), 3000u);
  EXPECT_TRUE(std::is_sorted(all.rbegin(), all.rend()));
  const auto some = ids(db, {.count = 50, .query = "pelican", .latest = true});
  EXPECT_EQ(some, std::vector<std::string>(all.begin(), all.begin() + 50));
  const auto few = ids(db, {.count = 50, .query = "odd", .latest = true});
  EXPECT_EQ(few.size(), 50u);
  EXPECT_EQ(ids(db, {.count = 50, .query = "pelican NOT reply", .latest = true}).size(), 0u);
}

TEST_F(LogReader, ConversationsAreThoseUsedLastFirst) {
  auto db = ledger("a.db", kTwoThreads);
  const auto found = read_conversations(db, {});
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), 2u);
  EXPECT_EQ((*found)[0].id, "B");
  EXPECT_EQ((*found)[1].turns, 2);
  EXPECT_EQ((*found)[1].model, "m2");
  EXPECT_EQ(read_conversations(db, {.count = 1})->size(), 1u);
  EXPECT_EQ(*newest_conversation(db), "B");
}

TEST_F(LogReader, SchemasCountTurnsAndResponses) {
  auto db = ledger("a.db", kTwoThreads);
  execute(db,
          "insert into responses (id, model, schema_id, datetime_utc)"
          " values ('r', 'm', 'sid', '2027')");
  const auto found = read_schemas(db, {"object", "TYPE"});
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), 1u);
  EXPECT_EQ((*found)[0].times_used, 2);
  EXPECT_EQ((*found)[0].recently_used, "2027");
  EXPECT_TRUE(read_schemas(db, {"nothing like it"})->empty());
}

TEST_F(LogReader, DamagedRowsFailNoListing) {
  auto db = ledger("a.db", R"sql(
insert into messages values ('c1', 'c2', 'user', 'no json'), ('c2', 'c1', 'user', null);
insert into parts values (1, 'c1', 0, 'text', null, null, '{"text_ref": 7}'),
  (2, 'c1', 1, null, null, null, null), (3, 'c1', 2, 'tool_result', null, null, '[[[['),
  (4, 'c2', 0, 'attachment', null, null, '{"attachment": {"id": 5}}'),
  (5, 'c2', 1, 'tool_result', 't', null, '{"name": 3, "output": {"a": 1}, "attachments": "x"}');
insert into turns (id, thread_id, parent_message_hash, tip_message_hash, model, options_json,
  duration_ms, response_json) values
  ('t1', 'gone', 'c1', 'missing', null, 'no json', 'soon', '{"$": "0.0.text"}'),
  ('t2', null, null, null, null, null, null, null);
insert into turn_fragments values ('t1', 99, 0, 'prompt');
)sql");
  const auto turns = read_turns(db, {});
  ASSERT_TRUE(turns) << turns.error().message;
  ASSERT_EQ(turns->size(), 2u);
  EXPECT_EQ((*turns)[0].prompt, "");
  EXPECT_EQ((*turns)[1].response, "");
  ASSERT_EQ((*turns)[1].tool_results.size(), 2u);
  EXPECT_TRUE(read_conversations(db, {}));
}

TEST_F(LogReader, RefusesWhatIsNoLedger) {
  write("text.db", "This is no database, but long enough to look at. " + std::string(600, 'x'));
  SQLite::Database(path("things.db"), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE)
      .exec("create table things (x)");
  for (const char* name : {"text.db", "things.db", "missing.db"}) {
    const auto opened = open_ledger(path(name));
    ASSERT_FALSE(opened) << name;
    EXPECT_THAT(opened.error().message, HasSubstr(path(name)));
    auto db = ledger("into.db", "");
    const auto imported = import_log(db, path(name));
    ASSERT_FALSE(imported) << name;
    EXPECT_THAT(imported.error().message, HasSubstr(path(name)));
  }
}

TEST_F(LogReader, ImportTwiceAddsNothing) {
  { auto source = ledger("a.db", kTwoThreads); }
  auto db = ledger("b.db", "insert into fragments values (1, 'other', 'Other text', '2026', null)");
  const auto first = import_log(db, path("a.db"));
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(first->turns, 3);
  EXPECT_EQ(first->threads, 2);
  EXPECT_EQ(first->messages, 7);
  EXPECT_EQ(first->attachments, 1);
  EXPECT_EQ(first->fragments, 1);
  EXPECT_EQ(first->present, 0);
  const auto again = import_log(db, path("a.db"));
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->turns + again->threads + again->messages + again->fragments, 0);
  EXPECT_EQ(again->present, 3);
  // The fragment has another number here, and the text names it by that.
  EXPECT_EQ((*read_turns(db, {.ids = {"t2"}}))[0].prompt, "Seven swans are many");
  EXPECT_THAT(ids(db, {.query = "swan"}), ElementsAre("t1", "t2"));
  EXPECT_EQ((*read_turns(db, {.ids = {"t3"}}))[0].state, "failed");
  EXPECT_EQ(count(db, "parts"), 9);
}

TEST_F(LogReader, NoTableOfATurnIsForgotten) {
  auto db = ledger("a.db", kTwoThreads);
  execute(db, kEverythingElse);
  auto copy = ledger("b.db", "");
  ASSERT_TRUE(import_log(copy, db.path()));
  for (const std::string& table : turn_tables(db)) {
    EXPECT_GT(count(db, table), 0) << table << ": kEverythingElse lacks it";
    EXPECT_EQ(count(copy, table), count(db, table)) << table;
  }
  EXPECT_EQ(count(copy, "renderings"), 2);
  ASSERT_TRUE(delete_turns(db, {"t1", "t2", "t3", "o1"}));
  for (const std::string& table : turn_tables(db)) EXPECT_EQ(count(db, table), 0) << table;
  for (const char* table : {"messages", "parts", "part_fragments", "part_attachments",
                            "attachments", "schemas", "threads", "conversations", "renderings"}) {
    EXPECT_EQ(count(db, table), 0) << table;
  }
}

TEST_F(LogReader, ThreadsGoOnFromBeforeWhatFailed) {
  auto db = ledger("a.db", kTwoThreads);
  // After t2 a turn that failed, and one whose program was killed.
  execute(db, R"sql(
insert into messages values ('u4', 'a2', 'user', null), ('a4', 'u4', 'assistant', null),
  ('u5', 'a2', 'user', null);
insert into turns (id, thread_id, parent_message_hash, tip_message_hash) values
  ('t4', 'A', 'u4', 'a4'), ('t5', 'A', 'u5', 'u5');
insert into turn_records (turn_id, state) values ('t4', 'failed'), ('t5', 'running');
)sql");
  const auto tip = [](Database& of, const std::string& thread) {
    return *of.read([&](SQLite::Database& sql) -> Result<std::string> {
      SQLite::Statement row(sql, "select tip_message_hash from threads where id = ?");
      row.bind(1, thread);
      return row.executeStep() ? row.getColumn(0).getString() : "no thread";
    });
  };
  auto fresh = ledger("b.db", "");
  ASSERT_TRUE(import_log(fresh, db.path()));
  EXPECT_EQ(tip(fresh, "A"), "a2");
  EXPECT_EQ(tip(fresh, "B"), "a1");
  auto older = ledger("c.db", kTwoThreads);
  execute(older, "delete from turns where id = 't2';"
                 "update threads set tip_message_hash = 'a1' where id = 'A'");
  ASSERT_TRUE(import_log(older, db.path()));
  EXPECT_EQ(tip(older, "A"), "a2");
  ASSERT_TRUE(delete_turns(db, {"t2"}));
  EXPECT_EQ(tip(db, "A"), "a1");
}

TEST_F(LogReader, ImportsWhatOthersWriteTo) {
  auto source = ledger("a.db", kTwoThreads);
  auto db = ledger("b.db", "");
  const auto imported = source.write([&](SQLite::Database&) -> Result<> {
    const auto counts = import_log(db, source.path());
    EXPECT_TRUE(counts) << counts.error().message;
    EXPECT_EQ(count(db, "turns"), 3);
    return {};
  });
  EXPECT_TRUE(imported);
}

TEST_F(LogReader, ImportsWhatCannotBeWrittenTo) {
  { auto source = ledger("a.db", kTwoThreads); }
  auto db = ledger("b.db", "");
  fs::create_directories(folder_ / "sealed");
  fs::rename(path("a.db"), path("sealed/a.db"));
  fs::permissions(path("sealed/a.db"), fs::perms::owner_read);
  fs::permissions(path("sealed"), fs::perms::owner_read | fs::perms::owner_exec);
  const auto counts = import_log(db, path("sealed/a.db"));  // root may write all the same
  fs::permissions(path("sealed"), fs::perms::owner_all);
  ASSERT_TRUE(counts) << counts.error().message;
  EXPECT_EQ(counts->turns, 3);
}

TEST_F(LogReader, ADamagedFileIsNamedNotTheLedger) {
  { auto source = ledger("a.db", kTwoThreads); }
  fs::resize_file(path("a.db"), fs::file_size(path("a.db")) / 2);
  auto db = ledger("b.db", "");
  const auto counts = import_log(db, path("a.db"));
  ASSERT_FALSE(counts);
  EXPECT_THAT(counts.error().message, StartsWith(path("a.db")));
  EXPECT_EQ(count(db, "turns"), 0);
}

TEST_F(LogReader, ImportsTheOldestTable) {
  {
    SQLite::Database old(path("old.db"), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    old.exec(
        "create table log (provider text, system text, prompt text, chat_id text, response text,"
        " model text, timestamp text)");
    old.exec(
        "insert into log values ('o', 's', 'First', null, 'One', 'm', '2023-04-01 20:59:24.123'),"
        " ('o', null, 'Goes on', '1', 'Two', 'm', '2023-04-01 21:00:00'),"
        " ('o', null, null, null, null, null, null)");
  }
  const auto written = Database::open(path("old.db"), Access::kCreate, log_migrations());
  ASSERT_FALSE(written) << "its rows would be hidden by the tables of later versions";
  EXPECT_THAT(written.error().message, HasSubstr("'hob logs import' takes it over"));
  auto read_in_place = open_ledger(path("old.db"));
  ASSERT_TRUE(read_in_place) << read_in_place.error().message;
  EXPECT_EQ(read_turns(*read_in_place, {})->size(), 3u);
  auto db = ledger("b.db", "");
  ASSERT_EQ(import_log(db, path("old.db"))->responses, 3);
  const auto again = import_log(db, path("old.db"));
  EXPECT_EQ(again->responses, 0);
  EXPECT_EQ(again->present, 3);
  const auto turns = read_turns(db, {.query = "First OR Goes"});
  ASSERT_EQ(turns->size(), 2u);
  EXPECT_EQ((*turns)[0].conversation_id, (*turns)[1].conversation_id);
  EXPECT_EQ((*turns)[0].id.size(), 26u);
}

TEST_F(LogReader, DeletingATurnKeepsWhatOthersNeed) {
  auto db = ledger("a.db", kTwoThreads);
  const auto first = delete_turns(db, {"t1"});  // its messages are the beginning of both threads
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(first->turns, 1);
  EXPECT_EQ(first->messages, 0);
  EXPECT_EQ(first->shared_messages, 2);
  EXPECT_EQ((*read_turns(db, {.ids = {"t2"}}))[0].system, "Be brief");

  const auto second = delete_turns(db, {"t2"});
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(second->messages, 2);
  EXPECT_EQ(second->attachments, 1);
  EXPECT_EQ(second->fragments, 0);  // it has an alias
  EXPECT_EQ(second->conversations, 1);
  EXPECT_EQ(count(db, "messages"), 5);
  EXPECT_EQ(count(db, "schemas"), 0);

  EXPECT_EQ(delete_turns(db, {"none"}).error().message, "No logged turn with id=none");
  ASSERT_TRUE(delete_turns(db, *conversation_turns(db, "B")));
  for (const char* table : {"messages", "parts", "turns", "threads", "turn_search", "turn_records",
                            "attachments", "part_fragments", "part_attachments"}) {
    EXPECT_EQ(count(db, table), 0) << table;
  }
  EXPECT_EQ(count(db, "fragments"), 1);
  EXPECT_FALSE(conversation_turns(db, "B"));
}

TEST_F(LogReader, WhatIsDeletedIsGoneFromTheFile) {
  const auto holds = [&](const char* text) {
    const auto in = [&](const fs::directory_entry& entry) {
      std::ifstream file(entry.path(), std::ios::binary);
      const std::string bytes{std::istreambuf_iterator<char>(file), {}};
      return bytes.find(text) != std::string::npos;
    };
    return std::any_of(fs::directory_iterator(folder_), fs::directory_iterator(), in);
  };
  auto db = ledger("a.db", kTwoThreads);
  // As SQLite is where no distributor has set it otherwise.
  ASSERT_TRUE(db.read([](SQLite::Database& sql) -> Result<> {
    sql.execAndGet("pragma secure_delete = off");
    sql.execAndGet("pragma wal_checkpoint(truncate)");
    return {};
  }));
  EXPECT_TRUE(holds("goose"));
  const auto counts = delete_turns(db, {"t3"});
  ASSERT_TRUE(counts) << counts.error().message;
  EXPECT_TRUE(counts->overwritten);
  EXPECT_FALSE(holds("goose"));
}

TEST_F(LogReader, AReaderKeepsTheWriteAheadLogAndTheAnswerSaysSo) {
  { auto db = ledger("a.db", kTwoThreads); }
  auto db = Database::open(path("a.db"), Access::kWrite, log_migrations(), /*busy_timeout_ms=*/20);
  auto other = Database::open(path("a.db"), Access::kRead, log_migrations());
  ASSERT_TRUE(db && other);
  const auto reading = other->read([&](SQLite::Database& sql) -> Result<> {
    SQLite::Statement rows(sql, "select * from parts");
    rows.executeStep();
    const auto counts = delete_turns(*db, {"t3"});
    EXPECT_TRUE(counts) << counts.error().message;
    EXPECT_FALSE(counts->overwritten);
    return {};
  });
  EXPECT_TRUE(reading);
  EXPECT_TRUE(delete_turns(*db, {"t2"})->overwritten);
}

}  // namespace
}  // namespace hob::store

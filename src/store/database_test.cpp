#include "store/database.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "os/file.h"
#include "store/log_schema.h"

namespace hob::store {
namespace {

using testing::HasSubstr;
using testing::IsSupersetOf;

std::string fresh_folder() {
  const auto* info = testing::UnitTest::GetInstance()->current_test_info();
  const std::string path =
      fmt::format("{}{}_{}", testing::TempDir(), info->test_suite_name(), info->name());
  std::filesystem::remove_all(path);
  return path;
}

constexpr Migration kSteps[] = {
    {"m001", [](SQLite::Database& sql) { sql.exec("create table t (n integer)"); }},
    {"m002", [](SQLite::Database& sql) { sql.exec("alter table t add column text text"); }},
};
constexpr Migration kBroken[] = {
    kSteps[0],
    {"m002", [](SQLite::Database& sql) { sql.exec("create table u (n); nonsense"); }},
};

Result<int64_t> number(Database& db, const char* query) {
  return db.read([&](SQLite::Database& sql) -> Result<int64_t> {
    return sql.execAndGet(query).getInt64();
  });
}

Result<> insert(Database& db, int n) {
  return db.write([&](SQLite::Database& sql) -> Result<> {
    SQLite::Statement row(sql, "insert into t (n) values (?)");
    row.bind(1, n);
    row.exec();
    return {};
  });
}

TEST(Database, CreatesFoldersAndAppliesEachMigrationOnce) {
  const std::string path = fresh_folder() + "/deep/er/x.db";
  { ASSERT_TRUE(Database::open(path, Access::kCreate, std::span(kSteps).first(1))); }
  auto db = Database::open(path, Access::kCreate, kSteps);
  ASSERT_TRUE(db) << db.error().message;
  EXPECT_EQ(number(*db, "select count(*) from _hob_migrations"), 2);
  EXPECT_EQ(number(*db, "select count(text) from t"), 0);
  EXPECT_TRUE(Database::open(path, Access::kWrite, kSteps));
}

TEST(Database, AFailedMigrationLeavesNothing) {
  const std::string path = fresh_folder() + "/x.db";
  const auto broken = Database::open(path, Access::kCreate, kBroken);
  ASSERT_FALSE(broken);
  EXPECT_THAT(broken.error().message, HasSubstr(path));
  auto db = Database::open(path, Access::kRead, {});
  ASSERT_TRUE(db);
  EXPECT_EQ(db->has_table("t"), false);
  EXPECT_EQ(db->has_table("u"), false);
}

TEST(Database, AReaderCreatesAndChangesNothing) {
  const std::string path = fresh_folder() + "/x.db";
  const auto missing = Database::open(path, Access::kRead, kSteps);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, ErrorKind::kNotFound);
  EXPECT_FALSE(os::file_exists(path));

  { ASSERT_TRUE(Database::open(path, Access::kCreate, kSteps)); }
  auto reader = Database::open(path, Access::kRead, kSteps);
  ASSERT_TRUE(reader);
  const auto refused = insert(*reader, 1);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("no right"));
}

TEST(Database, AnotherProgramsFileIsReadAsItIs) {
  const std::string path = fresh_folder() + "/x.db";
  {
    auto db = Database::open(path, Access::kCreate, std::span(kSteps).first(1));
    ASSERT_TRUE(db);
    ASSERT_TRUE(db->write([](SQLite::Database& sql) -> Result<> {
      sql.exec("drop table _hob_migrations");
      return {};
    }));
  }
  auto reader = Database::open(path, Access::kRead, kSteps);
  ASSERT_TRUE(reader);
  EXPECT_FALSE(number(*reader, "select count(text) from t"));
}

TEST(Database, WhatIsNoDatabaseIsAnErrorThatNamesIt) {
  const std::string folder = fresh_folder();
  std::filesystem::create_directories(folder);
  const std::string path = folder + "/x.db";
  ASSERT_TRUE(os::write_file_atomically(path, std::string(5000, 'x')));
  for (const Access access : {Access::kCreate, Access::kWrite, Access::kRead}) {
    const auto db = Database::open(path, access, kSteps);
    ASSERT_FALSE(db);
    EXPECT_EQ(db.error().message, path + ": not a SQLite database");
    EXPECT_FALSE(Database::open(folder, access, kSteps));
  }
  EXPECT_FALSE(Database::open(path + "/below/x.db", Access::kCreate, kSteps));
}

TEST(Database, AWriteThatFailsIsUndone) {
  auto db = Database::memory(kSteps);
  ASSERT_TRUE(db);
  const auto failed = db->write([](SQLite::Database& sql) -> Result<> {
    sql.exec("insert into t (n) values (1)");
    return fail(ErrorKind::kInvalid, "no");
  });
  EXPECT_FALSE(failed);
  const auto thrown = db->write([](SQLite::Database& sql) -> Result<> {
    sql.exec("insert into t (n) values (1)");
    sql.exec("insert into nowhere values (1)");
    return {};
  });
  EXPECT_FALSE(thrown);
  EXPECT_EQ(number(*db, "select count(*) from t"), 0);
}

TEST(Database, ALockedFileIsAnErrorAfterTheTimeout) {
  const std::string path = fresh_folder() + "/x.db";
  auto one = Database::open(path, Access::kCreate, kSteps);
  auto other = Database::open(path, Access::kWrite, kSteps, 20);
  ASSERT_TRUE(one && other);
  const auto outer = one->write([&](SQLite::Database&) -> Result<> {
    const auto refused = insert(*other, 1);
    EXPECT_FALSE(refused);
    if (!refused) EXPECT_THAT(refused.error().message, HasSubstr("locked"));
    EXPECT_EQ(number(*other, "select count(*) from t"), 0);  // readers do not wait
    return {};
  });
  EXPECT_TRUE(outer);
}

TEST(Database, AFileThatAnotherHoldsIsGivenUpInTime) {
  const std::string path = fresh_folder() + "/x.db";
  std::filesystem::create_directories(fresh_folder());
  SQLite::Database other(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  other.exec("create table other (n)");  // not in WAL mode, as another program leaves it
  for (const char* hold : {"begin immediate", "begin exclusive"}) {
    other.exec(hold);
    const auto begun = std::chrono::steady_clock::now();
    const auto refused = Database::open(path, Access::kWrite, kSteps, 100);
    // Wherever it waits, it waits once: many times that, and the test's machine is just slow.
    EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(20)) << hold;
    ASSERT_FALSE(refused) << hold;
    EXPECT_THAT(refused.error().message, HasSubstr("locked"));
    other.exec("rollback");
  }
  EXPECT_TRUE(Database::open(path, Access::kWrite, kSteps, 100));
}

TEST(Database, TheTimeoutCanBeShortenedForAWhile) {
  const std::string path = fresh_folder() + "/x.db";
  auto one = Database::open(path, Access::kCreate, kSteps);
  auto other = Database::open(path, Access::kWrite, kSteps, 100'000);
  ASSERT_TRUE(one && other);
  const auto outer = one->write([&](SQLite::Database&) -> Result<> {
    const BusyTimeout brief(*other, 20);
    EXPECT_FALSE(insert(*other, 1));
    return {};
  });
  EXPECT_TRUE(outer);
  EXPECT_EQ(other->set_busy_timeout(0), 100'000);
}

TEST(Database, ManyOpenersOfANewFileAndManyWriters) {
  const std::string path = fresh_folder() + "/x.db";
  constexpr int kThreads = 8, kRows = 20;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      auto db = Database::open(path, Access::kCreate, kSteps);
      ASSERT_TRUE(db) << db.error().message;
      for (int i = 0; i < kRows; ++i) ASSERT_TRUE(insert(*db, i));
    });
  }
  for (auto& thread : threads) thread.join();
  auto db = Database::open(path, Access::kRead, kSteps);
  ASSERT_TRUE(db);
  EXPECT_EQ(number(*db, "select count(*) from t"), kThreads * kRows);
}

TEST(Database, AttachesAndBacksUp) {
  const std::string folder = fresh_folder();
  auto one = Database::open(folder + "/one.db", Access::kCreate, kSteps);
  auto two = Database::open("/" + folder + "/two's.db", Access::kCreate, kSteps);
  ASSERT_TRUE(one && two && insert(*two, 5));
  ASSERT_TRUE(one->attach(two->path(), "the \"second\""));
  EXPECT_EQ(number(*one, "select n from \"the \"\"second\"\"\".t"), 5);
  EXPECT_FALSE(one->attach(folder + "/none.db", "x"));
  ASSERT_TRUE(two->backup(folder + "/copy.db"));
  EXPECT_FALSE(two->backup(folder + "/copy.db"));
  EXPECT_FALSE(two->backup(folder + "/nowhere/copy.db"));
  auto copy = Database::open(folder + "/copy.db", Access::kRead, kSteps);
  ASSERT_TRUE(copy);
  EXPECT_EQ(number(*copy, "select n from t"), 5);
}

TEST(LogSchema, HasTheTablesOfLlmAndItsOwn) {
  auto db = Database::memory(log_migrations());
  ASSERT_TRUE(db) << db.error().message;
  std::set<std::string> names;
  const auto read = db->read([&](SQLite::Database& sql) -> Result<> {
    SQLite::Statement rows(sql, "select name from sqlite_master");
    while (rows.executeStep()) names.insert(rows.getColumn(0).getString());
    sql.exec("insert into turn_search (turn_id, prompt, response) values ('a', 'a crow', 'caw')");
    sql.exec("update turn_search set response = 'kraa'");
    EXPECT_EQ(
        sql.execAndGet("select count(*) from turn_search_fts where turn_search_fts match 'kraa'")
            .getInt(),
        1);
    EXPECT_EQ(
        sql.execAndGet("select count(*) from turn_search_fts where turn_search_fts match 'caw'")
            .getInt(),
        0);
    sql.exec("select * from message_tree");
    return {};
  });
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_THAT(names, IsSupersetOf({"messages", "parts", "threads", "turns", "turn_search_fts",
                                   "responses_fts", "responses_au", "turn_search_ad",
                                   "message_tree", "turn_records", "_llm_migrations"}));
}

TEST(LogSchema, TakesAnOlderFileOfLlm) {
  const std::string path = fresh_folder() + "/logs.db";
  constexpr Migration kOld[] = {{"old", [](SQLite::Database& sql) {
    sql.exec("create table responses (id text primary key, model text, prompt text, system text,"
             " prompt_json text, options_json text, response text, response_json text,"
             " conversation_id text, duration_ms integer, datetime_utc text);"
             "insert into responses (id, prompt) values ('r', 'hello crow')");
  }}};
  { ASSERT_TRUE(Database::open(path, Access::kCreate, kOld)); }
  auto db = Database::open(path, Access::kCreate, log_migrations());
  ASSERT_TRUE(db) << db.error().message;
  EXPECT_EQ(number(*db, "select count(*) from responses_fts where responses_fts match 'crow'"), 1);
  EXPECT_EQ(number(*db, "select count(*) from responses where reasoning is null"), 1);
}

}  // namespace
}  // namespace hob::store

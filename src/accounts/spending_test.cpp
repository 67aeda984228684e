// A ledger made by hand: every turn's price can be seen in the test.
#include "accounts/spending.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "accounts/cost.h"
#include "store/log_schema.h"

namespace hob::accounts {
namespace {

using ::testing::ElementsAre;

class SpendingTest : public ::testing::Test {
 protected:
  SpendingTest() : ledger_(store::Database::memory(store::log_migrations()).value()) {}

  void turn(const std::string& id, const std::string& model, const std::string& time,
            const std::string& tokens, const std::string& details = "null",
            const std::string& thread = "t1") {
    exec(fmt::format(
        "insert into turns (id, thread_id, model, datetime_utc, input_tokens, "
        "output_tokens, token_details, duration_ms) values ('{}', '{}', '{}', '{}', {}, "
        "{}, 1000)",
        id, thread, model, time, tokens, details));
  }
  void record(const std::string& id, const std::string& columns, const std::string& values) {
    exec(fmt::format("insert into turn_records (turn_id, state, {}) values ('{}', 'done', {})",
                     columns, id, values));
  }
  void exec(const std::string& statement) {
    // Outside a transaction, where the pragma counts: a test's turns need no messages.
    const auto done = ledger_.read([&](SQLite::Database& sql) -> Result<> {
      sql.exec("pragma foreign_keys = off");
      sql.exec(statement);
      return {};
    });
    ASSERT_TRUE(done.has_value()) << done.error().message;
  }
  SpendingReport report(GroupBy by, const std::string& since = "", const std::string& until = "") {
    auto result = spending(ledger_, {by, since, until}, PriceTable::built_in());
    EXPECT_TRUE(result.has_value()) << result.error().message;
    return result.value_or(SpendingReport());
  }
  std::vector<std::string> keys(const SpendingReport& report) {
    std::vector<std::string> keys;
    for (const auto& row : report.rows) keys.push_back(row.key);
    return keys;
  }

  store::Database ledger_;
};

TEST_F(SpendingTest, AnEmptyLedgerCostsNothing) {
  const auto empty = report(GroupBy::kModel);
  EXPECT_TRUE(empty.rows.empty());
  EXPECT_EQ(empty.total.turns, 0u);
}

TEST_F(SpendingTest, EveryTurnAtThePriceOfItsDay) {
  turn("1", "gpt-4o", "2024-10-01T23:59:59+00:00", "1000000, 0");
  turn("2", "gpt-4o", "2024-10-02T00:00:00+00:00", "1000000, 0");
  const auto days = report(GroupBy::kDay);
  ASSERT_THAT(keys(days), ElementsAre("2024-10-01", "2024-10-02"));
  EXPECT_EQ(exact_text(days.rows[0].cost), "5.00");
  EXPECT_EQ(exact_text(days.rows[1].cost), "2.50");
  EXPECT_EQ(exact_text(days.total.cost), "7.50");
  EXPECT_EQ(days.total.from_table, 2u);
}

TEST_F(SpendingTest, ThePriceStoredWithATurnStands) {
  turn("1", "gpt-4o", "2025-01-01T00:00:00+00:00", "1000000, 1000000");
  auto price = PriceTable::built_in().find("gpt-4o", "2025-01-01").value();
  price.row.rates.input = Price{7'000'000};
  record("1", "price_json, provider", fmt::format("'{}', 'openai'", price_json(price)));
  const auto models = report(GroupBy::kModel);
  EXPECT_EQ(exact_text(models.total.cost), "17.00");
  EXPECT_EQ(models.total.from_table, 0u);
}

TEST_F(SpendingTest, CachedTokensCostTheirOwnPrice) {
  turn("1", "gpt-4o", "2025-01-01T00:00:00+00:00", "1000000, 0",
       R"('{"prompt_tokens_details": {"cached_tokens": 400000}}')");
  EXPECT_EQ(exact_text(report(GroupBy::kModel).total.cost), "2.00");
}

TEST_F(SpendingTest, LongPromptsCostMore) {
  turn("1", "gemini-2.5-pro", "2025-07-01T00:00:00+00:00", "200000, 0");
  turn("2", "gemini-2.5-pro", "2025-07-01T00:00:01+00:00", "400000, 0");
  EXPECT_EQ(exact_text(report(GroupBy::kModel).total.cost), "1.25");
}

TEST_F(SpendingTest, UnknownIsCountedAndNeverZero) {
  turn("1", "gpt-4o", "2025-01-01T00:00:00+00:00", "1000000, 0");
  turn("2", "who-knows", "2025-01-01T00:00:00+00:00", "1000, 10");
  turn("3", "gpt-4o", "2025-01-01T00:00:00+00:00", "null, null");
  turn("4", "smollm2", "2025-01-01T00:00:00+00:00", "1000, 10");
  record("4", "provider, model_file, energy_joules, energy_json",
         R"('local', '/m.gguf', 12.5, '{"method":"cpu-time"}')");
  const auto models = report(GroupBy::kModel);
  EXPECT_EQ(models.total.turns, 4u);
  EXPECT_EQ(models.total.priced, 1u);
  EXPECT_EQ(models.total.unknown, 1u);
  EXPECT_EQ(models.total.uncounted, 1u);
  EXPECT_EQ(models.total.local, 1u);
  EXPECT_THAT(models.unknown_models, ElementsAre("who-knows"));
  EXPECT_EQ(models.total.joules, 12.5);
  EXPECT_EQ(models.total.energy_measured, 0u);
  EXPECT_EQ(models.rows[0].key, "gpt-4o") << "the dearest first";
}

TEST_F(SpendingTest, TurnsWithSeveralTagsCountOnceInTheTotal) {
  turn("1", "gpt-4o", "2025-01-01T00:00:00+00:00", "1000000, 0");
  turn("2", "gpt-4o", "2025-01-01T00:00:00+00:00", "1000000, 0");
  exec("insert into turn_tags values ('1', 'a'), ('1', 'b')");
  const auto tags = report(GroupBy::kTag);
  ASSERT_THAT(keys(tags), ElementsAre("", "a", "b"));
  EXPECT_EQ(exact_text(tags.rows[1].cost), "2.50");
  EXPECT_EQ(exact_text(tags.total.cost), "5.00");
}

TEST_F(SpendingTest, ThreadsHaveTheirNames) {
  exec("insert into threads (id, name) values ('t1', 'A crow')");
  turn("1", "gpt-4o", "2025-01-01T00:00:00+00:00", "10, 10");
  turn("2", "gpt-4o", "2025-01-02T00:00:00+00:00", "10, 10");
  const auto threads = report(GroupBy::kThread);
  ASSERT_EQ(threads.rows.size(), 1u);
  EXPECT_EQ(threads.rows[0].name, "A crow");
  EXPECT_EQ(threads.rows[0].turns, 2u);
}

TEST_F(SpendingTest, SinceAndUntilIncludeTheirDays) {
  for (const char* day : {"2025-01-01", "2025-01-02", "2025-01-03"})
    turn(day, "gpt-4o", fmt::format("{}T23:00:00+00:00", day), "10, 10");
  EXPECT_THAT(keys(report(GroupBy::kDay, "2025-01-02")), ElementsAre("2025-01-02", "2025-01-03"));
  EXPECT_THAT(keys(report(GroupBy::kDay, "", "2025-01-02")),
              ElementsAre("2025-01-01", "2025-01-02"));
  EXPECT_THAT(keys(report(GroupBy::kDay, "2025-01-02", "2025-01-02")), ElementsAre("2025-01-02"));
  EXPECT_THAT(keys(report(GroupBy::kDay, "2025-01-02T23:30", "9999-12-31")),
              ElementsAre("2025-01-03"));
  EXPECT_THAT(keys(report(GroupBy::kDay, "2025-01-02T23", "2025-01-03T22")),
              ElementsAre("2025-01-02"));
}

TEST_F(SpendingTest, TurnsOfOlderLogsCount) {
  exec(
      "insert into responses (id, model, conversation_id, datetime_utc, input_tokens, "
      "output_tokens, duration_ms) values ('r1', 'gpt-4o', 'c1', '2025-01-01T00:00:00+00:00', "
      "1000000, 0, 5)");
  EXPECT_EQ(exact_text(report(GroupBy::kModel).total.cost), "2.50");
}

TEST_F(SpendingTest, OlderLogsCountOnceAndAsWhoAnswered) {
  // llm wrote both for a while, under one id.
  turn("1", "gpt-4o", "2025-01-01T00:00:00+00:00", "1000000, 0");
  for (const char* id : {"1", "2"}) {
    exec(fmt::format(
        "insert into responses (id, model, resolved_model, datetime_utc, input_tokens, "
        "output_tokens) values ('{}', 'my-best', 'gpt-4o', '2025-01-01T00:00:00+00:00', "
        "1000000, 0)",
        id));
  }
  const auto models = report(GroupBy::kModel);
  EXPECT_EQ(models.total.turns, 2u);
  EXPECT_EQ(models.total.priced, 2u);
  EXPECT_EQ(exact_text(models.total.cost), "5.00");
}

TEST_F(SpendingTest, BrokenDetailsAreNoCrash) {
  turn("1", "gpt-4o", "nonsense", "10, 10", "'{'");
  turn("2", "gpt-4o", "2025-01-01", "-5, 10", "'[1]'");
  record("2", "price_json", "'{'");
  const auto models = report(GroupBy::kModel);
  EXPECT_EQ(models.total.unknown, 2u);
}

TEST_F(SpendingTest, ThePaceOfALocalModel) {
  EXPECT_FALSE(pace_of(ledger_, "/m.gguf", "m").value().has_value());
  for (const char* id : {"1", "2"}) {
    turn(id, "m", "2025-01-01T00:00:00+00:00", "100, 50");
    record(id, "provider, model_file, prompt_seconds, reply_seconds, energy_joules, energy_json",
           R"('local', '/m.gguf', 0.5, 2, 10, '{"method":"rapl"}')");
  }
  const auto pace = pace_of(ledger_, "/m.gguf", "other").value();
  ASSERT_TRUE(pace.has_value());
  EXPECT_EQ(pace->turns, 2u);
  EXPECT_DOUBLE_EQ(pace->prompt_tokens_per_second, 200);
  EXPECT_DOUBLE_EQ(pace->reply_tokens_per_second, 25);
  EXPECT_DOUBLE_EQ(pace->watts.value(), 4);
  EXPECT_TRUE(pace->watts_measured);
}

}  // namespace
}  // namespace hob::accounts

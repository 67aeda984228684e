#include "accounts/price_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <random>

#include "os/file.h"
#include "tests/support/temp_folder.h"

namespace hob::accounts {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kCurrent = R"({"updated_at": "2026-03-01", "prices": [
  {"id": "gpt-4o", "vendor": "openai", "name": "GPT-4o", "input": 2.5, "output": 10,
   "input_cached": 1.25},
  {"id": "o3", "vendor": "openai", "name": "o3", "input": 1, "output": 4, "input_cached": null},
  {"id": "new-model", "vendor": "acme", "name": "New >", "input": 0.0375, "output": 0.15,
   "input_cached": null},
  {"id": "new-model-200k", "vendor": "acme", "name": "New >200k", "input": 0.075,
   "output": 0.3, "input_cached": null}]})";

PriceList list(const std::string& text) {
  auto parsed = parse_price_list(text, "test.json");
  EXPECT_TRUE(parsed.has_value()) << parsed.error().message;
  return parsed.value_or(PriceList());
}

std::string problem(const std::string& text) {
  const auto parsed = parse_price_list(text, "test.json");
  EXPECT_FALSE(parsed.has_value()) << text;
  return parsed ? "" : parsed.error().message;
}

std::string input(const PriceTable& table, const char* model, const char* day,
                  uint64_t tokens = 0) {
  const auto found = table.find(model, day, tokens);
  return found ? price_text(found->row.rates.input.value()) : found.error().message;
}

TEST(PriceFile, CurrentPricesHoldFromTheDayOfTheFileOn) {
  PriceTable table = PriceTable::built_in();
  const auto update = apply_prices(table, list(kCurrent), "2026-03-01");
  EXPECT_THAT(update.added, ElementsAre("new-model"));
  EXPECT_THAT(update.changed, ElementsAre("o3"));
  EXPECT_EQ(update.unchanged, 1u);
  EXPECT_EQ(input(table, "o3", "2026-02-28"), "2");
  EXPECT_EQ(input(table, "o3", "2026-03-01"), "1");
  EXPECT_EQ(input(table, "o3", "2025-05-01"), "10") << "what was paid before keeps its price";
  EXPECT_EQ(input(table, "gpt-4o", "2024-06-01"), "5");
  EXPECT_EQ(input(table, "new-model", "2020-01-01"), "0.0375");
  EXPECT_EQ(input(table, "new-model", "2026-03-01", 200'001), "0.075");
  const auto kept = table.find("gpt-4o", "2026-03-01");
  EXPECT_TRUE(kept->row.rates.batch_input.has_value()) << "lists have no batch prices";
}

TEST(PriceFile, HistoricalPricesBringTheirDays) {
  PriceTable table = PriceTable::built_in();
  const auto historical = list(R"({"prices": [
    {"id": "m", "vendor": "v", "name": "M", "input": 2, "output": 3, "input_cached": null,
     "from_date": "2025-06-01", "to_date": null},
    {"id": "m", "vendor": "v", "name": "M", "input": 4, "output": 5, "input_cached": null,
     "from_date": null, "to_date": "2025-06-01"},
    {"id": "o3", "vendor": "v", "name": "o3", "input": 10, "output": 40, "input_cached": 2.5,
     "from_date": null, "to_date": "2025-06-10"},
    {"id": "o3", "vendor": "v", "name": "o3", "input": 2, "output": 8, "input_cached": 0.5,
     "from_date": "2025-06-10", "to_date": null}]})");
  const auto update = apply_prices(table, historical, "2026-03-01");
  EXPECT_THAT(update.added, ElementsAre("m"));
  EXPECT_THAT(update.changed, IsEmpty());
  EXPECT_EQ(update.unchanged, 1u);
  EXPECT_EQ(input(table, "m", "2025-05-31"), "4");
  EXPECT_EQ(input(table, "m", "2025-06-01"), "2");
  EXPECT_EQ(input(table, "o3", "2025-06-09"), "10");
}

TEST(PriceFile, AnOlderListLeavesNewerPricesAsTheyAre) {
  PriceTable table = PriceTable::built_in();
  apply_prices(table, list(kCurrent), "2026-03-01");
  const auto older = list(R"({"updated_at": "2026-02-01", "prices": [
    {"id": "o3", "vendor": "openai", "name": "o3", "input": 1.5, "output": 6}]})");
  EXPECT_THAT(apply_prices(table, older, older.as_of).changed, ElementsAre("o3"));
  EXPECT_EQ(input(table, "o3", "2026-01-31"), "2");
  EXPECT_EQ(input(table, "o3", "2026-02-01"), "1.5");
  EXPECT_EQ(input(table, "o3", "2026-02-28"), "1.5");
  EXPECT_EQ(input(table, "o3", "2026-03-01"), "1");
  EXPECT_EQ(input(table, "o3", "2026-06-01"), "1");
}

TEST(PriceFile, TwiceTheSameChangesNothing) {
  PriceTable table = PriceTable::built_in();
  apply_prices(table, list(kCurrent), "2026-03-01");
  const auto again = apply_prices(table, list(kCurrent), "2026-04-01");
  EXPECT_THAT(again.added, IsEmpty());
  EXPECT_THAT(again.changed, IsEmpty());
}

TEST(PriceFile, RepeatedRowsAreOne) {
  const char* row = R"({"id": "m", "name": "M", "input": 2, "output": 3})";
  EXPECT_EQ(list(fmt::format(R"({{"prices": [{}, {}]}})", row, row)).rows.size(), 1u);
}

TEST(PriceFile, WhatIsWrongIsNamed) {
  EXPECT_THAT(problem("<html>"), HasSubstr("test.json: not JSON"));
  EXPECT_THAT(problem("[]"), HasSubstr("no list \"prices\""));
  EXPECT_THAT(problem("{}"), HasSubstr("no list \"prices\""));
  EXPECT_THAT(problem(R"({"prices": []})"), HasSubstr("empty"));
  for (const char* row : {
           "7",
           "{}",
           R"({"id": 7, "input": 1, "output": 1})",
           R"({"id": "m"})",
           R"({"id": "m", "input": -1, "output": 1})",
           R"({"id": "m", "input": "x", "output": 1})",
           R"({"id": "m", "input": true, "output": 1})",
           R"({"id": "m", "input": 1e9, "output": 1})",
           R"({"id": "m", "input": 1e-9, "output": 1})",
           R"({"id": "m\n", "input": 1, "output": 1})",
           R"({"id": "m", "input": 1, "output": 1, "from_date": "soon"})",
           R"({"id": "m", "input": 1, "output": 1, "from_date": "2025-02-01",)"
           R"( "to_date": "2025-01-01"})",
           R"({"id": "m", "input": 1, "output": 1, "above": -1})",
       })
    EXPECT_THAT(problem(fmt::format(R"({{"prices": [{}]}})", row)), HasSubstr("prices[0]")) << row;
  EXPECT_THAT(problem(R"({"prices": [{"id": "m", "input": 1, "output": 2},)"
                      R"( {"id": "m", "input": 2, "output": 2}]})"),
              HasSubstr("'m' has two prices"));
}

TEST(PriceFile, SurvivesEveryBrokenByte) {
  std::mt19937 random(7);  // any seed: each file must give a list or an error
  const std::string whole = kCurrent;
  for (int i = 0; i < 2000; ++i) {
    std::string text = whole;
    for (int n = 1 + static_cast<int>(random() % 3); n > 0; --n)
      text[random() % text.size()] = static_cast<char>(random());
    if (random() % 4 == 0) text.resize(random() % text.size());
    const auto parsed = parse_price_list(text, "t");
    if (!parsed) {
      EXPECT_FALSE(parsed.error().message.empty());
    }
  }
}

class OwnPrices : public test::FolderTest {
 protected:
  OwnPrices() { ::setenv("HOB_HOME", folder_.c_str(), 1); }
  ~OwnPrices() override { ::unsetenv("HOB_HOME"); }
};

TEST_F(OwnPrices, AreKeptAndStandOverTheBuiltInOnes) {
  PriceTable table = PriceTable::built_in();
  apply_prices(table, list(kCurrent), "2026-03-01");
  ASSERT_TRUE(save_own_prices(table).has_value());
  const auto again = PriceTable::standard();
  ASSERT_TRUE(again.has_value()) << again.error().message;
  for (const char* day : {"2025-05-01", "2026-02-28", "2026-03-01"}) {
    for (const char* model : {"o3", "gpt-4o", "new-model"})
      EXPECT_EQ(input(*again, model, day), input(table, model, day)) << model << day;
  }
  EXPECT_EQ(again->find("o3", "2025-07-01")->row.rates.batch_input,
            table.find("o3", "2025-07-01")->row.rates.batch_input);
  // The file is one that llm-prices' readers understand.
  EXPECT_TRUE(parse_price_list(os::read_file(own_prices_path()).value(), "own").has_value());
}

TEST_F(OwnPrices, ABrokenFileIsAnErrorThatNamesIt) {
  write("prices.json", "{");
  const auto table = PriceTable::standard();
  ASSERT_FALSE(table.has_value());
  EXPECT_THAT(table.error().message, HasSubstr("prices.json"));
}

TEST_F(OwnPrices, NoFileIsNoError) { EXPECT_TRUE(PriceTable::standard().has_value()); }

}  // namespace
}  // namespace hob::accounts

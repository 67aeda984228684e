#include "accounts/cost.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hob::accounts {
namespace {

using ::testing::HasSubstr;

FoundPrice price(const char* model, const char* day, uint64_t input = 0) {
  return PriceTable::built_in().find(model, day, input).value();
}

TEST(Cost, IsAddedLineByLine) {
  const auto cost = cost_of(price("gemini-1.5-flash-8b", "2024-12-17").row,
                            {.input = 68'000 * 260, .output = 68'000 * 100});
  ASSERT_TRUE(cost.has_value());
  ASSERT_EQ(cost->lines.size(), 2u);
  EXPECT_EQ(cost->lines[0].what, "input");
  EXPECT_EQ(dollars(cost->lines[0].cost), "$0.66");
  EXPECT_EQ(dollars(cost->lines[1].cost), "$1.02");
  EXPECT_EQ(dollars(cost->total), "$1.68");
}

TEST(Cost, CachedInputAndBatch) {
  const PriceRow row = price("gpt-4o", "2025-01-01").row;
  EXPECT_EQ(exact_text(cost_of(row, {.input = 1'000'000, .cached = 400'000})->total), "2.00");
  EXPECT_EQ(
      exact_text(cost_of(row, {.input = 1'000'000, .output = 1'000'000, .batch = true})->total),
      "6.25");
  // Without a price of its own cached input costs what input costs.
  EXPECT_EQ(
      exact_text(cost_of(price("gpt-4", "2025-01-01").row, {.input = 1'000'000, .cached = 400'000})
                     ->total),
      "30.00");
}

TEST(Cost, APriceThatIsNotPublishedIsAnErrorAndNotZero) {
  const PriceRow row = price("grok-3", "2025-07-01").row;
  const auto batch = cost_of(row, {.input = 1, .output = 1, .batch = true});
  ASSERT_FALSE(batch.has_value());
  EXPECT_THAT(batch.error().message, HasSubstr("no batch price for input of 'grok-3'"));
  const PriceRow embedding = price("text-embedding-3-small", "2025-01-01").row;
  EXPECT_TRUE(cost_of(embedding, {.input = 5}).has_value());
  EXPECT_FALSE(cost_of(embedding, {.input = 5, .output = 1}).has_value());
}

TEST(Cost, PredictionsSayThatTheyAreEstimates) {
  constexpr uint64_t kOne[] = {1000}, kThree[] = {1000, 2000, 3000};
  const PriceTable table = PriceTable::built_in();
  const auto prediction = predicted_cost(table, "gpt-4o-2024-11-20", kOne, 500, "2025-01-01");
  ASSERT_TRUE(prediction.has_value());
  const std::string text = prediction_text(*prediction);
  EXPECT_EQ(
      text,
      "estimate: $0.0025 for the prompt, at most $0.0075 with 500 tokens of reply (gpt-4o: "
      "$2.5 in and $10 out per million tokens, as of 2025-04-14, family of gpt-4o-2024-11-20)");
  const auto several = predicted_cost(table, "gpt-4o", kThree, 500, "2025-01-01");
  ASSERT_TRUE(several.has_value());
  EXPECT_THAT(prediction_text(*several),
              HasSubstr("$0.02 for 3 prompts, at most $0.03 with 3 x 500 tokens of reply"));
  EXPECT_FALSE(predicted_cost(table, "my-local-model", kOne, 1, "2025-01-01").has_value());
}

TEST(Cost, APriceSurvivesTheLedger) {
  const FoundPrice before = price("gemini-2.5-pro-preview-05-06", "2025-07-01", 300'000);
  const auto after = price_from_json(price_json(before));
  ASSERT_TRUE(after.has_value());
  EXPECT_EQ(after->row.rates, before.row.rates);
  EXPECT_EQ(after->row.id, before.row.id);
  EXPECT_EQ(after->row.above, 200'000u);
  EXPECT_EQ(after->caveat, before.caveat);
  EXPECT_EQ(after->row.source, before.row.source);
  for (const char* text : {"", "[]", "7", "{\"input\": \"x\"}"})
    EXPECT_FALSE(price_from_json(text).has_value()) << text;
}

}  // namespace
}  // namespace hob::accounts

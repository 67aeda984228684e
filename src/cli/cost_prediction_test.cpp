#include "cli/cost_prediction.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

namespace hob::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class CostPrediction : public ::testing::Test {
 protected:
  CostPrediction() { ::setenv("HOB_HOME", "/nonexistent/hob", 1); }
  ~CostPrediction() override { ::unsetenv("HOB_HOME"); }
};

constexpr uint64_t kOne[] = {1000}, kTwo[] = {1000, 3000};

TEST_F(CostPrediction, OfAHostedModelIsMoney) {
  const chat::ModelInfo model{.id = "gpt-4o", .provider = "openai"};
  EXPECT_THAT(cost_prediction(model, kOne, 500),
              StartsWith("cost: estimate: $0.0025 for the prompt, at most $0.0075 with 500 tokens"));
  EXPECT_THAT(cost_prediction(model, kTwo, 0), StartsWith("cost: estimate: $0.01 for 2 prompts ("));
}

TEST_F(CostPrediction, WhatIsNotKnownSaysSo) {
  EXPECT_THAT(cost_prediction({.id = "nobody-knows", .provider = "elsewhere"}, kOne, 0),
              HasSubstr("not known: "));
  EXPECT_THAT(cost_prediction({.id = "mine", .provider = "local", .file = "/m/mine.gguf"}, kOne, 5),
              HasSubstr("no turns on record"));
  EXPECT_EQ(cost_prediction({.id = "mine", .file = "/m/mine.gguf"}, {}, 5),
            "cost: nothing is left to ask");
}

TEST_F(CostPrediction, TheMostOutputIsMaxTokens) {
  EXPECT_EQ(most_output({{"max_tokens", 40}}), 40u);
  EXPECT_EQ(most_output({{"seed", 1}}), 0u);
  EXPECT_EQ(most_output({{"max_tokens", -1}}), 0u);
}

}  // namespace
}  // namespace hob::cli

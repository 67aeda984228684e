#include "accounts/turn_account.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include "accounts/energy.h"

namespace hob::accounts {
namespace {

using ::testing::HasSubstr;

class TurnAccount : public ::testing::Test {
 protected:
  TurnAccount() { ::setenv("HOB_HOME", "/nonexistent/hob", 1); }
  ~TurnAccount() override { ::unsetenv("HOB_HOME"); }

  store::TurnRecord accounted(const std::string& provider, const TurnUse& use) {
    store::TurnRecord record;
    record.provider = provider;
    account(record, use);
    return record;
  }
};

TEST_F(TurnAccount, LocalTurnsHaveEnergyAndNoPrice) {
  const auto record =
      accounted("local", {.model = "gpt-4o", .energy = {os::EnergySource::kCpuTime, 0, 2.5, 1.5}});
  EXPECT_DOUBLE_EQ(record.energy_joules.value(), 2.5 * kDefaultWattsPerCore);
  EXPECT_THAT(record.energy_json, HasSubstr("cpu-time"));
  EXPECT_EQ(record.price_json, "");
  EXPECT_FALSE(record.cost_usd.has_value());
}

TEST_F(TurnAccount, HostedTurnsHaveAPriceAndNoEnergy) {
  const auto record = accounted("openai", {.model = "gpt-4o-mini-2024-07-18",
                                           .input_tokens = 1'000'000,
                                           .output_tokens = 100'000,
                                           .energy = {os::EnergySource::kRapl, 9, 1, 1}});
  EXPECT_DOUBLE_EQ(record.cost_usd.value(), 0.15 + 0.06);
  EXPECT_THAT(record.price_json, HasSubstr("\"id\":\"gpt-4o-mini\""));
  EXPECT_THAT(record.price_json, HasSubstr("family of"));
  EXPECT_FALSE(record.energy_joules.has_value());
}

TEST_F(TurnAccount, WhatNobodyKnowsStaysEmpty) {
  const auto unknown =
      accounted("elsewhere", {.model = "nobody-knows", .input_tokens = 5, .output_tokens = 5});
  EXPECT_EQ(unknown.price_json, "");
  EXPECT_FALSE(unknown.cost_usd.has_value());
  const auto uncounted = accounted("openai", {.model = "gpt-4o"});
  EXPECT_NE(uncounted.price_json, "");
  EXPECT_FALSE(uncounted.cost_usd.has_value()) << "no tokens are not zero tokens";
  const auto echo = accounted("echo", {.model = "gpt-4o", .input_tokens = 5});
  EXPECT_EQ(echo.price_json, "");
  EXPECT_FALSE(echo.energy_joules.has_value());
}

TEST_F(TurnAccount, SharedEnergySaysSo) {
  const auto record =
      accounted("local", {.energy = {os::EnergySource::kRapl, 3, 1, 1}, .shared = true});
  EXPECT_DOUBLE_EQ(record.energy_joules.value(), 3);
  EXPECT_THAT(record.energy_json, HasSubstr("\"shared\":true"));
}

}  // namespace
}  // namespace hob::accounts

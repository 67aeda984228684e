#include "accounts/day.h"

#include <gtest/gtest.h>

namespace hob::accounts {
namespace {

TEST(Day, KnowsTheCalendar) {
  EXPECT_TRUE(is_day("2024-02-29"));
  for (const char* text : {"2023-02-29", "2024-13-01", "2024-00-10", "2024-1-01", "24-01-01", "",
                           "2024/01/01", "2024-01-01T", "-024-01-01", "2024-01--1"})
    EXPECT_FALSE(is_day(text)) << text;
  EXPECT_EQ(next_day("2024-02-28"), "2024-02-29");
  EXPECT_EQ(next_day("2024-12-31"), "2025-01-01");
}

TEST(Day, IsTheBeginningOfATime) {
  EXPECT_EQ(day_of("2026-08-04T17:05:12.345678+00:00"), "2026-08-04");
  EXPECT_EQ(day_of("17:05"), "");
  EXPECT_EQ(day_of(""), "");
}

TEST(Day, TakesWhatPeopleType) {
  EXPECT_EQ(parse_day("2024-10-03", "--since").value(), "2024-10-03");
  EXPECT_EQ(parse_day("today", "--since").value(), today());
  EXPECT_EQ(next_day(parse_day("yesterday", "--since").value()), today());
  EXPECT_EQ(parse_day("1d", "--since").value(), parse_day("yesterday", "--since").value());
  for (const char* text : {"", "d", "-3d", "1e9d", "99999999999d", "tomorrow", "2024-02-30"}) {
    const auto day = parse_day(text, "--since");
    ASSERT_FALSE(day.has_value()) << text;
    EXPECT_NE(day.error().message.find("--since"), std::string::npos);
  }
}

}  // namespace
}  // namespace hob::accounts

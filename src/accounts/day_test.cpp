#include "accounts/day.h"

#include <gtest/gtest.h>

namespace hob::accounts {
namespace {

TEST(Day, KnowsTheCalendar) {
  EXPECT_TRUE(is_day("2024-02-29"));
  for (const char* text : {"2023-02-29", "2024-13-01", "2024-00-10", "2024-1-01", "24-01-01", "",
                           "2024/01/01", "2024-01-01T", "-024-01-01", "2024-01--1"})
    EXPECT_FALSE(is_day(text)) << text;
  EXPECT_TRUE(is_day(today()));
}

TEST(Day, IsTheBeginningOfATime) {
  EXPECT_EQ(day_of("2026-08-04T17:05:12.345678+00:00"), "2026-08-04");
  EXPECT_EQ(day_of("17:05"), "");
  EXPECT_EQ(day_of(""), "");
}

}  // namespace
}  // namespace hob::accounts

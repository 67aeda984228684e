#include "cli/ledger_flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "accounts/day.h"

namespace hob::cli {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kNow = 1'785'863'112;  // 2026-08-04T17:05:12

TEST(TimePrefix, TakesWhatPeopleType) {
  for (const auto& [text, time] : {std::pair{"2026", "2026"},
                                   {"2026-08-04", "2026-08-04"},
                                   {"2026-08-04 17:30", "2026-08-04T17:30"},
                                   {"2026-08-04T17:30:01.5Z", "2026-08-04T17:30:01.5"},
                                   {"today", "2026-08-04"},
                                   {"yesterday", "2026-08-03"},
                                   {"90m", "2026-08-04T15:35:12"},
                                   {"36h", "2026-08-03T05:05:12"},
                                   {"7d", "2026-07-28T17:05:12"},
                                   {"2w", "2026-07-21T17:05:12"}})
    EXPECT_EQ(time_prefix(text, kNow).value_or("none"), time) << text;
  for (const char* text :
       {"", "d", "-3d", "1e9d", "99999999999d", "tomorrow", "2026-8-04", "2026-08-0"})
    EXPECT_FALSE(time_prefix(text, kNow)) << text;
}

TEST(ParseDay, IsTheDayOfATime) {
  EXPECT_EQ(parse_day("2024-10-03", "--on").value_or("none"), "2024-10-03");
  EXPECT_EQ(parse_day("today", "--on").value_or("none"), accounts::today());
  EXPECT_EQ(parse_day("1d", "--on").value(), parse_day("yesterday", "--on").value());
  for (const char* text : {"", "2024-02-30", "2024-10", "soon"}) {
    const auto day = parse_day(text, "--on");
    ASSERT_FALSE(day) << text;
    EXPECT_THAT(day.error().message, HasSubstr("--on"));
  }
}

}  // namespace
}  // namespace hob::cli

#include "store/clock.h"

#include <gtest/gtest.h>

namespace hob::store {
namespace {

TEST(Base32, IsCrockfords) {
  EXPECT_EQ(base32(0, 3), "000");
  EXPECT_EQ(base32(31, 2), "0z");
  EXPECT_EQ(base32(32, 2), "10");
  EXPECT_EQ(base32(1469918176385, kUlidTimeDigits), "01aryz6s41");  // of the specification of ULIDs
  EXPECT_EQ(base32(~uint64_t{0}, 8), "zzzzzzzz");                   // what does not fit is left out
}

TEST(Ulid, AscendsAndSpellsTheTime) {
  UlidSource source;
  const auto before = static_cast<uint64_t>(unix_milliseconds());
  std::string last;
  for (int i = 0; i < 10'000; ++i) {
    const std::string next = source.next();
    ASSERT_EQ(next.size(), 26u);
    ASSERT_LT(last, next);
    last = next;
  }
  EXPECT_GE(last.substr(0, kUlidTimeDigits), base32(before, kUlidTimeDigits));
  EXPECT_EQ(last.find_first_not_of("0123456789abcdefghjkmnpqrstvwxyz"), std::string::npos);
}

TEST(UtcNow, IsAsLongAsLlms) {
  EXPECT_EQ(utc_now().size(), std::string("2026-08-04T17:05:12.345678+00:00").size());
}

}  // namespace
}  // namespace hob::store

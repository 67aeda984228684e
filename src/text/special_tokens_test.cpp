#include "text/special_tokens.h"

#include <gtest/gtest.h>

namespace hob::text {
namespace {

TEST(SpecialTokens, LeftmostThenLongest) {
  SpecialTokens tokens;
  tokens.add("<a>", 1);
  tokens.add("<a><b>", 2);
  tokens.add("a><b>xyz", 3);  // longer, but begins later
  const auto match = tokens.find("..<a><b>xyz");
  EXPECT_EQ(match.begin, 2u);
  EXPECT_EQ(match.length, 6u);
  EXPECT_EQ(match.token, 2);
  EXPECT_EQ(tokens.find("..<a><c>").token, 1);
  EXPECT_EQ(tokens.find("<a>", 1).length, 0u);
  EXPECT_EQ(tokens.find_exact("<a>"), 1);
  EXPECT_EQ(tokens.find_exact("<a"), -1);
  EXPECT_EQ(tokens.find_exact("<a>."), -1);
}

TEST(SpecialTokens, NothingAndEmptySpellings) {
  SpecialTokens tokens;
  tokens.add("", 5);
  EXPECT_TRUE(tokens.empty());
  EXPECT_EQ(tokens.find("abc").begin, 3u);
  tokens.add("b", 1);
  tokens.add("b", 2);
  EXPECT_EQ(tokens.find("abc").token, 1);
}

}  // namespace
}  // namespace hob::text

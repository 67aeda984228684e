// Ignore files against answers that git gives.
#include "prompts/ignore_rules.h"

#include <gtest/gtest.h>

namespace hob::prompts {
namespace {

TEST(IgnoreRules, LastMatchDecides) {
  IgnoreRules rules;
  rules.add("",
            "*.log\n!keep.log\n# a comment\n\n\\#hash\nbuild/\n/top.txt\ndocs/*.tmp\nspace\\ \n");
  EXPECT_TRUE(rules.ignored("a.log", false));
  EXPECT_TRUE(rules.ignored("deep/er/a.log", false));
  EXPECT_FALSE(rules.ignored("deep/keep.log", false));
  EXPECT_TRUE(rules.ignored("#hash", false));
  EXPECT_TRUE(rules.ignored("x/build", true));
  EXPECT_FALSE(rules.ignored("x/build", false));
  EXPECT_TRUE(rules.ignored("top.txt", false));
  EXPECT_FALSE(rules.ignored("x/top.txt", false));
  EXPECT_TRUE(rules.ignored("docs/a.tmp", false));
  EXPECT_FALSE(rules.ignored("docs/x/a.tmp", false));
  EXPECT_TRUE(rules.ignored("space ", false));
}

TEST(IgnoreRules, InnerFilesCountBelowTheirFolder) {
  IgnoreRules rules;
  rules.add("", "*.txt\n");
  rules.add("inner", "!a.txt\n/only.c\n");
  EXPECT_TRUE(rules.ignored("a.txt", false));
  EXPECT_FALSE(rules.ignored("inner/a.txt", false));
  EXPECT_FALSE(rules.ignored("inner/deep/a.txt", false));
  EXPECT_TRUE(rules.ignored("inner/only.c", false));
  EXPECT_FALSE(rules.ignored("inner/deep/only.c", false));
  EXPECT_FALSE(rules.ignored("innermost/only.c", false));
}

}  // namespace
}  // namespace hob::prompts

// Patterns against answers that git and Python's fnmatch give.
#include "prompts/ignore_rules.h"

#include <gtest/gtest.h>

#include <string>

#include "prompts/glob.h"

namespace hob::prompts {
namespace {

TEST(Glob, NamesAsFnmatch) {
  EXPECT_TRUE(name_matches("a.py", "*.py"));
  EXPECT_TRUE(name_matches("dir/a.py", "*.py"));
  EXPECT_FALSE(name_matches("a.pyc", "*.py"));
  EXPECT_TRUE(name_matches("ab1", "a?[0-9]"));
  EXPECT_FALSE(name_matches("aba", "a?[0-9]"));
  EXPECT_TRUE(name_matches("x", "[!ab]"));
  EXPECT_TRUE(name_matches("]", "[]]"));
  EXPECT_TRUE(name_matches("[", "["));
  EXPECT_TRUE(name_matches("a*b", "a[*]b"));
  EXPECT_TRUE(name_matches("", "*"));
  EXPECT_FALSE(name_matches("", "?"));
  EXPECT_FALSE(name_matches("a", ""));
}

TEST(Glob, PathsAsGit) {
  EXPECT_TRUE(path_matches("src/a.h", "src/*.h"));
  EXPECT_FALSE(path_matches("src/x/a.h", "src/*.h"));
  EXPECT_TRUE(path_matches("src/x/y/a.h", "src/**/*.h"));
  EXPECT_TRUE(path_matches("src/a.h", "src/**/*.h"));
  EXPECT_TRUE(path_matches("a/b", "**/b"));
  EXPECT_TRUE(path_matches("b", "**/b"));
  EXPECT_TRUE(path_matches("a/b/c", "a/**"));
  EXPECT_FALSE(path_matches("a", "a/**"));
  EXPECT_TRUE(path_matches("a*b", "a\\*b"));
  EXPECT_FALSE(path_matches("axb", "a\\*b"));
}

TEST(Glob, HostilePatternsEnd) {
  const std::string name(5000, 'a');
  std::string stars, folders;
  for (int i = 0; i < 500; ++i) stars += "*a", folders += "**/";
  EXPECT_FALSE(name_matches(name, stars + "b"));
  std::string path;
  for (int i = 0; i < 400; ++i) path += "a/";
  EXPECT_FALSE(path_matches(path + "a", folders + "b"));
}

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

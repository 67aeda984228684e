// Patterns against answers that git and Python's fnmatch give.
#include "text/glob.h"

#include <gtest/gtest.h>

#include <string>

namespace hob::text {
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
  EXPECT_TRUE(name_matches("^", "[^]"));
  EXPECT_TRUE(name_matches("-", "[a-]"));
  EXPECT_FALSE(name_matches("b", "[c-a]"));
  EXPECT_TRUE(name_matches("\\", "[\\]"));
  EXPECT_FALSE(name_matches("A", "[[:upper:]]"));
  EXPECT_TRUE(name_matches(":]", "[[:upper:]]"));
}

TEST(Glob, ACharacterIsACodePointToPython) {
  EXPECT_TRUE(name_matches("caf\u00e9", "caf?"));
  EXPECT_TRUE(name_matches("\u00e9", "[\u00e0-\u00ef]"));
  EXPECT_FALSE(name_matches("\u00e9", "[!\u00e9]"));
  EXPECT_TRUE(name_matches("\xff", "?"));
  EXPECT_TRUE(name_matches("\u00e9x", "*?x"));
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

TEST(Glob, SetsAsGit) {
  EXPECT_TRUE(path_matches("A", "[[:upper:]]"));
  EXPECT_FALSE(path_matches("a", "[[:upper:]]"));
  EXPECT_TRUE(path_matches("a7", "[[:alpha:]_][![:alpha:]]"));
  EXPECT_FALSE(path_matches(":", "[[:nothing:]]"));
  EXPECT_TRUE(path_matches("x", "[^ab]"));
  EXPECT_TRUE(path_matches("]", "[a\\]b]"));
  EXPECT_TRUE(path_matches("b", "[a\\]b]"));
  EXPECT_FALSE(path_matches("\\", "[a\\]b]"));
}

TEST(Glob, HostilePatternsEnd) {
  const std::string name(5000, 'a');
  std::string stars, folders;
  for (int i = 0; i < 500; ++i) stars += "*a", folders += "**/";
  EXPECT_FALSE(name_matches(name, stars + "b"));
  std::string path;
  for (int i = 0; i < 400; ++i) path += "a/";
  EXPECT_FALSE(path_matches(path + "a", folders + "b"));
  EXPECT_FALSE(name_matches(std::string(2000, '['), "*" + std::string(100'000, '[')));
}

}  // namespace
}  // namespace hob::text

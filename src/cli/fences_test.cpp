#include "cli/fences.h"

#include <gtest/gtest.h>

namespace hob::cli {
namespace {

std::string first(std::string_view text) {
  return fenced_block(text, WhichBlock::kFirst).value_or("(none)");
}
std::string last(std::string_view text) {
  return fenced_block(text, WhichBlock::kLast).value_or("(none)");
}

// Where llm finds a block, hob finds the same.
TEST(Fences, AgreeWithLlm) {
  EXPECT_EQ(first("no code here"), "(none)");
  EXPECT_EQ(first("This is `inline` and ```inline too``` code"), "(none)");
  EXPECT_EQ(first("Text\n```\nfoo()\n```\nmore"), "foo()\n");
  EXPECT_EQ(first("Text\n```python\nfoo()\nbar()\n```"), "foo()\nbar()\n");
  EXPECT_EQ(first("````javascript\nfoo = `a`;\n```\n````\n"), "foo = `a`;\n```\n");
  EXPECT_EQ(first("````javascript\nfoo()\n```\n"), "(none)");
  EXPECT_EQ(first("```\none\n```\ntext\n```\ntwo\n```\n"), "one\n");
  EXPECT_EQ(last("```\none\n```\ntext\n```\ntwo\n```\n"), "two\n");
  EXPECT_EQ(first("```\nfoo\n```   \nrest"), "foo\n");
  EXPECT_EQ(first("```\n\n```\n"), "\n");
}

// Where it misses one.
TEST(Fences, AreThoseOfCommonMark) {
  EXPECT_EQ(first("```c++\nint x;\n```\n"), "int x;\n");
  EXPECT_EQ(first("~~~ruby title=\"x\"\nputs 1\n~~~\n"), "puts 1\n");
  EXPECT_EQ(first("1. A step:\n\n   ```sh\n   make\n     it\n   ```\n"), "make\n  it\n");
  EXPECT_EQ(first("> ```\n> quoted\n> ```\n"), "quoted\n");
  EXPECT_EQ(first("    ```\n    indented code is no fence\n    ```\n"), "(none)");
  EXPECT_EQ(first("```\na longer fence closes too\n`````\n"), "a longer fence closes too\n");
  EXPECT_EQ(first("```\nnothing closes this"), "(none)");
  EXPECT_EQ(last("```\nwhole\n```\n```\nbroken off"), "whole\n");
  EXPECT_EQ(first("```\n```"), "");
  EXPECT_EQ(first(""), "(none)");
}

}  // namespace
}  // namespace hob::cli

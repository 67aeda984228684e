#include "text/fenced_code.h"

#include <gtest/gtest.h>

namespace hob::text {
namespace {

using Code = std::optional<std::string>;

Code first(std::string_view text) { return fenced_code(text, FencePick::kFirst); }
Code last(std::string_view text) { return fenced_code(text, FencePick::kLast); }

TEST(FencedCode, FirstAndLast) {
  const char* two = "One:\n```python\na\n```\nTwo:\n```\nb\nc\n```\n";
  EXPECT_EQ(first(two), "a\n");
  EXPECT_EQ(last(two), "b\nc\n");
  EXPECT_EQ(first("no code, only `this`"), Code());
  EXPECT_EQ(first(""), Code());
  EXPECT_EQ(first("```\n```"), "");
}

TEST(FencedCode, FencesOfOtherLengthsAreContent) {
  EXPECT_EQ(first("````\n```\nx\n```\n````\n"), "```\nx\n```\n");
  EXPECT_EQ(first("````\nx\n```\n"), Code());  // never closed
  EXPECT_EQ(first("```\nx\n`````  \n"), "x\n");
  EXPECT_EQ(first("```\r\nx\r\n```\r\n"), "x\r\n");
}

TEST(FencedCode, WhatLlmMisses) {
  EXPECT_EQ(first("```c++\nint x;\n```\ntext\n```sh\nls\n```\n"), "int x;\n");
  EXPECT_EQ(first("```python title=\"x\"\na\n```\n"), "a\n");
  EXPECT_EQ(first("~~~ruby\n```\n~~~\n"), "```\n");
  EXPECT_EQ(first("   ```\n   a\n    b\n   ```\n"), "a\n b\n");
  EXPECT_EQ(first("1. Run this:\n\n   ```sh\n   ls\n   ```\n"), "ls\n");
  EXPECT_EQ(first("- ```sh\n  ls\n    -a\n  ```\n"), "ls\n  -a\n");
  EXPECT_EQ(first("10. Run:\n    ```sh\n    ls\n    ```\n"), "ls\n");
  EXPECT_EQ(first("text\n    ```\n    indented, so code already\n    ```\n"), Code());
  EXPECT_EQ(first("``` a`b\nx\n```\n"), Code());  // inline code, and a fence without an end
}

}  // namespace
}  // namespace hob::text

#include "text/python_text.h"

#include <gtest/gtest.h>

namespace hob::text {
namespace {

TEST(PythonText, CutsByCodePoints) {
  EXPECT_EQ(shortened("abc", 3), "abc");
  EXPECT_EQ(shortened("abcdef", 5), "ab...");
  EXPECT_EQ(shortened("\xC3\xA4\xC3\xB6\xC3\xBC\xC3\x9F", 4), "\xC3\xA4\xC3\xB6\xC3\xBC\xC3\x9F");
  EXPECT_EQ(shortened("\xC3\xA4\xC3\xB6\xC3\xBC\xC3\x9Fxyz", 5), "\xC3\xA4\xC3\xB6...");
  EXPECT_EQ(shortened("a\n\n b\xC2\xA0\tc", 9, {.one_line = true}), "a b c");
  EXPECT_EQ(shortened("0123456789abcdef", 9, {.keep_end = true}), "01... ef");
  EXPECT_EQ(shortened("0123456789abcdef", 8, {.keep_end = true}), "01234...");
  EXPECT_EQ(shortened("", 5), "");
  EXPECT_EQ(shortened("\xFF\xFF\xFF\xFF\xFF", 4), "\xFF...");
}

TEST(PythonText, LinesAreUnicodes) {
  EXPECT_EQ(unicode_lines("a\r\nb\rc\n\nd").size(), 5u);
  EXPECT_EQ(unicode_lines("a\xE2\x80\xA8" "b").size(), 2u);
  EXPECT_TRUE(unicode_lines("").empty());
  EXPECT_EQ(with_plain_newlines("a\r\nb\rc\n\r"), "a\nb\nc\n\n");
  EXPECT_EQ(indented("a\n\n  \nb\n", "> "), "> a\n\n  \n> b\n");
  EXPECT_EQ(without_trailing_space("a b \xC2\xA0\n"), "a b");
}

TEST(PythonText, ValuesAsStrPrintsThem) {
  using nlohmann::ordered_json;
  EXPECT_EQ(python_str("it's"), "it's");
  EXPECT_EQ(
      python_str(ordered_json::parse(R"([true, null, 1, 0.5, 2.0, "it's", "a\"'", {"k": []}])")),
      R"([True, None, 1, 0.5, 2.0, "it's", 'a"\'', {'k': []}])");
}

}  // namespace
}  // namespace hob::text

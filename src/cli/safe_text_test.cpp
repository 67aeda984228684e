#include "cli/safe_text.h"

#include <gtest/gtest.h>

namespace hob::cli {
namespace {

TEST(SafeText, KeepsTextAndDisarmsControls) {
  EXPECT_EQ(safe_text("a\tb\nc \xC3\xA9 \xF0\x9F\x98\x80"), "a\tb\nc \xC3\xA9 \xF0\x9F\x98\x80");
  EXPECT_EQ(safe_text("\x1b[31mred\x07\r"), "^[[31mred^G^M");
  EXPECT_EQ(safe_text("\x7f"), "^?");
  EXPECT_EQ(safe_text("\xC2\x9B"
                      "31m"),
            "<U+009B>31m");
  EXPECT_EQ(safe_text("a\xE2\x80\xAE"
                      "b"),
            "a<U+202E>b");
  EXPECT_EQ(safe_text("\xFFx\xC3"), "\xEF\xBF\xBDx\xEF\xBF\xBD");
  EXPECT_EQ(safe_text("\xED\xA0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");  // a surrogate
  EXPECT_EQ(safe_line("a\nb\tc\r"), "a b c ");
}

TEST(SafeText, PrefixCutsNoSequence) {
  const std::string text = "a\xC3\xA9z";
  EXPECT_EQ(utf8_prefix(text, 0), "");
  EXPECT_EQ(utf8_prefix(text, 1), "a");
  EXPECT_EQ(utf8_prefix(text, 2), "a");
  EXPECT_EQ(utf8_prefix(text, 3), "a\xC3\xA9");
  EXPECT_EQ(utf8_prefix(text, 99), text);
}

TEST(SafeText, Width) {
  EXPECT_EQ(display_width("abc"), 3);
  EXPECT_EQ(display_width("\xE4\xBD\xA0\xE5\xA5\xBD"), 4);  // two Han characters
  EXPECT_EQ(display_width("e\xCC\x81"), 1);                 // e and a combining accent
}

}  // namespace
}  // namespace hob::cli

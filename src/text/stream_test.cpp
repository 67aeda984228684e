#include "text/stream.h"

#include <gtest/gtest.h>

#include "base/rng.h"
#include "text/utf8.h"

namespace hob::text {
namespace {

TEST(TextStream, NeverCutsACharacter) {
  TextStream stream;
  EXPECT_EQ(stream.push("a\xf0\x9f"), "a");
  EXPECT_EQ(stream.push("\x98"), "");
  EXPECT_EQ(stream.push("\x80"
                        "b"),
            "\xf0\x9f\x98\x80"
            "b");
  EXPECT_EQ(stream.push("\xe2\x82"), "");
  EXPECT_EQ(stream.finish(), "\xe2\x82");
}

TEST(TextStream, InvalidBytesPass) {
  TextStream stream;
  EXPECT_EQ(stream.push("\xff\x80"), "\xff\x80");
  EXPECT_EQ(stream.push("\xe2"), "");
  EXPECT_EQ(stream.push("("), "\xe2(");
}

TEST(TextStream, StopsAcrossPushes) {
  TextStream stream({"STOP"});
  EXPECT_EQ(stream.push("one ST"), "one ");
  EXPECT_EQ(stream.push("x S"), "STx ");
  EXPECT_EQ(stream.push("TO"), "");
  EXPECT_FALSE(stream.stopped());
  EXPECT_EQ(stream.push("P and more"), "");
  EXPECT_TRUE(stream.stopped());
  EXPECT_EQ(stream.matched(), "STOP");
  EXPECT_EQ(stream.push("ignored"), "");
  EXPECT_EQ(stream.finish(), "");
}

TEST(TextStream, TheStopThatIsCompleteFirst) {
  TextStream stream({"abcde", "bcd", "", "cd"});
  EXPECT_EQ(stream.push("xabcdef"), "xa");
  EXPECT_EQ(stream.matched(), "bcd");  // ends with "cd", but began before it
}

TEST(TextStream, BeginningsThatComeToNothing) {
  TextStream stream({"aab"});
  EXPECT_EQ(stream.push("aa"), "");
  EXPECT_EQ(stream.push("a"), "a");
  EXPECT_EQ(stream.finish(), "aa");
}

// However the bytes arrive, the shown text and the matched stop are the same, and every piece shown
// is whole characters.
TEST(TextStream, CutsDoNotMatter) {
  const std::string alphabet[] = {"a", "b", "\xc3\xa9", "\xf0\x9f\x98\x80", "ab"};
  const std::vector<std::string> stops = {"aab", "b\xc3\xa9",
                                          "\xf0\x9f\x98\x80"
                                          "ab\xc3\xa9"};
  for (uint64_t trial = 0; trial < 1000; ++trial) {
    std::string text;
    for (uint32_t i = 0; i < 12; ++i)
      text += alphabet[random_words(3, RandomStream::kTest, trial, i)[0] % 5];
    TextStream whole(stops);
    std::string shown = whole.push(text);
    shown += whole.finish();
    TextStream cut(stops);
    std::string pieces;
    for (size_t begin = 0; begin < text.size() && !cut.stopped();) {
      const size_t length =
          1 + random_words(4, RandomStream::kTest, trial, static_cast<uint32_t>(begin))[0] % 3;
      const std::string piece = cut.push(std::string_view(text).substr(begin, length));
      ASSERT_TRUE(is_utf8(piece));
      pieces += piece;
      begin += length;
    }
    pieces += cut.finish();
    ASSERT_EQ(pieces, shown) << text;
    ASSERT_EQ(cut.matched(), whole.matched()) << text;
  }
}

}  // namespace
}  // namespace hob::text

// next_utf8 against the definition, for every code point and every pair and triple of bytes.
#include "text/utf8.h"

#include <gtest/gtest.h>

namespace hob::text {
namespace {

TEST(Utf8, DecodesWhatItEncodes) {
  for (char32_t c = 0; c < 0x110000; ++c) {
    if (c >= 0xd800 && c < 0xe000) continue;
    std::string encoded;
    append_utf8(encoded, c);
    const Utf8Sequence sequence = next_utf8(encoded + "x");
    ASSERT_EQ(sequence.head, Utf8Head::kWhole) << static_cast<uint32_t>(c);
    ASSERT_EQ(sequence.code_point, c);
    ASSERT_EQ(static_cast<size_t>(sequence.length), encoded.size());
    for (size_t cut = 1; cut < encoded.size(); ++cut) {
      const Utf8Sequence part = next_utf8(std::string_view(encoded).substr(0, cut));
      ASSERT_EQ(part.head, Utf8Head::kCut);
      ASSERT_EQ(static_cast<size_t>(part.length), cut);
    }
  }
}

TEST(Utf8, RefusesWhatIsNotAnEncoding) {
  for (const char* text :
       {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc3(", "\xe0\x9f\xbf", "\xed\xa0\x80",
        "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xe2\x82("}) {
    EXPECT_EQ(next_utf8(text).head, Utf8Head::kInvalid);
    EXPECT_EQ(next_utf8(text).length, 1);
    EXPECT_FALSE(is_utf8(text));
  }
  EXPECT_TRUE(is_utf8("caf\xc3\xa9 \xf0\x9f\x98\x80"));
  EXPECT_FALSE(is_utf8("a long ascii prefix, then a cut sequence \xf0\x9f\x98"));
}

TEST(Utf8, AsciiPrefixOfAnyLength) {
  for (size_t length = 0; length < 40; ++length) {
    EXPECT_EQ(ascii_prefix(std::string(length, 'a')), length);
    EXPECT_EQ(ascii_prefix(std::string(length, 'a') + "\xc3\xa9" + std::string(20, 'b')), length);
  }
}

}  // namespace
}  // namespace hob::text

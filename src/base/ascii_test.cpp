#include "base/ascii.h"

#include <gtest/gtest.h>

namespace hob {
namespace {

TEST(Ascii, OnlyItsOwnLettersBecomeSmall) {
  EXPECT_EQ(ascii_lower("AZaz@[`{09-"), "azaz@[`{09-");
  EXPECT_EQ(ascii_lower("\xC3\x84\xFF"), "\xC3\x84\xFF");  // an umlaut, and no UTF-8 at all
  EXPECT_EQ(ascii_lower(""), "");
}

TEST(Ascii, ForAllBytes) {
  for (int c = 0; c < 256; ++c) {
    const bool capital = c >= 'A' && c <= 'Z';
    EXPECT_EQ(static_cast<unsigned char>(ascii_lower(static_cast<char>(c))), capital ? c + 32 : c);
  }
}

}  // namespace
}  // namespace hob

#include "text/byte_level.h"

#include <gtest/gtest.h>

namespace hob::text {
namespace {

TEST(ByteLevel, KnownSpellings) {
  EXPECT_EQ(spell_bytes(" the\n"), "\xc4\xa0the\xc4\x8a");
  EXPECT_EQ(spell_bytes("\xc3\xa9"), "\xc3\x83\xc2\xa9");
}

TEST(ByteLevel, EveryByteComesBack) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all.push_back(static_cast<char>(byte));
  std::string back = "before";
  ASSERT_TRUE(append_spelled_bytes(back, spell_bytes(all)));
  EXPECT_EQ(back, "before" + all);
}

TEST(ByteLevel, OtherCharactersAreRefused) {
  for (const char* spelling : {" ", "a b", "\xc5\x84", "\xe4\xbd\xa0", "\xc4", "\xff", "ok\x80"}) {
    std::string out = "kept";
    EXPECT_FALSE(append_spelled_bytes(out, spelling)) << spelling;
    EXPECT_EQ(out, "kept");
  }
}

}  // namespace
}  // namespace hob::text

// No unguarded spelling survives, and without_guards() gives the bytes back.
#include "text/guard.h"

#include <gtest/gtest.h>

#include "base/rng.h"
#include "text/utf8.h"

namespace hob::text {
namespace {

const Guard& guard() {
  static const Guard instance({"<|im_end|>", "<|end|>", "[INST]", "<<a"});
  return instance;
}
const std::string kMark = "\xef\xb7\x90";  // U+FDD0

TEST(Guard, BreaksSpellings) {
  EXPECT_EQ(guard().apply("a<|im_end|>b", Guarding::kInside), "a<" + kMark + "|im_end|>b");
  EXPECT_EQ(guard().apply("<|IM_End|>.", Guarding::kInside), "<" + kMark + "|IM_End|>.");
  EXPECT_EQ(guard().apply("no spelling < here |>", Guarding::kEdges), "no spelling < here |>");
}

TEST(Guard, BreaksWhatATemplateWouldComplete) {
  EXPECT_EQ(guard().apply("x<|im_", Guarding::kEdges), "x<" + kMark + "|im_");
  EXPECT_EQ(guard().apply("end|>x", Guarding::kEdges), kMark + "end|>x");
  EXPECT_EQ(guard().apply("<", Guarding::kEdges), "<" + kMark);
  EXPECT_EQ(guard().apply("x<<", Guarding::kEdges), "x<" + kMark + "<" + kMark);
  EXPECT_EQ(guard().apply("m_en", Guarding::kEdges), "m_en");
  EXPECT_EQ(guard().apply("m_en", Guarding::kWholeTexts), kMark + "m_en");
  EXPECT_EQ(guard().apply("x < b [c]", Guarding::kOneCharacter),
            "x <" + kMark + " b [" + kMark + "c]");
  EXPECT_EQ(guard().apply("x <| b [c]", Guarding::kTwoCharacters), "x <" + kMark + "| b [c]");
}

TEST(Guard, EscapesItsOwnCharactersAndBytes) {
  for (const std::string& text :
       {kMark, kMark + kMark + "x", std::string("\xef\xb7\x91"), std::string("\xff\x80"),
        std::string("\xe2\x82"), "\xef\xb7\x91\xf4\x8f\xb8\x80" + kMark, std::string("b\0c", 3)}) {
    const std::string guarded = guard().apply(text, Guarding::kEdges);
    EXPECT_TRUE(is_utf8(guarded));
    EXPECT_EQ(guarded.find(kMark), std::string::npos);
    EXPECT_EQ(without_guards(guarded), text);
  }
}

TEST(Guard, LeavesOtherTextAlone) {
  EXPECT_EQ(without_guards("plain \xff \xe2\x82"), "plain \xff \xe2\x82");
  EXPECT_EQ(without_guards("\xef\xb7\x91"), "\xef\xb7\x91");  // an escape that lost its second half
  EXPECT_EQ(without_guards("\xef\xb7\x91x" + kMark), "\xef\xb7\x91x");
  EXPECT_EQ(Guard({}).apply("<|im_end|>", Guarding::kOneCharacter), "<|im_end|>");
}

TEST(Guard, RandomTextsComeBackAndHoldNoSpelling) {
  const std::string fragments[] = {"<|im_end|>", "<|",   "im_", "end|>",        "[INST]",
                                   "<",          "<<a",  kMark, "\xef\xb7\x91", "\xf4\x8f\xb8\x80",
                                   "\xff",       "\xe2", "x"};
  SpecialTokens spellings;
  for (const char* spelling : {"<|im_end|>", "<|end|>", "[INST]", "<<a"})
    spellings.add(spelling, 0);
  for (uint64_t trial = 0; trial < 5000; ++trial) {
    std::string text;
    for (uint32_t i = 0; i < trial % 9; ++i)
      text += fragments[random_words(6, RandomStream::kTest, trial, i)[0] % std::size(fragments)];
    for (const Guarding how : {Guarding::kInside, Guarding::kEdges, Guarding::kWholeTexts,
                               Guarding::kTwoCharacters, Guarding::kOneCharacter}) {
      const std::string guarded = guard().apply(text, how);
      ASSERT_TRUE(is_utf8(guarded));
      ASSERT_EQ(without_guards(guarded), text);
      ASSERT_EQ(spellings.find(guarded).length, 0u) << guarded;
      if (how == Guarding::kInside || text.empty()) continue;
      for (const std::string before : {"<|im_end|", "<|im_", "<", "[INS"}) {
        const auto match = spellings.find(before + guarded);
        ASSERT_EQ(match.length, 0u) << before << guarded;
      }
      for (const std::string after : {"|im_end|>", "end|>", "nd|>", ">", "NST]", "a"}) {
        const auto match = spellings.find(guarded + after);
        ASSERT_EQ(match.length, 0u) << guarded << after;
      }
    }
  }
}

}  // namespace
}  // namespace hob::text

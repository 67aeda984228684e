// By hand what each family does differently, and for every row of the table that no byte is lost
// and no run is slow. tokenizer_test.cpp compares whole tokenizers with Hugging Face's.
#include "text/pretokenize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "base/rng.h"

namespace hob::text {
namespace {

using ::testing::ElementsAre;

std::vector<std::string_view> split(const char* pre, std::string_view text) {
  return PreTokenizer(*find_pretokenizer(pre)).split(text);
}

TEST(PreTokenizer, Contractions) {
  EXPECT_THAT(split("gpt-2", "it's IT'S"), ElementsAre("it", "'s", " IT", "'", "S"));
  EXPECT_THAT(split("qwen2", "it's IT'S"), ElementsAre("it", "'s", " IT", "'S"));
  EXPECT_THAT(split("gpt-4o", "it's IT'S"), ElementsAre("it's", " IT'S"));
}

TEST(PreTokenizer, Digits) {
  EXPECT_THAT(split("gpt-2", " 1234"), ElementsAre(" 1234"));
  EXPECT_THAT(split("smollm", "a 1234"), ElementsAre("a", " ", "1", "2", "3", "4"));
  EXPECT_THAT(split("qwen2", "a 12"), ElementsAre("a", " ", "1", "2"));
  EXPECT_THAT(split("llama-bpe", "a1234567"), ElementsAre("a", "123", "456", "7"));
}

TEST(PreTokenizer, WhiteSpaceBeforeAWord) {
  EXPECT_THAT(split("gpt-2", "a   b \n"), ElementsAre("a", "  ", " b", " \n"));
  EXPECT_THAT(split("qwen2", "a  \n\n  b"), ElementsAre("a", "  \n\n", " ", " b"));
  EXPECT_THAT(split("qwen2", "\tx\xe3\x80\x80y"), ElementsAre("\tx", "\xe3\x80\x80y"));
}

TEST(PreTokenizer, TheUnicodeOfTheTable) {
  // U+180E is no white space since Unicode 6.3; U+0085 is.
  EXPECT_THAT(split("gpt-2", "a\xe1\xa0\x8e\xe1\xa0\x8e"),
              ElementsAre("a", "\xe1\xa0\x8e\xe1\xa0\x8e"));
  EXPECT_THAT(split("gpt-2", "!\xc2\x85!"), ElementsAre("!", "\xc2\x85", "!"));
  // Letters of Unicode 15 (U+11F04) and 16 (U+1C89), digits of 15 (U+11F50).
  EXPECT_THAT(split("gpt-2", "\xf0\x91\xbc\x84x!\xe1\xb2\x89"),
              ElementsAre("\xf0\x91\xbc\x84x", "!", "\xe1\xb2\x89"));
  EXPECT_THAT(split("qwen2", "\xf0\x91\xbd\x90\xf0\x91\xbd\x90"),
              ElementsAre("\xf0\x91\xbd\x90", "\xf0\x91\xbd\x90"));
}

TEST(PreTokenizer, InvalidBytesAreNoLetters) {
  EXPECT_THAT(split("gpt-2",
                    "ab\xff\xfe"
                    "cd"),
              ElementsAre("ab", "\xff\xfe", "cd"));
  EXPECT_THAT(split("gpt-2", "ab\xe2\x82"), ElementsAre("ab", "\xe2\x82"));
}

TEST(PreTokenizer, NamesAreUniqueAndFound) {
  std::set<std::string_view> seen;
  for (const PreTokenizerRow& row : pretokenizer_table()) {
    for (std::string_view rest = row.names; !rest.empty();) {
      const std::string_view name = rest.substr(0, rest.find(' '));
      EXPECT_TRUE(seen.insert(name).second) << name;
      EXPECT_EQ(find_pretokenizer(name), &row) << name;
      rest.remove_prefix(std::min(name.size() + 1, rest.size()));
    }
  }
  EXPECT_EQ(find_pretokenizer(""), nullptr);
  EXPECT_EQ(find_pretokenizer("gpt"), nullptr);
  EXPECT_EQ(find_pretokenizer("gpt-2 phi-2"), nullptr);
}

// Whatever the text, the pieces are the text.
void expect_whole(const PreTokenizer& pre_tokenizer, std::string_view text) {
  const char* at = text.data();
  for (const std::string_view piece : pre_tokenizer.split(text)) {
    ASSERT_EQ(piece.data(), at);
    ASSERT_FALSE(piece.empty());
    at += piece.size();
  }
  ASSERT_EQ(at, text.data() + text.size());
}

TEST(PreTokenizer, RandomBytesAreAllThere) {
  for (const PreTokenizerRow& row : pretokenizer_table()) {
    SCOPED_TRACE(row.names);
    const PreTokenizer pre_tokenizer(row);
    for (uint64_t trial = 0; trial < 300; ++trial) {
      std::string text;
      const uint32_t length = random_words(1, RandomStream::kTest, trial)[0] % 60;
      for (uint32_t i = 0; i < length; ++i) {
        const auto words = random_words(1, RandomStream::kTest, trial, i + 1);
        // Half of them from a few that patterns treat specially, so that runs arise.
        text.push_back(words[0] % 2 ? static_cast<char>(words[1])
                                    : "aA1 \n'\xc3\xa9\xe4"[words[1] % 9]);
      }
      expect_whole(pre_tokenizer, text);
    }
  }
}

TEST(PreTokenizer, LongRunsOfOneCharacter) {
  constexpr size_t kRun = 200'000;
  for (const PreTokenizerRow& row : pretokenizer_table()) {
    SCOPED_TRACE(row.names);
    const PreTokenizer pre_tokenizer(row);
    for (const std::string unit : {"a", "A", "1", " ", "\n", "\r", "!", "'", "\xff", "\xe4\xbd\xa0",
                                   "\xcc\x81", " a", "aB"}) {
      std::string text;
      while (text.size() < kRun) text += unit;
      expect_whole(pre_tokenizer, text);
      expect_whole(pre_tokenizer, text + "x");
    }
  }
}

}  // namespace
}  // namespace hob::text

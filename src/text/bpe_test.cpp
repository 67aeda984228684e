// Against a second implementation that follows the definition word by word, on pieces of every
// length around the change of algorithm.
#include "text/bpe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <map>

#include "base/rng.h"

namespace hob::text {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// The letters a-d and what the merges make of them.
struct Small {
  TokenBytes bytes;
  std::vector<Mergeable> mergeable;
  std::vector<std::string_view> merges;
  std::deque<std::string> spellings;  // of plain letters: their bytes

  explicit Small(std::vector<std::string_view> merge_list) : merges(std::move(merge_list)) {
    for (const char* letter : {"a", "b", "c", "d"}) add(letter);
    for (const std::string_view merge : merges) {
      const size_t space = merge.find(' ');
      add(std::string(merge.substr(0, space)) + std::string(merge.substr(space + 1)));
    }
  }
  void add(const std::string& token) {
    bytes.buffer() += token;
    bytes.finish_token();
    spellings.push_back(token);
    mergeable.push_back(Mergeable::kYes);
  }
  Result<Bpe> bpe(bool whole_pieces = false) const {
    const std::vector<std::string_view> views(spellings.begin(), spellings.end());
    return Bpe::create(bytes, views, mergeable, merges, whole_pieces);
  }
  std::vector<std::string> encode(std::string_view piece) const {
    std::vector<Token> tokens;
    bpe()->encode(piece, tokens);
    std::vector<std::string> parts;
    for (const Token token : tokens) parts.emplace_back(bytes[static_cast<size_t>(token)]);
    return parts;
  }
  // Merge the best pair, the leftmost of equals, until there is none.
  std::vector<std::string> by_definition(std::string_view piece) const {
    std::map<std::string, size_t> ranks;
    for (size_t i = 0; i < merges.size(); ++i) ranks.emplace(merges[i], i);
    std::vector<std::string> parts;
    for (const char c : piece) parts.emplace_back(1, c);
    while (true) {
      size_t best = SIZE_MAX, at = 0;
      for (size_t i = 0; i + 1 < parts.size(); ++i) {
        const auto found = ranks.find(parts[i] + " " + parts[i + 1]);
        if (found != ranks.end() && found->second < best) best = found->second, at = i;
      }
      if (best == SIZE_MAX) return parts;
      parts[at] += parts[at + 1];
      parts.erase(parts.begin() + static_cast<ptrdiff_t>(at) + 1);
    }
  }
};

TEST(Bpe, RankDecidesThenPosition) {
  const Small small({"b c", "a b", "bc d", "a a"});
  EXPECT_THAT(small.encode("abcd"), ElementsAre("a", "bcd"));
  EXPECT_THAT(small.encode("abab"), ElementsAre("ab", "ab"));
  EXPECT_THAT(small.encode("aaa"), ElementsAre("aa", "a"));
  EXPECT_THAT(small.encode(""), ElementsAre());
}

TEST(Bpe, AgreesWithTheDefinition) {
  const Small small({"a b", "b a", "ab a", "c c", "cc cc", "d a", "ab ab", "a a", "ba c", "cccc d",
                     "abab abab", "b b", "aa aa", "d d"});
  for (uint64_t trial = 0; trial < 2000; ++trial) {
    std::string piece;
    const uint32_t length = random_words(2, RandomStream::kTest, trial)[0] % 120;
    for (uint32_t i = 0; i < length; ++i)
      piece.push_back("abcdaab"[random_words(2, RandomStream::kTest, trial, i + 1)[0] % 7]);
    ASSERT_EQ(small.encode(piece), small.by_definition(piece)) << piece;
  }
}

TEST(Bpe, AMegabyteOfOneLetter) {
  const Small small({"a a", "aa aa", "aaaa aaaa"});
  constexpr size_t kLength = 1'000'003;
  const std::vector<std::string> parts = small.encode(std::string(kLength, 'a'));
  EXPECT_EQ(parts.size(), kLength / 8 + 2);
  EXPECT_EQ(parts.back(), "a");
}

TEST(Bpe, APieceThatIsATokenNeedNotBeMerged) {
  // Merging never arrives at "abc": "b c" is taken first, and "a bc" is no merge.
  const Small small({"b c", "a b", "ab c"});
  EXPECT_THAT(small.encode("abc"), ElementsAre("a", "bc"));
  const Bpe bpe = *small.bpe();
  std::vector<Token> twice;
  bpe.encode("abc", twice);
  bpe.encode("abc", twice);
  EXPECT_EQ(twice.size(), 4u);
  std::vector<Token> whole;
  small.bpe(true)->encode("abc", whole);
  EXPECT_THAT(whole, ElementsAre(6));
}

TEST(Bpe, BytesWithoutATokenAreLeftOut) {
  const Small small({"a b"});
  EXPECT_THAT(small.encode("xaxbx"), ElementsAre("ab"));
  EXPECT_THAT(small.encode("xyz"), ElementsAre());
}

TEST(Bpe, SaysWhatIsWrong) {
  Small twins({"a b"});
  twins.add("ab");
  EXPECT_THAT(twins.bpe().error().message, HasSubstr("tokens 4 and 5 are the same"));
  Small unknown({"a b"});
  for (const char* merge : {"a x", "ab c", "ab ab"}) {
    unknown.merges = {merge};
    EXPECT_THAT(unknown.bpe().error().message, HasSubstr("merge 0")) << merge;
  }
  for (const char* merge : {"", "ab", " b", "a ", "a b c", "a\xff b"}) {
    unknown.merges = {merge};
    EXPECT_THAT(unknown.bpe().error().message, HasSubstr("not two byte-level spellings")) << merge;
  }
  Small barred({"a b"});
  barred.mergeable[4] = Mergeable::kNo;
  EXPECT_THAT(barred.bpe().error().message, HasSubstr("lacks"));
}

}  // namespace
}  // namespace hob::text

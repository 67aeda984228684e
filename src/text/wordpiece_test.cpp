// By hand what each rule does, and whole texts against Hugging Face's tokenizers
// (tests/data/make_wordpiece_vectors.py); vocabularies that lie.
#include "text/wordpiece.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/rng.h"

namespace hob::text {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr size_t kAll = 10000;

WordPiece small(const WordPieceRules& rules = {}) {
  return *WordPiece::from_vocabulary(
      "[PAD]\n[UNK]\n[CLS]\n[SEP]\nun\n##aff\n##able\n!\n\xe4\xbd\xa0\n", rules, "vocab.txt");
}

TEST(WordPiece, LongestPieceFirst) {
  EXPECT_THAT(small().encode("Unaffable!", kAll).ids, ElementsAre(2, 4, 5, 6, 7, 3));
  EXPECT_THAT(small().encode("unaffablex", kAll).ids, ElementsAre(2, 1, 3));
  EXPECT_THAT(small().encode("un\xe4\xbd\xa0un", kAll).ids, ElementsAre(2, 4, 8, 4, 3));
  EXPECT_THAT(small().encode("u\xff\xcc\x81n", kAll).ids, ElementsAre(2, 4, 3));
}

TEST(WordPiece, ControlTokensInTextAreText) {
  EXPECT_THAT(small().encode("[SEP]", kAll).ids, ElementsAre(2, 1, 1, 1, 3));
}

TEST(WordPiece, ALongTextIsCutAndSaysSo) {
  const auto whole = small().encode("un un un", 5);
  EXPECT_THAT(whole.ids, ElementsAre(2, 4, 4, 4, 3));
  EXPECT_FALSE(whole.cut);
  const auto cut = small().encode("un un un un", 5);
  EXPECT_THAT(cut.ids, ElementsAre(2, 4, 4, 4, 3));
  EXPECT_TRUE(cut.cut);
  const auto within = small().encode("un unaffable", 4);
  EXPECT_THAT(within.ids, ElementsAre(2, 4, 4, 3));
  EXPECT_TRUE(within.cut);
}

TEST(WordPiece, TheSameIdsAsHuggingFace) {
  std::ifstream file(HOB_SOURCE_DIR "/tests/data/wordpiece_vectors.json");
  const auto root = nlohmann::json::parse(file);
  std::string vocabulary;
  for (const auto& piece : root["pieces"]) vocabulary += piece.get<std::string>() + "\n";
  const auto uncased = *WordPiece::from_vocabulary(vocabulary, {}, "uncased");
  const auto cased = *WordPiece::from_vocabulary(
      vocabulary, {.lowercase = false, .strip_accents = false}, "cased");
  ASSERT_GT(root["cases"].size(), 300u);
  for (const auto& test : root["cases"]) {
    const auto text = test[0].get<std::string>();
    for (const auto& [tokenizer, ids] : {std::pair{&uncased, &test[1]}, {&cased, &test[2]}}) {
      std::vector<int32_t> expected{2};
      for (const auto& id : *ids) expected.push_back(id.get<int32_t>());
      expected.push_back(3);
      EXPECT_EQ(tokenizer->encode(text, kAll).ids, expected) << test[0].dump();
    }
  }
}

constexpr const char* kJson =
    R"({"normalizer":{"type":"BertNormalizer","lowercase":false,"strip_accents":null},)"
    R"("pre_tokenizer":{"type":"BertPreTokenizer"},)"
    R"("post_processor":{"type":"BertProcessing","sep":["[SEP]",1],"cls":["[CLS]",2]},)"
    R"("model":{"type":"WordPiece","unk_token":"[UNK]","max_input_chars_per_word":3,)"
    R"("vocab":{"[UNK]":0,"[CLS]":2,"[SEP]":1,"A":3,"##a":4}}})";

TEST(WordPiece, FromJson) {
  const auto made = WordPiece::from_json(kJson, "tokenizer.json");
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->size(), 5u);
  EXPECT_THAT(made->encode("Aa Aaaa a", kAll).ids, ElementsAre(2, 3, 4, 0, 0, 1));
}

TEST(WordPiece, PartsThatAreNotBertsAreRefusedByName) {
  const std::string processor =
      R"({"type":"BertProcessing","sep":["[SEP]",1],"cls":["[CLS]",2]})";
  const auto with = [&](std::string_view what, std::string_view other) {
    std::string json(kJson);
    json.replace(json.find(what), what.size(), other);
    const auto made = WordPiece::from_json(json, "t.json");
    return made ? "" : made.error().message;
  };
  const std::string begins = R"({"type":"TemplateProcessing","single":[)";
  EXPECT_EQ(with(processor, begins + R"({"SpecialToken":{"id":"[CLS]","type_id":0}},)"
                                     R"({"Sequence":{"id":"A","type_id":0}},)"
                                     R"({"SpecialToken":{"id":"[SEP]","type_id":0}}]})"),
            "");
  EXPECT_EQ(with(processor, begins + R"({"Sequence":{"id":"A","type_id":0}}]})"),
            "t.json: a post-processor of type 'TemplateProcessing' that does not make [CLS] TEXT "
            "[SEP]");
  EXPECT_THAT(with("\"cls\":[\"[CLS]\"", "\"cls\":[\"<s>\""), HasSubstr("'BertProcessing'"));
  EXPECT_THAT(with(processor, "null"), HasSubstr("a post-processor of type 'none'"));
  EXPECT_EQ(with("\"BertPreTokenizer\"", "\"Whitespace\""),
            "t.json: a pre-tokenizer of type 'Whitespace', not BertPreTokenizer");
  EXPECT_THAT(with("{\"type\":\"BertPreTokenizer\"}", "null"), HasSubstr("of type 'none'"));
}

TEST(WordPieceHostile, VocabulariesThatLie) {
  const auto lacking = WordPiece::from_vocabulary("[UNK]\n[CLS]\n", {}, "vocab.txt");
  EXPECT_EQ(lacking.error().message, "vocab.txt: the vocabulary lacks '[SEP]'");
  EXPECT_FALSE(WordPiece::from_vocabulary("", {}, "vocab.txt"));
  const auto long_piece = WordPiece::from_vocabulary(std::string(2000, 'x'), {}, "vocab.txt");
  EXPECT_THAT(long_piece.error().message, HasSubstr("piece 0 is 2000 bytes long"));
  const std::pair<std::string_view, std::string_view> lies[] = {
      {"\"##a\":4", "\"##a\":5"},   {"\"##a\":4", "\"##a\":3"}, {"\"##a\":4", "\"##a\":-1"},
      {"\"##a\":4", "\"##a\":4.5"}, {"\"vocab\"", "\"v\""},     {"\"WordPiece\"", "\"BPE\""},
      {"BertNormalizer", "NFC"},    {"{\"normalizer\"", "{{"},  {"\"[SEP]\":1", "\"sep\":1"}};
  for (const auto& [what, with] : lies) {
    std::string json(kJson);
    json.replace(json.find(what), what.size(), with);
    const auto made = WordPiece::from_json(json, "tokenizer.json");
    ASSERT_FALSE(made) << with;
    EXPECT_THAT(made.error().message, HasSubstr("tokenizer.json: ")) << with;
  }
}

TEST(WordPieceHostile, AnyBytesGiveTokensOfTheVocabulary) {
  const auto tokenizer = small();
  for (uint64_t seed = 0; seed < 300; ++seed) {
    std::string text;
    for (uint64_t i = 0; i < 20; ++i) {
      for (const uint32_t w : random_words(seed, RandomStream::kTest, i))
        text += static_cast<char>(w);
    }
    const auto encoded = tokenizer.encode(text, 30);
    EXPECT_LE(encoded.ids.size(), 30u);
    for (const int32_t id : encoded.ids) EXPECT_TRUE(id >= 0 && id < 9);
  }
}

}  // namespace
}  // namespace hob::text

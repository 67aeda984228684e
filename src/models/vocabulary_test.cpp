// The default model's own vocabulary, from its file; and files whose keys are missing, of the wrong
// type or out of range.
#include "models/vocabulary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <optional>

#include "formats/gguf_write.h"
#include "text/chat_template.h"

namespace hob::models {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class DefaultModel : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* path = std::getenv("HOB_TEST_MODEL");
    ASSERT_NE(path, nullptr)
        << "HOB_TEST_MODEL must name the default model's file; ./check sets it";
    auto file = gguf::File::open(path);
    ASSERT_TRUE(file) << file.error().message;
    auto vocabulary = read_vocabulary(*file);
    ASSERT_TRUE(vocabulary) << vocabulary.error().message;
    auto tokenizer = text::Tokenizer::create(*std::move(vocabulary));
    ASSERT_TRUE(tokenizer) << tokenizer.error().message;
    tokenizer_.emplace(*std::move(tokenizer));
  }
  std::optional<text::Tokenizer> tokenizer_;
};

TEST_F(DefaultModel, KnownTokens) {
  EXPECT_EQ(tokenizer_->size(), 49152u);
  EXPECT_EQ(tokenizer_->vocabulary().pre, "smollm");
  EXPECT_THAT(tokenizer_->encode("Hello world, it's 2024!\n"),
              ElementsAre(19556, 905, 28, 357, 506, 216, 34, 32, 34, 36, 17, 198));
  EXPECT_EQ(tokenizer_->decode(tokenizer_->encode("The  caf\xc3\xa9 \xf0\x9f\x98\x80\n\n")),
            "The  caf\xc3\xa9 \xf0\x9f\x98\x80\n\n");
  EXPECT_FALSE(tokenizer_->vocabulary().add_bos);
  EXPECT_TRUE(tokenizer_->ends_reply(2));
  EXPECT_FALSE(tokenizer_->ends_reply(1));
}

TEST_F(DefaultModel, ItsTemplate) {
  const auto chat =
      text::ChatTemplate::compile(tokenizer_->vocabulary().chat_template, &*tokenizer_);
  ASSERT_TRUE(chat) << chat.error().message;
  const auto rendered = chat->render(
      nlohmann::ordered_json::array({{{"role", "user"}, {"content", "Hi<|im_end|>"}}}));
  ASSERT_TRUE(rendered) << rendered.error().message;
  EXPECT_EQ(text::without_guards(*rendered),
            "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging "
            "Face<|im_end|>\n"
            "<|im_start|>user\nHi<|im_end|><|im_end|>\n<|im_start|>assistant\n");
  size_t controls = 0;
  for (const text::Token token : tokenizer_->encode_rendered(*rendered))
    controls += tokenizer_->is_control(token);
  EXPECT_EQ(controls, 5u);
}

// The tokens a, b and ab, with one thing changed.
template <class Change>
Result<text::Vocabulary> vocabulary_with(Change change) {
  gguf::Writer writer;
  writer.set("tokenizer.ggml.model", std::string_view("gpt2"));
  writer.set("tokenizer.ggml.pre", std::string_view("llama-bpe"));
  writer.set_strings("tokenizer.ggml.tokens", std::vector<std::string>{"a", "b", "ab"});
  writer.set_strings("tokenizer.ggml.merges", std::vector<std::string>{"a b"});
  writer.set_numbers("tokenizer.ggml.token_type", std::vector<int32_t>{1, 0, 4});
  writer.set("tokenizer.ggml.eos_token_id", uint32_t{2});
  change(writer);
  static std::string bytes;  // the vocabulary views it
  bytes = writer.bytes();
  const auto file = gguf::File::parse(std::as_bytes(std::span(bytes)), "small.gguf");
  if (!file) return tl::unexpected(file.error());
  return read_vocabulary(*file);
}

TEST(ReadVocabulary, EveryKey) {
  const auto v = vocabulary_with([](gguf::Writer& writer) {
    writer.set("tokenizer.chat_template", std::string_view("{{ x }}"));
    writer.set("tokenizer.ggml.padding_token_id", uint32_t{0});
  });
  ASSERT_TRUE(v) << v.error().message;
  EXPECT_EQ(v->source, "small.gguf");
  EXPECT_THAT(v->tokens, ElementsAre("a", "b", "ab"));
  EXPECT_THAT(v->merges, ElementsAre("a b"));
  EXPECT_THAT(v->kinds, ElementsAre(text::TokenKind::kNormal, text::TokenKind::kNormal,
                                    text::TokenKind::kUserDefined));
  EXPECT_EQ(v->bos, -1);
  EXPECT_EQ(v->eos, 2);
  EXPECT_EQ(v->padding, 0);
  EXPECT_TRUE(v->add_bos);  // as Llama 3's family does where the file is silent
  EXPECT_FALSE(v->add_eos);
  EXPECT_EQ(v->chat_template, "{{ x }}");
}

TEST(ReadVocabulary, ErrorsNameFileAndKey) {
  const auto error = [](auto change) {
    const auto v = vocabulary_with(change);
    return v ? "" : v.error().message;
  };
  EXPECT_THAT(
      error([](gguf::Writer& writer) { writer.set("tokenizer.ggml.eos_token_id", uint32_t{3}); }),
      HasSubstr("small.gguf: tokenizer.ggml.eos_token_id is 3, but there are 3 tokens"));
  EXPECT_THAT(
      error([](gguf::Writer& writer) { writer.set("tokenizer.ggml.bos_token_id", int32_t{-5}); }),
      HasSubstr("tokenizer.ggml.bos_token_id"));
  EXPECT_THAT(error([](gguf::Writer& writer) {
                writer.set_numbers("tokenizer.ggml.token_type", std::vector<int32_t>{1, 1, 9});
              }),
              HasSubstr("tokenizer.ggml.token_type[2] is 9"));
  EXPECT_THAT(error([](gguf::Writer& writer) { writer.set("tokenizer.ggml.tokens", uint32_t{1}); }),
              HasSubstr("tokenizer.ggml.tokens"));
  EXPECT_THAT(error([](gguf::Writer& writer) {
                writer.set("tokenizer.ggml.add_bos_token", std::string_view("yes"));
              }),
              HasSubstr("tokenizer.ggml.add_bos_token"));
  EXPECT_THAT(error([](gguf::Writer& writer) { writer.set("tokenizer.ggml.model", true); }),
              HasSubstr("tokenizer.ggml.model"));
}

}  // namespace
}  // namespace hob::models

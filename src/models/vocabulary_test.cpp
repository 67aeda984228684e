// The default model's own vocabulary, from its file.
#include "models/vocabulary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "text/chat_template.h"

namespace hob::models {
namespace {

using ::testing::ElementsAre;

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

}  // namespace
}  // namespace hob::models

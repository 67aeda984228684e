#include "prompts/template_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/rng.h"

namespace hob::prompts {
namespace {

using nlohmann::ordered_json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Template parsed(const std::string& yaml) {
  auto out = parse_template("t", yaml);
  EXPECT_TRUE(out) << out.error().message;
  return out ? *out : Template{};
}
std::string error_of(const std::string& yaml) {
  const auto out = parse_template("t", yaml);
  return out ? "" : out.error().message;
}

TEST(TemplateFile, ABareTextIsThePrompt) {
  EXPECT_EQ(parsed("Summarise this").prompt, "Summarise this");
}

TEST(TemplateFile, EveryKey) {
  const auto t = parsed(R"(
name: ignored
prompt: 'Write about $subject'
system: Be brief
model: echo
defaults: {subject: crows}
options: {temperature: 0.2}
attachments: [a.png]
attachment_types: [{type: image/png, value: b.png}]
extract: yes
extract_last: false
schema_object: {type: object}
fragments: [f1]
system_fragments: [f2]
tools: [llm_time]
functions: "def f(): pass"
)");
  EXPECT_EQ(t.name, "t");
  EXPECT_EQ(t.model, "echo");
  EXPECT_EQ(t.defaults, ordered_json({{"subject", "crows"}}));
  EXPECT_EQ(t.options, ordered_json({{"temperature", 0.2}}));
  EXPECT_EQ(t.attachment_types->front().type, "image/png");
  EXPECT_EQ(t.extract, true);
  EXPECT_EQ(t.extract_last, false);
  EXPECT_THAT(*t.fragments, ElementsAre("f1"));
  EXPECT_THAT(t.refused(), ElementsAre("tools", "functions"));
  EXPECT_EQ(t.to_json().size(), 15u);
}

TEST(TemplateFile, AllComplaintsInOneError) {
  EXPECT_THAT(error_of("promt: x\nsystem: 3\nfragments: one\nextract: maybe"),
              AllOf(HasSubstr("template t:"), HasSubstr("unknown key 'promt'"),
                    HasSubstr("'system' must be text"), HasSubstr("'fragments' must be a list"),
                    HasSubstr("'extract' must be true or false")));
  EXPECT_THAT(error_of("- a\n- b"), HasSubstr("must be a text or a mapping"));
  EXPECT_THAT(error_of(""), HasSubstr("must be a text or a mapping"));
  EXPECT_THAT(error_of("a: [1"), HasSubstr("invalid YAML"));
}

Texts applied(const std::string& yaml, Texts texts, ordered_json params = ordered_json::object()) {
  auto out = apply_template(parsed(yaml), std::move(texts), params);
  EXPECT_TRUE(out) << out.error().message;
  return out ? *out : Texts{};
}

TEST(TemplateFile, TextGoesWhereInputStandsOrBelow) {
  EXPECT_EQ(applied("prompt: 'Sum up: $input!'", {"crows", ""}).prompt, "Sum up: crows!");
  EXPECT_EQ(applied("prompt: 'Sum up: ${input}!'", {"crows", ""}).prompt, "Sum up: crows!");
  EXPECT_EQ(applied("prompt: Sum up", {"crows", ""}).prompt, "Sum up\ncrows");
  EXPECT_EQ(applied("prompt: Sum up", {"", ""}).prompt, "Sum up");
  EXPECT_EQ(applied("system: Be brief", {"crows", ""}).prompt, "crows");
  EXPECT_EQ(applied("system: 'About $input'", {"crows", ""}).system, "About crows");
}

TEST(TemplateFile, ThePersonsSystemPromptWins) {
  EXPECT_EQ(applied("system: Be brief", {"x", "Be long"}).system, "Be long");
  EXPECT_EQ(applied("system: Be brief", {"x", ""}).system, "Be brief");
}

TEST(TemplateFile, DefaultsFillAndLastForTheTemplatesAfter) {
  ordered_json params = ordered_json::object();
  const auto first = apply_template(parsed("prompt: $who\ndefaults: {who: crow}"), {}, params);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->prompt, "crow");
  const auto second = apply_template(parsed("prompt: again $who"), *first, params);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->prompt, "again crow\ncrow");
  EXPECT_EQ(applied("prompt: $who\ndefaults: {who: crow}", {}, {{"who", "rook"}}).prompt, "rook");
}

TEST(TemplateFile, MissingVariables) {
  ordered_json params = ordered_json::object();
  const auto out = apply_template(parsed("prompt: $a ${b}\nsystem: $c"), {}, params);
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().message, "Missing variables: a, b");
}

TEST(TemplateFile, Joining) {
  EXPECT_EQ(joined_prompt({"one", "two\n"}, "go"), "one\ntwo\n\ngo");
  EXPECT_EQ(joined_prompt({"one"}, ""), "one");
  EXPECT_EQ(joined_prompt({}, "go"), "go");
  EXPECT_EQ(joined_system({" a \n", "\n"}, " b"), "a\n\nb");
  EXPECT_EQ(joined_system({}, ""), "");
}

// Files broken at random parse or fail, and what parses can be written.
TEST(TemplateFile, BrokenFiles) {
  const std::string whole =
      "prompt: \"Write about $subject: ${n}\"\nsystem: |\n  Be\n  brief\ndefaults: {n: 0x1F}\n"
      "options:\n  - &a [*a, !!str 1, ? x]\nextract: yes\nfragments: [f, 'g', \"h\\u263a\"]\n";
  for (uint64_t seed = 0; seed < 3000; ++seed) {
    std::string broken = whole;
    for (uint64_t k = 0; k < 1 + seed % 4; ++k) {
      const auto draw = random_words(seed, RandomStream::kTest, k);
      broken[draw[0] % broken.size()] = static_cast<char>(draw[1]);
    }
    const auto out = parse_template("t", broken);
    if (out) {
      EXPECT_TRUE(out->to_json().contains("name"));
    } else {
      EXPECT_THAT(out.error().message, HasSubstr("template t:"));
    }
  }
}

}  // namespace
}  // namespace hob::prompts

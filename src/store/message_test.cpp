#include "store/message.h"

#include <gtest/gtest.h>

#include "store/json_text.h"

namespace hob::store {
namespace {

using nlohmann::ordered_json;

Part reasoning(std::string text) { return {.kind = PartKind::kReasoning, .text = std::move(text)}; }
Part attached(Attachment attachment) {
  return {.kind = PartKind::kAttachment, .attachment = std::move(attachment)};
}
Part with(PartKind kind, ordered_json more) { return {.kind = kind, .more = std::move(more)}; }

// Golden values: llm 0.36's message_hash() of the same messages.
TEST(MessageHash, IsThatOfLlm) {
  const std::string system = message_hash(Message::of_text("system", "Be brief"), "");
  EXPECT_EQ(system, "b2:d2faf0448ab8bfd6d53fc0d7effd22ff");
  const std::string user = message_hash(
      Message::of_text("user",
                       "Say \xe2\x80\x9chi\xe2\x80\x9d\n\tto caf\xc3\xa9 "
                       "\xf0\x9f\x98\x80 \x7f\x01"),
      system);
  EXPECT_EQ(user, "b2:f65901a2e2e6ac1537244bb668d698de");
  EXPECT_EQ(message_hash(Message::of_text("assistant", "hello"), user),
            "b2:a7553396c091668dfe67487afe908850");
  EXPECT_EQ(message_hash(Message::of_text("user", "hello"), ""),
            "b2:6169f5b736295e66c935569b79d2b171");
  const Part picture = attached({.type = "image/png", .content = "abc"});
  EXPECT_EQ(message_hash({"user", {{.text = "look"}, picture}}, ""),
            "b2:ee4e4037b13b1b87d34a03dbf06dee8b");
  EXPECT_EQ(message_hash({"user",
                          {{.text = "look"},
                           attached({.type = "image/png", .url = "https://x.example/a.png"})}}, ""),
            "b2:9eae4456d062db495c53326da9d0cb82");
  EXPECT_EQ(message_hash({"assistant", {reasoning("think"), {.text = "done"}}}, user),
            "b2:1d43c26f9ef5992947c88b3ee259092d");
  EXPECT_EQ(message_hash({"assistant",
                          {with(PartKind::kToolCall, {{"name", "f"},
                                                      {"arguments", {{"b", 1}, {"a", {1.5, "x"}}}},
                                                      {"tool_call_id", "tc_1"}})}},
                         user),
            "b2:1b3a8c9b2db337f889e6f907c70c2996");
  EXPECT_EQ(message_hash({"tool",
                          {with(PartKind::kToolResult,
                                {{"name", "f"}, {"output", "42"}, {"tool_call_id", "tc_1"}})}},
                         user),
            "b2:5f49d878245b89bdb4fc64cfa460b1b7");
  EXPECT_EQ(message_hash({"assistant",
                          {{.text = "x", .more = {{"provider_metadata", {{"k", "v"}}}}}},
                          {{"z", 1}}},
                         user),
            "b2:ab1002c569bf7cb32fa62235409116fb");
}

TEST(Schema, IdIsThatOfLlm) {
  const auto schema = ordered_json::parse(
      R"({"type": "object", "properties": {"n\u00e9": {"type": "string"}},
          "required": ["n\u00e9"]})");
  const auto stored = schema_text(schema);
  EXPECT_EQ(stored.id, "8f58af883d1582e75173ee7104e3f215");
  EXPECT_EQ(stored.content,
            R"({"type":"object","properties":{"n\u00e9":{"type":"string"}},)"
            R"("required":["n\u00e9"]})");
  EXPECT_EQ(schema_text(ordered_json::parse(
                            R"({"type": "object", "properties": {"name": {"type": "string"},
                                "age": {"type": "integer"}}, "required": ["name", "age"]})"))
                .id,
            "848bffbc260a905ad40888a4518f40ef");
}

TEST(JsonText, IsWhatPythonWrites) {
  const ordered_json value = {{"b", {1, 2.5, 1.0, 1e-7, nullptr, true}},
                              {"a", "\xc3\xa9\"\n\x7f"},
                              {"c", ordered_json::object()}};
  EXPECT_EQ(json_text(value),
            "{\"b\": [1, 2.5, 1.0, 1e-07, null, true], "
            "\"a\": \"\\u00e9\\\"\\n\\u007f\", \"c\": {}}");
  EXPECT_EQ(canonical_json(value),
            "{\"a\":\"\xc3\xa9\\\"\\n\x7f\","
            "\"b\":[1,2.5,1.0,1e-07,null,true],\"c\":{}}");
  EXPECT_EQ(json_text("\xff"), "\"\\ufffd\"");
}

TEST(ThreadName, IsOneLineOf32Characters) {
  EXPECT_EQ(thread_name(""), "");
  EXPECT_EQ(thread_name("a \n\t b\xc2\xa0 c"), "a b c");
  EXPECT_EQ(thread_name(std::string(32, 'x')), std::string(32, 'x'));
  EXPECT_EQ(thread_name(std::string(33, 'x')), std::string(31, 'x') + "\xe2\x80\xa6");
  std::string accents;
  for (int i = 0; i < 40; ++i) accents += "\xc3\xa9";
  EXPECT_EQ(thread_name(accents), accents.substr(0, 62) + "\xe2\x80\xa6");
}

}  // namespace
}  // namespace hob::store

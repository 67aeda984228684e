// Replies under constraints: a tiny model of random weights, whose own text is garbage, gives valid
// text every time, and the same one whatever the threads, drafts and short cuts; the real model
// where it is present.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <regex>
#include <set>

#include "chat/local_model.h"
#include "tests/support/tiny_model.h"

namespace hob::chat {
namespace {

using engine::ConstraintKind;
using engine::Finish;
using ::testing::HasSubstr;
using Json = nlohmann::ordered_json;

constexpr const char* kBeast =
    R"({"type":"object","properties":{
        "name":{"type":"string","maxLength":12},
        "legs":{"type":"integer","minimum":0,"maximum":1000},
        "diet":{"enum":["plants","meat","everything"]},
        "cubs":{"type":"array","items":{"type":"object","properties":{"tame":{"type":"boolean"}},
                "required":["tame"],"additionalProperties":false},"maxItems":3}},
      "required":["name","legs","diet","cubs"],"additionalProperties":false})";

ConstraintText beast() { return {ConstraintKind::kJsonSchema, "--schema", kBeast}; }

bool is_beast(const std::string& text) {
  const Json value = Json::parse(text, nullptr, false);
  if (!value.is_object() || value.size() != 4) return false;
  const std::set<std::string> diets = {"plants", "meat", "everything"};
  if (!value["name"].is_string() || !value["legs"].is_number_integer()) return false;
  if (value["legs"] < 0 || value["legs"] > 1000 || !diets.contains(value["diet"])) return false;
  if (!value["cubs"].is_array() || value["cubs"].size() > 3) return false;
  return std::all_of(value["cubs"].begin(), value["cubs"].end(), [](const Json& cub) {
    return cub.is_object() && cub.size() == 1 && cub["tame"].is_boolean();
  });
}

constexpr size_t kContext = 4096;  // the white space between 30 pieces may be long

std::unique_ptr<LocalModel> load(const std::string& path, int threads = 1,
                                 size_t context = kContext) {
  auto model = LocalModel::load(path, {.threads = threads, .context = context});
  EXPECT_TRUE(model) << model.error().message;
  return std::move(*model);
}

const std::vector<Message> kAsk = {{"user", "Invent a beast."}};

ReplyOptions options(uint64_t seed, double temperature = 1.5) {
  ReplyOptions options;
  options.sampler.seed = seed;
  options.sampler.temperature = temperature;
  options.constraint = beast();
  return options;
}

Reply ask(LocalModel& model, const ReplyOptions& options) {
  auto reply = model.reply(kAsk, options, nullptr);
  EXPECT_TRUE(reply) << reply.error().message;
  return reply ? *std::move(reply) : Reply();
}

std::vector<text::Token> ids(const Reply& reply) {
  std::vector<text::Token> out;
  for (const auto& token : reply.tokens) out.push_back(token.token);
  return out;
}

class ConstrainedReply : public testing::Test {
 protected:
  const std::string path = test::write_tiny_model({.context = kContext});
  std::unique_ptr<LocalModel> model = load(path);
  static constexpr uint64_t kSeeds = HOB_SANITIZED ? 4 : 30;
};

TEST_F(ConstrainedReply, GarbageBecomesValid) {
  size_t garbage = 0;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    for (const double temperature : {0.0, 1.0, 5.0}) {
      auto wild = options(seed, temperature);
      wild.constraint.reset();
      wild.max_tokens = 60;
      garbage += !is_beast(ask(*model, wild).text);
      const Reply reply = ask(*model, options(seed, temperature));
      EXPECT_TRUE(reply.obeys);
      EXPECT_EQ(reply.finish, Finish::kEnd);
      EXPECT_TRUE(is_beast(reply.text)) << reply.text;
    }
  }
  EXPECT_EQ(garbage, 3 * kSeeds);
}

TEST_F(ConstrainedReply, ThreadsDraftsAndShortCutsChangeNothing) {
  const auto two_threads = load(path, 2);
  size_t forced = 0;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    const Reply want = ask(*model, options(seed));
    forced += want.usage.forced_tokens;
    EXPECT_EQ(ids(ask(*two_threads, options(seed))), ids(want));
    for (const int draft : {1, 4, 8}) {
      auto drafted = options(seed);
      drafted.sampler.draft = draft;
      EXPECT_EQ(ids(ask(*model, drafted)), ids(want)) << draft;
    }
    auto sampled = options(seed);  // with log-probabilities every token is sampled
    sampled.alternatives = 0;
    const Reply all = ask(*model, sampled);
    EXPECT_EQ(all.usage.forced_tokens, 0u);
    EXPECT_EQ(ids(all), ids(want));
    EXPECT_EQ(all.text, want.text);
    EXPECT_EQ(all.finish, want.finish);
  }
  EXPECT_GT(forced, 10 * kSeeds);
}

TEST_F(ConstrainedReply, EveryTokenLimitIsHonest) {
  const Reply whole = ask(*model, options(1));
  ASSERT_TRUE(whole.obeys);
  std::vector<size_t> limits = {whole.tokens.size()};
  const size_t step = HOB_SANITIZED ? 17 : 7;
  for (size_t limit = 0; limit < whole.tokens.size(); limit += step) limits.push_back(limit);
  for (const size_t limit : limits) {
    auto cut = options(1);
    cut.max_tokens = limit;
    const Reply reply = ask(*model, cut);
    EXPECT_EQ(reply.tokens.size(), limit);
    EXPECT_EQ(reply.obeys, limit == whole.tokens.size());
    EXPECT_EQ(reply.finish, reply.obeys ? Finish::kEnd : Finish::kLength) << limit;
    EXPECT_TRUE(std::equal(reply.tokens.begin(), reply.tokens.end(), whole.tokens.begin(),
                           [](const auto& a, const auto& b) { return a.token == b.token; }));
  }
}

TEST_F(ConstrainedReply, ASmallContextIsHonest) {
  const Reply whole = ask(*model, options(1));
  const size_t needed = whole.usage.prompt_tokens + whole.tokens.size();
  for (size_t room = needed - (HOB_SANITIZED ? 3 : 12); room <= needed; ++room) {
    const auto small = load(path, 1, room);
    const Reply reply = ask(*small, options(1));
    const bool fits = room + 1 >= needed;  // the last token needs no place
    EXPECT_EQ(reply.obeys, fits) << room << " of " << needed;
    EXPECT_EQ(reply.finish, fits ? Finish::kEnd : Finish::kContextFull);
  }
}

TEST_F(ConstrainedReply, StoppingLeavesAPiece) {
  auto stopping = options(1);
  stopping.stop = {"legs"};
  const Reply reply = ask(*model, stopping);
  EXPECT_EQ(reply.stop, "legs");
  EXPECT_FALSE(reply.obeys);
  const std::atomic<bool> cancel = true;
  auto cancelled = options(1);
  cancelled.cancel = &cancel;
  EXPECT_FALSE(ask(*model, cancelled).obeys);
}

TEST_F(ConstrainedReply, RegularExpressionsAndGrammars) {
  const std::regex date("[12][0-9]{3}-[01][0-9]-[0-3][0-9]");
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    auto dated = options(seed);
    dated.constraint = {ConstraintKind::kRegex, "--regex", "[12][0-9]{3}-[01][0-9]-[0-3][0-9]"};
    EXPECT_TRUE(std::regex_match(ask(*model, dated).text, date));
    auto sum = options(seed);
    sum.constraint = {ConstraintKind::kGrammar, "--grammar",
                      "root ::= [0-9]{1,3} (\" + \" [0-9]{1,3}){1,3} \" =\""};
    const std::regex sums("[0-9]{1,3}( \\+ [0-9]{1,3}){1,3} =");
    EXPECT_TRUE(std::regex_match(ask(*model, sum).text, sums));
  }
}

TEST_F(ConstrainedReply, ABiasAgainstTheOnlyTokenIsAnError) {
  auto biased = options(1);
  const auto brace = model->tokenizer().encode("{").at(0);
  biased.constraint = {ConstraintKind::kRegex, "--regex", "\\{"};
  biased.sampler.logit_bias[brace] = -INFINITY;
  const auto reply = model->reply(kAsk, biased, nullptr);
  ASSERT_FALSE(reply);
  EXPECT_THAT(reply.error().message, HasSubstr("no token to choose"));
}

TEST_F(ConstrainedReply, WhatCannotBeEnforcedIsRefusedBeforeAnythingRuns) {
  auto impossible = options(1);
  impossible.constraint->text = R"({"not":{}})";
  const auto reply = model->reply(kAsk, impossible, nullptr);
  ASSERT_FALSE(reply);
  EXPECT_THAT(reply.error().message, HasSubstr("--schema: cannot be enforced: 'not'"));
}

TEST(ConstrainedRealReply, IsValidAndTheSame) {
  const char* path = std::getenv("HOB_TEST_MODEL");
  if (!path || !*path) GTEST_SKIP() << "HOB_TEST_MODEL names no model";
  const auto model = load(path), two_threads = load(path, 2);
  for (uint64_t seed = 0; seed < (HOB_SANITIZED ? 1 : 4); ++seed) {
    const Reply want = ask(*model, options(seed, 0.8));
    EXPECT_TRUE(is_beast(want.text)) << want.text;
    EXPECT_TRUE(want.obeys);
    auto other = options(seed, 0.8);
    other.sampler.draft = 4;
    EXPECT_EQ(ids(ask(*two_threads, other)), ids(want));
    other.alternatives = 0;
    EXPECT_EQ(ids(ask(*two_threads, other)), ids(want));
  }
}

}  // namespace
}  // namespace hob::chat

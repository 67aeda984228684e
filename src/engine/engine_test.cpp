#include "engine/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

#include "tests/support/tiny_run.h"

namespace hob::engine {
namespace {

using test::some_tokens;
using testing::AllOf;
using testing::HasSubstr;

constexpr size_t kContext = 128;

std::shared_ptr<const models::Transformer> tiny() {
  static const auto model = test::load({.context = kContext});
  return model;
}

std::unique_ptr<Engine> engine_of(EngineOptions options = {},
                                  std::shared_ptr<const models::Transformer> model = tiny()) {
  if (options.threads == 0) options.threads = 1;
  auto engine = Engine::create(std::move(model), options);
  if (!engine) ADD_FAILURE() << engine.error().message;
  return *std::move(engine);
}

SamplerOptions greedy() { return {.temperature = 0}; }

struct Answer {
  std::vector<Token> tokens;
  Generated usage;
};

// Generates; fails the test where that is refused.
Answer answer(Engine& engine, Sequence& sequence, const Request& request) {
  Answer out;
  auto generated = engine.generate(sequence, request, [&](const Sampled& s) {
    out.tokens.push_back(s.token);
    return true;
  });
  if (!generated) ADD_FAILURE() << generated.error().message;
  out.usage = generated.value_or(Generated{});
  return out;
}

class Generate : public testing::Test {
 protected:
  std::unique_ptr<Engine> engine = engine_of();
  Sequence sequence = *engine->new_sequence();
  std::vector<Token> prompt = some_tokens(20, test::tiny_vocabulary());
};

TEST_F(Generate, StopsAfterMaxTokens) {
  for (const size_t most : {0, 1, 9}) {
    const Answer a =
        answer(*engine, sequence, {.prompt = prompt, .sampler = greedy(), .max_tokens = most});
    EXPECT_EQ(a.tokens.size(), most);
    EXPECT_EQ(a.usage.reply_tokens, most);
    EXPECT_EQ(a.usage.finish, Finish::kLength);
    EXPECT_EQ(a.usage.prompt_tokens, 20u);
    // The last token was not run: nobody asked what follows it.
    EXPECT_EQ(sequence.tokens().size(), 20 + (most > 0 ? most - 1 : 0));
  }
}

TEST_F(Generate, AnEndTokenEndsTheReplyAndIsNotPartOfIt) {
  const auto free =
      answer(*engine, sequence, {.prompt = prompt, .sampler = greedy(), .max_tokens = 10}).tokens;
  const Token end = free[6];
  const size_t first = static_cast<size_t>(std::find(free.begin(), free.end(), end) - free.begin());
  const Answer a =
      answer(*engine, sequence,
             {.prompt = prompt, .sampler = greedy(), .max_tokens = 10, .end_tokens = {-1, end}});
  EXPECT_EQ(a.usage.finish, Finish::kEnd);
  EXPECT_EQ(a.tokens, std::vector<Token>(free.begin(), free.begin() + long(first)));
  EXPECT_EQ(a.usage.reply_tokens, first);
}

TEST_F(Generate, TheListenerCanStopIt) {
  size_t seen = 0;
  const auto generated = engine->generate(sequence, {.prompt = prompt, .sampler = greedy()},
                                          [&](const Sampled&) { return ++seen < 3; });
  ASSERT_TRUE(generated);
  EXPECT_EQ(generated->finish, Finish::kStopped);
  EXPECT_EQ(generated->reply_tokens, 3u);
  EXPECT_EQ(seen, 3u);
}

TEST_F(Generate, FillsTheContextAndSaysSo) {
  const Answer a = answer(*engine, sequence, {.prompt = prompt, .sampler = greedy()});
  EXPECT_EQ(a.usage.finish, Finish::kContextFull);
  EXPECT_EQ(sequence.tokens().size(), kContext);
  EXPECT_EQ(a.tokens.size(),
            kContext - prompt.size() + 1);  // one more than fits: it needs no place
  const auto longest = some_tokens(kContext - 1, test::tiny_vocabulary());
  const Answer b = answer(*engine, sequence, {.prompt = longest, .sampler = greedy()});
  EXPECT_EQ(b.usage.finish, Finish::kContextFull);
  EXPECT_EQ(b.tokens.size(), 2u);
}

TEST_F(Generate, APromptThatDoesNotFitIsRefusedWithBothNumbers) {
  answer(*engine, sequence, {.prompt = prompt, .sampler = greedy(), .max_tokens = 1});
  for (const size_t length : {kContext, kContext + 500}) {
    const auto generated =
        engine->generate(sequence, {.prompt = some_tokens(length, test::tiny_vocabulary())},
                         [](const Sampled&) { return true; });
    ASSERT_FALSE(generated);
    EXPECT_EQ(generated.error().kind, ErrorKind::kTooLarge);
    EXPECT_THAT(generated.error().message, AllOf(HasSubstr(std::to_string(length) + " tokens"),
                                                 HasSubstr(std::to_string(kContext - 1))));
  }
  EXPECT_EQ(sequence.tokens().size(), 20u);  // untouched
}

TEST_F(Generate, WhatMakesNoSenseIsRefused) {
  const auto refused = [&](const Request& request, const char* why) {
    const auto generated = engine->generate(sequence, request, [](const Sampled&) { return true; });
    ASSERT_FALSE(generated) << why;
    EXPECT_THAT(generated.error().message, HasSubstr(why));
    EXPECT_EQ(generated.error().kind, ErrorKind::kInvalid);
  };
  refused({.prompt = {}}, "empty");
  for (const Token bad : {-1, int(test::tiny_vocabulary()), INT32_MAX, INT32_MIN}) {
    auto tokens = prompt;
    tokens.back() = bad;
    refused({.prompt = tokens}, fmt::format("token {} is outside", bad).c_str());
  }
  refused({.prompt = prompt, .sampler = {.temperature = -1, .top_p = 3}}, "temperature");
}

TEST_F(Generate, ACommonPrefixIsNotRunAgain) {
  const Answer first =
      answer(*engine, sequence, {.prompt = prompt, .sampler = greedy(), .max_tokens = 5});
  EXPECT_EQ(first.usage.cached_tokens, 0u);
  const Answer again =
      answer(*engine, sequence, {.prompt = prompt, .sampler = greedy(), .max_tokens = 5});
  EXPECT_EQ(again.usage.cached_tokens, 19u);  // the last one always runs
  EXPECT_EQ(again.tokens, first.tokens);
  auto next = prompt;  // the conversation goes on: prompt, reply (its last token never ran), more
  next.insert(next.end(), first.tokens.begin(), first.tokens.end());
  next.insert(next.end(), {1, 2, 3});
  const Answer longer =
      answer(*engine, sequence, {.prompt = next, .sampler = greedy(), .max_tokens = 5});
  EXPECT_EQ(longer.usage.cached_tokens, 24u);
  Sequence cold = *engine->new_sequence();
  EXPECT_EQ(answer(*engine, cold, {.prompt = next, .sampler = greedy(), .max_tokens = 5}).tokens,
            longer.tokens);
  auto other = prompt;
  other[7] = (other[7] + 1) % 200;
  EXPECT_EQ(answer(*engine, sequence, {.prompt = other, .sampler = greedy(), .max_tokens = 1})
                .usage.cached_tokens,
            7u);
}

TEST_F(Generate, GreedyTakesTheLargestLogit) {
  const auto tokens =
      answer(*engine, sequence, {.prompt = prompt, .sampler = greedy(), .max_tokens = 20}).tokens;
  Sequence other = *engine->new_sequence();
  std::vector<float> logits;
  std::vector<Token> next = prompt;
  for (const Token token : tokens) {
    const Slice slice{&other, next};
    ASSERT_TRUE(engine->run({&slice, 1}, logits));
    EXPECT_EQ(std::max_element(logits.begin(), logits.end()) - logits.begin(), token);
    next = {token};
  }
}

TEST_F(Generate, TheSeedDecides) {
  const auto reply = [&](uint64_t seed, int threads) {
    auto other = engine_of({.threads = threads});
    Sequence s = *other->new_sequence();
    return answer(
               *other, s,
               {.prompt = prompt, .sampler = {.temperature = 1.5, .seed = seed}, .max_tokens = 30})
        .tokens;
  };
  const auto first = reply(7, 1);
  EXPECT_EQ(reply(7, 1), first);
  EXPECT_EQ(reply(7, 3), first);
  EXPECT_NE(reply(8, 1), first);
}

TEST_F(Generate, AlternativesComeWithEachToken) {
  std::vector<Sampled> all;
  const Request request{.prompt = prompt, .sampler = greedy(), .max_tokens = 4, .alternatives = 3};
  ASSERT_TRUE(engine->generate(sequence, request,
                               [&](const Sampled& s) { return all.push_back(s), true; }));
  ASSERT_EQ(all.size(), 4u);
  for (const Sampled& s : all) {
    ASSERT_EQ(s.alternatives.size(), 3u);
    EXPECT_EQ(s.alternatives[0].token, s.token);
    EXPECT_EQ(s.alternatives[0].logprob, *s.logprob);
    EXPECT_LE(*s.logprob, 0);
  }
}

TEST_F(Generate, ACancelledRequestEndsBeforeItsFirstToken) {
  const std::atomic<bool> cancel{true};
  const Answer a =
      answer(*engine, sequence, {.prompt = prompt, .sampler = greedy(), .cancel = &cancel});
  EXPECT_EQ(a.usage.finish, Finish::kStopped);
  EXPECT_TRUE(a.tokens.empty());
  EXPECT_TRUE(sequence.tokens().empty());
  EXPECT_EQ(answer(*engine, sequence, {.prompt = prompt, .sampler = greedy(), .max_tokens = 2})
                .tokens.size(),
            2u);
}

TEST_F(Generate, CancellationFromAnotherThreadTakesEffectWithinAToken) {
  std::atomic<bool> cancel{false}, go{false};
  std::thread canceller([&] {
    while (!go) std::this_thread::yield();
    cancel = true;
  });
  size_t seen = 0;
  const auto generated = engine->generate(
      sequence, {.prompt = prompt, .sampler = greedy(), .cancel = &cancel}, [&](const Sampled&) {
        if (++seen == 5) {
          go = true;
          while (!cancel) std::this_thread::yield();
        }
        return true;
      });
  canceller.join();
  ASSERT_TRUE(generated);
  EXPECT_EQ(generated->finish, Finish::kStopped);
  EXPECT_EQ(seen, 5u);
}

TEST_F(Generate, CancellationIsLookedAtBetweenPromptChunks) {
  auto chunked = engine_of({.chunk = 4});
  Sequence s = *chunked->new_sequence();
  std::atomic<bool> cancel{false};
  std::thread canceller([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    cancel = true;
  });
  // Whenever it comes, what ran is whole chunks of the prompt, or the prompt and some of the reply.
  const Answer a = answer(*chunked, s, {.prompt = prompt, .sampler = greedy(), .cancel = &cancel});
  canceller.join();
  const size_t ran = s.tokens().size();
  EXPECT_TRUE(ran % 4 == 0 || ran >= prompt.size()) << ran;
  EXPECT_TRUE(a.usage.finish == Finish::kStopped || a.usage.finish == Finish::kContextFull);
}

// NaN weights: no logit is a number, and the sampler says so, whether the head multiplies floats or
// activations rounded to int8.
TEST(GenerateNothing, LogitsThatAreNoNumbersAreAnError) {
  for (const quant::Format format : {quant::Format::kF32, quant::Format::kQ8_0}) {
    const auto with_nan = [](gguf::Writer& w) {
      const std::vector<float> bad(64, NAN);
      w.add_tensor("output_norm.weight", quant::Format::kF32, {64}, std::span<const float>(bad));
    };
    auto engine = engine_of(
        {}, test::load({.format = format, .without = {"output_norm.weight"}, .also = with_nan}));
    Sequence s = *engine->new_sequence();
    const std::vector<Token> prompt = {1, 2, 3};
    for (const double temperature : {0.0, 1.0}) {
      const auto generated =
          engine->generate(s, {.prompt = prompt, .sampler = {.temperature = temperature}},
                           [](const Sampled&) { return true; });
      ASSERT_FALSE(generated) << quant::traits(format).name;
      EXPECT_THAT(generated.error().message, testing::Not(HasSubstr("\n")));
    }
  }
}

class Run : public testing::Test {
 protected:
  std::unique_ptr<Engine> engine = engine_of({.chunk = 16});
  std::vector<float> logits;
  size_t V = test::tiny_vocabulary();

  std::vector<float> run(const std::vector<Slice>& slices) {
    const auto ran = engine->run(slices, logits);
    if (!ran) ADD_FAILURE() << ran.error().message;
    return logits;
  }
};

TEST_F(Run, GivesTheRowsThatWereAskedFor) {
  const auto tokens = some_tokens(40, V);
  Sequence a = *engine->new_sequence(), b = *engine->new_sequence(), c = *engine->new_sequence();
  const auto all = run({{&a, tokens, Logits::kAll}});
  ASSERT_EQ(all.size(), 40 * V);
  EXPECT_TRUE(run({{&b, tokens, Logits::kNone}}).empty());
  const auto last = run({{&c, tokens, Logits::kLast}});
  EXPECT_EQ(last, std::vector<float>(all.end() - long(V), all.end()));
  EXPECT_TRUE(std::equal(a.tokens().begin(), a.tokens().end(), tokens.begin(), tokens.end()));
}

TEST_F(Run, LogitsComeInTheOrderOfSlices) {
  const auto x = some_tokens(30, V, 1), y = some_tokens(25, V, 2), z = some_tokens(3, V, 3);
  const auto alone = [&](const std::vector<Token>& tokens, Logits wanted) {
    Sequence s = *engine->new_sequence();
    return run({{&s, tokens, wanted}});
  };
  auto want = alone(x, Logits::kLast);
  const auto second = alone(z, Logits::kAll);
  want.insert(want.end(), second.begin(), second.end());
  Sequence a = *engine->new_sequence(), b = *engine->new_sequence(), c = *engine->new_sequence(),
           d = *engine->new_sequence();
  EXPECT_EQ(run({{&a, x, Logits::kLast},
                 {&b, y, Logits::kNone},
                 {&c, {}, Logits::kLast},
                 {&d, z, Logits::kAll}}),
            want);
  EXPECT_TRUE(c.tokens().empty());
}

TEST_F(Run, AnErrorChangesNothing) {
  Sequence a = *engine->new_sequence(), b = *engine->new_sequence();
  const auto start = some_tokens(10, V), more = some_tokens(5, V, 2);
  run({{&a, start}});
  const auto before = logits;
  auto bad = more;
  bad[3] = static_cast<Token>(V);
  const Slice wrong_token[] = {{&a, more}, {&b, bad}};
  const auto outside = engine->run(wrong_token, logits);
  ASSERT_FALSE(outside);
  EXPECT_THAT(outside.error().message,
              AllOf(HasSubstr(std::to_string(V)), HasSubstr("vocabulary")));
  const auto long_one = some_tokens(kContext - 9, V);
  const Slice too_long[] = {{&b, more}, {&a, long_one}};
  const auto full = engine->run(too_long, logits);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().kind, ErrorKind::kTooLarge);
  EXPECT_THAT(full.error().message,
              AllOf(HasSubstr(std::to_string(kContext + 1)), HasSubstr(std::to_string(kContext))));
  EXPECT_EQ(logits, before);
  EXPECT_EQ(a.tokens().size(), 10u);
  EXPECT_TRUE(b.tokens().empty());
}

TEST_F(Run, ATruncatedSequenceGoesOnAsIfItHadNeverBeenLonger) {
  const auto tokens = some_tokens(60, V), other = some_tokens(20, V, 2);
  Sequence a = *engine->new_sequence(), b = *engine->new_sequence();
  run({{&a, tokens}});
  a.truncate(100);  // longer than it is: nothing
  EXPECT_EQ(a.tokens().size(), 60u);
  a.truncate(33);
  EXPECT_EQ(a.tokens().size(), 33u);
  const auto got = run({{&a, other}});
  run({{&b, std::span(tokens).first(33), Logits::kNone}});
  EXPECT_EQ(run({{&b, other}}), got);
  a.truncate(0);
  EXPECT_EQ(run({{&a, std::span(tokens).first(1)}}).size(), V);
}

TEST_F(Run, ASequenceMoves) {
  const auto tokens = some_tokens(20, V);
  Sequence a = *engine->new_sequence();
  run({{&a, std::span(tokens).first(10)}});
  Sequence b = std::move(a);
  Sequence whole = *engine->new_sequence();
  const auto want = run({{&whole, tokens}});
  EXPECT_EQ(run({{&b, std::span(tokens).last(10)}}), want);
}

TEST_F(Run, NothingToDoIsFine) {
  EXPECT_TRUE(run({}).empty());
  Sequence a = *engine->new_sequence();
  EXPECT_TRUE(run({{&a, {}, Logits::kAll}}).empty());
}

TEST(RunDeath, OneSequenceTwice) {
  auto engine = engine_of();
  Sequence a = *engine->new_sequence();
  const std::vector<Token> tokens = {1, 2};
  const Slice twice[] = {{&a, tokens}, {&a, tokens}};
  std::vector<float> logits;
  EXPECT_DEATH((void)engine->run(twice, logits), "one sequence in two slices");
}

TEST(Create, OptionsAreChecked) {
  const auto refused = [](const EngineOptions& options, const char* why) {
    const auto engine = Engine::create(tiny(), options);
    ASSERT_FALSE(engine) << why;
    EXPECT_THAT(engine.error().message, HasSubstr(why));
  };
  refused({.threads = -1}, "threads = -1");
  refused({.threads = 5000}, "threads = 5000");
  refused({.context = kContext + 1}, "context = 129");
  refused({.chunk = 0}, "chunk");
  refused({.isa = "pentium"}, "pentium");
  EXPECT_EQ(engine_of({.context = 7})->context(), 7u);
  EXPECT_EQ(engine_of({})->context(), kContext);
  EXPECT_EQ(engine_of({.isa = "ref"})->isa(), std::string("ref"));
  EXPECT_EQ(engine_of({.threads = 3})->threads(), 3);
}

// A file may claim any context; what is reserved follows what is used of it.
TEST(Create, ALongContextIsCappedUntilAskedFor) {
  const auto model = test::load({.also = [](gguf::Writer& w) {
    w.set("llama.context_length", gguf::Value(uint64_t{1} << 32));
  }});
  auto engine = engine_of({}, model);
  EXPECT_EQ(engine->context(), kDefaultContext);
  EXPECT_TRUE(engine->new_sequence());
  auto huge = Engine::create(model, {.threads = 1, .context = size_t{1} << 32});
  ASSERT_TRUE(huge);
  const auto sequence = (*huge)->new_sequence();  // 2^32 positions of 256 bytes: the system may
                                                  // refuse, hob does not crash
  EXPECT_TRUE(sequence || sequence.error().kind == ErrorKind::kTooLarge);
}

TEST(KvCache, WhatMemoryCannotHoldIsRefused) {
  for (const size_t positions : {(size_t{1} << 32) + 1, size_t{1} << 60, SIZE_MAX - 100}) {
    const auto cache = KvCache::allocate(*tiny(), KvFormat::kF32, positions);
    ASSERT_FALSE(cache);
    EXPECT_EQ(cache.error().kind, ErrorKind::kTooLarge);
    EXPECT_THAT(cache.error().message, HasSubstr(std::to_string(positions)));
  }
  const auto cache = KvCache::allocate(*tiny(), KvFormat::kQ8_0, 33);
  ASSERT_TRUE(cache);
  EXPECT_EQ(cache->positions(), 48u);  // whole tiles
}

// Engines share nothing that is written to.
TEST(Engines, RunSideBySide) {
  const auto prompt = some_tokens(20, test::tiny_vocabulary());
  const auto work = [&](int threads) {
    auto engine = engine_of({.threads = threads, .chunk = 8});
    std::vector<std::vector<Token>> replies;
    for (int i = 0; i < 5; ++i) {
      Sequence s = *engine->new_sequence();
      replies.push_back(answer(*engine, s,
                               {.prompt = prompt,
                                .sampler = {.temperature = 1, .seed = uint64_t(i)},
                                .max_tokens = 20})
                            .tokens);
    }
    return replies;
  };
  const auto want = work(1);
  std::vector<std::vector<Token>> got[2];
  std::thread first([&] { got[0] = work(1); }), second([&] { got[1] = work(2); });
  first.join();
  second.join();
  EXPECT_EQ(got[0], want);
  EXPECT_EQ(got[1], want);
}

}  // namespace
}  // namespace hob::engine

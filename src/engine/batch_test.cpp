// Each reply of a batch is the one that generate() gives alone, whoever shares its steps.
#include "engine/batch.h"

#include <gtest/gtest.h>

#include <atomic>

#include "tests/support/tiny_run.h"

namespace hob::engine {
namespace {

using test::some_tokens;

constexpr size_t kContext = 128;

struct Ended {
  std::vector<Token> tokens;
  std::optional<Result<Generated>> result;
};

class BatchTest : public testing::Test {
 protected:
  BatchTest() {
    const auto model = test::load({.context = kContext});
    engine_ = *Engine::create(model, {.threads = 2});
  }

  Request request(uint64_t seed, size_t tokens) const {
    Request request;
    request.sampler.seed = seed;
    request.max_tokens = tokens;
    return request;
  }

  // Prompts of many lengths, some of them beginning alike.
  std::vector<std::vector<Token>> prompts(size_t count) const {
    std::vector<std::vector<Token>> prompts;
    for (size_t i = 0; i < count; ++i) {
      auto prompt = some_tokens(10, test::tiny_vocabulary(), i % 3);
      const auto rest = some_tokens(1 + (i * 7) % 40, test::tiny_vocabulary(), 100 + i);
      prompt.insert(prompt.end(), rest.begin(), rest.end());
      prompts.push_back(std::move(prompt));
    }
    return prompts;
  }

  std::vector<Ended> run(const std::vector<std::vector<Token>>& prompts, size_t width,
                         const std::function<Request(size_t)>& request_of,
                         const std::function<bool(size_t, size_t)>& goes_on = {}) {
    std::vector<Ended> ended(prompts.size());
    size_t next = 0;
    const auto give = [&]() -> std::optional<Job> {
      if (next == prompts.size()) return std::nullopt;
      const size_t i = next++;
      return Job{prompts[i], request_of(i),
                 [&ended, &goes_on, i](const Sampled& s) {
                   ended[i].tokens.push_back(s.token);
                   return !goes_on || goes_on(i, ended[i].tokens.size());
                 },
                 [&ended, i](Result<Generated> result) {
                   EXPECT_FALSE(ended[i].result.has_value()) << "done twice";
                   ended[i].result = std::move(result);
                 }};
    };
    const auto ran = run_jobs(*engine_, width, give);
    EXPECT_TRUE(ran.has_value());
    return ended;
  }

  std::unique_ptr<Engine> engine_;
};

TEST_F(BatchTest, RepliesAreThoseOfOneByOne) {
  const auto all = prompts(12);
  const auto request_of = [&](size_t i) {
    auto r = request(i, 3 + i % 9);
    if (i % 4 == 1) r.sampler.temperature = 0;
    if (i % 4 == 2) r.sampler.repetition_penalty = 1.3;
    r.end_tokens = {static_cast<Token>(i % 5)};
    return r;
  };
  std::vector<Ended> alone;
  for (size_t i = 0; i < all.size(); ++i) {
    auto sequence = *engine_->new_sequence();
    auto r = request_of(i);
    r.prompt = all[i];
    Ended one;
    one.result = engine_->generate(sequence, r, [&](const Sampled& s) {
      one.tokens.push_back(s.token);
      return true;
    });
    alone.push_back(std::move(one));
  }
  for (const size_t width : {1u, 2u, 5u, 40u}) {
    const auto together = run(all, width, request_of);
    for (size_t i = 0; i < all.size(); ++i) {
      ASSERT_TRUE(together[i].result && together[i].result->has_value()) << i;
      EXPECT_EQ(together[i].tokens, alone[i].tokens) << "width " << width << ", job " << i;
      EXPECT_EQ((*together[i].result)->finish, (*alone[i].result)->finish);
      EXPECT_EQ((*together[i].result)->reply_tokens, (*alone[i].result)->reply_tokens);
      EXPECT_EQ((*together[i].result)->prompt_tokens, all[i].size());
    }
  }
}

TEST_F(BatchTest, AFullContextEndsAsItDoesAlone) {
  const auto all = prompts(3);
  const auto ended = run(all, 3, [&](size_t i) { return request(i, SIZE_MAX); });
  for (size_t i = 0; i < all.size(); ++i) {
    auto sequence = *engine_->new_sequence();
    auto r = request(i, SIZE_MAX);
    r.prompt = all[i];
    std::vector<Token> tokens;
    const auto alone = engine_->generate(sequence, r, [&](const Sampled& s) {
      tokens.push_back(s.token);
      return true;
    });
    EXPECT_EQ(ended[i].tokens, tokens);
    EXPECT_EQ((*ended[i].result)->finish, alone->finish);
  }
}

TEST_F(BatchTest, ABadJobIsItsOwnError) {
  auto all = prompts(4);
  all[1] = some_tokens(kContext + 5, test::tiny_vocabulary());
  all[2].clear();
  const auto ended = run(all, 2, [&](size_t i) {
    auto r = request(i, 4);
    if (i == 3) r.sampler.top_p = 7;
    return r;
  });
  EXPECT_TRUE(ended[0].result->has_value());
  EXPECT_EQ(ended[1].result->error().kind, ErrorKind::kTooLarge);
  EXPECT_FALSE(ended[2].result->has_value());
  EXPECT_FALSE(ended[3].result->has_value());
}

TEST_F(BatchTest, OneThatIsStoppedStopsAlone) {
  const auto all = prompts(3);
  std::atomic<bool> cancel{true};
  const auto ended = run(
      all, 3,
      [&](size_t i) {
        auto r = request(i, 8);
        if (i == 2) r.cancel = &cancel;
        return r;
      },
      [](size_t i, size_t tokens) { return i != 1 || tokens < 2; });
  EXPECT_EQ(ended[0].tokens.size(), 8u);
  EXPECT_EQ(ended[1].tokens.size(), 2u);
  EXPECT_EQ((*ended[1].result)->finish, Finish::kStopped);
  EXPECT_TRUE(ended[2].tokens.empty());
  EXPECT_EQ((*ended[2].result)->finish, Finish::kStopped);
}

TEST_F(BatchTest, APromptThatBeginsAlikeIsNotRunAgain) {
  const auto first = some_tokens(20, test::tiny_vocabulary(), 1);
  auto second = first;
  second.back() = (second.back() + 1) % static_cast<Token>(test::tiny_vocabulary());
  const auto ended = run({first, second}, 1, [&](size_t i) { return request(i, 1); });
  EXPECT_EQ((*ended[0].result)->cached_tokens, 0u);
  EXPECT_EQ((*ended[1].result)->cached_tokens, 19u);
}

TEST_F(BatchTest, NoJobsAreNoWork) { EXPECT_TRUE(run({}, 4, {}).empty()); }

}  // namespace
}  // namespace hob::engine

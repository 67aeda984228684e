// Drafts change when a token comes, never which: replies with and without `draft` are compared
// token by token and bit by bit, under samplers, seeds, endings and clocks of every kind.
#include <gtest/gtest.h>

#include <bit>
#include <cstring>

#include "base/rng.h"
#include "engine/engine.h"
#include "tests/support/tiny_run.h"

namespace hob::engine {
namespace {

using test::some_tokens;

constexpr size_t kContext = 160;
constexpr int kDrafts[] = {1, 2, 3, 4, 8};

// Everything that a caller can see of a reply, floats as their bits.
struct Seen {
  std::vector<uint32_t> trace;  // per token: itself, its logprob, the alternatives, the history
  std::vector<Token> tokens;    // the reply's
  std::vector<Token> sequence;  // after the reply
  Generated usage;
  std::string error;

  bool operator==(const Seen& other) const {
    return trace == other.trace && sequence == other.sequence && error == other.error &&
           usage.finish == other.usage.finish && usage.reply_tokens == other.usage.reply_tokens &&
           usage.cached_tokens == other.usage.cached_tokens;
  }
};
void PrintTo(const Seen& seen, std::ostream* out) {
  *out << seen.usage.reply_tokens << " tokens, finish " << static_cast<int>(seen.usage.finish)
       << ", " << seen.sequence.size() << " in the sequence, " << seen.error << ": "
       << testing::PrintToString(seen.tokens);
}

// Never moves: drafts look free and run wherever something matches.
double standing() { return 0; }
// Moves at random, backwards as well.
std::function<double()> erratic() {
  auto calls = std::make_shared<uint64_t>(0);
  return [calls] { return random_unit(9, RandomStream::kTest, (*calls)++); };
}

class DraftedReply : public testing::Test {
 protected:
  using Listener = std::function<bool(const Sampled&)>;

  Seen reply(Sequence& sequence, Request request, int draft,
             std::function<double()> clock = standing, const Listener& listener = nullptr) {
    request.sampler.draft = draft;
    request.clock = std::move(clock);
    Seen seen;
    const auto number = [&](auto value) { seen.trace.push_back(static_cast<uint32_t>(value)); };
    const auto generated = engine->generate(sequence, request, [&](const Sampled& s) {
      number(s.token);
      seen.tokens.push_back(s.token);
      if (s.logprob) number(std::bit_cast<uint32_t>(*s.logprob));
      for (const Candidate& c : s.alternatives) {
        number(c.token);
        number(std::bit_cast<uint32_t>(c.logprob));
      }
      number(sequence.tokens().size());
      return !listener || listener(s);
    });
    if (generated) {
      seen.usage = *generated;
    } else {
      seen.error = generated.error().message;
    }
    seen.sequence.assign(sequence.tokens().begin(), sequence.tokens().end());
    drafted += seen.usage.drafted_tokens;
    accepted += seen.usage.accepted_tokens;
    EXPECT_LE(seen.usage.accepted_tokens, seen.usage.drafted_tokens);
    EXPECT_LE(seen.usage.accepted_tokens, seen.usage.reply_tokens);
    return seen;
  }

  Seen fresh_reply(const Request& request, int draft, std::function<double()> clock = standing,
                   const Listener& listener = nullptr) {
    Sequence sequence = *engine->new_sequence();
    return reply(sequence, request, draft, std::move(clock), listener);
  }

  void expect_same(const Request& request) {
    const Seen want = fresh_reply(request, 0);
    EXPECT_EQ(want.usage.drafted_tokens, 0u);
    for (const int draft : kDrafts) EXPECT_EQ(fresh_reply(request, draft), want) << draft;
  }

  // A text that says everything twice, and then begins again.
  static std::vector<Token> repetitive(size_t period, size_t length) {
    auto once = some_tokens(period, test::tiny_vocabulary(), period);
    std::vector<Token> text;
    while (text.size() < length) text.push_back(once[text.size() % period]);
    return text;
  }

  std::shared_ptr<const models::Transformer> model =
      test::load({.context = kContext, .format = quant::Format::kQ4_0});
  std::unique_ptr<Engine> engine = *Engine::create(model, {.threads = 1});
  size_t drafted = 0, accepted = 0;
};

struct Chain {
  const char* name;
  SamplerOptions options;
};
std::vector<Chain> chains() {
  return {
      {"greedy", {.temperature = 0}},
      {"usual", {}},
      {"cool", {.temperature = 0.05}},
      {"hot", {.temperature = 0.6, .top_k = 0, .top_p = 1, .min_p = 0}},
      {"penalties",
       {.temperature = 0,
        .repetition_penalty = 1.3,
        .frequency_penalty = 0.2,
        .presence_penalty = 0.1,
        .penalty_last_n = 12}},
      {"dry", {.temperature = 0, .dry_multiplier = 0.8, .dry_breakers = {{5}}}},
      {"xtc", {.temperature = 0.3, .xtc_probability = 0.5, .xtc_threshold = 0.05}},
      {"typical", {.temperature = 0.2, .typical_p = 0.5}},
      {"mirostat", {.temperature = 0.2, .mirostat = 2, .mirostat_tau = 1}},
      {"bias", {.temperature = 0.1, .logit_bias = {{7, 3.0}, {8, 3.0}, {9, -INFINITY}}}},
  };
}

TEST_F(DraftedReply, IsTheSameUnderEverySampler) {
  const std::vector<std::vector<Token>> prompts = {repetitive(5, 33),
                                                   repetitive(1, 20),
                                                   repetitive(17, 60),
                                                   {3},
                                                   some_tokens(40, test::tiny_vocabulary())};
  for (Chain& chain : chains()) {
    SCOPED_TRACE(chain.name);
    accepted = drafted = 0;
    for (const auto& prompt : prompts) {
      for (const uint64_t seed : {1, 2, 3}) {
        chain.options.seed = seed;
        expect_same(
            {.prompt = prompt, .sampler = chain.options, .max_tokens = 40, .alternatives = 2});
      }
    }
    EXPECT_GT(drafted, accepted) << "no draft was ever wrong: nothing was tested";
    EXPECT_GT(accepted, 0u) << "none ever came true";
  }
}

TEST_F(DraftedReply, IsTheSameByAnyClock) {
  const auto prompt = repetitive(6, 40);
  for (const Chain& chain : chains()) {
    const Request request{.prompt = prompt, .sampler = chain.options, .alternatives = 0};
    const Seen want = fresh_reply(request, 0);
    EXPECT_EQ(fresh_reply(request, 4, nullptr), want) << chain.name;  // the real one
    for (int i = 0; i < 5; ++i) EXPECT_EQ(fresh_reply(request, 4, erratic()), want) << chain.name;
  }
}

// The tokens that a greedy reply comes to repeat, so that drafts of it come true.
TEST_F(DraftedReply, EndsAtTheSameEndToken) {
  const auto prompt = repetitive(4, 30);
  const Request free{.prompt = prompt, .sampler = {.temperature = 0}, .max_tokens = 40};
  const auto tokens = fresh_reply(free, 0).tokens;
  for (const Token end : tokens) {
    Request request = free;
    request.end_tokens = {end};
    expect_same(request);
  }
  // Drawn, ends come anywhere in a draft.
  for (uint64_t seed = 0; seed < 20; ++seed) {
    expect_same({.prompt = prompt,
                 .sampler = {.temperature = 0.7, .seed = seed},
                 .end_tokens = {tokens[5], tokens[20], 1, 2, 3}});
  }
  EXPECT_GT(accepted, 0u);
}

TEST_F(DraftedReply, TakesNoMoreThanMaxTokens) {
  const auto prompt = repetitive(3, 30);
  for (size_t most = 0; most <= 14; ++most) {
    expect_same({.prompt = prompt, .sampler = {.temperature = 0}, .max_tokens = most});
  }
  EXPECT_GT(accepted, 0u);
}

TEST_F(DraftedReply, FillsTheContextExactly) {
  for (size_t length = kContext - 14; length < kContext; ++length) {
    const auto prompt = repetitive(3, length);
    expect_same({.prompt = prompt, .sampler = {.temperature = 0}});
  }
  EXPECT_GT(accepted, 0u);
}

TEST_F(DraftedReply, StopsWhereTheListenerStopsIt) {
  const auto prompt = repetitive(3, 30);
  const Request request{.prompt = prompt, .sampler = {.temperature = 0}};
  for (size_t stop = 1; stop <= 14; ++stop) {
    const auto stopping = [&](int draft) {
      size_t seen = 0;
      return fresh_reply(request, draft, standing, [&](const Sampled&) { return ++seen < stop; });
    };
    const Seen want = stopping(0);
    EXPECT_EQ(want.usage.reply_tokens, stop);
    for (const int draft : kDrafts) EXPECT_EQ(stopping(draft), want) << draft;
  }
  EXPECT_GT(accepted, 0u);
}

TEST_F(DraftedReply, IsCancelledAtTheSameToken) {
  const auto prompt = repetitive(3, 30);
  for (size_t stop = 1; stop <= 14; ++stop) {
    const auto cancelled = [&](int draft) {
      std::atomic<bool> cancel{false};
      size_t seen = 0;
      const Request request{.prompt = prompt, .sampler = {.temperature = 0}, .cancel = &cancel};
      return fresh_reply(request, draft, standing, [&](const Sampled&) {
        if (++seen == stop) cancel = true;
        return true;
      });
    };
    const Seen want = cancelled(0);
    EXPECT_EQ(want.usage.finish, Finish::kStopped);
    EXPECT_EQ(want.usage.reply_tokens, stop);
    for (const int draft : kDrafts) EXPECT_EQ(cancelled(draft), want) << draft;
  }
}

// A conversation: what drafts left in the cache behind the sequence's end does no harm to later
// turns.
TEST_F(DraftedReply, LeavesASequenceThatGoesOn) {
  const auto conversation = [&](int draft) {
    Sequence sequence = *engine->new_sequence();
    std::vector<Seen> turns;
    std::vector<Token> text = repetitive(4, 20);
    for (size_t turn = 0; turn < 5; ++turn) {
      turns.push_back(reply(sequence,
                            {.prompt = text,
                             .sampler = {.temperature = 0.4, .seed = turn},
                             .max_tokens = 3 + 5 * turn,
                             .alternatives = 0},
                            draft));
      text.insert(text.end(), turns.back().tokens.begin(), turns.back().tokens.end());
      for (const Token token : some_tokens(3, test::tiny_vocabulary(), turn)) text.push_back(token);
    }
    return turns;
  };
  const auto want = conversation(0);
  for (const int draft : kDrafts) EXPECT_EQ(conversation(draft), want) << draft;
  EXPECT_GT(accepted, 0u);
}

TEST_F(DraftedReply, IsTheSameInEveryCacheFormatChunkAndThreadCount) {
  const auto prompt = repetitive(7, 50);
  for (const KvFormat kv : {KvFormat::kF32, KvFormat::kF16, KvFormat::kBF16, KvFormat::kQ8_0}) {
    Seen want;
    for (const size_t chunk : {512, 1, 3}) {
      for (const int threads : {1, 3}) {
        engine = *Engine::create(model, {.threads = threads, .chunk = chunk, .kv = kv});
        const Request request{.prompt = prompt, .sampler = {.temperature = 0.1}, .alternatives = 3};
        if (want.tokens.empty()) want = fresh_reply(request, 0);
        for (const int draft : {2, 4}) EXPECT_EQ(fresh_reply(request, draft), want);
      }
    }
  }
  EXPECT_GT(accepted, 0u);
}

TEST_F(DraftedReply, FailsAsItWouldWithout) {
  const auto prompt = repetitive(4, 30);
  SamplerOptions nothing_left{.temperature = 0};
  for (size_t t = 0; t < model->spec.vocabulary; ++t)
    nothing_left.logit_bias[static_cast<Token>(t)] = -INFINITY;
  expect_same({.prompt = prompt, .sampler = nothing_left});
  for (const int draft : {-1, int{kMostDrafts} + 1}) {
    const Seen seen = fresh_reply({.prompt = prompt}, draft);
    EXPECT_EQ(seen.error, fmt::format("option draft is {}, must be 0 to {}", draft, kMostDrafts));
  }
}

}  // namespace
}  // namespace hob::engine

// Each sampler on a distribution that can be checked by hand, the draw by chi-square tests with
// fixed seeds, and the promises of sampler.h: the same draw for the same (seed, position), bad
// logits, ties, options by name.
#include "engine/sampler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <set>

#include "base/rng.h"
#include "engine/sampler_steps.h"

namespace hob::engine {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
const float kNaN = std::numeric_limits<float>::quiet_NaN();

std::vector<float> logits_of(const std::vector<double>& probabilities) {
  std::vector<float> logits;
  for (const double p : probabilities) logits.push_back(static_cast<float>(std::log(p)));
  return logits;
}

// Everything off: a plain draw from the model's distribution.
SamplerOptions plain() {
  return {.temperature = 1, .top_k = 0, .top_p = 1, .min_p = 0, .typical_p = 1};
}

std::vector<float> random_logits(size_t size, double spread, uint64_t seed = 1) {
  std::vector<float> logits(size);
  for (size_t i = 0; i < size; ++i) {
    double sum = -6;  // of twelve uniforms: close to normal
    for (uint32_t j = 0; j < 12; ++j) sum += random_unit(seed, RandomStream::kTest, i, j);
    logits[i] = static_cast<float>(sum * spread);
  }
  return logits;
}

Candidates candidates_of(const std::vector<double>& probabilities) {
  Candidates candidates;
  take_all(candidates, logits_of(probabilities));
  return candidates;
}

SamplerState state_of(const std::vector<double>& probabilities) {
  SamplerState state;
  state.candidates = candidates_of(probabilities);
  return state;
}

// --- narrowing steps -----------------------------------------------------------------------------

TEST(TopK, KeepsTheHighestInTheOrderOfIds) {
  Candidates candidates;
  take_top_k(candidates, std::vector<float>{1, 5, 3, 4, 2}, 3);
  EXPECT_THAT(candidates.tokens, ElementsAre(1, 2, 3));
  EXPECT_THAT(candidates.scores, ElementsAre(5, 3, 4));
}

TEST(TopK, TiesGoToTheLowerId) {
  Candidates candidates;
  take_top_k(candidates, std::vector<float>{1, 2, 1, 2, 1}, 3);
  EXPECT_THAT(candidates.tokens, ElementsAre(0, 1, 3));
}

TEST(TopK, AgreesWithSortingForEverySizeAndOrder) {
  for (const size_t size : {1, 15, 16, 17, 1000, 10000}) {
    for (int order = 0; order < 3; ++order) {
      auto logits = random_logits(size, 2);
      for (float& x : logits) x = std::round(x * 4) / 4;  // many ties
      if (order == 1) std::sort(logits.begin(), logits.end());
      if (order == 2) std::sort(logits.rbegin(), logits.rend());
      std::vector<Token> ids(size);
      std::iota(ids.begin(), ids.end(), 0);
      std::stable_sort(ids.begin(), ids.end(),
                       [&](Token a, Token b) { return logits[a] > logits[b]; });
      for (const size_t k : {size_t{1}, size_t{40}, size / 2, size}) {
        if (k == 0) continue;
        const size_t kept = std::min(k, size);
        std::set<Token> expected(ids.begin(), ids.begin() + static_cast<ptrdiff_t>(kept));
        Candidates candidates;
        take_top_k(candidates, logits, k);
        EXPECT_TRUE(std::equal(expected.begin(), expected.end(), candidates.tokens.begin(),
                               candidates.tokens.end()))
            << size << " order " << order << " k " << k;
      }
    }
  }
}

TEST(TopP, KeepsTheFewestThatReachTheShare) {
  const std::vector<double> probabilities = {0.1, 0.4, 0.2, 0.3};
  const auto kept = [&](double p) {
    auto state = state_of(probabilities);
    keep_top_p(state, p);
    return state.candidates.tokens;
  };
  EXPECT_THAT(kept(0.0), ElementsAre(1));
  EXPECT_THAT(kept(0.39), ElementsAre(1));
  EXPECT_THAT(kept(0.41), ElementsAre(1, 3));
  EXPECT_THAT(kept(0.69), ElementsAre(1, 3));
  EXPECT_THAT(kept(0.71), ElementsAre(1, 2, 3));
  EXPECT_THAT(kept(0.95), ElementsAre(0, 1, 2, 3));
}

TEST(TopP, TiesGoToTheLowerId) {
  auto state = state_of({0.25, 0.25, 0.25, 0.25});
  keep_top_p(state, 0.5);
  EXPECT_THAT(state.candidates.tokens, ElementsAre(0, 1));
}

// `key` ascending, then the id; the fewest whose masses reach `needed`.
std::vector<Token> kept_by_sorting(const Candidates& weighed, const std::vector<float>& key,
                                   Mass needed) {
  std::vector<size_t> order(weighed.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return key[a] < key[b]; });
  std::vector<Token> kept;
  Mass sum = 0;
  for (const size_t i : order) {
    kept.push_back(weighed.tokens[i]);
    sum += weighed.masses[i];
    if (sum >= needed) break;
  }
  std::sort(kept.begin(), kept.end());
  return kept;
}

TEST(TopP, AgreesWithSortingOnLargeVocabularies) {
  for (const double spread : {0.0, 0.01, 1.0, 3.0, 10.0}) {
    for (const double p : {0.01, 0.5, 0.95, 0.9999}) {
      SamplerState state;
      take_all(state.candidates, random_logits(20000, spread));
      const Mass total = weigh(state.candidates);
      std::vector<float> key;
      for (const float score : state.candidates.scores) key.push_back(-score);
      const auto needed = static_cast<Mass>(std::ceil(static_cast<double>(total) * p));
      const auto expected = kept_by_sorting(state.candidates, key, needed);
      keep_top_p(state, p);
      EXPECT_EQ(state.candidates.tokens, expected) << "spread " << spread << " p " << p;
    }
  }
}

TEST(MinP, KeepsWhatIsNearTheBest) {
  auto candidates = candidates_of({0.05, 0.6, 0.21, 0.14});
  keep_min_p(candidates, 0.3);  // at least 0.18
  EXPECT_THAT(candidates.tokens, ElementsAre(1, 2));
  keep_min_p(candidates, 1);
  EXPECT_THAT(candidates.tokens, ElementsAre(1));
}

TEST(Typical, KeepsWhatIsAsSurprisingAsExpected) {
  // Surprises in nats: 0.51 1.61 2.30 2.30; entropy 0.6*0.51 + 0.2*1.61 + 2*0.1*2.30 = 1.089.
  // Distances from it: 0.58 0.52 1.21 1.21.
  const std::vector<double> probabilities = {0.6, 0.2, 0.1, 0.1};
  const auto kept = [&](double p) {
    auto state = state_of(probabilities);
    keep_typical(state, p);
    return state.candidates.tokens;
  };
  EXPECT_THAT(kept(0.1), ElementsAre(1));  // not the likeliest
  EXPECT_THAT(kept(0.5), ElementsAre(0, 1));
  EXPECT_THAT(kept(0.85), ElementsAre(0, 1, 2));
  EXPECT_THAT(kept(0.95), ElementsAre(0, 1, 2, 3));
}

TEST(Typical, AgreesWithTheFormulaOnLargeVocabularies) {
  for (const double spread : {0.1, 2.0, 6.0}) {
    SamplerState state;
    take_all(state.candidates, random_logits(20000, spread));
    const Mass total = weigh(state.candidates);
    double entropy = 0;
    std::vector<double> surprise;
    const double normaliser = log_of_sum(state.candidates.scores);
    for (size_t i = 0; i < state.candidates.size(); ++i) {
      const double p = std::exp(static_cast<double>(state.candidates.scores[i]) - normaliser);
      surprise.push_back(-std::log(p));
      entropy += p * surprise.back();
    }
    std::vector<float> key;
    for (const double s : surprise) key.push_back(static_cast<float>(std::fabs(s - entropy)));
    const auto expected =
        kept_by_sorting(state.candidates, key, static_cast<Mass>(0.8 * static_cast<double>(total)));
    keep_typical(state, 0.8);
    // The formula here rounds elsewhere, so single tokens at the border may differ.
    std::vector<Token> difference;
    std::set_symmetric_difference(expected.begin(), expected.end(), state.candidates.tokens.begin(),
                                  state.candidates.tokens.end(), std::back_inserter(difference));
    EXPECT_LE(difference.size(), 4u) << "spread " << spread << ", kept " << expected.size();
  }
}

TEST(Xtc, LeavesOnlyTheLeastLikelyTopChoice) {
  auto candidates = candidates_of({0.35, 0.1, 0.3, 0.2, 0.05});
  exclude_top_choices(candidates, 0.15);
  EXPECT_THAT(candidates.tokens, ElementsAre(1, 3, 4));
}

TEST(Xtc, OneTopChoiceStays) {
  auto candidates = candidates_of({0.8, 0.1, 0.1});
  exclude_top_choices(candidates, 0.5);
  EXPECT_EQ(candidates.size(), 3u);
}

TEST(Xtc, OfEqualsTheLastStays) {
  auto candidates = candidates_of({0.3, 0.3, 0.3, 0.1});
  exclude_top_choices(candidates, 0.2);
  EXPECT_THAT(candidates.tokens, ElementsAre(2, 3));
}

TEST(Mirostat, TruncatesBySurpriseInBits) {
  auto candidates = candidates_of({0.5, 0.25, 0.125, 0.125});  // 1, 2, 3, 3 bits
  keep_unsurprising(candidates, 1, 2.5);
  EXPECT_THAT(candidates.tokens, ElementsAre(0, 1));
  keep_unsurprising(candidates, 1, 0.1);  // the best stays
  EXPECT_THAT(candidates.tokens, ElementsAre(0));
}

TEST(Mirostat, HoldsTheSurpriseNearItsAim) {
  const auto logits = random_logits(5000, 2);
  auto options = plain();
  options.mirostat = 2;
  options.mirostat_tau = 4;
  Sampler sampler(options, logits.size());
  const std::vector<Token> history(3000);
  std::map<Token, int> seen;
  double surprise = 0;
  constexpr size_t kWarmUp = 1000;
  for (size_t i = 0; i < history.size(); ++i) {
    const Token token = sampler.sample(logits, std::span(history).first(i))->token;
    if (i >= kWarmUp) ++seen[token];
  }
  const double draws = static_cast<double>(history.size() - kWarmUp);
  for (const auto& [token, count] : seen) surprise -= count / draws * std::log2(count / draws);
  EXPECT_NEAR(surprise, 4,
              0.3);  // the mean surprise of what is drawn is its entropy, mu wobbles by eta
}

// --- adjusting steps -----------------------------------------------------------------------------

TEST(LogitBias, IsAddedAndMinusInfinityBans) {
  std::vector<float> scores = {1, 2, 3};
  add_logit_bias(scores, {{0, 1.5}, {2, -kInfinity}, {7, 100}, {-1, 100}});
  EXPECT_THAT(scores, ElementsAre(2.5f, 2, -kInfinity));
}

TEST(Penalties, ByHand) {
  std::vector<float> scores = {4, -4, 4, 4};
  std::vector<uint32_t> counts;
  const std::vector<Token> history = {3, 0, 1, 0};
  const SamplerOptions options{.repetition_penalty = 2,
                               .frequency_penalty = 0.25,
                               .presence_penalty = 0.5,
                               .penalty_last_n = 3};
  penalise_repeats(scores, history, options, counts);
  EXPECT_THAT(scores, ElementsAre(4 / 2 - 2 * 0.25f - 0.5f, -4 * 2 - 0.25f - 0.5f, 4, 4));
  EXPECT_THAT(counts, testing::Each(0u));
}

TEST(Penalties, MinusOneIsTheWholeContextAndZeroNone) {
  for (const int last_n : {-1, 0}) {
    auto options = plain();
    options.temperature = 0;
    options.presence_penalty = 10;
    options.penalty_last_n = last_n;
    std::vector<Token> history(1000, 2);
    history[0] = 1;
    Sampler sampler(options, 3);
    EXPECT_EQ(sampler.sample(std::vector<float>{0, 5, 4}, history)->token, last_n == -1 ? 0 : 1);
  }
}

// Scores taken off by DRY, for tokens 0..9.
std::vector<float> dry(const std::vector<Token>& history, SamplerOptions options) {
  std::vector<float> scores(10, 0);
  penalise_continued_repeats(scores, history, options);
  for (float& score : scores) score = -score;
  return scores;
}
const SamplerOptions kDry{.dry_multiplier = 1, .dry_base = 2, .dry_allowed_length = 2};

TEST(Dry, PenalisesTheTokenThatWouldContinueARepeat) {
  // "1 2 3 4 ... 1 2 3": 4 would continue a repeat of three, 2^(3-2).
  EXPECT_THAT(dry({1, 2, 3, 4, 9, 1, 2, 3}, kDry), ElementsAre(0, 0, 0, 0, 2, 0, 0, 0, 0, 0));
}

TEST(Dry, TakesTheLongestRepeatOfEachToken) {
  // 2 3 -> 5 once after "2 3" and once after "1 2 3"; 4 after "2 3" only.
  EXPECT_THAT(dry({2, 3, 5, 9, 1, 2, 3, 5, 8, 2, 3, 4, 7, 1, 2, 3}, kDry),
              ElementsAre(0, 0, 0, 0, 1, 2, 0, 0, 0, 0));
}

TEST(Dry, LeavesShortRepeatsAlone) {
  EXPECT_THAT(dry({1, 2, 9, 1}, kDry), testing::Each(0));
  EXPECT_THAT(dry({}, kDry), testing::Each(0));
  EXPECT_THAT(dry({1}, kDry), testing::Each(0));
}

TEST(Dry, LoopsOverlapThemselves) {
  // 1 1 1 1 1: the last four also end at the fourth.
  EXPECT_THAT(dry({1, 1, 1, 1, 1}, kDry)[1], 4);
}

TEST(Dry, LooksBackOnlySoFar) {
  auto options = kDry;
  options.dry_last_n = 6;
  EXPECT_THAT(dry({1, 2, 3, 4, 9, 1, 2, 3}, options), testing::Each(0));
}

TEST(Dry, BreakersEndRepeats) {
  auto options = kDry;
  options.dry_breakers = {{2}};  // only "3" follows it
  EXPECT_THAT(dry({1, 2, 3, 4, 9, 1, 2, 3}, options), testing::Each(0));
  options.dry_breakers = {{8, 7}, {1, 2}};  // a breaker of two tokens
  EXPECT_THAT(dry({1, 2, 3, 4, 9, 1, 2, 3}, options), testing::Each(0));
  options.dry_breakers = {{9}};
  EXPECT_EQ(dry({1, 2, 3, 4, 9, 1, 2, 3}, options)[4], 2);
  options.dry_breakers = {{4}};  // a breaker itself is never penalised
  EXPECT_THAT(dry({1, 2, 3, 4, 9, 1, 2, 3}, options), testing::Each(0));
  options.dry_breakers = {{}};  // an empty one breaks nothing
  EXPECT_EQ(dry({1, 2, 3, 4, 9, 1, 2, 3}, options)[4], 2);
}

TEST(Dry, AgreesWithComparingEveryPair) {
  for (uint64_t round = 0; round < 300; ++round) {
    std::vector<Token> history(1 + round % 60);
    for (size_t i = 0; i < history.size(); ++i) {
      history[i] =
          static_cast<Token>(random_words(round, RandomStream::kTest, i)[0] % (2 + round % 3));
    }
    const auto options = kDry;
    std::vector<float> expected(10, 0);
    const size_t n = history.size();
    for (size_t end = 0; end + 1 < n; ++end) {
      size_t length = 0;
      while (length <= end && history[end - length] == history[n - 1 - length]) ++length;
      float& known = expected[history[end + 1]];
      if (length >= 2)
        known = std::max(known, std::min(std::ldexp(1.0f, static_cast<int>(length) - 2), 1e30f));
    }
    EXPECT_EQ(dry(history, options), expected) << "round " << round;
  }
}

TEST(Dry, LongLoopsStayFinite) {
  const auto scores = dry(std::vector<Token>(5000, 1), kDry);
  EXPECT_EQ(scores[1], 1e30f);
}

// --- the draw ------------------------------------------------------------------------------------

// 1 in 10,000 of the chi-square distribution lies above (Wilson & Hilferty 1931).
double chi_square_limit(double freedom) {
  constexpr double kZ = 3.719;
  const double t = 2 / (9 * freedom);
  return freedom * std::pow(1 - t + kZ * std::sqrt(t), 3);
}

// Draws often, at positions 0, 1, 2...; probabilities of 0 must not occur at all.
void expect_distribution(const SamplerOptions& options, const std::vector<double>& model,
                         std::vector<double> expected) {
  const double sum = std::accumulate(expected.begin(), expected.end(), 0.0);
  const auto logits = logits_of(model);
  const std::vector<Token> history(20000, 0);
  Sampler sampler(options, logits.size());
  std::vector<double> counts(logits.size(), 0);
  for (size_t i = 0; i < history.size(); ++i) {
    ++counts[static_cast<size_t>(sampler.sample(logits, std::span(history).first(i))->token)];
  }
  double chi_square = 0, freedom = -1;
  for (size_t i = 0; i < counts.size(); ++i) {
    const double mean = expected[i] / sum * static_cast<double>(history.size());
    if (mean == 0) {
      EXPECT_EQ(counts[i], 0) << "token " << i;
      continue;
    }
    chi_square += (counts[i] - mean) * (counts[i] - mean) / mean;
    ++freedom;
  }
  if (freedom > 0) {
    EXPECT_LT(chi_square, chi_square_limit(freedom));
  }
}

const std::vector<double> kModel = {0.02, 0.3, 0.08, 0.2, 0.05, 0.25, 0.1};

TEST(Draw, Plain) {
  for (const uint64_t seed : {0, 1, 2}) {
    auto options = plain();
    options.seed = seed;
    expect_distribution(options, kModel, kModel);
  }
}

TEST(Draw, Temperature) {
  for (const double temperature : {0.5, 2.0}) {
    auto options = plain();
    options.temperature = temperature;
    std::vector<double> expected;
    for (const double p : kModel) expected.push_back(std::pow(p, 1 / temperature));
    expect_distribution(options, kModel, expected);
  }
}

TEST(Draw, TinyTemperatureIsTheBestToken) {
  auto options = plain();
  options.temperature = 1e-300;
  expect_distribution(options, kModel, {0, 1, 0, 0, 0, 0, 0});
}

TEST(Draw, TopK) {
  auto options = plain();
  options.top_k = 3;
  expect_distribution(options, kModel, {0, 0.3, 0, 0.2, 0, 0.25, 0});
}

TEST(Draw, TopP) {
  auto options = plain();
  options.top_p = 0.7;
  expect_distribution(options, kModel, {0, 0.3, 0, 0.2, 0, 0.25, 0});
}

TEST(Draw, MinP) {
  auto options = plain();
  options.min_p = 0.3;  // at least 0.09
  expect_distribution(options, kModel, {0, 0.3, 0, 0.2, 0, 0.25, 0.1});
}

TEST(Draw, Typical) {
  auto options = plain();
  options.typical_p =
      0.5;  // entropy 1.69; distances 2.22 .49 .84 .08 1.31 .30 .61: 0.2, 0.25, then 0.3 reaches it
  expect_distribution(options, kModel, {0, 0.3, 0, 0.2, 0, 0.25, 0});
}

TEST(Draw, Xtc) {
  auto options = plain();
  options.xtc_probability = 1;
  options.xtc_threshold = 0.15;
  expect_distribution(options, kModel, {0.02, 0, 0.08, 0.2, 0.05, 0, 0.1});
}

TEST(Draw, XtcWithChance) {
  auto options = plain();
  options.xtc_probability = 0.5;
  options.xtc_threshold = 0.15;
  std::vector<double> expected = {0.02, 0, 0.08, 0.2, 0.05, 0, 0.1};
  for (size_t i = 0; i < kModel.size(); ++i) expected[i] = expected[i] / 0.45 + kModel[i];
  expect_distribution(options, kModel, expected);
}

TEST(Draw, WalksTheMassesEndToEnd) {
  const Candidates candidates{.scores = {0, 0, 0}, .tokens = {4, 5, 6}, .masses = {1, 0, 3}};
  EXPECT_EQ(draw(candidates, 4, 0), 0u);
  EXPECT_EQ(draw(candidates, 4, (uint64_t{1} << 62) - 1), 0u);
  EXPECT_EQ(draw(candidates, 4, uint64_t{1} << 62), 2u);
  EXPECT_EQ(draw(candidates, 4, ~uint64_t{0}), 2u);
}

TEST(Sampler, SameSeedAndPositionSameDrawWhateverCameBefore) {
  const auto logits = random_logits(1000, 1);
  SamplerOptions options = plain();
  options.seed = 5;
  const std::vector<Token> history(100);
  Sampler busy(options, logits.size());
  std::set<Token> different;
  for (size_t i = 0; i < history.size(); ++i) {
    Sampler fresh(options, logits.size());
    const auto here = std::span(history).first(i);
    const Token token = busy.sample(logits, here)->token;
    EXPECT_EQ(fresh.sample(logits, here)->token, token);
    EXPECT_EQ(busy.sample(logits, here)->token, token);
    different.insert(token);
  }
  EXPECT_GT(different.size(), 50u);
}

TEST(Sampler, AnotherSeedAnotherDraw) {
  const auto logits = random_logits(1000, 1);
  std::set<Token> different;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    auto options = plain();
    options.seed = seed;
    different.insert(Sampler(options, logits.size()).sample(logits, {})->token);
  }
  EXPECT_GT(different.size(), 40u);
}

// A step that keeps everything must not change a draw: candidates stay in the order of their ids
// however found.
TEST(Sampler, StepsThatKeepEverythingChangeNoDraw) {
  const auto logits = random_logits(3000, 2);
  const std::vector<Token> history(200);
  std::vector<SamplerOptions> variants(5, plain());
  variants[1].top_k = 3000;
  variants[2].top_k = 2999;  // drops one of almost no mass
  variants[3].top_p = 0.99999999;
  variants[4].min_p = 1e-12;
  for (size_t i = 0; i < history.size(); ++i) {
    std::set<Token> tokens;
    for (const auto& options : variants) {
      tokens.insert(
          Sampler(options, logits.size()).sample(logits, std::span(history).first(i))->token);
    }
    EXPECT_EQ(tokens.size(), 1u) << "position " << i;
  }
}

TEST(Sampler, GreedyTakesTheFirstOfTheBest) {
  SamplerOptions options{.temperature = 0, .top_k = 1, .typical_p = 0.1, .xtc_probability = 1};
  EXPECT_EQ(Sampler(options, 5).sample(std::vector<float>{1, 3, 2, 3, 0}, {})->token, 1);
  auto logits = random_logits(5000, 1);
  logits[4099] = logits[1023] = 50;
  EXPECT_EQ(Sampler(options, 5000).sample(logits, {})->token, 1023);
}

TEST(Sampler, NaNIsNeverChosen) {
  const std::vector<float> logits = {kNaN, 1, kNaN, 1, -kInfinity};
  const std::vector<Token> history(300);
  for (const double temperature : {0.0, 1.0}) {
    for (const int top_k : {0, 2, 4}) {
      SamplerOptions options{.temperature = temperature, .top_k = top_k, .top_p = 0.99};
      Sampler sampler(options, logits.size());
      for (size_t i = 0; i < history.size(); ++i) {
        const auto sampled = sampler.sample(logits, std::span(history).first(i), 5);
        ASSERT_TRUE(sampled);
        EXPECT_TRUE(sampled->token == 1 || sampled->token == 3);
        EXPECT_EQ(sampled->alternatives.size(), 2u);
      }
    }
  }
}

TEST(Sampler, InfinityIsTheLargestFloat) {
  const std::vector<float> logits = {0, kInfinity, 3, kInfinity};
  const std::vector<Token> history(100);
  std::set<Token> tokens;
  Sampler sampler(plain(), logits.size());
  for (size_t i = 0; i < history.size(); ++i) {
    tokens.insert(sampler.sample(logits, std::span(history).first(i), 2)->token);
  }
  EXPECT_THAT(tokens, ElementsAre(1, 3));
}

TEST(Sampler, NothingToChooseIsAnError) {
  SamplerOptions banned = plain();
  banned.logit_bias = {{0, -kInfinity}, {1, -kInfinity}};
  const std::vector<float> fine = {1, 2};
  EXPECT_FALSE(Sampler(banned, 2).sample(fine, {}));
  for (const std::vector<float>& logits :
       {std::vector<float>{-kInfinity, -kInfinity}, {kNaN, kNaN}, {kNaN, -kInfinity}}) {
    for (const double temperature : {0.0, 1.0}) {
      auto options = plain();
      options.temperature = temperature;
      const auto sampled = Sampler(options, 2).sample(logits, {}, 1);
      ASSERT_FALSE(sampled);
      EXPECT_THAT(sampled.error().message, HasSubstr("no finite logit"));
    }
  }
}

TEST(Sampler, LogprobsAreTheModelsOwn) {
  const std::vector<double> model = {0.1, 0.2, 0.4, 0.3};
  auto logits = logits_of(model);
  for (float& logit : logits) logit += 7;
  SamplerOptions options{.temperature = 0, .logit_bias = {{0, 100.0}}};
  const auto sampled = Sampler(options, 4).sample(logits, {}, 3);
  EXPECT_EQ(sampled->token, 0);
  EXPECT_NEAR(*sampled->logprob, std::log(0.1), 1e-6);  // logits are floats near 7: 2^-22 each
  ASSERT_EQ(sampled->alternatives.size(), 3u);
  for (const auto& [rank, token] : std::map<size_t, Token>{{0, 2}, {1, 3}, {2, 1}}) {
    EXPECT_EQ(sampled->alternatives[rank].token, token);
    EXPECT_NEAR(sampled->alternatives[rank].logprob, std::log(model[static_cast<size_t>(token)]),
                1e-6);
  }
  EXPECT_FALSE(Sampler(options, 4).sample(logits, {})->logprob);
  EXPECT_TRUE(Sampler(options, 4).sample(logits, {}, 0)->logprob);
  EXPECT_EQ(Sampler(options, 4).sample(logits, {}, 100)->alternatives.size(), 4u);
}

TEST(Sampler, LogSumAgreesWithLongDouble) {
  for (const double spread : {0.0, 1.0, 4.0}) {
    const auto logits = random_logits(50000, spread);
    long double sum = 0;
    for (const float logit : logits) sum += std::exp(static_cast<long double>(logit));
    EXPECT_NEAR(log_of_sum(logits), static_cast<double>(std::log(sum)),
                1e-6);  // exp_in_range is a float's
  }
}

// Bits, not distributions: what any machine must reproduce.
TEST(Sampler, DrawsArePinned) {
  std::vector<SamplerOptions> chains(6, SamplerOptions{});
  chains[1] = plain();
  chains[2] = plain();
  chains[2].top_p = 0.9;
  chains[3] = plain();
  chains[3].typical_p = 0.7;
  chains[4].mirostat = 2;
  chains[5] = {
      .temperature = 1.3, .xtc_probability = 0.5, .repetition_penalty = 1.1, .dry_multiplier = 0.8};
  const auto logits = random_logits(20000, 2);
  std::vector<Token> tokens;
  for (const auto& options : chains) {
    Sampler sampler(options, logits.size());
    std::vector<Token> history;
    for (int i = 0; i < 3; ++i) history.push_back(sampler.sample(logits, history)->token);
    tokens.insert(tokens.end(), history.begin(), history.end());
  }
  EXPECT_THAT(tokens, ElementsAre(4648, 19471, 132, 7629, 19471, 296, 7589, 19471, 275, 8251, 19604,
                                  393, 6522, 19471, 132, 6020, 19471, 131));
}

// --- options -------------------------------------------------------------------------------------

TEST(SamplerOptions, DefaultsAreValid) { EXPECT_THAT(SamplerOptions{}.complaints(), IsEmpty()); }

TEST(SamplerOptions, EveryComplaintAtOnce) {
  const SamplerOptions options{.temperature = -1,
                               .top_p = std::numeric_limits<double>::quiet_NaN(),
                               .mirostat = 1,
                               .logit_bias = {{-3, 1.0}, {50, 1.0}, {4, kInfinity}}};
  EXPECT_THAT(options.complaints(40),
              ElementsAre("option logit_bias: token id -3 is not in the vocabulary of 40",
                          "option logit_bias: bias inf of token 4 must be below infinity",
                          "option logit_bias: token id 50 is not in the vocabulary of 40",
                          "option top_p is nan, must be 0 to 1",
                          "option temperature is -1, must be 0 to 1000",
                          "option mirostat is 1, must be 0 or 2"));
  EXPECT_EQ(options.complaints().size(), 5u);  // without a vocabulary 50 may exist
}

TEST(SetOption, EveryRowTakesAValueByEachOfItsNames) {
  for (const auto& row : sampler_option_table()) {
    const bool bias = row.name == "logit_bias";
    EXPECT_FALSE(row.help.empty()) << row.name;
    for (const auto name : {row.name, row.alias}) {
      if (name.empty()) continue;
      SamplerOptions options;
      EXPECT_TRUE(set_option(options, name,
                             bias                     ? "3=-1.5"
                             : row.name == "mirostat" ? "2"
                                                      : "1"))
          << name;
      EXPECT_FALSE(set_option(options, name, "x")) << name;
      EXPECT_FALSE(set_option(options, name, bias ? "3" : "")) << name;
      EXPECT_FALSE(set_option(options, name, bias ? "3=1=1" : "1 ")) << name;
      EXPECT_FALSE(set_option(options, name, bias ? "-3=1" : "-1e9")) << name;
    }
  }
}

TEST(SetOption, SetsWhatItNames) {
  SamplerOptions options;
  EXPECT_TRUE(set_option(options, "temperature", "0.25"));
  EXPECT_TRUE(set_option(options, "top-k", "7"));
  EXPECT_TRUE(set_option(options, "repeat_penalty", "1.25"));
  EXPECT_TRUE(set_option(options, "seed", "18446744073709551615"));
  EXPECT_TRUE(set_option(options, "logit_bias", "5=-inf,17=2.5"));
  EXPECT_EQ(options.temperature, 0.25);
  EXPECT_EQ(options.top_k, 7);
  EXPECT_EQ(options.repetition_penalty, 1.25);
  EXPECT_EQ(options.seed, UINT64_MAX);
  EXPECT_EQ(options.logit_bias, (std::map<Token, double>{{5, -kInfinity}, {17, 2.5}}));
}

TEST(SetOption, ErrorsSayWhatAndLeaveTheOptionsAlone) {
  SamplerOptions options;
  const auto message = [&](const char* name, const char* value) {
    const auto result = set_option(options, name, value);
    return result ? "" : result.error().message;
  };
  EXPECT_EQ(message("temprature", "1"), "unknown option 'temprature', did you mean 'temperature'?");
  EXPECT_EQ(message("colour", "1"), "unknown option 'colour'");
  EXPECT_EQ(message("top_p", "1.5"), "option top_p is 1.5, must be 0 to 1");
  EXPECT_EQ(message("top_p", "nan"), "option top_p is nan, must be 0 to 1");
  EXPECT_EQ(message("top_k", "2.5"), "option top_k: '2.5' is not a whole number in range");
  EXPECT_EQ(message("top_k", "-1"), "option top_k is -1, must be 0 or more");
  EXPECT_EQ(message("logit_bias", "5=1,6"), "option logit_bias: '6' is not ID=BIAS");
  EXPECT_EQ(options.top_p, SamplerOptions{}.top_p);
  EXPECT_TRUE(options.logit_bias.empty());
}

}  // namespace
}  // namespace hob::engine

#include "engine/speculation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/rng.h"

namespace hob::engine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<Token> list(std::span<const Token> tokens) { return {tokens.begin(), tokens.end()}; }

NgramIndex index_of(const std::vector<Token>& tokens) {
  NgramIndex index;
  for (const Token token : tokens) index.append(token);
  return index;
}

// ---- the index ----

TEST(NgramIndexTest, GuessesWhatFollowedLastTime) {
  const auto index = index_of({1, 2, 3, 4, 5, 9, 1, 2});
  EXPECT_THAT(index.guess(3).drafts, ElementsAre(3, 4, 5));
  EXPECT_EQ(index.guess(3).matched, 2u);
  EXPECT_THAT(index.guess(1).drafts, ElementsAre(3));
  EXPECT_THAT(index.guess(0).drafts, IsEmpty());
}

TEST(NgramIndexTest, TheLongestMatchBeatsALaterOne) {
  //                                       v 4 tokens           v 3              v 2
  const auto index = index_of({1, 2, 3, 4, 50, 9, 8, 2, 3, 4, 60, 9, 8, 7, 3, 4, 70, 1, 2, 3, 4});
  EXPECT_THAT(index.guess(1).drafts, ElementsAre(50));
  EXPECT_EQ(index.guess(1).matched, 4u);
}

TEST(NgramIndexTest, OfEquallyLongMatchesTheLatest) {
  EXPECT_THAT(index_of({1, 2, 50, 1, 2, 60, 9, 1, 2}).guess(2).drafts, ElementsAre(60, 9));
}

TEST(NgramIndexTest, NothingToGoBy) {
  EXPECT_THAT(index_of({}).guess(4).drafts, IsEmpty());
  EXPECT_THAT(index_of({1}).guess(4).drafts, IsEmpty());
  EXPECT_THAT(index_of({1, 2}).guess(4).drafts, IsEmpty());
  EXPECT_THAT(index_of({1, 2, 3, 4, 5, 2}).guess(4).drafts, IsEmpty());  // one token is no match
  EXPECT_EQ(index_of({1, 2, 3}).guess(4).matched, 0u);
}

TEST(NgramIndexTest, ARepeatGoesRound) {
  EXPECT_THAT(index_of({7, 7, 7}).guess(5).drafts, ElementsAre(7, 7, 7, 7, 7));
  EXPECT_THAT(index_of({1, 2, 3, 1, 2, 3}).guess(8).drafts, ElementsAre(1, 2, 3, 1, 2, 3, 1, 2));
}

// Against a search through the whole text.
TEST(NgramIndexTest, FindsWhatASearchFinds) {
  std::vector<Token> text;
  NgramIndex index;
  for (size_t i = 0; i < 3000; ++i) {
    const Token token = static_cast<Token>(random_unit(1, RandomStream::kTest, i) * 6);
    text.push_back(token);
    index.append(token);
    size_t best = 0, at = 0;
    for (size_t end = 1; end < text.size(); ++end) {
      size_t matched = 0;
      while (matched < std::min<size_t>(4, end) &&
             text[end - 1 - matched] == text[text.size() - 1 - matched])
        ++matched;
      if (matched >= 2 && matched >= best) best = matched, at = end;
    }
    const Guess guess = index.guess(1);
    ASSERT_EQ(guess.drafts.empty(), best == 0) << i;
    if (best > 0) {
      ASSERT_EQ(guess.drafts[0], text[at]) << i;
      ASSERT_GE(guess.matched, best) << i;
    }
  }
}

// ---- costs, in seconds of nobody's clock ----

TEST(StepCostsTest, AreRelativeToOneRow) {
  StepCosts costs;
  EXPECT_EQ(costs.in_single_steps(4), 1);  // unknown: the most hopeful
  costs.ran(4, 0.030);
  EXPECT_EQ(costs.in_single_steps(4), 1);  // nothing to compare with
  costs.ran(1, 0.020);
  costs.ran(4, 0.030);
  EXPECT_DOUBLE_EQ(costs.in_single_steps(4), 1.5);
  EXPECT_EQ(costs.in_single_steps(3), 1);
  for (int i = 0; i < 5; ++i) costs.ran(1, 0.010), costs.ran(4, 0.050);  // things change
  EXPECT_DOUBLE_EQ(costs.in_single_steps(4), 5);
}

TEST(StepCostsTest, OneDisturbedStepCountsForNothing) {
  StepCosts costs;
  costs.ran(1, 0.01);
  costs.ran(2, 9);  // the first of all
  costs.ran(2, 0.02);
  EXPECT_DOUBLE_EQ(costs.in_single_steps(2), 2);
  for (int i = 0; i < 10; ++i) {
    costs.ran(1, i % 3 == 1 ? 7 : 0.01);
    costs.ran(2, i % 3 == 2 ? 7 : 0.02);
    EXPECT_DOUBLE_EQ(costs.in_single_steps(2), 2);
  }
}

TEST(StepCostsTest, ASingleStepIsWantedFromTimeToTime) {
  StepCosts costs;
  EXPECT_FALSE(costs.knows_single_steps());
  costs.ran(1, 0);  // measured, even by a clock that stands still
  EXPECT_TRUE(costs.knows_single_steps());
  size_t steps = 0;
  for (; costs.knows_single_steps() && steps < 1000; ++steps) costs.ran(3, 0.01);
  EXPECT_GT(steps, 20u);
  EXPECT_LT(steps, 1000u);
}

TEST(StepCostsTest, WhatIsOldSinks) {
  StepCosts costs;
  costs.ran(1, 0.01);
  costs.ran(3, 0.02);
  double before = costs.in_single_steps(3);
  for (int i = 0; i < 2000; ++i) {
    costs.ran(1, 0.01);
    ASSERT_LE(costs.in_single_steps(3), before);
    before = costs.in_single_steps(3);
  }
  EXPECT_EQ(before, 1);
}

TEST(StepCostsTest, OddStepsAreNoMatter) {
  StepCosts costs;
  costs.ran(0, 1);
  costs.ran(512, 1);
  costs.ran(1, 0);  // a clock that stands still
  costs.ran(2, 0);
  costs.ran(3, -1);
  EXPECT_EQ(costs.in_single_steps(2), 1);
  EXPECT_EQ(costs.in_single_steps(3), 1);
}

// ---- the controller ----

// Steps that cost as given in single steps, from two rows on.
StepCosts costs_of(const std::vector<double>& more_rows) {
  StepCosts costs;
  for (size_t i = 0; i < more_rows.size(); ++i) costs.ran(i + 2, 0.001 * more_rows[i]);
  costs.ran(1, 0.001);
  return costs;
}

TEST(DraftControllerTest, DraftsWhereItPays) {
  const StepCosts cheap = costs_of({1.05, 1.1, 1.15, 1.2}), dear = costs_of({2, 3, 4, 5});
  DraftController with_cheap(cheap), with_dear(dear);
  for (int i = 0; i < 200; ++i) {  // everything comes true
    with_cheap.judge(4, 4, 4);
    with_dear.judge(4, 4, 4);
  }
  EXPECT_EQ(with_cheap.choose(4, 4), 4u);
  EXPECT_EQ(with_cheap.choose(4, 2), 2u);
  EXPECT_EQ(with_cheap.choose(4, 0), 0u);
  EXPECT_EQ(with_dear.choose(4, 4), 0u);                    // n rows at the price of n rows
  for (int i = 0; i < 200; ++i) with_cheap.judge(4, 4, 0);  // nothing does
  EXPECT_EQ(with_cheap.choose(4, 4), 0u);
}

TEST(DraftControllerTest, RunsAsManyAsGainMost) {
  const StepCosts costs = costs_of({1.05, 1.7, 1.2, 2.5});  // three rows are dear, four are not
  DraftController controller(costs);
  for (int i = 0; i < 200; ++i) controller.judge(4, 4, 4);
  EXPECT_EQ(controller.choose(4, 4), 3u);
  for (int i = 0; i < 200; ++i) controller.judge(4, 3, 1);  // the first comes true, the rest not
  EXPECT_EQ(controller.choose(4, 4), 1u);
}

TEST(DraftControllerTest, LongMatchesAreJudgedApartFromShortOnes) {
  const StepCosts costs = costs_of({1.3, 1.4, 1.5});
  DraftController controller(costs);
  for (int i = 0; i < 100; ++i) {
    controller.judge(2, 3, 0);
    controller.judge(8, 3, 3);
  }
  EXPECT_EQ(controller.choose(2, 3), 0u);
  EXPECT_EQ(controller.choose(8, 3), 3u);
}

TEST(DraftControllerTest, ADearStepIsTriedAgainInTime) {
  StepCosts costs;
  DraftController controller(costs);
  costs.ran(1, 0.01);
  costs.ran(2, 0.05);  // something else was using the machine
  costs.ran(3, 0.05);
  for (int i = 0; i < 200; ++i) controller.judge(4, 2, 2);
  EXPECT_EQ(controller.choose(4, 2), 0u);
  size_t steps = 0;
  while (controller.choose(4, 2) == 0 && steps < 10000) costs.ran(1, 0.01), ++steps;
  EXPECT_GT(steps, 20u);
  EXPECT_LT(steps, 1000u);
  costs.ran(3, 0.011);  // it was cheap all along
  EXPECT_EQ(controller.choose(4, 2), 2u);
}

TEST(DraftControllerTest, NothingIsDraftedBeforeASingleStepIsKnown) {
  StepCosts costs;
  DraftController controller(costs);
  EXPECT_EQ(controller.choose(8, 4), 0u);
  costs.ran(1, 0.01);
  EXPECT_EQ(controller.choose(8, 4), 4u);
}

// ---- one reply ----

TEST(SpeculationTest, DraftsAreTakenOneByOneWhileTheyComeTrue) {
  StepCosts costs = costs_of({});
  const std::vector<Token> prompt = {1, 2, 3, 4, 5, 6, 9, 1, 2, 3};
  Speculation speculation(prompt, 4, costs);
  EXPECT_FALSE(speculation.accept(4));  // nothing was drafted yet
  EXPECT_EQ(list(speculation.drafts(4)), (std::vector<Token>{5, 6, 9, 1}));
  EXPECT_TRUE(speculation.accept(5));
  EXPECT_TRUE(speculation.accept(6));
  EXPECT_FALSE(speculation.accept(8));  // another token: the rows behind it are void
  EXPECT_EQ(speculation.drafted(), 4u);
  EXPECT_EQ(speculation.accepted(), 2u);
  EXPECT_THAT(list(speculation.drafts(4)), IsEmpty());  // 6 8 is new
  EXPECT_FALSE(speculation.accept(9));                  // and no leftover counts
}

TEST(SpeculationTest, AfterTheLastDraftNothingHasRun) {
  StepCosts costs = costs_of({});
  const std::vector<Token> prompt = {1, 2, 3, 4, 5, 6, 7, 9, 1, 2, 3};
  Speculation speculation(prompt, 2, costs);
  EXPECT_FALSE(speculation.accept(4));
  EXPECT_EQ(list(speculation.drafts(100)), (std::vector<Token>{5, 6}));
  EXPECT_TRUE(speculation.accept(5));
  EXPECT_TRUE(speculation.accept(6));
  EXPECT_FALSE(speculation.accept(7));
  EXPECT_EQ(list(speculation.drafts(1)), (std::vector<Token>{9}));
  EXPECT_THAT(list(speculation.drafts(0)), IsEmpty());
}

TEST(SpeculationTest, NoneMeansNone) {
  StepCosts costs;
  const std::vector<Token> prompt = {1, 2, 1, 2, 1, 2};
  Speculation speculation(prompt, 0, costs);
  for (const Token token : {1, 2, 1, 2}) {
    EXPECT_FALSE(speculation.accept(token));
    EXPECT_THAT(list(speculation.drafts(8)), IsEmpty());
  }
  EXPECT_EQ(speculation.drafted(), 0u);
}

// The same text over and over, but a step of more rows costs as much as its tokens one by one or
// more, so that drafts are off; then such steps become cheap, then dear again.
TEST(SpeculationTest, TurnedOffItCostsLittleAndComesBack) {
  StepCosts costs;
  const auto text = [](size_t i) { return static_cast<Token>(i % 40); };
  std::vector<Token> prompt;
  for (size_t i = 0; i < 80; ++i) prompt.push_back(text(i));
  Speculation speculation(prompt, 4, costs);
  size_t at = prompt.size();
  // Seconds per token where a step of one row takes one second.
  const auto run = [&](size_t tokens, double seconds_per_row) {
    double seconds = 0;
    for (size_t i = 0; i < tokens; ++i) {
      if (speculation.accept(text(at++))) continue;
      const size_t rows = 1 + speculation.drafts(4).size();
      const double step = 1 + seconds_per_row * static_cast<double>(rows - 1);
      costs.ran(rows, step);
      seconds += step;
    }
    return seconds / static_cast<double>(tokens);
  };
  for (int i = 0; i < 3; ++i) {
    for (const double dear : {1.0, 2.0, 1.2}) EXPECT_LT(run(4000, dear), 1.03) << dear;
    EXPECT_LT(run(4000, 0.1), 0.5);
  }
}

// Text that repeats by chance only.
TEST(SpeculationTest, WhereNothingComesTrueItCostsLittle) {
  StepCosts costs;
  Speculation speculation({}, 4, costs);
  double seconds = 0;
  constexpr size_t kTokens = 20000;
  for (size_t i = 0; i < kTokens; ++i) {
    speculation.accept(static_cast<Token>(random_unit(3, RandomStream::kTest, i) * 30));
    const size_t rows = 1 + speculation.drafts(4).size();
    const double step = 1 + 0.3 * static_cast<double>(rows - 1);
    costs.ran(rows, step);
    seconds += step;
  }
  EXPECT_GT(speculation.drafted(), 0u);
  EXPECT_LT(seconds / kTokens, 1.02);
}

}  // namespace
}  // namespace hob::engine

#include "cli/surprise.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace hob::cli {
namespace {

TEST(Surprise, OfAUniformGuessIsTheVocabulary) {
  const std::vector<float> logits(100, 3.5f);
  EXPECT_NEAR(surprise_of(logits, 7), std::log(100.0), 1e-9);  // sums of exact ones
  Surprise surprise;
  for (int i = 0; i < 10; ++i) surprise.add(surprise_of(logits, i));
  EXPECT_NEAR(surprise.perplexity(), 100, 1e-6);
  EXPECT_NEAR(surprise.error(), 0, 1e-6);
}

TEST(Surprise, LargeLogitsDoNotOverflow) {
  const std::vector<float> logits = {1000.0f, 0.0f};
  EXPECT_NEAR(surprise_of(logits, 0), 0, 1e-9);
  EXPECT_NEAR(surprise_of(logits, 1), 1000, 1e-9);
}

TEST(Surprise, ErrorOfTheMean) {
  Surprise surprise;
  for (double s : {1.0, 2.0, 3.0}) surprise.add(s);
  EXPECT_NEAR(surprise.perplexity(), std::exp(2.0), 1e-12);
  EXPECT_NEAR(surprise.error(), std::sqrt(2.0 / 3 / 2) * std::exp(2.0), 1e-9);
}

}  // namespace
}  // namespace hob::cli

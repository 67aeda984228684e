// Philox against its authors' known answers, and what draws promise.
#include "base/rng.h"

#include <gtest/gtest.h>

#include <set>

namespace hob {
namespace {

// kat_vectors of Random123 1.14 (D. E. Shaw Research), philox4x32 with 10 rounds: counter, key,
// result.
TEST(Philox, KnownAnswers) {
  using Words = std::array<uint32_t, 4>;
  EXPECT_EQ(philox({0, 0, 0, 0}, 0), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox({~0u, ~0u, ~0u, ~0u}, ~uint64_t{0}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, 0x299f31d0a4093822),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Random, EveryArgumentMatters) {
  std::set<std::array<uint32_t, 4>> seen;
  for (const uint64_t seed : {uint64_t{0}, uint64_t{1}, uint64_t{1} << 32}) {
    for (const auto stream : {RandomStream::kSample, RandomStream::kXtc}) {
      for (const uint64_t position : {uint64_t{0}, uint64_t{1}, uint64_t{1} << 32}) {
        for (const uint32_t index : {0u, 1u})
          seen.insert(random_words(seed, stream, position, index));
      }
    }
  }
  EXPECT_EQ(seen.size(), 3u * 2 * 3 * 2);
}

TEST(Random, UnitIsUniform) {
  constexpr int kBins = 64;
  constexpr uint64_t kDraws = 100000;
  std::array<double, kBins> counts{};
  for (uint64_t i = 0; i < kDraws; ++i) {
    const double u = random_unit(9, RandomStream::kTest, i);
    ASSERT_GE(u, 0);
    ASSERT_LT(u, 1);
    ++counts[static_cast<size_t>(u * kBins)];
  }
  double chi_square = 0;
  constexpr double kMean = static_cast<double>(kDraws) / kBins;
  for (const double count : counts) chi_square += (count - kMean) * (count - kMean) / kMean;
  EXPECT_LT(chi_square, 113.5);  // 1 in 10,000 of chi-square with 63 degrees of freedom lies above
}

}  // namespace
}  // namespace hob

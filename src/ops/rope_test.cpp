#include "ops/rope.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <numeric>

#include "base/rng.h"
#include "kernels/registry.h"

namespace hob::ops {
namespace {

constexpr double kPi = 3.14159265358979323846;

void expect_near(const std::vector<double>& got, const std::vector<double>& want) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i)
    EXPECT_NEAR(got[i], want[i], 1e-14 * want[i]) << i;  // a few last places
}

double plain(double base, size_t i, size_t rotary) {
  return std::pow(base, -2.0 * static_cast<double>(i) / static_cast<double>(rotary));
}

TEST(RopeFrequencies, PlainAreAGeometricSeries) {
  for (const size_t rotary : {2, 6, 64, 128}) {
    for (const double base : {1.0, 500.0, 10000.0, 1000000.0}) {
      std::vector<double> want;
      for (size_t i = 0; i < rotary / 2; ++i) want.push_back(plain(base, i, rotary));
      expect_near(rope_frequencies({.rotary = rotary, .base = base}), want);
    }
  }
}

TEST(RopeFrequencies, LinearCountsPositionsSlower) {
  std::vector<double> want;
  for (size_t i = 0; i < 32; ++i) want.push_back(plain(10000, i, 64) / 4);
  expect_near(rope_frequencies({.rotary = 64, .scaling = RopeScaling::kLinear, .factor = 4}), want);
}

TEST(RopeFrequencies, WithoutScalingTheFactorMeansNothing) {
  EXPECT_EQ(rope_frequencies({.rotary = 64, .factor = 8}), rope_frequencies({.rotary = 64}));
}

// YaRN by its definition: a pair is judged by the turns it makes in the original context, r =
// context f / 2 pi, with the border pairs rounded outwards to whole pairs as the authors' program
// does.
TEST(RopeFrequencies, YarnMixesByTurnsInTheOriginalContext) {
  constexpr size_t kRotary = 128;
  constexpr double kBase = 1000000, kContext = 32768, kFactor = 4, kFast = 32, kSlow = 1;
  const auto turns = [&](size_t i) { return kContext * plain(kBase, i, kRotary) / (2 * kPi); };
  size_t low = 0,
         high = 0;  // the last pair that turns at least kFast times; the first of at most kSlow
  while (turns(low + 1) >= kFast) ++low;
  while (turns(high) > kSlow) ++high;
  std::vector<double> want;
  for (size_t i = 0; i < kRotary / 2; ++i) {
    const double f = plain(kBase, i, kRotary);
    const double interpolated = i <= low ? 0 : i >= high ? 1 : double(i - low) / double(high - low);
    want.push_back(f * (1 - interpolated) + f / kFactor * interpolated);
  }
  const auto got = rope_frequencies({.rotary = kRotary,
                                     .base = kBase,
                                     .scaling = RopeScaling::kYarn,
                                     .factor = kFactor,
                                     .original_context = kContext,
                                     .beta_fast = kFast,
                                     .beta_slow = kSlow});
  expect_near(got, want);
  EXPECT_DOUBLE_EQ(got.front(), 1);  // fast pairs stay
  EXPECT_NEAR(got.back(), plain(kBase, kRotary / 2 - 1, kRotary) / kFactor,
              1e-16);  // slow ones are interpolated
}

// Llama 3.1's factors arrive as a tensor: from 1 for the fast pairs to 8 for the slow ones.
TEST(RopeFrequencies, FactorsDivide) {
  constexpr double kBase = 500000, kOld = 8192, kFactor = 8, kLow = 1, kHigh = 4;
  std::vector<float> factors;
  std::vector<double> want;
  for (size_t i = 0; i < 64; ++i) {
    const double f = plain(kBase, i, 128), wavelength = 2 * kPi / f;
    const double smooth = (kOld / wavelength - kLow) / (kHigh - kLow);
    const double factor = wavelength < kOld / kHigh  ? 1
                          : wavelength > kOld / kLow ? kFactor
                                                     : 1 / ((1 - smooth) / kFactor + smooth);
    factors.push_back(static_cast<float>(factor));
    want.push_back(f / factors.back());
  }
  EXPECT_EQ(factors.front(), 1);
  EXPECT_EQ(factors.back(), 8);
  expect_near(rope_frequencies({.rotary = 128, .base = kBase, .factors = factors}), want);
}

class Rope : public testing::Test {
 protected:
  static RopeTable table(const RopeSpec& spec, size_t rows) {
    return *RopeTable::allocate(spec, rows);
  }
  os::ThreadPool pool{2};
  Ctx ctx{pool, **kernels::select()};
};

TEST_F(Rope, TableHoldsCosAndSinOfThePositions) {
  const RopeSpec spec{.rotary = 64, .magnitude = 1.25};
  RopeTable t = table(spec, 200);
  std::vector<size_t> positions(200);
  for (size_t i = 0; i < positions.size(); ++i) positions[i] = i * i * 3;
  t.fill(ctx, positions);
  const auto frequencies = rope_frequencies(spec);
  for (size_t r = 0; r < positions.size(); ++r) {
    for (size_t i = 0; i < 32; ++i) {
      const double angle = static_cast<double>(positions[r]) * frequencies[i];
      ASSERT_NEAR(t.cos(r)[i], 1.25 * std::cos(angle), 1.25e-7)
          << positions[r] << " " << i;  // half a last place
      ASSERT_NEAR(t.sin(r)[i], 1.25 * std::sin(angle), 1.25e-7);
    }
  }
}

TEST_F(Rope, ARowDoesNotDependOnItsCompany) {
  const RopeSpec spec{.rotary = 128};
  RopeTable many = table(spec, 300), one = table(spec, 1);
  std::vector<size_t> positions(300);
  std::iota(positions.begin(), positions.end(), 5000);
  many.fill(ctx, positions);  // enough to wake the team
  for (const size_t r : {0, 149, 150, 299}) {
    const size_t position[] = {positions[r]};
    one.fill(ctx, position);
    EXPECT_EQ(0, std::memcmp(many.cos(r), one.cos(0), 64 * sizeof(float)));
    EXPECT_EQ(0, std::memcmp(many.sin(r), one.sin(0), 64 * sizeof(float)));
  }
}

// What rotation is for: a score depends on the distance of two positions, not on where they are.
TEST_F(Rope, ScoresDependOnDistanceAlone) {
  constexpr size_t kHead = 40, kRotary = 32;  // the last eight dimensions stay
  for (const bool halves : {false, true}) {
    RopeTable t = table({.rotary = kRotary, .halves = halves, .base = 1000}, 4);
    const size_t positions[] = {7, 3, 1007, 1003};  // two pairs, both four apart
    t.fill(ctx, positions);
    std::vector<float> q(4 * kHead), k(4 * kHead);
    for (size_t i = 0; i < q.size(); ++i) {
      q[i] = static_cast<float>(random_unit(1, RandomStream::kTest, i % kHead) - 0.5);
      k[i] = static_cast<float>(random_unit(2, RandomStream::kTest, i % kHead) - 0.5);
    }
    const std::vector<float> before = q;
    rope(ctx, t, Matrix(q.data(), 4, kHead), Matrix(k.data(), 4, kHead), kHead);
    const auto score = [&](size_t a, size_t b) {
      double sum = 0;
      for (size_t d = 0; d < kHead; ++d) sum += double(q[a * kHead + d]) * k[b * kHead + d];
      return sum;
    };
    EXPECT_NEAR(score(0, 1), score(2, 3), 1e-5);  // float rotations of forty numbers below a half
    EXPECT_GT(std::abs(score(0, 1) - score(0, 3)), 1e-3);
    for (size_t d = kRotary; d < kHead; ++d) EXPECT_EQ(q[d], before[d]);
  }
}

TEST_F(Rope, PairsAreNeighboursOrHalves) {
  for (const bool halves : {false, true}) {
    RopeTable t = table({.rotary = 8, .halves = halves}, 1);
    const size_t position[] = {3};
    t.fill(ctx, position);
    for (size_t d = 0; d < 8; ++d) {  // turn one unit vector: it spreads over its pair only
      std::vector<float> q(8, 0.0f), k(8, 0.0f);
      q[d] = 1;
      rope(ctx, t, Matrix(q.data(), 1, 8), Matrix(k.data(), 1, 8), 8);
      const size_t partner = halves ? (d + 4) % 8 : d ^ 1, pair = halves ? d % 4 : d / 2;
      const double angle = 3 * plain(10000, pair, 8), sign = partner > d ? 1 : -1;
      for (size_t i = 0; i < 8; ++i) {
        const double want = i == d ? std::cos(angle) : i == partner ? sign * std::sin(angle) : 0;
        EXPECT_NEAR(q[i], want, 1e-7) << "halves " << halves << " " << d << "->" << i;
      }
    }
  }
}

TEST_F(Rope, NoRowsIsNothing) {
  RopeTable t = table({.rotary = 8}, 1);
  t.fill(ctx, {});
  rope(ctx, t, Matrix(nullptr, 0, 8), Matrix(nullptr, 0, 8), 8);
}

}  // namespace
}  // namespace hob::ops

// Half and bfloat16 conversions against their definition: the value of every bit pattern, and for
// rounding the nearest of all representable values, found by search.
#include "base/half.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/rng.h"

namespace hob {
namespace {

constexpr uint16_t kHalfInfinity = 0x7c00, kBFloatInfinity = 0x7f80;

// IEEE 754-2008, 3.4: value of a finite pattern with `mantissa_bits` and exponents biased by
// `bias`.
double value_of(uint16_t bits, int mantissa_bits, int bias) {
  const int mantissa = bits & ((1 << mantissa_bits) - 1),
            exponent = (bits & 0x7fff) >> mantissa_bits;
  const double magnitude =
      exponent == 0 ? std::ldexp(mantissa, 1 - bias - mantissa_bits)
                    : std::ldexp(mantissa + (1 << mantissa_bits), exponent - bias - mantissa_bits);
  return bits & 0x8000 ? -magnitude : magnitude;
}

// Magnitudes of the patterns 0, 1, 2... in order; the last stands for what infinity would be, were
// it finite.
std::vector<double> magnitudes(uint16_t infinity, int mantissa_bits, int bias) {
  std::vector<double> values;
  for (uint32_t bits = 0; bits <= infinity; ++bits) {
    values.push_back(value_of(static_cast<uint16_t>(bits), mantissa_bits, bias));
  }
  return values;
}

uint16_t nearest_pattern(const std::vector<double>& values, float x) {
  const double magnitude = std::fabs(static_cast<double>(x));
  const uint16_t sign = std::signbit(x) ? 0x8000 : 0;
  const auto above = std::lower_bound(values.begin(), values.end(), magnitude);
  if (above == values.end()) return static_cast<uint16_t>(sign | (values.size() - 1));
  size_t i = static_cast<size_t>(above - values.begin());
  if (i > 0) {
    const double up = values[i] - magnitude, down = magnitude - values[i - 1];
    if (down < up || (down == up && i % 2 == 1)) --i;  // ties to the even pattern
  }
  return static_cast<uint16_t>(sign | i);
}

// Every value, every midpoint of neighbours, the floats next to them, and random floats of all
// sizes.
std::vector<float> interesting_floats(const std::vector<double>& values) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  std::vector<float> floats = {kInfinity, std::numeric_limits<float>::max(), 1e-45f, 0x1p-126f};
  for (size_t i = 0; i + 1 < values.size(); ++i) {
    for (const double x : {values[i], (values[i] + values[i + 1]) / 2}) {
      const float f = static_cast<float>(x);
      floats.insert(floats.end(), {f, std::nextafter(f, kInfinity), std::nextafter(f, 0.0f)});
    }
  }
  for (uint64_t i = 0; i < 200000; ++i) {
    const float f = std::bit_cast<float>(random_words(3, RandomStream::kTest, i)[0]);
    if (f == f) floats.push_back(f);
  }
  return floats;
}

TEST(Half, EveryPatternHasItsValue) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float got = to_float(Half{static_cast<uint16_t>(bits)});
    EXPECT_EQ(std::signbit(got), bits >= 0x8000) << bits;
    if ((bits & 0x7fff) < kHalfInfinity) {
      EXPECT_EQ(got, value_of(static_cast<uint16_t>(bits), 10, 15)) << bits;
    } else if ((bits & 0x7fff) == kHalfInfinity) {
      EXPECT_TRUE(std::isinf(got)) << bits;
    } else {
      EXPECT_TRUE(std::isnan(got)) << bits;
      EXPECT_TRUE(std::bit_cast<uint32_t>(got) & 0x400000u)
          << "quiet, as VCVTPH2PS makes it: " << bits;
    }
  }
}

TEST(Half, EveryPatternSurvivesTheRoundTrip) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const uint16_t again = to_half(to_float(Half{static_cast<uint16_t>(bits)})).bits;
    const bool nan = (bits & 0x7fff) > kHalfInfinity;
    EXPECT_EQ(again, nan ? (bits | 0x200) : bits);  // a NaN comes back quiet
  }
}

TEST(Half, RoundsToTheNearestTiesToEven) {
  const auto values = magnitudes(kHalfInfinity, 10, 15);
  for (const float x : interesting_floats(values)) {
    EXPECT_EQ(to_half(x).bits, nearest_pattern(values, x)) << x;
    EXPECT_EQ(to_half(-x).bits, nearest_pattern(values, -x)) << -x;
  }
}

TEST(Half, AtTheEndOfTheRange) {
  EXPECT_EQ(to_half(65519.996f).bits, 0x7bff);
  EXPECT_EQ(to_half(65520.0f).bits, kHalfInfinity);
  EXPECT_EQ(to_half(0x1p-25f).bits, 0);  // halfway to the least denormal: to even
  EXPECT_EQ(to_half(std::nextafter(0x1p-25f, 1.0f)).bits, 1);
  EXPECT_EQ(to_half(-0.0f).bits, 0x8000);
}

TEST(Half, NaNStaysNaN) {
  for (const uint32_t bits : {0x7f800001u, 0x7fc00000u, 0xff800001u, 0xffffffffu}) {
    const uint16_t half = to_half(std::bit_cast<float>(bits)).bits;
    EXPECT_GT(half & 0x7fff, kHalfInfinity);
    EXPECT_EQ(half >> 15, bits >> 31);
  }
}

TEST(BFloat16, EveryPatternHasItsValueAndSurvivesTheRoundTrip) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float got = to_float(BFloat16{static_cast<uint16_t>(bits)});
    const bool nan = (bits & 0x7fff) > kBFloatInfinity;
    if ((bits & 0x7fff) < kBFloatInfinity) {
      EXPECT_EQ(got, value_of(static_cast<uint16_t>(bits), 7, 127)) << bits;
    }
    EXPECT_EQ(std::isnan(got), nan);
    EXPECT_EQ(to_bfloat16(got).bits, nan ? (bits | 0x40) : bits);
  }
}

TEST(BFloat16, RoundsToTheNearestTiesToEven) {
  const auto values = magnitudes(kBFloatInfinity, 7, 127);
  for (const float x : interesting_floats(values)) {
    EXPECT_EQ(to_bfloat16(x).bits, nearest_pattern(values, x)) << x;
    EXPECT_EQ(to_bfloat16(-x).bits, nearest_pattern(values, -x)) << -x;
  }
}

TEST(BFloat16, NaNStaysNaN) {
  for (const uint32_t bits : {0x7f800001u, 0x7fc00000u, 0xff800001u, 0xffffffffu}) {
    EXPECT_GT(to_bfloat16(std::bit_cast<float>(bits)).bits & 0x7fff, kBFloatInfinity);
  }
}

}  // namespace
}  // namespace hob

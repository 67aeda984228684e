// portable::exp and log against the C library's long double versions, in units of the last place.
#include "base/portable_math.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "base/rng.h"

namespace hob {
namespace {

// |got - want| in units of the last place of a T with want's exponent.
template <class T>
double ulps(T got, long double want) {
  const int exponent = std::max(std::ilogb(want), std::numeric_limits<T>::min_exponent - 1);
  return static_cast<double>(std::fabs(static_cast<long double>(got) - want) /
                             std::ldexp(1.0L, exponent - std::numeric_limits<T>::digits + 1));
}

double draw(uint64_t i, double low, double high) {
  return low + (high - low) * random_unit(7, RandomStream::kTest, i);
}

constexpr double kUlps = 1.5;  // half from the last rounding, the rest from the steps before it

TEST(PortableMath, ExpIsCloseToTheTrueValue) {
  double worst = 0;
  for (uint64_t i = 0; i < 200000; ++i) {
    const double x = i % 2 ? draw(i, -700, 709) : draw(i, -1, 1);
    worst = std::max(worst, ulps(portable::exp(x), std::exp(static_cast<long double>(x))));
  }
  EXPECT_LT(worst, kUlps);
  RecordProperty("worst_ulps", std::to_string(worst));
}

TEST(PortableMath, ExpAtTheEdges) {
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(portable::exp(0.0), 1.0);
  EXPECT_EQ(portable::exp(-0.0), 1.0);
  EXPECT_EQ(portable::exp(infinity), infinity);
  EXPECT_EQ(portable::exp(-infinity), 0.0);
  EXPECT_EQ(portable::exp(710), infinity);
  EXPECT_EQ(portable::exp(-746), 0.0);
  EXPECT_TRUE(std::isnan(portable::exp(std::numeric_limits<double>::quiet_NaN())));
  EXPECT_TRUE(std::isfinite(portable::exp(709.78)));
  const double denormal = portable::exp(-740);
  EXPECT_GT(denormal, 0);
  EXPECT_LT(ulps(denormal, std::exp(-740.0L)), 2);  // rounded twice
}

TEST(PortableMath, LogIsCloseToTheTrueValue) {
  double worst = 0;
  for (uint64_t i = 0; i < 300000; ++i) {
    const double x = i % 3 == 0
                         ? std::ldexp(draw(i, 1, 2), static_cast<int>(draw(i + 1, -1080, 1023)))
                     : i % 3 == 1 ? draw(i, 0.5, 2)
                                  : 1 + draw(i, -1e-6, 1e-6);
    if (x == 1) continue;
    worst = std::max(worst, ulps(portable::log(x), std::log(static_cast<long double>(x))));
  }
  EXPECT_LT(worst, kUlps);
  RecordProperty("worst_ulps", std::to_string(worst));
}

TEST(PortableMath, LogAtTheEdges) {
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(portable::log(1.0), 0.0);
  EXPECT_EQ(portable::log(0.0), -infinity);
  EXPECT_EQ(portable::log(infinity), infinity);
  EXPECT_TRUE(std::isnan(portable::log(-1.0)));
  EXPECT_TRUE(std::isnan(portable::log(std::numeric_limits<double>::quiet_NaN())));
  EXPECT_LT(ulps(portable::log(5e-324), std::log(static_cast<long double>(5e-324))), kUlps);
}

TEST(PortableMath, FloatExpIsCloseToTheTrueValue) {
  double worst = 0;
  for (uint64_t i = 0; i < 300000; ++i) {
    const float x = static_cast<float>(i % 2 ? draw(i, -87, 88) : draw(i, -2, 0));
    worst = std::max(worst, ulps(portable::exp_in_range(x), std::exp(static_cast<long double>(x))));
  }
  EXPECT_LT(worst, kUlps);
  EXPECT_EQ(portable::exp_in_range(0.0f), 1.0f);
}

// The very bits, so that a compiler or flag that changes them is caught here and not in a reply.
TEST(PortableMath, BitsArePinned) {
  EXPECT_EQ(portable::exp(1.0), 0x1.5bf0a8b14576ap+1);
  EXPECT_EQ(portable::log(10.0), 0x1.26bb1bbb55516p+1);
  uint64_t hash = 0xcbf29ce484222325u;
  const auto mix = [&hash](uint64_t bits) { hash = (hash ^ bits) * 0x100000001b3u; };
  for (uint64_t i = 0; i < 10000; ++i) {
    const double x = draw(i, -40, 40);
    mix(std::bit_cast<uint64_t>(portable::exp(x)));
    mix(std::bit_cast<uint64_t>(portable::log(portable::exp(x / 3))));
    mix(std::bit_cast<uint32_t>(portable::exp_in_range(static_cast<float>(x))));
  }
  EXPECT_EQ(hash, 14866344386303939498u);
}

}  // namespace
}  // namespace hob

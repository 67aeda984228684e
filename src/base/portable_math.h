// exp and log that give the same bits on every machine.
//
// The C library's exp and log differ in the last bit between versions and processors. These use
// nothing but IEEE additions, multiplications, one division and moves of the exponent field, in a
// fixed order (the build forbids contraction to fma), so a result that depends on them replays
// anywhere.
//
// exp(x) = 2^k * exp(r), x = k ln 2 + r, |r| <= ln 2 / 2, exp(r) by its Taylor series (Cody & Waite
// 1980 for the split of ln 2). log(x) = k ln 2 + log(m), m in [sqrt(1/2), sqrt(2)), log(m) = 2
// atanh(s), s = (m - 1) / (m + 1), arranged so that m - 1 enters exactly (Tang 1990; the
// arrangement is fdlibm's). Within 1.5 units of the last place of the true value:
// portable_math_test.cpp. The kernels have their own definitions (ARCHITECTURE.md, numeric
// contract); this one serves code that runs once per token.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>

namespace hob::portable {

namespace detail {
// ln 2 = high + low, high with trailing zeros so that k * high is exact for every k that occurs.
constexpr double kLn2High = 0x1.62e42fee00000p-1, kLn2Low = 0x1.a39ef35793c76p-33;
constexpr double kLog2E = 0x1.71547652b82fep+0;
constexpr float kLn2HighFloat = 0x1.62e400p-1f, kLn2LowFloat = 0x1.7f7d1cp-20f;
constexpr float kLog2EFloat = 0x1.715476p+0f;
// Adding and subtracting it rounds to the nearest whole number, ties to even.
constexpr double kRounder = 0x1.8p52;
constexpr float kRounderFloat = 0x1.8p23f;

constexpr double power_of_two(int64_t k) {  // -1022 <= k <= 1023
  return std::bit_cast<double>(static_cast<uint64_t>(k + 1023) << 52);
}
}  // namespace detail

constexpr double kLn2 = 0x1.62e42fefa39efp-1;

// exp(NaN) is NaN, exp(-inf) 0, exp(inf) inf; results below the smallest normal are rounded twice.
constexpr double exp(double x) {
  if (x != x) return x;
  constexpr double kOverflow = 709.782712893384, kUnderflow = -745.1332191019412;
  if (x > kOverflow) return std::numeric_limits<double>::infinity();
  if (x < kUnderflow) return 0;
  const double k = (x * detail::kLog2E + detail::kRounder) - detail::kRounder;
  const double r = (x - k * detail::kLn2High) - k * detail::kLn2Low;
  double series = 1.0 / 6227020800;  // 1/13!; the next term is below half a unit of the last place
  series = series * r + 1.0 / 479001600;
  series = series * r + 1.0 / 39916800;
  series = series * r + 1.0 / 3628800;
  series = series * r + 1.0 / 362880;
  series = series * r + 1.0 / 40320;
  series = series * r + 1.0 / 5040;
  series = series * r + 1.0 / 720;
  series = series * r + 1.0 / 120;
  series = series * r + 1.0 / 24;
  series = series * r + 1.0 / 6;
  series = series * r + 0.5;
  const double value = 1 + (r + r * r * series);
  const int64_t exponent = static_cast<int64_t>(k), half = exponent / 2;
  return value * detail::power_of_two(half) * detail::power_of_two(exponent - half);
}

// log(0) is -inf; of a negative number or NaN, NaN.
constexpr double log(double x) {
  if (x != x || x < 0) return std::numeric_limits<double>::quiet_NaN();
  if (x == 0) return -std::numeric_limits<double>::infinity();
  if (x == std::numeric_limits<double>::infinity()) return x;
  int64_t k = 0;
  if (x < std::numeric_limits<double>::min()) {
    x *= 0x1p54;
    k = -54;
  }
  // Subtracting sqrt(1/2)'s bits first makes the exponent field change at sqrt(1/2) instead of
  // at 1.
  constexpr uint64_t kSqrtHalf = std::bit_cast<uint64_t>(0x1.6a09e667f3bcdp-1);
  const uint64_t bits = std::bit_cast<uint64_t>(x);
  const int64_t shift = static_cast<int64_t>(bits - kSqrtHalf) >> 52;
  k += shift;
  const double m = std::bit_cast<double>(bits - (static_cast<uint64_t>(shift) << 52));
  const double f = m - 1, s = f / (2 + f), z = s * s;
  double series = 2.0 / 23;  // 2 atanh(s) = 2s + s z (2/3 + 2/5 z + ...)
  series = series * z + 2.0 / 21;
  series = series * z + 2.0 / 19;
  series = series * z + 2.0 / 17;
  series = series * z + 2.0 / 15;
  series = series * z + 2.0 / 13;
  series = series * z + 2.0 / 11;
  series = series * z + 2.0 / 9;
  series = series * z + 2.0 / 7;
  series = series * z + 2.0 / 5;
  series = series * z + 2.0 / 3;
  const double half_square = 0.5 * f * f, scale = static_cast<double>(k);
  const double tail = s * (half_square + z * series) + scale * detail::kLn2Low;
  return scale * detail::kLn2High - ((half_square - tail) - f);
}

// exp of a float, for loops over a vocabulary: no branches, so that the compiler can take several
// at once. x in [-87, 88]; outside, and for NaN, the result is meaningless (but defined).
constexpr float exp_in_range(float x) {
  const float shifted = x * detail::kLog2EFloat + detail::kRounderFloat;
  const float k = shifted - detail::kRounderFloat;
  const float r = (x - k * detail::kLn2HighFloat) - k * detail::kLn2LowFloat;
  float series = 1.0f / 5040;
  series = series * r + 1.0f / 720;
  series = series * r + 1.0f / 120;
  series = series * r + 1.0f / 24;
  series = series * r + 1.0f / 6;
  series = series * r + 0.5f;
  const float value = 1 + (r + r * r * series);
  // The low bits of `shifted` are k; they go to the exponent field of `value`.
  return std::bit_cast<float>(std::bit_cast<uint32_t>(value) +
                              (std::bit_cast<uint32_t>(shifted) << 23));
}

}  // namespace hob::portable

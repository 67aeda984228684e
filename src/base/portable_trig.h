// sin and cos in double, from IEEE additions and multiplications alone: the same bits on every
// machine.
//
// x = k pi/2 + r with pi/2 in three parts whose products with k are exact for |k| below 2^20 (Cody
// & Waite 1980), then the Taylor series to r^17: |r| <= pi/4, error below 1e-15. Good for |x| up to
// a million, the positions of any context.
#pragma once

#include <cmath>
#include <cstdint>

namespace hob {

struct SinCos {
  double sin, cos;
};

inline SinCos portable_sincos(double x) {
  constexpr double kTwoOverPi = 0x1.45f306dc9c883p-1;
  // pi/2 = high + middle + low, 33 bits each
  constexpr double kHigh = 0x1.921fb544p+0, kMiddle = 0x1.0b4611a6p-34,
                   kLow = 0x1.3198a2e037073p-69;
  const double k = std::nearbyint(x * kTwoOverPi);
  const double r = ((x - k * kHigh) - k * kMiddle) - k * kLow;
  const double r2 = r * r;
  double sine = 1.0, cosine = 1.0;
  // 1 - r2/(2*3) (1 - r2/(4*5) (...)) and 1 - r2/(1*2) (1 - r2/(3*4) (...)), innermost first
  for (int n = 16; n >= 2; n -= 2) {
    sine = 1.0 - r2 / (n * (n + 1)) * sine;
    cosine = 1.0 - r2 / ((n - 1) * n) * cosine;
  }
  sine = sine * r;
  switch (static_cast<int64_t>(k) & 3) {
    case 0:
      return {sine, cosine};
    case 1:
      return {cosine, -sine};
    case 2:
      return {-sine, -cosine};
    default:
      return {-cosine, sine};
  }
}

}  // namespace hob

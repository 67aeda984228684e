#include "base/portable_trig.h"

#include <gtest/gtest.h>

namespace hob {
namespace {

TEST(PortableTrig, AgreesWithTheLibrary) {
  for (double x = -50; x < 50; x += 0.01237) {
    EXPECT_NEAR(portable_sincos(x).sin, std::sin(x), 2e-15) << x;
    EXPECT_NEAR(portable_sincos(x).cos, std::cos(x), 2e-15) << x;
  }
  for (double x = 1; x < 1.1e6; x *= 1.37) {
    EXPECT_NEAR(portable_sincos(x).sin, std::sin(x), 1e-14) << x;
    EXPECT_NEAR(portable_sincos(x).cos, std::cos(x), 1e-14) << x;
  }
}

TEST(PortableTrig, ExactAtZero) {
  EXPECT_EQ(portable_sincos(0).sin, 0.0);
  EXPECT_EQ(portable_sincos(0).cos, 1.0);
}

}  // namespace
}  // namespace hob

#include "ops/rows.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "base/rng.h"
#include "kernels/registry.h"

namespace hob::ops {
namespace {

std::vector<float> random_floats(size_t count, uint64_t seed, double size = 1) {
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i) {
    values[i] = static_cast<float>(size * (2 * random_unit(seed, RandomStream::kTest, i) - 1));
  }
  return values;
}

// Each test on one thread and on three, with rows enough to wake them and too few.
class Rows : public testing::TestWithParam<int> {
 protected:
  os::ThreadPool pool{GetParam()};
  Ctx ctx{pool, **kernels::select()};
};
INSTANTIATE_TEST_SUITE_P(Threads, Rows, testing::Values(1, 3));

TEST_P(Rows, RmsNorm) {
  constexpr float kEps = 1e-5f;
  for (const size_t cols : {1, 15, 16, 17, 64, 576, 1000}) {
    for (const size_t rows : {0, 1, 7, 40}) {
      auto x = random_floats(rows * cols, 1, 3);
      const auto weight = random_floats(cols, 2);
      std::vector<float> y(x.size());
      rmsnorm(ctx, Matrix(y.data(), rows, cols), Matrix(x.data(), rows, cols), weight.data(), kEps);
      for (size_t m = 0; m < rows; ++m) {
        double squares = 0;
        for (size_t i = 0; i < cols; ++i) squares += double(x[m * cols + i]) * x[m * cols + i];
        const double scale = 1 / std::sqrt(squares / static_cast<double>(cols) + double(kEps));
        for (size_t i = 0; i < cols; ++i) {
          const double want = x[m * cols + i] * scale * weight[i];
          ASSERT_NEAR(y[m * cols + i], want, 1e-6 * std::abs(want) + 1e-12)
              << cols;  // a sum of `cols` floats
        }
      }
      std::vector<float> in_place = x;
      const Matrix same(in_place.data(), rows, cols);
      rmsnorm(ctx, same, same, weight.data(), kEps);
      EXPECT_EQ(in_place, y);
    }
  }
}

TEST_P(Rows, RmsNormOfNothingIsNothing) {
  std::vector<float> x(32, 0.0f), y(32, 1.0f);
  const std::vector<float> weight(32, 2.0f);
  rmsnorm(ctx, Matrix(y.data(), 1, 32), Matrix(x.data(), 1, 32), weight.data(), 1e-6f);
  EXPECT_EQ(y, x);
}

TEST_P(Rows, SiluMul) {
  for (const size_t cols : {1, 16, 31, 1536}) {
    for (const size_t rows : {0, 1, 9}) {
      auto gate = random_floats(rows * cols, 3, 100);  // far into both saturated ends
      auto up = random_floats(rows * cols, 4);
      const auto before = gate;
      silu_mul(ctx, Matrix(gate.data(), rows, cols), Matrix(up.data(), rows, cols));
      for (size_t i = 0; i < gate.size(); ++i) {
        const double want = before[i] / (1 + std::exp(-double(before[i]))) * up[i];
        // exp is within 2e-7 of itself up to e^88, where it stops: below -88 the true result is
        // under 1e-36
        ASSERT_NEAR(gate[i], want, 1e-6 * std::abs(want) + 1e-35) << before[i];
      }
    }
  }
}

TEST_P(Rows, EmbedIsExactForEveryFormat) {
  for (const auto& t : quant::all_formats()) {
    const size_t V = 37, D = 512;
    const auto values = random_floats(V * D, 5);
    std::vector<std::byte> blocks(quant::row_bytes(t.format, D) * V);
    t.quantize(values.data(), values.size(), blocks.data());
    std::vector<float> exact(V * D);
    t.dequantize(blocks.data(), exact.size(), exact.data());
    const Weight table{blocks.data(), t.format, V, D};
    for (const size_t count : {0, 1, 50}) {
      std::vector<int32_t> tokens(count);
      for (size_t i = 0; i < count; ++i)
        tokens[i] = static_cast<int32_t>((i * 17 + 36) % V);  // first and last too
      std::vector<float> out(count * D);
      embed(ctx, Matrix(out.data(), count, D), table, tokens);
      for (size_t i = 0; i < count; ++i) {
        ASSERT_EQ(0, std::memcmp(&out[i * D], &exact[static_cast<size_t>(tokens[i]) * D],
                                 D * sizeof(float)))
            << t.name;
      }
    }
  }
}

TEST(RowsDeath, ATokenOutsideTheTableStops) {
  os::ThreadPool pool(1);
  Ctx ctx(pool, **kernels::select());
  std::vector<float> values(8), out(4);
  const Weight table{reinterpret_cast<const std::byte*>(values.data()), quant::Format::kF32, 2, 4};
  for (const int32_t token : {2, -1}) {
    EXPECT_DEATH(embed(ctx, Matrix(out.data(), 1, 4), table, {&token, 1}), "token .* of 2");
  }
}

}  // namespace
}  // namespace hob::ops

#include "ops/linear.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <deque>

#include "base/rng.h"
#include "kernels/registry.h"

namespace hob::ops {
namespace {

using quant::Format;

std::vector<float> random_floats(size_t count, uint64_t seed) {
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i) {
    values[i] = static_cast<float>(2 * random_unit(seed, RandomStream::kTest, i) - 1);
  }
  return values;
}

// A weight that owns its blocks and knows their exact values.
struct Owned {
  std::vector<std::byte> blocks;
  std::vector<float> values;
  Weight weight;

  Owned(Format format, size_t rows, size_t cols, uint64_t seed)
      : values(random_floats(rows * cols, seed)) {
    const auto& t = quant::traits(format);
    blocks.resize(quant::row_bytes(format, cols) * rows);
    t.quantize(values.data(), values.size(), blocks.data());
    t.dequantize(blocks.data(), values.size(), values.data());
    weight = {blocks.data(), format, rows, cols};
  }
};

// One product of a group, with what it yields.
struct Member {
  const Owned* weight;
  bool bias = false, add = false;
};

constexpr float kBefore = 0.75f;  // what y holds where a product adds

class Linear : public testing::Test {
 protected:
  // Runs up to three members over x [M,K] on so many threads.
  static std::vector<std::vector<float>> run(const std::vector<Member>& members,
                                             std::vector<float> x, size_t M, size_t K, int threads,
                                             const kernels::Table& table = **kernels::select()) {
    os::ThreadPool pool(threads);
    Ctx ctx(pool, table);
    EXPECT_TRUE(ctx.reserve_scratch(linear_scratch_bytes(ctx, K)));
    Operand operand = *Operand::allocate(ctx, M, K);
    operand.set(Matrix(x.data(), M, K));
    std::vector<std::vector<float>> ys;
    std::vector<Product> products;
    for (const Member& m : members) ys.emplace_back(M * m.weight->weight.rows, kBefore);
    for (size_t i = 0; i < members.size(); ++i) {
      const Weight& w = members[i].weight->weight;
      products.push_back({Matrix(ys[i].data(), M, w.rows), &w,
                          members[i].bias ? bias(w.rows).data() : nullptr, members[i].add});
    }
    switch (products.size()) {
      case 1:
        linear(ctx, operand, {products[0]});
        break;
      case 2:
        linear(ctx, operand, {products[0], products[1]});
        break;
      case 3:
        linear(ctx, operand, {products[0], products[1], products[2]});
        break;
      default:
        ADD_FAILURE() << products.size() << " products";
    }
    return ys;
  }
  static const std::vector<float>& bias(size_t rows) {
    static const std::vector<float> all = random_floats(4096, 99);
    EXPECT_LE(rows, all.size());
    return all;
  }
  static std::vector<float> exact(const Member& m, const std::vector<float>& x, size_t M) {
    const size_t N = m.weight->weight.rows, K = m.weight->weight.cols;
    std::vector<float> y(M * N);
    for (size_t i = 0; i < M; ++i) {
      for (size_t n = 0; n < N; ++n) {
        double sum = (m.bias ? bias(N)[n] : 0.0) + (m.add ? kBefore : 0.0);
        for (size_t k = 0; k < K; ++k) sum += double(m.weight->values[n * K + k]) * x[i * K + k];
        y[i * N + n] = static_cast<float>(sum);
      }
    }
    return y;
  }
  static double nmse(const std::vector<float>& got, const std::vector<float>& want) {
    double error = 0, size = 0;
    for (size_t i = 0; i < got.size(); ++i) {
      error += (double(got[i]) - want[i]) * (double(got[i]) - want[i]);
      size += double(want[i]) * want[i];
    }
    return error / size;
  }
  // Float weights: sums in floats. Block formats: activations as int8 with step absmax / 127, an
  // error of step / sqrt 12 each: for numbers uniform in +-1 a share of 3 / (127^2 12) = 1.6e-5 of
  // the energy.
  static double bound(Format format) { return quant::traits(format).block_len == 1 ? 1e-12 : 3e-5; }
};

TEST_F(Linear, EveryFormatIsNearTheExactProduct) {
  for (const auto& t : quant::all_formats()) {
    for (const size_t M : {1, 5, 33}) {
      const size_t K = 512;
      const Owned w(t.format, 53, K, 3);
      const auto x = random_floats(M * K, 4);
      for (const Member m :
           {Member{&w}, Member{&w, true, false}, Member{&w, false, true}, Member{&w, true, true}}) {
        const auto y = run({m}, x, M, K, 2);
        EXPECT_LT(nmse(y[0], exact(m, x, M)), bound(t.format))
            << t.name << " M " << M << (m.bias ? " bias" : "") << (m.add ? " add" : "");
      }
    }
  }
}

// Products of one operand with weights of different formats share their rows out over the team;
// rows that do not fill vectors, or are fewer than the threads, change nothing.
TEST_F(Linear, MixedGroupsGiveTheSameBitsOnAnyTeam) {
  const size_t K = 256;
  const std::vector<std::vector<size_t>> row_counts = {
      {1, 1, 1}, {17, 3, 64}, {16, 15, 1}, {100, 33, 47}};
  const std::vector<std::vector<Format>> formats = {{Format::kQ4_K, Format::kQ8_0, Format::kF16},
                                                    {Format::kF32, Format::kQ6_K, Format::kQ4_1},
                                                    {Format::kQ5_0, Format::kQ5_K, Format::kBF16}};
  for (const auto& rows : row_counts) {
    for (const auto& format : formats) {
      std::deque<Owned> weights;
      for (int i = 0; i < 3; ++i) weights.emplace_back(format[i], rows[i], K, 10 + i);
      const std::vector<Member> members = {
          {&weights[0], true, false}, {&weights[1], false, true}, {&weights[2]}};
      for (const size_t M : {1, 2, 19, 70}) {
        const auto x = random_floats(M * K, 5);
        const auto alone = run(members, x, M, K, 1);
        EXPECT_EQ(run(members, x, M, K, 2), alone) << M;
        EXPECT_EQ(run(members, x, M, K, 3), alone) << M;
        for (int i = 0; i < 3; ++i) {
          EXPECT_EQ(run({members[i]}, x, M, K, 3)[0], alone[i]) << "apart from its group";
          EXPECT_LT(nmse(alone[i], exact(members[i], x, M)),
                    bound(format[i]) * 4)  // few rows: the mean may be off
              << quant::traits(format[i]).name << " " << rows[i] << "x" << M;
        }
      }
    }
  }
}

TEST_F(Linear, ARowDoesNotDependOnItsCompany) {
  for (const auto& t : quant::all_formats()) {
    const size_t K = 512, M = 67;
    const Owned w(t.format, 40, K, 6);
    const auto x = random_floats(M * K, 7);
    const auto together = run({{&w}}, x, M, K, 2)[0];
    for (const size_t row : {0, 15, 16, 66}) {
      const std::vector<float> one(x.begin() + row * K, x.begin() + (row + 1) * K);
      const auto alone = run({{&w}}, one, 1, K, 1)[0];
      EXPECT_EQ(0, std::memcmp(alone.data(), together.data() + row * 40, 40 * sizeof(float)))
          << t.name << " row " << row;
    }
  }
}

// An operand whose rows are part of wider ones, and a result that is part of a wider one.
TEST_F(Linear, StridesAreRespected) {
  const size_t M = 9, K = 64;
  const Owned f(Format::kF32, 21, K, 8), q(Format::kQ8_0, 21, K, 8);
  for (const Owned* w : {&f, &q}) {
    auto wide = random_floats(M * (K + 24), 9);
    std::vector<float> packed;
    for (size_t m = 0; m < M; ++m)
      packed.insert(packed.end(), wide.begin() + m * (K + 24) + 8,
                    wide.begin() + m * (K + 24) + 8 + K);
    const auto want = run({{w}}, packed, M, K, 1)[0];
    os::ThreadPool pool(2);
    Ctx ctx(pool, **kernels::select());
    ASSERT_TRUE(ctx.reserve_scratch(linear_scratch_bytes(ctx, K)));
    Operand operand = *Operand::allocate(ctx, M, K);
    operand.set(Matrix(wide.data(), M, K + 24).columns(8, K));
    std::vector<float> y(M * 40, -1.0f);
    linear(ctx, operand, {{Matrix(y.data(), M, 40).columns(5, 21), &w->weight}});
    for (size_t m = 0; m < M; ++m) {
      for (size_t n = 0; n < 40; ++n) {
        ASSERT_EQ(y[m * 40 + n], n >= 5 && n < 26 ? want[m * 21 + n - 5] : -1.0f) << m << " " << n;
      }
    }
  }
}

TEST_F(Linear, AnOperandTakesNewValues) {
  const size_t K = 256;
  const Owned w(Format::kQ4_0, 16, K, 11), k(Format::kQ4_K, 16, K, 12);
  const auto first = random_floats(K, 13), second = random_floats(K, 14);
  os::ThreadPool pool(1);
  Ctx ctx(pool, **kernels::select());
  ASSERT_TRUE(ctx.reserve_scratch(linear_scratch_bytes(ctx, K)));
  Operand operand = *Operand::allocate(ctx, 1, K);
  for (const auto& x : {first, second}) {
    std::vector<float> copy = x, yw(16), yk(16);
    operand.set(Matrix(copy.data(), 1, K));
    linear(ctx, operand, {{Matrix(yw.data(), 1, 16), &w.weight}});
    linear(ctx, operand, {{Matrix(yk.data(), 1, 16), &k.weight}});
    EXPECT_EQ(yw, run({{&w}}, x, 1, K, 1)[0]);
    EXPECT_EQ(yk, run({{&k}}, x, 1, K, 1)[0]);
  }
}

TEST_F(Linear, OddFloatWidthsAndNoRows) {
  for (const size_t K : {1, 3, 15, 17, 100}) {
    const Owned w(Format::kF16, 5, K, 15);
    const auto x = random_floats(3 * K, 16);
    EXPECT_LT(nmse(run({{&w}}, x, 3, K, 2)[0], exact({&w}, x, 3)), 1e-12) << K;
  }
  const Owned w(Format::kQ8_0, 5, 64, 17);
  EXPECT_TRUE(run({{&w}}, {}, 0, 64, 2)[0].empty());
}

// Activations that are not numbers reach their own row only, and there every table says the same.
TEST_F(Linear, NaNAndInfinityStayInTheirRow) {
  const size_t M = 20, K = 256;
  for (const auto& t : quant::all_formats()) {
    const Owned w(t.format, 18, K, 18);
    const auto good = random_floats(M * K, 19);
    for (const float bad : {NAN, INFINITY, -INFINITY}) {
      auto x = good;
      x[3 * K + 100] = bad;
      for (const kernels::Table* table : kernels::compiled()) {
        if (!kernels::runs_here(*table)) continue;
        const kernels::Table& oracle = kernels::oracle(*table);
        const auto want = run({{&w}}, good, M, K, 1, oracle)[0];
        const auto ref = run({{&w}}, x, M, K, 1, oracle)[0];
        const auto y = run({{&w}}, x, M, K, 2, *table)[0];
        for (size_t m = 0; m < M; ++m) {
          for (size_t n = 0; m == 3 && n < 18; ++n) {
            const float a = y[m * 18 + n], b = ref[m * 18 + n];
            ASSERT_TRUE(a == b || (std::isnan(a) && std::isnan(b)))
                << table->name << " " << t.name << " " << bad << ": " << a << " and " << b;
          }
          if (m == 3) continue;
          ASSERT_EQ(0, std::memcmp(&y[m * 18], &want[m * 18], 18 * sizeof(float)))
              << table->name << " " << t.name << " " << m;
        }
      }
    }
  }
}

}  // namespace
}  // namespace hob::ops

// Against softmax attention written down in double, and the same bits for any team and company.
#include "ops/attend_whole.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "base/rng.h"
#include "kernels/registry.h"

namespace hob::ops {
namespace {

constexpr size_t kHeads = 3, kDim = 20, kWidth = kHeads * kDim;

struct Inputs {
  std::vector<float> q, k, v;
  explicit Inputs(size_t rows) {
    for (auto* values : {&q, &k, &v}) {
      const uint64_t seed = static_cast<uint64_t>(values - &q + 1);
      for (size_t i = 0; i < rows * kWidth; ++i) {
        values->push_back(
            static_cast<float>(4 * random_unit(seed, RandomStream::kTest, i) - 2));
      }
    }
  }
};

std::vector<float> run(const kernels::Table& table, int threads, Inputs& in, size_t total,
                       const std::vector<SequenceRows>& sequences) {
  os::ThreadPool pool(threads);
  Ctx ctx(pool, table);
  size_t longest = 0;
  for (const auto& s : sequences) longest = std::max(longest, s.rows);
  EXPECT_TRUE(ctx.reserve_scratch(attend_whole_scratch_bytes(kDim, longest)));
  for (int t = 0; t < threads; ++t)  // what nobody sees may be no number
    std::memset(ctx.scratch(t), 0xff, attend_whole_scratch_bytes(kDim, longest));
  std::vector<float> out(total * kWidth);
  attend_whole(ctx, Matrix(out.data(), total, kWidth), Matrix(in.q.data(), total, kWidth),
               Matrix(in.k.data(), total, kWidth), Matrix(in.v.data(), total, kWidth), sequences,
               kHeads, kDim, 0.3f);
  return out;
}

TEST(AttendWhole, EveryTokenSeesItsWholeSequence) {
  constexpr size_t kRows = 37;
  Inputs in(kRows);
  const auto out = run(**kernels::select(), 1, in, kRows, {{0, 20, 0}, {20, 17, 0}});
  for (size_t t = 0; t < kRows; ++t) {
    const size_t first = t < 20 ? 0 : 20, last = t < 20 ? 20 : kRows;
    for (size_t c = 0; c < kWidth; ++c) {
      double total = 0, mix = 0;
      for (size_t s = first; s < last; ++s) {
        double score = 0;
        for (size_t d = c / kDim * kDim; d < c / kDim * kDim + kDim; ++d)
          score += static_cast<double>(in.q[t * kWidth + d]) * in.k[s * kWidth + d];
        const double p = std::exp(score * 0.3);
        total += p;
        mix += p * in.v[s * kWidth + c];
      }
      EXPECT_NEAR(out[t * kWidth + c], mix / total, 2e-6);  // sums of 20 floats
    }
  }
}

TEST(AttendWhole, TheSameBitsForAnyTableTeamAndCompany) {
  constexpr size_t kRows = 400;
  Inputs in(kRows);
  const std::vector<SequenceRows> all = {{0, 300, 0}, {300, 1, 0}, {301, 33, 0}, {334, 66, 0}};
  const auto expected = run(kernels::kRefTable, 1, in, kRows, all);
  for (const kernels::Table* table : kernels::compiled()) {
    if (!kernels::runs_here(*table) || table->numerics != kernels::Numerics::kPortable) continue;
    EXPECT_EQ(run(*table, 1, in, kRows, all), expected) << table->name;
    EXPECT_EQ(run(*table, 3, in, kRows, all), expected) << table->name;
    for (const SequenceRows& s : all) {
      const auto alone = run(*table, 2, in, kRows, {s});
      for (size_t i = s.first_row * kWidth; i < (s.first_row + s.rows) * kWidth; ++i)
        ASSERT_EQ(alone[i], expected[i]) << table->name;
    }
  }
}

}  // namespace
}  // namespace hob::ops

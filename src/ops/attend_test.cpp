#include "ops/attend.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/rng.h"
#include "kernels/registry.h"

namespace hob::ops {
namespace {

constexpr KvFormat kFormats[] = {KvFormat::kF32, KvFormat::kF16, KvFormat::kBF16, KvFormat::kQ8_0};

struct Floats {
  std::vector<float> values;
  size_t cols;
  Floats(size_t rows, size_t c, uint64_t seed) : values(rows * c), cols(c) {
    for (size_t i = 0; i < values.size(); ++i) {
      values[i] = static_cast<float>(4 * random_unit(seed, RandomStream::kTest, i) - 2);
    }
  }
  // Rows [first, first + count).
  Matrix rows(size_t first, size_t count) { return {values.data() + first * cols, count, cols}; }
};

// A conversation: queries, keys and values of every position, and a cache.
struct Conversation {
  Floats q, k, v, out;
  KvLayer layer;
  Storage memory;

  Conversation(const AttendSpec& s, KvFormat format, size_t positions, uint64_t seed)
      : q(positions, s.n_heads * s.head_dim, seed),
        k(positions, s.n_kv_heads * s.head_dim, seed + 1),
        v(positions, s.n_kv_heads * s.head_dim, seed + 2),
        out(positions, s.n_heads * s.head_dim, seed + 3) {
    const size_t slots = (positions + kernels::kKvTile - 1) / kernels::kKvTile * kernels::kKvTile;
    layer = {format, s.n_kv_heads, s.head_dim, slots, nullptr};
    memory = *Storage::allocate(layer.bytes(), "test");
    layer.data = memory.data();
  }
};

class Attend : public testing::Test {
 protected:
  // Positions in runs of `piece`, alone.
  static std::vector<float> run(Conversation c, const AttendSpec& spec, size_t positions,
                                size_t piece, int threads,
                                const kernels::Table& table = **kernels::select()) {
    os::ThreadPool pool(threads);
    Ctx ctx(pool, table);
    EXPECT_TRUE(ctx.reserve_scratch(attend_scratch_bytes(spec.head_dim)));
    for (size_t first = 0; first < positions; first += piece) {
      const size_t count = std::min(piece, positions - first);
      const SequenceRows rows{0, count, first};
      attend(ctx, c.out.rows(first, count), c.q.rows(first, count), c.k.rows(first, count),
             c.v.rows(first, count), {&rows, 1}, {&c.layer, 1}, spec);
    }
    return std::move(c.out.values);
  }
  // Softmax of all scores in double.
  static std::vector<float> naive(const Conversation& c, const AttendSpec& s, size_t positions) {
    std::vector<float> out(positions * c.q.cols);
    for (size_t t = 0; t < positions; ++t) {
      for (size_t h = 0; h < s.n_heads; ++h) {
        const size_t g = h / (s.n_heads / s.n_kv_heads);
        const size_t oldest = s.window > 0 && t + 1 > s.window ? t + 1 - s.window : 0;
        std::vector<double> p;
        for (size_t i = oldest; i <= t; ++i) {
          double score = 0;
          for (size_t d = 0; d < s.head_dim; ++d) {
            score += double(c.q.values[t * c.q.cols + h * s.head_dim + d]) *
                     c.k.values[i * c.k.cols + g * s.head_dim + d];
          }
          p.push_back(score * s.scale);
        }
        const double most = *std::max_element(p.begin(), p.end());
        double total = 0;
        for (double& x : p) total += x = std::exp(x - most);
        for (size_t d = 0; d < s.head_dim; ++d) {
          double mix = 0;
          for (size_t i = oldest; i <= t; ++i)
            mix += p[i - oldest] * c.v.values[i * c.v.cols + g * s.head_dim + d];
          out[t * c.q.cols + h * s.head_dim + d] = static_cast<float>(mix / total);
        }
      }
    }
    return out;
  }
};

// Bounds: values are below 2, so rounding to F16 (11 bits), BF16 (8) and int8 (absmax / 254) errs
// by at most 5e-4, 4e-3 and 8e-3 there; the scores' errors weigh about as much again.
double bound(KvFormat format) {
  constexpr double kBounds[] = {2e-5, 2e-3, 2e-2, 4e-2};
  return kBounds[static_cast<int>(format)];
}

AttendSpec spec(size_t heads, size_t kv_heads, size_t head_dim, size_t window = 0) {
  return {heads, kv_heads, head_dim, window,
          static_cast<float>(1 / std::sqrt(static_cast<double>(head_dim)))};
}

const AttendSpec kSpecs[] = {spec(4, 2, 64),    spec(3, 3, 40),   spec(9, 3, 64, 100),
                             spec(14, 2, 64),   spec(5, 1, 7, 1), spec(32, 1, 16),
                             spec(2, 1, 20, 17)};

TEST_F(Attend, IsSoftmaxOfScores) {
  const size_t positions = HOB_SANITIZED ? 270 : 530;  // past one (two) segments
  for (const AttendSpec& s : kSpecs) {
    for (const KvFormat format : kFormats) {
      const auto want = naive(Conversation(s, format, positions, 1), s, positions);
      const auto got = run(Conversation(s, format, positions, 1), s, positions, 512, 2);
      for (size_t i = 0; i < got.size(); ++i) {
        ASSERT_NEAR(got[i], want[i], bound(format))
            << "head " << s.head_dim << " format " << int(format) << " at " << i;
      }
    }
  }
}

TEST_F(Attend, NeitherCutNorTeamChangesABit) {
  const size_t positions = HOB_SANITIZED ? 60 : 300;
  struct Way {
    size_t piece;
    int threads;
  };
  const Way ways[] = {{1, 1}, {7, 1}, {64, 1}, {64, 2}, {13, 3}, {positions, 3}};
  for (const AttendSpec& s : kSpecs) {
    for (const KvFormat format : kFormats) {
      const auto want = run(Conversation(s, format, positions, 2), s, positions, positions, 1);
      for (const auto& [piece, threads] : ways) {
        const auto got = run(Conversation(s, format, positions, 2), s, positions, piece, threads);
        ASSERT_EQ(0, std::memcmp(got.data(), want.data(), want.size() * sizeof(float)))
            << "head " << s.head_dim << " window " << s.window << " format " << int(format)
            << " pieces of " << piece << " threads " << threads;
      }
    }
  }
}

// A past of so many segments that threads merge what they found in several rounds.
TEST_F(Attend, LongPastsAreSharedOutWithoutATrace) {
  const size_t positions = 2400;
  for (const size_t window : {0, 700}) {
    const AttendSpec s = spec(32, 1, 16, window);
    const auto want = run(Conversation(s, KvFormat::kF16, positions, 8), s, positions, 512, 1);
    for (const size_t piece : {28, 3}) {
      if (HOB_SANITIZED && (piece == 3) != (window > 0)) continue;
      const auto got = run(Conversation(s, KvFormat::kF16, positions, 8), s, positions, piece, 3);
      ASSERT_EQ(0, std::memcmp(got.data(), want.data(), want.size() * sizeof(float)))
          << "window " << window << " pieces of " << piece;
    }
  }
}

// Several conversations in one run, at different positions and of different formats.
TEST_F(Attend, StrangersDoNotMatter) {
  const AttendSpec s = spec(6, 2, 32);
  const size_t lengths[] = {40, 3, 290, 17, 1};
  std::vector<Conversation> together;
  std::vector<std::vector<float>> alone;
  for (size_t i = 0; i < std::size(lengths); ++i) {
    together.emplace_back(s, kFormats[i % 4], lengths[i], 10 * i);
    alone.push_back(
        run(Conversation(s, kFormats[i % 4], lengths[i], 10 * i), s, lengths[i], 13, 1));
  }
  os::ThreadPool pool(2);
  Ctx ctx(pool, **kernels::select());
  ASSERT_TRUE(ctx.reserve_scratch(attend_scratch_bytes(s.head_dim)));
  for (size_t step = 0; step < 300; step += 5) {  // five positions of whoever still has some
    std::vector<SequenceRows> rows;
    std::vector<KvLayer> layers;
    std::vector<float> q, k, v;
    std::vector<std::pair<size_t, size_t>> from;
    for (size_t i = 0; i < together.size(); ++i) {
      if (step >= lengths[i]) continue;
      Conversation& c = together[i];
      const size_t count = std::min<size_t>(5, lengths[i] - step);
      rows.push_back({from.size(), count, step});
      layers.push_back(c.layer);
      for (size_t t = step; t < step + count; ++t) {
        q.insert(q.end(), c.q.rows(t, 1).data, c.q.rows(t, 1).data + c.q.cols);
        k.insert(k.end(), c.k.rows(t, 1).data, c.k.rows(t, 1).data + c.k.cols);
        v.insert(v.end(), c.v.rows(t, 1).data, c.v.rows(t, 1).data + c.v.cols);
        from.push_back({i, t});
      }
    }
    if (rows.empty()) break;
    std::vector<float> out(q.size());
    const size_t T = from.size();
    attend(ctx, Matrix(out.data(), T, 192), Matrix(q.data(), T, 192), Matrix(k.data(), T, 64),
           Matrix(v.data(), T, 64), rows, layers, s);
    for (size_t r = 0; r < T; ++r) {
      const auto [i, t] = from[r];
      ASSERT_EQ(0, std::memcmp(&out[r * 192], &alone[i][t * 192], 192 * sizeof(float)))
          << "conversation " << i << " at " << t;
    }
  }
}

// A cache cut back and grown again holds what it would have held.
TEST_F(Attend, WhatIsWrittenAgainReplacesWhatWasThere) {
  const AttendSpec s = spec(2, 2, 24);
  for (const KvFormat format : kFormats) {
    os::ThreadPool pool(2);
    Ctx ctx(pool, **kernels::select());
    ASSERT_TRUE(ctx.reserve_scratch(attend_scratch_bytes(s.head_dim)));
    Conversation c(s, format, 50, 3), other(s, format, 50, 4);
    const SequenceRows all{0, 50, 0}, tail{0, 30, 20};
    attend(ctx, c.out.rows(0, 50), c.q.rows(0, 50), c.k.rows(0, 50), c.v.rows(0, 50), {&all, 1},
           {&c.layer, 1}, s);
    const auto want = c.out.values;
    attend(ctx, c.out.rows(20, 30), other.q.rows(0, 30), other.k.rows(0, 30), other.v.rows(0, 30),
           {&tail, 1}, {&c.layer, 1}, s);
    EXPECT_NE(c.out.values, want);
    attend(ctx, c.out.rows(20, 30), c.q.rows(20, 30), c.k.rows(20, 30), c.v.rows(20, 30),
           {&tail, 1}, {&c.layer, 1}, s);
    EXPECT_EQ(c.out.values, want);
  }
}

// What a token does not see cannot reach it, not even as a number that is none: what lies ahead, or
// behind the window.
TEST_F(Attend, WhatIsHiddenDoesNotMatter) {
  constexpr size_t kPositions = 300, kBad = 33;
  for (const kernels::Table* table : kernels::compiled()) {
    if (!kernels::runs_here(*table)) continue;
    for (const AttendSpec& s : {spec(4, 2, 16), spec(4, 2, 16, 20)}) {
      for (const KvFormat format : kFormats) {
        const auto want =
            run(Conversation(s, format, kPositions, 5), s, kPositions, kPositions, 1, *table);
        for (const float bad : {INFINITY, -INFINITY, NAN}) {
          Conversation c(s, format, kPositions, 5);
          c.k.values[kBad * c.k.cols] = c.v.values[kBad * c.v.cols] = bad;
          const auto got = run(std::move(c), s, kPositions, kPositions, 1, *table);
          for (size_t t = 0; t < kPositions; ++t) {
            if (t >= kBad && (s.window == 0 || t < kBad + s.window)) continue;
            ASSERT_EQ(0, std::memcmp(&got[t * 64], &want[t * 64], 64 * sizeof(float)))
                << table->name << " format " << int(format) << " window " << s.window << " " << bad
                << " at " << t;
          }
        }
      }
    }
  }
}

// Numbers that are none change nothing about the contract: a key or value past the largest half is
// an infinity in the cache, and still the cut of the prompt is not to be seen.
TEST_F(Attend, CutsDoNotShowInWhatIsNoNumber) {
  constexpr size_t kPositions = 70;
  const AttendSpec s = spec(4, 2, 16);
  for (const kernels::Table* table : kernels::compiled()) {
    if (!kernels::runs_here(*table)) continue;
    for (const KvFormat format : kFormats) {
      const auto damaged = [&](float bad) {
        Conversation c(s, format, kPositions, 6);
        for (const size_t t : {size_t{5}, size_t{20}, size_t{21}, size_t{60}}) {
          c.k.values[t * c.k.cols + 3] = bad;
          c.v.values[t * c.v.cols + 9] = -bad;
        }
        return c;
      };
      for (const float bad : {1e6f, 3e38f, INFINITY, NAN}) {
        const auto want = run(damaged(bad), s, kPositions, 1, 1, *table);
        for (const size_t piece : {7, 33, 70}) {
          const auto got = run(damaged(bad), s, kPositions, piece, 1, *table);
          for (size_t i = 0; i < got.size(); ++i) {
            ASSERT_TRUE(got[i] == want[i] || (std::isnan(got[i]) && std::isnan(want[i])))
                << table->name << " format " << int(format) << " " << bad << " pieces of " << piece
                << " at " << i / 64 << ": " << got[i] << " and " << want[i];
          }
        }
      }
    }
  }
}

TEST_F(Attend, NoRowsIsNothing) {
  const AttendSpec s = spec(2, 1, 16);
  os::ThreadPool pool(2);
  Ctx ctx(pool, **kernels::select());
  ASSERT_TRUE(ctx.reserve_scratch(attend_scratch_bytes(s.head_dim)));
  attend(ctx, Matrix(nullptr, 0, 32), Matrix(nullptr, 0, 32), Matrix(nullptr, 0, 16),
         Matrix(nullptr, 0, 16), {}, {}, s);
}

}  // namespace
}  // namespace hob::ops

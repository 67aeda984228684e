#include "ops/rope.h"

#include <algorithm>
#include <cmath>

#include "base/portable_math.h"
#include "base/portable_trig.h"

namespace hob::ops {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr size_t kAlone = 4096;  // numbers below which waking the team costs more

// The (fractional) pair index that turns `turns` times in the original context.
double pair_of_turns(const RopeSpec& spec, double turns) {
  return static_cast<double>(spec.rotary) *
         portable::log(spec.original_context / (turns * 2 * kPi)) / (2 * portable::log(spec.base));
}

}  // namespace

std::vector<double> rope_frequencies(const RopeSpec& spec) {
  const size_t pairs = spec.rotary / 2;
  std::vector<double> frequencies(pairs);
  double low = 0, high = 0;
  if (spec.scaling == RopeScaling::kYarn) {
    low = std::max(0.0, std::floor(pair_of_turns(spec, spec.beta_fast)));
    high = std::min(static_cast<double>(spec.rotary) - 1,
                    std::ceil(pair_of_turns(spec, spec.beta_slow)));
  }
  for (size_t i = 0; i < pairs; ++i) {
    const double exponent = -2 * static_cast<double>(i) / static_cast<double>(spec.rotary);
    double frequency = portable::exp(exponent * portable::log(spec.base));
    if (!spec.factors.empty()) frequency /= spec.factors[i];
    const double interpolated = frequency / spec.factor;
    switch (spec.scaling) {
      case RopeScaling::kNone:
        break;
      case RopeScaling::kLinear:
        frequency = interpolated;
        break;
      case RopeScaling::kYarn: {
        const double ramp =
            std::clamp((static_cast<double>(i) - low) / std::max(0.001, high - low), 0.0, 1.0);
        frequency = interpolated * ramp + frequency * (1 - ramp);
      }
    }
    frequencies[i] = frequency;
  }
  return frequencies;
}

Result<RopeTable> RopeTable::allocate(const RopeSpec& spec, size_t rows) {
  RopeTable table;
  table.spec_ = spec;
  table.frequencies_ = rope_frequencies(spec);
  const size_t bytes = rows * table.frequencies_.size() * sizeof(float);
  HOB_TRY(table.cos_, Storage::allocate(bytes, "rotation table"));
  HOB_TRY(table.sin_, Storage::allocate(bytes, "rotation table"));
  return table;
}

void RopeTable::fill(Ctx& ctx, std::span<const size_t> positions) {
  const size_t pairs = frequencies_.size();
  HOB_CHECK(positions.size() * pairs * sizeof(float) <= cos_.size(), "{} rows", positions.size());
  const auto rows = [&](size_t first, size_t last, int) {
    for (size_t r = first; r < last; ++r) {
      for (size_t i = 0; i < pairs; ++i) {
        const SinCos turn = portable_sincos(static_cast<double>(positions[r]) * frequencies_[i]);
        cos_.as<float>()[r * pairs + i] = static_cast<float>(turn.cos * spec_.magnitude);
        sin_.as<float>()[r * pairs + i] = static_cast<float>(turn.sin * spec_.magnitude);
      }
    }
  };
  if (positions.size() * pairs < kAlone) {
    rows(0, positions.size(), 0);
  } else {
    ctx.pool.split(positions.size(), 1, rows);
  }
}

void rope(Ctx& ctx, const RopeTable& table, const Matrix& q, const Matrix& k, size_t head_dim) {
  const RopeSpec& spec = table.spec();
  const auto rows = [&](size_t first, size_t last, int) {
    for (size_t r = first; r < last; ++r) {
      for (const Matrix* x : {&q, &k}) {
        ctx.kernels.rope(x->row(r), table.cos(r), table.sin(r), x->cols / head_dim, head_dim,
                         spec.rotary, spec.halves);
      }
    }
  };
  if (q.rows * q.cols < kAlone) {
    rows(0, q.rows, 0);
  } else {
    ctx.pool.split(q.rows, 1, rows);
  }
}

}  // namespace hob::ops

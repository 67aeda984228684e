// Rotary position embedding (Su et al. 2021) and its ways to longer contexts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "ops/ctx.h"
#include "tensor/storage.h"
#include "tensor/view.h"

namespace hob::ops {

enum class RopeScaling { kNone, kLinear, kYarn };

// What a model file says about rotation.
struct RopeSpec {
  size_t rotary = 0;    // dimensions of a head that turn, even
  bool halves = false;  // pairs (i, i + rotary / 2) as in GPT-NeoX; otherwise (2i, 2i + 1)
  double base = 10000;
  RopeScaling scaling = RopeScaling::kNone;
  double factor = 1;  // of kLinear and kYarn: positions count as position / factor
  // YaRN (Peng et al. 2023): dimensions that turn more than beta_fast times in the original context
  // stay as they are, those below beta_slow are interpolated, those between are mixed.
  double original_context = 0, beta_fast = 32, beta_slow = 1;
  double magnitude = 1;  // cos and sin are multiplied by this
  std::vector<float>
      factors;  // [rotary / 2] each frequency is divided by its factor (Llama 3.1); or empty
};

// The turn per position of each pair, in radians. [rotary / 2]
std::vector<double> rope_frequencies(const RopeSpec& spec);

// cos and sin of a run's rows: row i is for positions[i].
class RopeTable {
 public:
  static Result<RopeTable> allocate(const RopeSpec& spec, size_t rows);
  void fill(Ctx& ctx, std::span<const size_t> positions);
  const float* cos(size_t row) const { return cos_.as<float>() + row * frequencies_.size(); }
  const float* sin(size_t row) const { return sin_.as<float>() + row * frequencies_.size(); }
  const RopeSpec& spec() const { return spec_; }

 private:
  RopeSpec spec_;
  std::vector<double> frequencies_;
  Storage cos_, sin_;
};

// Turns the heads of q [T, H*K] and k [T, G*K] in place; row i by the table's row i.
void rope(Ctx& ctx, const RopeTable& table, const Matrix& q, const Matrix& k, size_t head_dim);

}  // namespace hob::ops

// What this machine can do at most: the figures that speeds are measured against.
#pragma once

#include <cstddef>

#include "base/result.h"
#include "ops/ctx.h"

namespace hob::engine {

struct Limits {
  double read_gbps = 0;     // reading `bytes` over and over, all threads, GB/s
  double int8_gops = 0;     // the table's best integer products, all threads, 1e9 operations/s
  double float_gflops = 0;  // fp32 multiply-adds
};

// About half a second. `bytes` is the working set whose reading is measured: one that fits the
// last-level cache reads faster, and so do the weights of a small model.
Result<Limits> measure_limits(ops::Ctx& ctx, size_t bytes);

}  // namespace hob::engine

// `hob bench --limits`: what this machine can do, with one thread and with those asked for.
#pragma once

#include <optional>
#include <string>

#include "cli/io.h"
#include "engine/limits.h"

namespace hob::cli {

struct LimitsRequest {
  int threads = 0;                    // 0: every usable core
  std::optional<size_t> model_bytes;  // a working set to be read besides the one from memory
  bool json = false;
  size_t memory_bytes = engine::kFromMemory;  // the working set that no cache holds
};
Result<> show_limits(Io& io, const LimitsRequest& request);

}  // namespace hob::cli

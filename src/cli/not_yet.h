// Flags of llm that hob does not obey yet: known, so that each is refused by its name instead of
// being taken for a mistake.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "base/result.h"

namespace hob::cli {

struct NotYetFlags {
  std::vector<std::string> tools, functions;
  std::string chain_limit;
  bool debug = false, approve = false;
  void declare(CLI::App& app);  // none of them appears in the help
  Result<> check() const;
};

}  // namespace hob::cli

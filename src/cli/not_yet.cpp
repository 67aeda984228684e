#include "cli/not_yet.h"

#include "cli/repeatable.h"

namespace hob::cli {

void NotYetFlags::declare(CLI::App& app) {
  constexpr const char* kHidden = "";
  add_repeatable(app, "-T,--tool", tools, "")->group(kHidden);
  add_repeatable(app, "--functions", functions, "")->group(kHidden);
  app.add_option("--cl,--chain-limit", chain_limit)->group(kHidden);
  app.add_flag("--td,--tools-debug", debug)->group(kHidden);
  app.add_flag("--ta,--tools-approve", approve)->group(kHidden);
}

Result<> NotYetFlags::check() const {
  const auto refuse = [](const char* flag, const char* why) {
    return fail(ErrorKind::kUnsupported, "{}: {}", flag, why);
  };
  constexpr const char* kNoTools = "hob's models call no tools";
  if (!tools.empty()) return refuse("--tool", kNoTools);
  if (!functions.empty()) return refuse("--functions", kNoTools);
  if (!chain_limit.empty()) return refuse("--chain-limit", kNoTools);
  if (debug) return refuse("--tools-debug", kNoTools);
  if (approve) return refuse("--tools-approve", kNoTools);
  return {};
}

}  // namespace hob::cli

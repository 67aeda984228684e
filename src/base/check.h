// HOB_CHECK: an invariant of hob's own. If it fails, hob has a bug and stops with the place and the
// values. Never for input from outside: that returns Result (base/result.h).
#pragma once

#include <fmt/format.h>

#include <string>

namespace hob {
[[noreturn]] void check_failed(const char* file, int line, const char* condition,
                               const std::string& detail);
}  // namespace hob

// HOB_CHECK(a == b);   HOB_CHECK(a == b, "rows {} of {}", a, b);
#define HOB_CHECK(condition, ...)                                                         \
  do {                                                                                    \
    if (!(condition)) [[unlikely]]                                                        \
      ::hob::check_failed(__FILE__, __LINE__, #condition, ::fmt::format("" __VA_ARGS__)); \
  } while (0)

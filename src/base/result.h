// Result<T>: a value, or an Error that a person can act on.
//
// The world (files, network, options, model text) returns Result; a broken invariant stops the
// program through HOB_CHECK (base/check.h). Nothing below main() exits, and no value doubles as a
// sign of failure.
#pragma once

#include <fmt/format.h>

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace hob {

enum class ErrorKind {
  kInvalid,      // the caller's input is wrong: an option, a prompt, a template
  kNotFound,     // a file, model or name does not exist
  kCorrupt,      // a file contradicts itself or its format
  kUnsupported,  // well-formed, but hob cannot do it; the message names what
  kTooLarge,     // does not fit: context, memory, a limit
  kIo,           // the operating system said no
  kCancelled,    // the person stopped it
  kUsage,        // the command line itself is wrong: reported with its usage, exit status 2
};

struct Error {
  ErrorKind kind = ErrorKind::kInvalid;
  std::string message;  // one line, no trailing period, names the input it is about
};

template <class T = void>
using Result = tl::expected<T, Error>;

// return fail(ErrorKind::kCorrupt, "{}: tensor '{}' ends past the file", path, name);
template <class... Args>
[[nodiscard]] tl::unexpected<Error> fail(ErrorKind kind, fmt::format_string<Args...> format,
                                         Args&&... args) {
  return tl::unexpected<Error>(Error{kind, fmt::format(format, std::forward<Args>(args)...)});
}

}  // namespace hob

#define HOB_CONCAT_(a, b) a##b
#define HOB_CONCAT(a, b) HOB_CONCAT_(a, b)

// HOB_TRY(auto file, open(path));  declares `file`, or returns the error from the enclosing
// function.
#define HOB_TRY(declaration, expression) \
  HOB_TRY_(HOB_CONCAT(hob_try_, __LINE__), declaration, expression)
#define HOB_TRY_(name, declaration, expression)                              \
  auto name = (expression);                                                  \
  if (!name) return ::tl::unexpected<::hob::Error>(std::move(name.error())); \
  declaration = *std::move(name)

// HOB_TRY_VOID(check(x));  for a Result<void>.
#define HOB_TRY_VOID(expression) HOB_TRY_VOID_(HOB_CONCAT(hob_try_, __LINE__), expression)
#define HOB_TRY_VOID_(name, expression) \
  if (auto name = (expression); !name)  \
  return ::tl::unexpected<::hob::Error>(std::move(name.error()))

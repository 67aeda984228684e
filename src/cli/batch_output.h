// Where `hob batch` writes: standard output as it comes, or a file that has its name only once it
// is whole.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "cli/io.h"
#include "os/atomic_file.h"

namespace hob::cli {

class BatchOutput {
 public:
  // `path` empty: io.out.
  static Result<BatchOutput> open(Io& io, const std::string& path);
  Result<> add(std::string_view text);
  // Without it a file that was there stays as it is.
  Result<> close();

 private:
  explicit BatchOutput(Io& io) : io_(&io) {}
  Io* io_;
  std::optional<os::AtomicFile> file_;
};

}  // namespace hob::cli

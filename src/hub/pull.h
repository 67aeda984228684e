// Fetches files of a repository into a folder, several at once.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "hub/repository.h"

namespace hob::hub {

struct PullProgress {
  uint64_t done = 0, total = 0;  // bytes, of all files
  double bytes_per_second = 0;   // lately; 0 while unknown
  double seconds_left = 0;       // at that rate
};

struct PullOptions {
  std::string folder;  // files come to lie in FOLDER/OWNER/NAME/PATH
  int parallel = 4;    // files at once
  std::function<void(const PullProgress&)> on_progress;  // a few times a second, from one thread
  std::function<bool()> goes_on;                         // from any thread
};

struct Pulled {
  std::vector<std::string> paths;  // as the files were given
  uint64_t fetched_bytes = 0;      // what was not here before
};

// A file that is here already, with the right checksum, is not fetched again. Room on the disk is
// looked for first. After the first error the other files stop; what came of them stays for the
// next time.
Result<Pulled> pull(const Hub& hub, const Repository& repository,
                    const std::vector<RemoteFile>& files, const PullOptions& options);

}  // namespace hob::hub

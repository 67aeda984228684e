// One file from the hub to this disk: resumed where it was interrupted, checked, and only then
// given its name.
//
// What has come so far lies beside the final name, in a file whose name holds the checksum: a later
// call goes on with it, and with nothing else's. A server that drops connections is asked for the
// rest; one that sends other bytes or another size than the hub's record is an error, and what came
// is removed.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "hub/repository.h"

namespace hob::hub {

struct Download {
  std::string url;
  std::vector<std::string> headers;
  std::string path;  // the final name; its folder exists
  uint64_t size = 0;
  std::string checksum;
  bool has_token = false;
};

// Whether the file at `path` is it: reads it all where the size is right.
bool holds(const std::string& path, uint64_t size, const std::string& checksum);

// Bytes of it that an earlier call left.
uint64_t bytes_here(const Download& download);

// `on_bytes` hears how many bytes came; negative where they had to be thrown away. After an error
// what came stays for the next time, unless it was wrong.
Result<> fetch(const Download& download, const std::function<void(int64_t)>& on_bytes,
               const std::function<bool()>& goes_on);

}  // namespace hob::hub

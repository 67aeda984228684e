// A file that comes into being in one step: written under another name, synced, then renamed. For
// what is too large to hold in memory (write_file_atomically takes the rest).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/result.h"

namespace hob::os {

// Move-only. Without commit() nothing of it remains and PATH is as it was. A device or a pipe is
// written to as it is.
class AtomicFile {
 public:
  static Result<AtomicFile> create(const std::string& path);
  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;
  ~AtomicFile();

  Result<> append(std::span<const std::byte> bytes);
  // Over what is written already.
  Result<> write_at(uint64_t offset, std::span<const std::byte> bytes);
  uint64_t size() const { return size_; }
  // Where it is until then, for those who write by name.
  const std::string& part() const { return part_; }
  Result<> commit();

 private:
  AtomicFile(std::string path, std::string part, int fd)
      : path_(std::move(path)), part_(std::move(part)), fd_(fd) {}
  std::string path_, part_;
  int fd_ = -1;
  uint64_t size_ = 0;
};

}  // namespace hob::os

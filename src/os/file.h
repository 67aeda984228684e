// Files: a whole file mapped read-only, or read into memory, or replaced in one step.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hob::os {

// What tells one state of a file from another.
struct FileState {
  uint64_t device = 0, inode = 0;
  int64_t size = 0, modified_ns = 0;
  bool operator==(const FileState&) const = default;
};
Result<FileState> file_state(const std::string& path);

// A read-only private mapping of a whole regular file. Move-only; the mapping ends with the object.
// An empty file gives an empty span. Thread-safe to read.
class MappedFile {
 public:
  static Result<MappedFile> open(const std::string& path);
  MappedFile() = default;
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  const std::string& path() const { return path_; }
  const FileState& state() const { return state_; }  // when it was mapped

 private:
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
  std::string path_;
  FileState state_;
};

Result<std::string> read_file(const std::string& path);
// Everything up to end of file from a descriptor; errors call it `name`.
Result<std::string> read_all(int fd, const std::string& name);
// Write, fsync, rename: after a crash the path holds the old bytes or the new ones, whole. What is
// there already and no file, a pipe or /dev/stdout, is written to as it is.
Result<> write_file_atomically(const std::string& path, std::string_view content);
bool file_exists(const std::string& path);

// While one lives no other has the same folder, in this process or another; taking it waits for its
// turn. For files that are read, changed and replaced. No effect where the folder cannot be locked.
class FolderLock {
 public:
  explicit FolderLock(const std::string& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int fd_;
};

// $HOME, else what the user database says, else the current folder.
std::string home_dir();
// $HOB_HOME, or the XDG folders named hob. Nothing is created.
std::string data_dir();
std::string cache_dir();
std::string config_dir();

}  // namespace hob::os

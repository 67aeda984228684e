#include "os/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace hob::os {
namespace {

auto fail_errno(const std::string& path, const char* action) {
  return fail(ErrorKind::kIo, "{}: cannot {}: {}", path, action, std::strerror(errno));
}

}  // namespace

Result<AtomicFile> AtomicFile::create(const std::string& path) {
  struct stat info;
  if (::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode)) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0) return fail_errno(path, "open");
    return AtomicFile(path, "", fd);
  }
  std::string part = fmt::format("{}.part.{}", path, ::getpid());
  const int fd = ::open(part.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return fail_errno(path, "create");
  return AtomicFile(path, std::move(part), fd);
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : path_(std::move(other.path_)),
      part_(std::move(other.part_)),
      fd_(std::exchange(other.fd_, -1)),
      size_(other.size_) {}

AtomicFile::~AtomicFile() {
  if (fd_ < 0) return;
  ::close(fd_);
  if (!part_.empty()) ::unlink(part_.c_str());
}

Result<> AtomicFile::append(std::span<const std::byte> bytes) {
  const uint64_t at = size_;
  size_ += bytes.size();
  if (!part_.empty()) return write_at(at, bytes);
  while (!bytes.empty()) {  // a pipe has no places
    const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno(path_, "write");
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
  return {};
}

Result<> AtomicFile::write_at(uint64_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno(path_, "write");
    bytes = bytes.subspan(static_cast<size_t>(n));
    offset += static_cast<uint64_t>(n);
  }
  return {};
}

Result<> AtomicFile::commit() {
  if (part_.empty()) {
    ::close(std::exchange(fd_, -1));
    return {};
  }
  if (::fsync(fd_) != 0) return fail_errno(path_, "sync");
  if (::rename(part_.c_str(), path_.c_str()) != 0) return fail_errno(path_, "replace");
  ::close(std::exchange(fd_, -1));
  return {};
}

}  // namespace hob::os

#include "os/file.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>
#include <vector>

namespace hob::os {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

auto fail_errno(const std::string& path, const char* action) {
  const int error = errno;
  const auto kind = error == ENOENT || error == ENOTDIR ? ErrorKind::kNotFound : ErrorKind::kIo;
  return fail(kind, "{}: cannot {}: {}", path, action, std::strerror(error));
}

FileState state_of(const struct stat& info) {
  constexpr int64_t kNanoseconds = 1'000'000'000;
  return {info.st_dev, info.st_ino, info.st_size,
          info.st_mtim.tv_sec * kNanoseconds + info.st_mtim.tv_nsec};
}

Result<> write_all(int fd, const std::string& path, std::string_view content) {
  while (!content.empty()) {
    const ssize_t n = ::write(fd, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno(path, "write");
    content.remove_prefix(static_cast<size_t>(n));
  }
  return {};
}

std::string xdg(const char* variable, const char* fallback) {
  if (const char* home = std::getenv("HOB_HOME"); home && *home) return home;
  if (const char* dir = std::getenv(variable); dir && *dir) return std::string(dir) + "/hob";
  return home_dir() + "/" + fallback + "/hob";
}

}  // namespace

Result<FileState> file_state(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return fail_errno(path, "read");
  return state_of(info);
}

Result<MappedFile> MappedFile::open(const std::string& path) {
  // Without waiting: a named pipe is refused below instead of blocking until someone writes.
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (fd.get() < 0) return fail_errno(path, "open");
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return fail_errno(path, "stat");
  if (!S_ISREG(info.st_mode)) return fail(ErrorKind::kInvalid, "{}: not a regular file", path);
  MappedFile file;
  file.path_ = path;
  file.state_ = state_of(info);
  file.size_ = static_cast<size_t>(info.st_size);
  if (file.size_ == 0) return file;
  void* address = ::mmap(nullptr, file.size_, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (address == MAP_FAILED) {
    file.size_ = 0;
    return fail_errno(path, "map");
  }
  file.data_ = static_cast<const std::byte*>(address);
  return file;
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      path_(std::move(other.path_)),
      state_(other.state_) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(path_, other.path_);
  std::swap(state_, other.state_);
  return *this;
}

MappedFile::~MappedFile() {
  if (data_) ::munmap(const_cast<std::byte*>(data_), size_);
}

Result<std::string> read_all(int fd, const std::string& name) {
  std::string text;
  char buffer[1 << 16];
  for (;;) {
    const ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n == 0) return text;
    if (n > 0) {
      text.append(buffer, static_cast<size_t>(n));
    } else if (errno != EINTR) {
      return fail_errno(name, "read");
    }
  }
}

Result<std::string> read_file(const std::string& path) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) return fail_errno(path, "open");
  return read_all(fd.get(), path);
}

Result<> write_file_atomically(const std::string& path, std::string_view content) {
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode)) {
    const Descriptor fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (fd.get() < 0) return fail_errno(path, "open");
    return write_all(fd.get(), path, content);
  }
  const std::string part = fmt::format("{}.part.{}", path, ::getpid());
  {
    const Descriptor fd(::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (fd.get() < 0) return fail_errno(part, "create");
    if (auto written = write_all(fd.get(), part, content); !written) {
      ::unlink(part.c_str());
      return written;
    }
    if (::fsync(fd.get()) != 0) {
      auto error = fail_errno(part, "sync");
      ::unlink(part.c_str());
      return error;
    }
  }
  if (::rename(part.c_str(), path.c_str()) != 0) {
    auto error = fail_errno(path, "replace");
    ::unlink(part.c_str());
    return error;
  }
  return {};
}

FolderLock::FolderLock(const std::string& folder)
    : fd_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  while (fd_ >= 0 && ::flock(fd_, LOCK_EX) != 0 && errno == EINTR) {
  }
}

FolderLock::~FolderLock() {
  if (fd_ >= 0) ::close(fd_);
}

bool file_exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

std::string home_dir() {
  if (const char* home = std::getenv("HOME"); home && *home) return home;
  passwd entry{};
  passwd* found = nullptr;
  std::vector<char> buffer(1 << 14);
  ::getpwuid_r(::getuid(), &entry, buffer.data(), buffer.size(), &found);
  return found && found->pw_dir && *found->pw_dir ? found->pw_dir : ".";
}

std::string data_dir() { return xdg("XDG_DATA_HOME", ".local/share"); }
std::string cache_dir() { return xdg("XDG_CACHE_HOME", ".cache"); }
std::string config_dir() { return xdg("XDG_CONFIG_HOME", ".config"); }

}  // namespace hob::os

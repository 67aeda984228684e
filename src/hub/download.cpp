#include "hub/download.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "hub/digest.h"
#include "hub/http.h"
#include "os/file.h"

namespace hob::hub {
namespace {

// Attempts in a row that brought nothing.
constexpr int kMostFruitless = 8;

std::string part_path(const Download& download) {
  return fmt::format("{}.{}.part", download.path, download.checksum.substr(0, 12));
}

tl::unexpected<Error> fail_errno(const std::string& path, std::string_view verb) {
  return fail(ErrorKind::kIo, "{}: cannot {}: {}", path, verb, std::strerror(errno));
}

// The file that grows, and the digest of what is in it.
class Part {
 public:
  explicit Part(const Download& download)
      : download_(download),
        path_(part_path(download)),
        digest_(download.checksum, download.size) {}
  Part(const Part&) = delete;
  Part& operator=(const Part&) = delete;
  ~Part() {
    if (fd_ >= 0) ::close(fd_);
  }

  // Opens it, and reads what is there.
  Result<> open() {
    fd_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd_ < 0) return fail_errno(path_, "create");
    if (::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
      return fail(ErrorKind::kIo, "{}: another process is fetching it", download_.path);
    }
    std::vector<char> buffer(1 << 20);
    for (;;) {
      const ssize_t n = ::read(fd_, buffer.data(), buffer.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return fail_errno(path_, "read");
      if (n == 0) break;
      digest_.update({buffer.data(), static_cast<size_t>(n)});
      size_ += static_cast<uint64_t>(n);
    }
    if (size_ > download_.size) return restart();
    return {};
  }

  Result<> restart() {
    if (::ftruncate(fd_, 0) != 0 || ::lseek(fd_, 0, SEEK_SET) != 0)
      return fail_errno(path_, "empty");
    digest_ = Digest(download_.checksum, download_.size);
    size_ = 0;
    return {};
  }

  Result<> append(std::string_view bytes) {
    digest_.update(bytes);
    size_ += bytes.size();
    while (!bytes.empty()) {
      const ssize_t n = ::write(fd_, bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return fail_errno(path_, "write");
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return {};
  }

  // Checks the whole and gives it its name.
  Result<> finish() {
    const std::string got = digest_.finish();
    if (got != download_.checksum) {
      ::unlink(path_.c_str());
      return fail(ErrorKind::kCorrupt,
                  "{}: the checksum is {}, but the hub's record says {}; what came is removed",
                  download_.path, got, download_.checksum);
    }
    if (::fsync(fd_) != 0) return fail_errno(path_, "sync");
    if (::rename(path_.c_str(), download_.path.c_str()) != 0)
      return fail_errno(download_.path, "name");
    return sync_folder();
  }

  void remove() { ::unlink(path_.c_str()); }
  uint64_t size() const { return size_; }

 private:
  // The new name is in the folder, which has its own place on the disk.
  Result<> sync_folder() const {
    const std::string folder = std::filesystem::path(download_.path).parent_path();
    const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return fail_errno(folder, "open");
    const int result = ::fsync(fd);
    ::close(fd);
    if (result != 0) return fail_errno(folder, "sync");
    return {};
  }

  const Download& download_;
  std::string path_;
  Digest digest_;
  int fd_ = -1;
  uint64_t size_ = 0;
};

// "bytes 100-199/200" as its first and last number; nothing where it is not so.
struct ContentRange {
  uint64_t first = 0, total = 0;
};
bool parse_range(const HttpReply& reply, ContentRange& range) {
  const auto found = reply.headers.find("content-range");
  if (found == reply.headers.end()) return false;
  unsigned long long first = 0, last = 0, total = 0;
  if (std::sscanf(found->second.c_str(), "bytes %llu-%llu/%llu", &first, &last, &total) != 3)
    return false;
  range = {first, total};
  return true;
}

// What the first answer says of the whole against the record of the hub.
Result<> check_answer(const Download& download, const HttpReply& reply, uint64_t from) {
  const auto says = [&](const char* name) {
    const auto found = reply.headers.find(name);
    return found == reply.headers.end() ? std::string() : found->second;
  };
  std::string tag = says("x-linked-etag");
  std::erase(tag, '"');
  if (Digest::is_known(tag) && tag.size() == download.checksum.size() && tag != download.checksum) {
    return fail(ErrorKind::kCorrupt, "{}: the hub states two checksums, {} and {}", download.path,
                download.checksum, tag);
  }
  uint64_t total = 0;
  ContentRange range;
  if (reply.status == 206 && parse_range(reply, range)) {
    if (range.first != from) {
      return fail(ErrorKind::kCorrupt, "{}: the server sent bytes from {} instead of {}",
                  download.path, range.first, from);
    }
    total = range.total;
  } else if (reply.status == 200 && !says("content-length").empty() &&
             says("content-encoding").empty()) {
    total = std::strtoull(says("content-length").c_str(), nullptr, 10);
  }
  if (total != 0 && total != download.size) {
    return fail(ErrorKind::kCorrupt, "{}: the server says {} bytes, the hub's record says {}",
                download.path, total, download.size);
  }
  return {};
}

}  // namespace

bool holds(const std::string& path, uint64_t size, const std::string& checksum) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) return false;
  if (std::filesystem::file_size(path, error) != size || error) return false;
  const auto file = os::MappedFile::open(path);
  if (!file) return false;
  Digest digest(checksum, size);
  digest.update({reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size()});
  return digest.finish() == checksum;
}

uint64_t bytes_here(const Download& download) {
  std::error_code error;
  const auto size = std::filesystem::file_size(part_path(download), error);
  return error || size > download.size ? 0 : size;
}

Result<> fetch(const Download& download, const std::function<void(int64_t)>& on_bytes,
               const std::function<bool()>& goes_on) {
  Part part(download);
  HOB_TRY_VOID(part.open());
  bool came = false;
  for (int fruitless = 0; part.size() < download.size;) {
    const uint64_t before = part.size();
    Result<> written;
    HttpHandlers handlers;
    handlers.goes_on = goes_on;
    handlers.on_headers = [&](const HttpReply& reply) {
      written = check_answer(download, reply, before);
      if (written && reply.status == 200 && before > 0) {  // it knows no ranges
        on_bytes(-static_cast<int64_t>(before));
        written = part.restart();
      }
      return written.has_value();
    };
    handlers.on_body = [&](std::string_view bytes) {
      if (bytes.size() > download.size - part.size()) {
        written = fail(ErrorKind::kCorrupt,
                       "{}: the server sends more than the {} bytes of the hub's record",
                       download.path, download.size);
        return false;
      }
      written = part.append(bytes);
      on_bytes(static_cast<int64_t>(bytes.size()));
      return written.has_value();
    };
    const HttpReply reply = http_get({download.url, download.headers, before}, handlers);
    if (!written) {
      if (written.error().kind == ErrorKind::kCorrupt) part.remove();
      return written;
    }
    if (reply.stopped) return fail(ErrorKind::kCancelled, "stopped");
    if (part.size() == download.size) break;
    came = came || part.size() > before;
    const bool refused = reply.problem.empty() && (reply.status < 200 || reply.status >= 300);
    // A hub that cannot be reached in the middle may come back.
    const bool gone = !reply.problem.empty() && !reply.lost && !came;
    if (reply.status == 416 && before > 0) {  // the server's file is shorter than what is here
      on_bytes(-static_cast<int64_t>(before));
      HOB_TRY_VOID(part.restart());
    } else if (gone || (refused && !is_passing(reply))) {
      return tl::unexpected<Error>(refusal(reply, download.url, download.has_token));
    }
    if (part.size() > before) {
      fruitless = 0;
    } else if (++fruitless == kMostFruitless) {
      if (refused || !reply.problem.empty())
        return tl::unexpected<Error>(refusal(reply, download.url, download.has_token));
      return fail(ErrorKind::kIo, "{}: the server ends after {} of {} bytes", download.url,
                  part.size(), download.size);
    }
    if (!wait_before(fruitless, reply, goes_on)) return fail(ErrorKind::kCancelled, "stopped");
  }
  return part.finish();
}

}  // namespace hob::hub

#include "os/memory.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace hob::os {
namespace {
constexpr size_t kHugePage = size_t{2} << 20;
}

Result<std::byte*> reserve_pages(size_t bytes, const char* purpose, Pages pages) {
  void* address = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (address == MAP_FAILED) {
    return fail(ErrorKind::kTooLarge, "cannot reserve {:.1f} MiB for {}: {}",
                static_cast<double>(bytes) / (1 << 20), purpose, std::strerror(errno));
  }
  if (pages == Pages::kHuge && bytes >= kHugePage) ::madvise(address, bytes, MADV_HUGEPAGE);
  return static_cast<std::byte*>(address);
}

void release_pages(std::byte* data, size_t bytes) {
  if (data) ::munmap(data, bytes);
}

uint64_t private_memory() {
  std::FILE* file = std::fopen("/proc/self/status", "re");
  if (!file) return 0;
  char line[256];
  unsigned long long kib = 0;
  while (std::fgets(line, sizeof line, file)) {
    if (std::sscanf(line, "RssAnon: %llu kB", &kib) == 1) break;
  }
  std::fclose(file);
  return kib * 1024;
}

}  // namespace hob::os

// Memory straight from the system: zeroed pages, and what this process uses.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/result.h"

namespace hob::os {

// `bytes` of zeroed page-aligned memory, with huge pages asked for. The error names `purpose`.
// Small: memory is committed as it is touched, not 2 MiB at a time.
enum class Pages { kHuge, kSmall };
Result<std::byte*> reserve_pages(size_t bytes, const char* purpose, Pages pages = Pages::kHuge);
// Accepts what reserve_pages gave, or null.
void release_pages(std::byte* data, size_t bytes);

// Bytes of private (anonymous) memory this process holds now.
uint64_t private_memory();

}  // namespace hob::os

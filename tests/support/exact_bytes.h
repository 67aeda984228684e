// Bytes in memory of exactly their size, so that the address sanitizer sees the first one too many.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

namespace hob::test {

class ExactBytes {
 public:
  explicit ExactBytes(std::string_view content)
      : bytes_(std::make_unique<std::byte[]>(content.size())), size_(content.size()) {
    if (size_ > 0) std::memcpy(bytes_.get(), content.data(), size_);
  }
  std::span<const std::byte> bytes() const { return {bytes_.get(), size_}; }

 private:
  std::unique_ptr<std::byte[]> bytes_;
  size_t size_;
};

}  // namespace hob::test

// Owned memory for activations and caches: zeroed, aligned for every instruction set, on huge pages
// where the system grants them. Pages are not touched until used, so reserving for the longest
// context is cheap.
#pragma once

#include <cstddef>
#include <utility>

#include "base/result.h"
#include "os/memory.h"

namespace hob {

class Storage {
 public:
  static Result<Storage> allocate(size_t bytes, const char* purpose,
                                  os::Pages pages = os::Pages::kHuge);
  Storage() = default;
  Storage(Storage&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Storage& operator=(Storage&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~Storage();

  std::byte* data() const { return data_; }
  size_t size() const { return size_; }
  template <class T>
  T* as() const {
    return reinterpret_cast<T*>(data_);
  }

 private:
  std::byte* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace hob

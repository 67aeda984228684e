// Writing GGUF v3: metadata and tensors, to memory or to a file that is replaced whole.
//
// The file is laid out as ggml's own writers do it: records in the order they were added, every
// tensor padded to the alignment, so a file read with gguf::File and written again unchanged keeps
// its bytes. The whole file passes through memory once. What the caller passes is hob's own: a
// wrong size or a duplicate name is a bug and stops the program.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/result.h"
#include "formats/gguf.h"
#include "quant/format.h"

namespace hob::gguf {

class Writer {
 public:
  // Sets a key, in the place it had if it was set before. Everything is copied; an Array may come
  // from a File. "general.alignment" (u32, a power of two of at least 8) also sets the alignment of
  // this file; without it, 32.
  void set(std::string_view key, const Value& value);
  void set_strings(std::string_view key, std::span<const std::string> values);
  template <class T>
  void set_numbers(std::string_view key, const std::vector<T>& values) {
    static_assert(std::is_arithmetic_v<T> && !std::is_same_v<T, bool>);
    Array array;
    array.element_type = static_cast<ValueType>(Value(T{}).index());
    array.count = values.size();
    array.data = reinterpret_cast<const std::byte*>(values.data());
    set(key, array);
  }

  // Adds a tensor, shape outermost first. `bytes` must have the size that format and shape ask for
  // and live until the last call of bytes() or write().
  void add_tensor(std::string_view name, quant::Format format, std::vector<uint64_t> shape,
                  std::span<const std::byte> bytes);
  // Converts `values` to the format and keeps the result.
  void add_tensor(std::string_view name, quant::Format format, std::vector<uint64_t> shape,
                  std::span<const float> values);

  std::string bytes() const;
  Result<> write(const std::string& path) const;

 private:
  struct Key {
    std::string name, encoded;  // encoded: type and value
  };
  struct Record {
    std::string name;
    quant::Format format;
    std::vector<uint64_t> shape;
    std::span<const std::byte> bytes;
  };
  std::vector<Key> keys_;
  std::vector<Record> tensors_;
  std::deque<std::vector<std::byte>> converted_;
  uint64_t alignment_ = 32;
};

}  // namespace hob::gguf

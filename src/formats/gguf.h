// GGUF v2 and v3 files: metadata and tensors, read in place from a mapping.
//
// Source: ggml docs/gguf.md. The file is hostile until proven otherwise: every length, count, offset, type, alignment
// and name is checked against the file's true size before anything is allocated; an error names the file and the field.
// Covers: little-endian single files. Does not cover: big-endian files, split files (refused by name).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "base/result.h"
#include "os/file.h"
#include "quant/format.h"

namespace hob::gguf {

struct Array;
// Integers keep their width; strings view the mapping and live as long as the File.
using Value = std::variant<uint8_t, int8_t, uint16_t, int16_t, uint32_t, int32_t, float, bool,
                           std::string_view, Array, uint64_t, int64_t, double>;

// A homogeneous array. Numbers stay in the file (possibly misaligned: use the accessors); strings are indexed once.
struct Array {
  uint32_t element_type = 0;  // GGUF value type; arrays of arrays are refused
  size_t count = 0;
  const std::byte* data = nullptr;           // numbers
  std::vector<std::string_view> strings;     // strings
  // Element i of a numeric array, converted; only valid for numeric element types.
  double number(size_t i) const;
  int64_t integer(size_t i) const;
};

struct Tensor {
  std::string_view name;
  uint32_t type = 0;                            // ggml_type as stored
  std::optional<quant::Format> format;          // empty when hob cannot read that type
  std::vector<uint64_t> shape;                  // outermost first: the reverse of the file's order
  uint64_t offset = 0;                          // from the start of the file
  uint64_t bytes = 0;                           // 0 when the format is unknown
  const std::byte* data = nullptr;
};

class File {
 public:
  static Result<File> open(const std::string& path);
  // The same checks over bytes that outlive the File; `path` is only for messages.
  static Result<File> parse(std::span<const std::byte> bytes, const std::string& path);

  const std::string& path() const { return path_; }
  uint32_t version() const { return version_; }
  uint64_t alignment() const { return alignment_; }
  uint64_t file_bytes() const { return file_bytes_; }
  // In file order.
  const std::vector<std::pair<std::string_view, Value>>& metadata() const { return metadata_; }
  const std::vector<Tensor>& tensors() const { return tensors_; }

  const Value* find(std::string_view key) const;         // null when absent
  const Tensor* find_tensor(std::string_view name) const;

  // Typed reads. Absent keys give the fallback; a key of the wrong type, or out of the target's range, is an error
  // that names file and key.
  Result<std::string> text(std::string_view key) const;                       // absent: kCorrupt
  Result<std::string> text_or(std::string_view key, std::string_view fallback) const;
  Result<uint64_t> integer(std::string_view key) const;                        // absent: kCorrupt
  Result<uint64_t> integer_or(std::string_view key, uint64_t fallback) const;
  Result<double> number_or(std::string_view key, double fallback) const;      // any numeric type
  Result<bool> boolean_or(std::string_view key, bool fallback) const;
  Result<const Array*> array(std::string_view key) const;                      // absent: nullptr

  const os::MappedFile& mapping() const { return mapping_; }

 private:
  os::MappedFile mapping_;
  std::string path_;
  uint32_t version_ = 0;
  uint64_t alignment_ = 32;
  uint64_t file_bytes_ = 0;
  std::vector<std::pair<std::string_view, Value>> metadata_;
  std::vector<Tensor> tensors_;
  std::unordered_map<std::string_view, size_t> keys_, names_;
};

}  // namespace hob::gguf

// GGUF v2 and v3 files: metadata and tensors, read in place from a mapping.
//
// Source: ggml docs/gguf.md. The file is hostile until proven otherwise: every length, count,
// offset, type, alignment and name is checked against the file's true size before anything is
// allocated; an error names the file and the field. Covers: little-endian single files. Does not
// cover: big-endian files, split files (refused by name), and a file that another program shortens
// while it is mapped (the operating system then ends the process).
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

// The numbers are those of the file; Value's alternatives stand in the same order, so value.index()
// is its ValueType.
enum class ValueType : uint32_t {
  kU8,
  kI8,
  kU16,
  kI16,
  kU32,
  kI32,
  kF32,
  kBool,
  kString,
  kArray,
  kU64,
  kI64,
  kF64,
};
inline constexpr uint32_t kNumValueTypes = 13;
std::string_view type_name(ValueType type);  // "u32", "string", ...
size_t scalar_bytes(ValueType type);         // of one number or bool; 0 for strings and arrays

struct Array;
// Integers keep their width; strings view the mapping and live as long as the File.
using Value = std::variant<uint8_t, int8_t, uint16_t, int16_t, uint32_t, int32_t, float, bool,
                           std::string_view, Array, uint64_t, int64_t, double>;

// A homogeneous array. Numbers stay in the file (possibly misaligned: use the accessors); strings
// are indexed once.
struct Array {
  ValueType element_type = ValueType::kU8;  // arrays of arrays are refused
  size_t count = 0;
  const std::byte* data = nullptr;        // numbers
  std::vector<std::string_view> strings;  // strings

  bool holds_strings() const { return element_type == ValueType::kString; }
  bool holds_integers() const;  // of any width and sign; not bool
  bool holds_numbers() const;   // integers or floats; not bool
  // Element i of an array of numbers or bools (never of strings), converted. integer() cuts
  // fractions and stops at the ends of int64_t.
  double number(size_t i) const;
  int64_t integer(size_t i) const;
};

struct Tensor {
  std::string_view name;
  uint32_t type = 0;                    // ggml_type as stored
  std::optional<quant::Format> format;  // empty when hob cannot read that type
  std::vector<uint64_t> shape;          // outermost first: the reverse of the file's order
  uint64_t offset = 0;                  // from the start of the file
  uint64_t bytes = 0;                   // 0 when the format is unknown
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

  const Value* find(std::string_view key) const;  // null when absent
  const Tensor* find_tensor(std::string_view name) const;

  // Typed reads. Absent keys give the fallback; a key of the wrong type, or out of the target's
  // range, is an error that names file and key.
  Result<std::string> text(std::string_view key) const;  // absent: kCorrupt
  Result<std::string> text_or(std::string_view key, std::string_view fallback) const;
  Result<uint64_t> integer(std::string_view key) const;  // absent: kCorrupt
  Result<uint64_t> integer_or(std::string_view key, uint64_t fallback) const;
  Result<double> number_or(std::string_view key, double fallback) const;  // any numeric type
  Result<bool> boolean_or(std::string_view key, bool fallback) const;
  Result<const Array*> array(std::string_view key) const;    // absent: nullptr
  Result<const Array*> strings(std::string_view key) const;  // these three also check the elements
  Result<const Array*> integers(std::string_view key) const;
  Result<const Array*> numbers(std::string_view key) const;

  const os::MappedFile& mapping() const { return mapping_; }

 private:
  friend class Parser;  // gguf_parse.cpp
  Result<const Array*> array_of(std::string_view key, bool (Array::*holds)() const,
                                const char* wanted) const;

  os::MappedFile mapping_;
  std::string path_;
  uint32_t version_ = 0;
  uint64_t alignment_ = 32;
  uint64_t file_bytes_ = 0;
  std::vector<std::pair<std::string_view, Value>> metadata_;
  std::vector<Tensor> tensors_;
  std::unordered_map<std::string_view, size_t> keys_, names_;
};

// One line of at most about `max_chars` for a person: strings in quotes, arrays as "[49152 string]
// "<a>", "<b>", ...".
std::string to_text(const Value& value, size_t max_chars);
// Any bytes as printable text: control characters and bytes that are not UTF-8 become \n, \t, \xNN;
// longer text is cut between characters and ends in "...".
std::string printable(std::string_view bytes, size_t max_chars = 200);

}  // namespace hob::gguf

// Reading a GGUF file: one pass over header, metadata and tensor records, then a check of the
// tensors' places.
//
// Layout (ggml docs/gguf.md): "GGUF", u32 version, u64 tensor count, u64 key count; per key a
// string, a u32 type and the value; per tensor a string, u32 dimensions, u64 sizes innermost first,
// u32 type, u64 offset; then padding to general.alignment, from where the offsets count.
//
// Nothing is allocated by a number from the file before the bytes that would back it are known to
// be there. The limits below only bound memory for files that are all header. No two tensors share
// a byte.
#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <optional>

#include "formats/gguf.h"

namespace hob::gguf {

static_assert(std::endian::native == std::endian::little);

namespace {

constexpr std::string_view kMagic = "GGUF";
constexpr uint32_t kOldestVersion = 2, kNewestVersion = 3;
constexpr uint64_t kMaxKeys = 1 << 16, kMaxTensors = 1 << 20;
constexpr uint64_t kMaxKeyBytes = (1 << 16) - 1, kMaxNameBytes = 64;  // both from the specification
constexpr uint32_t kMaxDims = 4;
constexpr uint64_t kMinAlignment = 8;  // the specification asks for a multiple of 8
// The least a record can take: its fixed fields and one byte of name (and, of a key, one byte of
// value).
constexpr uint64_t kMinKeyRecord = 8 + 1 + 4 + 1, kMinTensorRecord = 8 + 1 + 4 + 8 + 4 + 8;

// A position in the file. Each take_ gives nothing, and moves nowhere, when the file ends too
// early.
class Cursor {
 public:
  explicit Cursor(std::span<const std::byte> bytes) : bytes_(bytes) {}
  uint64_t position() const { return position_; }
  uint64_t remaining() const { return bytes_.size() - position_; }

  const std::byte* take_bytes(uint64_t count) {
    if (count > remaining()) return nullptr;
    const std::byte* start = bytes_.data() + position_;
    position_ += count;
    return start;
  }
  template <class T>
  std::optional<T> take() {
    const std::byte* start = take_bytes(sizeof(T));
    if (!start) return std::nullopt;
    T value;
    std::memcpy(&value, start, sizeof value);
    return value;
  }
  std::optional<std::string_view> take_string() {
    const uint64_t before = position_;
    if (const auto length = take<uint64_t>()) {
      if (*length == 0) return std::string_view();
      if (const std::byte* start = take_bytes(*length)) {
        return std::string_view(reinterpret_cast<const char*>(start), *length);
      }
    }
    position_ = before;
    return std::nullopt;
  }

 private:
  std::span<const std::byte> bytes_;
  uint64_t position_ = 0;
};

// a * b, or nothing past 2^63 - 1.
std::optional<uint64_t> multiply(uint64_t a, uint64_t b) {
  constexpr uint64_t kMost = std::numeric_limits<int64_t>::max();
  if (b != 0 && a > kMost / b) return std::nullopt;
  return a * b;
}

}  // namespace

class Parser {
 public:
  Parser(std::span<const std::byte> bytes, const std::string& path) : bytes_(bytes), in_(bytes) {
    file_.path_ = path;
    file_.file_bytes_ = bytes.size();
  }

  Result<File> run() {
    HOB_TRY_VOID(read_header());
    HOB_TRY_VOID(read_metadata());
    HOB_TRY_VOID(read_alignment());
    HOB_TRY_VOID(refuse_split());
    HOB_TRY_VOID(read_tensors());
    HOB_TRY_VOID(place_tensors());
    HOB_TRY_VOID(refuse_overlap());
    return std::move(file_);
  }

 private:
  template <class... Args>
  [[nodiscard]] tl::unexpected<Error> corrupt(fmt::format_string<Args...> format,
                                              Args&&... args) const {
    return fail(ErrorKind::kCorrupt, "{}: {}", file_.path_,
                fmt::format(format, std::forward<Args>(args)...));
  }
  // The file ends inside `field`.
  [[nodiscard]] tl::unexpected<Error> ends_inside(const std::string& field) const {
    return corrupt("the file ends inside {} (at byte {} of {}): it is truncated or damaged", field,
                   in_.position(), bytes_.size());
  }

  Result<> read_header() {
    if (bytes_.empty()) return corrupt("the file is empty");
    const std::byte* magic = in_.take_bytes(kMagic.size());
    if (!magic || std::memcmp(magic, kMagic.data(), kMagic.size()) != 0) {
      return corrupt("not a GGUF file: the magic number is missing");
    }
    const auto version = in_.take<uint32_t>();
    if (!version) return ends_inside("the version");
    HOB_TRY_VOID(check_version(*version));
    file_.version_ = *version;
    const auto tensors = in_.take<uint64_t>(), keys = in_.take<uint64_t>();
    if (!tensors) return ends_inside("the tensor count");
    if (!keys) return ends_inside("the key count");
    HOB_TRY_VOID(check_count("keys", *keys, kMinKeyRecord, kMaxKeys));
    HOB_TRY_VOID(check_count("tensors", *tensors, kMinTensorRecord, kMaxTensors));
    key_count_ = *keys;
    tensor_count_ = *tensors;
    return {};
  }

  Result<> check_version(uint32_t version) const {
    if (version >= kOldestVersion && version <= kNewestVersion) return {};
    if (version != 0 && (version & 0xffff) == 0) {
      return fail(ErrorKind::kUnsupported, "{}: the version shows a big-endian GGUF file",
                  file_.path_);
    }
    return fail(ErrorKind::kUnsupported, "{}: GGUF version {} (hob reads {} to {})", file_.path_,
                version, kOldestVersion, kNewestVersion);
  }

  Result<> check_count(const char* what, uint64_t count, uint64_t least_bytes,
                       uint64_t limit) const {
    if (count > in_.remaining() / least_bytes) {
      return corrupt("the header promises {} {}, more than the file's {} bytes can hold", count,
                     what, bytes_.size());
    }
    if (count > limit) {
      return fail(ErrorKind::kTooLarge, "{}: {} {} (the limit is {})", file_.path_, count, what,
                  limit);
    }
    return {};
  }

  Result<> read_metadata() {
    file_.metadata_.reserve(key_count_);
    for (uint64_t i = 0; i < key_count_; ++i) {
      const auto key = in_.take_string();
      if (!key) return ends_inside(fmt::format("the name of key {}", i));
      if (key->empty()) return corrupt("key {} is empty", i);
      if (key->size() > kMaxKeyBytes) {
        return corrupt("the name of key {} has {} bytes (the limit is {})", i, key->size(),
                       kMaxKeyBytes);
      }
      if (!file_.keys_.emplace(*key, i).second) {
        return corrupt("key '{}' appears twice", printable(*key));
      }
      HOB_TRY(const ValueType type, read_type(*key, "type"));
      HOB_TRY(Value value, read_value(*key, type));
      file_.metadata_.emplace_back(*key, std::move(value));
    }
    return {};
  }

  Result<ValueType> read_type(std::string_view key, const char* what) {
    const auto type = in_.take<uint32_t>();
    if (!type) return ends_inside(fmt::format("the {} of key '{}'", what, printable(key)));
    if (*type >= kNumValueTypes) {
      return corrupt("key '{}' has the unknown {} {}", printable(key), what, *type);
    }
    return static_cast<ValueType>(*type);
  }

  Result<Value> read_value(std::string_view key, ValueType type) {
    switch (type) {
      case ValueType::kU8:
        return read_scalar<uint8_t>(key);
      case ValueType::kI8:
        return read_scalar<int8_t>(key);
      case ValueType::kU16:
        return read_scalar<uint16_t>(key);
      case ValueType::kI16:
        return read_scalar<int16_t>(key);
      case ValueType::kU32:
        return read_scalar<uint32_t>(key);
      case ValueType::kI32:
        return read_scalar<int32_t>(key);
      case ValueType::kF32:
        return read_scalar<float>(key);
      case ValueType::kU64:
        return read_scalar<uint64_t>(key);
      case ValueType::kI64:
        return read_scalar<int64_t>(key);
      case ValueType::kF64:
        return read_scalar<double>(key);
      case ValueType::kBool:
        return read_bool(key);
      case ValueType::kArray:
        return read_array(key);
      case ValueType::kString:
        break;
    }
    const auto text = in_.take_string();
    if (!text) return ends_inside(fmt::format("the text of key '{}'", printable(key)));
    return *text;
  }

  template <class T>
  Result<Value> read_scalar(std::string_view key) {
    const auto value = in_.take<T>();
    if (!value) return ends_inside(fmt::format("the value of key '{}'", printable(key)));
    return *value;
  }

  Result<Value> read_bool(std::string_view key) {
    const auto value = in_.take<uint8_t>();
    if (!value) return ends_inside(fmt::format("the value of key '{}'", printable(key)));
    if (*value > 1) return corrupt("key '{}' is a bool of value {}", printable(key), *value);
    return *value == 1;
  }

  Result<Value> read_array(std::string_view key) {
    Array array;
    HOB_TRY(array.element_type, read_type(key, "element type"));
    if (array.element_type == ValueType::kArray) {
      return fail(ErrorKind::kUnsupported, "{}: key '{}' is an array of arrays", file_.path_,
                  printable(key));
    }
    const auto count = in_.take<uint64_t>();
    if (!count) return ends_inside(fmt::format("the length of array '{}'", printable(key)));
    constexpr uint64_t kStringLength = 8;
    const uint64_t least_bytes =
        array.holds_strings() ? kStringLength : scalar_bytes(array.element_type);
    if (*count > in_.remaining() / least_bytes) {
      return corrupt("array '{}' promises {} elements, more than the file's {} bytes can hold",
                     printable(key), *count, bytes_.size());
    }
    array.count = *count;
    if (array.holds_strings()) {
      HOB_TRY_VOID(read_strings(key, array));
    } else {
      array.data = in_.take_bytes(*count * least_bytes);
      HOB_TRY_VOID(check_bools(key, array));
    }
    return array;
  }

  Result<> read_strings(std::string_view key, Array& array) {
    array.strings.reserve(array.count);
    for (size_t i = 0; i < array.count; ++i) {
      const auto text = in_.take_string();
      if (!text) return ends_inside(fmt::format("element {} of array '{}'", i, printable(key)));
      array.strings.push_back(*text);
    }
    return {};
  }

  Result<> check_bools(std::string_view key, const Array& array) const {
    if (array.element_type != ValueType::kBool) return {};
    for (size_t i = 0; i < array.count; ++i) {
      if (const auto value = std::to_integer<int>(array.data[i]); value > 1) {
        return corrupt("element {} of array '{}' is a bool of value {}", i, printable(key), value);
      }
    }
    return {};
  }

  Result<> read_alignment() {
    constexpr std::string_view kKey = "general.alignment";
    const Value* value = file_.find(kKey);
    if (!value) return {};
    const auto* alignment = std::get_if<uint32_t>(value);
    if (!alignment) return corrupt("key '{}' is not a u32", kKey);
    if (!std::has_single_bit(*alignment) || *alignment < kMinAlignment) {
      return corrupt("key '{}' is {}: not a power of two of at least {}", kKey, *alignment,
                     kMinAlignment);
    }
    file_.alignment_ = *alignment;
    return {};
  }

  Result<> refuse_split() const {
    constexpr std::string_view kCount = "split.count", kNumber = "split.no";
    HOB_TRY(const uint64_t parts, file_.integer_or(kCount, 1));
    if (parts <= 1) return {};
    HOB_TRY(const uint64_t number, file_.integer_or(kNumber, 0));
    return fail(ErrorKind::kUnsupported,
                "{}: split.count: this is part {} of a model split into {} files; join them first "
                "(llama-gguf-split --merge)",
                file_.path_, number < parts ? number + 1 : number, parts);
  }

  Result<> read_tensors() {
    file_.tensors_.reserve(tensor_count_);
    for (uint64_t i = 0; i < tensor_count_; ++i) {
      const auto name = in_.take_string();
      if (!name) return ends_inside(fmt::format("the name of tensor {}", i));
      if (name->empty()) return corrupt("the name of tensor {} is empty", i);
      if (name->size() > kMaxNameBytes) {
        return corrupt("the name of tensor {} has {} bytes (the limit is {})", i, name->size(),
                       kMaxNameBytes);
      }
      if (!file_.names_.emplace(*name, i).second) {
        return corrupt("tensor '{}' appears twice", printable(*name));
      }
      Tensor tensor;
      tensor.name = *name;
      HOB_TRY_VOID(read_shape(tensor));
      HOB_TRY_VOID(read_format(tensor));
      file_.tensors_.push_back(std::move(tensor));
    }
    return {};
  }

  Result<> read_shape(Tensor& tensor) {
    const auto dims = in_.take<uint32_t>();
    if (!dims) return ends_inside(fmt::format("the dimensions of tensor {}", quoted(tensor)));
    if (*dims == 0 || *dims > kMaxDims) {
      return corrupt("tensor {} has {} dimensions (1 to {} are possible)", quoted(tensor), *dims,
                     kMaxDims);
    }
    for (uint32_t i = 0; i < *dims; ++i) {
      const auto size = in_.take<uint64_t>();
      if (!size) return ends_inside(fmt::format("dimension {} of tensor {}", i, quoted(tensor)));
      if (*size == 0) return corrupt("dimension {} of tensor {} is 0", i, quoted(tensor));
      tensor.shape.push_back(*size);
    }
    std::ranges::reverse(tensor.shape);
    return {};
  }

  // Reads type and (relative) offset; sets format and bytes where hob knows the type.
  Result<> read_format(Tensor& tensor) {
    const auto type = in_.take<uint32_t>();
    if (!type) return ends_inside(fmt::format("the type of tensor {}", quoted(tensor)));
    const auto offset = in_.take<uint64_t>();
    if (!offset) return ends_inside(fmt::format("the offset of tensor {}", quoted(tensor)));
    tensor.type = *type;
    tensor.offset = *offset;
    tensor.format = quant::format_from_gguf(*type);
    std::optional<uint64_t> weights = 1;
    for (const uint64_t size : tensor.shape) {
      if (weights) weights = multiply(*weights, size);
    }
    if (!weights) return corrupt("the dimensions of tensor {} overflow", quoted(tensor));
    if (!tensor.format) return {};
    const quant::FormatTraits& t = quant::traits(*tensor.format);
    if (tensor.shape.back() % t.block_len != 0) {
      return corrupt("tensor {} has rows of {} weights, not a multiple of {}'s block of {}",
                     quoted(tensor), tensor.shape.back(), t.name, t.block_len);
    }
    const auto bytes = multiply(*weights / t.block_len, t.block_bytes);
    if (!bytes) return corrupt("the dimensions of tensor {} overflow", quoted(tensor));
    tensor.bytes = *bytes;
    return {};
  }

  // Turns offsets into places in the file.
  Result<> place_tensors() {
    const uint64_t mask = file_.alignment_ - 1;
    const uint64_t start = (in_.position() + mask) & ~mask;
    const uint64_t room = bytes_.size() > start ? bytes_.size() - start : 0;
    for (Tensor& tensor : file_.tensors_) {
      if (tensor.offset & mask) {
        return corrupt("the offset {} of tensor {} is not a multiple of the alignment {}",
                       tensor.offset, quoted(tensor), file_.alignment_);
      }
      if (tensor.offset > room || tensor.bytes > room - tensor.offset) {
        return corrupt(
            "tensor {} (offset {}, {} bytes) ends past the file's {} bytes: it is "
            "truncated or damaged",
            quoted(tensor), tensor.offset, tensor.bytes, bytes_.size());
      }
      tensor.offset += start;
      tensor.data = bytes_.data() + tensor.offset;
    }
    return {};
  }

  // A tensor of unknown format counts as one byte: enough to notice another that covers its start.
  Result<> refuse_overlap() const {
    std::vector<const Tensor*> order;
    order.reserve(file_.tensors_.size());
    for (const Tensor& tensor : file_.tensors_) order.push_back(&tensor);
    std::ranges::sort(order, {}, &Tensor::offset);
    for (size_t i = 1; i < order.size(); ++i) {
      const Tensor &before = *order[i - 1], &after = *order[i];
      if (after.offset - before.offset < std::max<uint64_t>(before.bytes, 1)) {
        return corrupt("tensors {} and {} overlap", quoted(before), quoted(after));
      }
    }
    return {};
  }

  static std::string quoted(const Tensor& tensor) {
    return fmt::format("'{}'", printable(tensor.name));
  }

  std::span<const std::byte> bytes_;
  Cursor in_;
  File file_;
  uint64_t key_count_ = 0, tensor_count_ = 0;
};

Result<File> File::parse(std::span<const std::byte> bytes, const std::string& path) {
  return Parser(bytes, path).run();
}

Result<File> File::open(const std::string& path) {
  HOB_TRY(os::MappedFile mapping, os::MappedFile::open(path));
  HOB_TRY(File file, parse(mapping.bytes(), path));
  file.mapping_ = std::move(mapping);
  return file;
}

}  // namespace hob::gguf

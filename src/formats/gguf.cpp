// What a parsed GGUF file answers: typed reads of its metadata, elements of its arrays, values as
// text for a person. Reading the bytes is gguf_parse.cpp.
#include "formats/gguf.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

#include "base/check.h"

namespace hob::gguf {
namespace {

constexpr std::array<std::string_view, kNumValueTypes> kTypeNames = {
    "u8", "i8", "u16", "i16", "u32", "i32", "f32", "bool", "string", "array", "u64", "i64", "f64"};

static_assert(std::variant_size_v<Value> == kNumValueTypes);
template <ValueType type, class T>
constexpr bool kStandsFor =
    std::is_same_v<std::variant_alternative_t<static_cast<size_t>(type), Value>, T>;
static_assert(kStandsFor<ValueType::kF32, float> && kStandsFor<ValueType::kBool, bool> &&
              kStandsFor<ValueType::kArray, Array> && kStandsFor<ValueType::kF64, double>);

template <class T>
constexpr bool kIsInteger = std::is_integral_v<T> && !std::is_same_v<T, bool>;

template <class T>
T load(const std::byte* data, size_t i) {
  T value;
  std::memcpy(&value, data + i * sizeof(T), sizeof value);
  return value;
}

// use(x) with element i in its own type.
template <class Use>
auto with_element(const Array& array, size_t i, Use use) {
  HOB_CHECK(i < array.count, "element {} of {}", i, array.count);
  switch (array.element_type) {
    case ValueType::kU8:
    case ValueType::kBool:
      return use(load<uint8_t>(array.data, i));
    case ValueType::kI8:
      return use(load<int8_t>(array.data, i));
    case ValueType::kU16:
      return use(load<uint16_t>(array.data, i));
    case ValueType::kI16:
      return use(load<int16_t>(array.data, i));
    case ValueType::kU32:
      return use(load<uint32_t>(array.data, i));
    case ValueType::kI32:
      return use(load<int32_t>(array.data, i));
    case ValueType::kF32:
      return use(load<float>(array.data, i));
    case ValueType::kU64:
      return use(load<uint64_t>(array.data, i));
    case ValueType::kI64:
      return use(load<int64_t>(array.data, i));
    case ValueType::kF64:
      return use(load<double>(array.data, i));
    case ValueType::kString:
    case ValueType::kArray:
      break;
  }
  HOB_CHECK(false, "an array of {} has no numbers", type_name(array.element_type));
}

int64_t saturate(double x) {
  constexpr double kEnd = 0x1p63;
  if (std::isnan(x)) return 0;
  if (x >= kEnd) return std::numeric_limits<int64_t>::max();
  if (x < -kEnd) return std::numeric_limits<int64_t>::min();
  return static_cast<int64_t>(x);
}

auto wrong_type(const std::string& path, std::string_view key, const Value& value,
                std::string_view wanted) {
  return fail(ErrorKind::kCorrupt, "{}: key '{}' is of type {}, not {}", path, key,
              type_name(static_cast<ValueType>(value.index())), wanted);
}

auto absent(const std::string& path, std::string_view key) {
  return fail(ErrorKind::kCorrupt, "{}: key '{}' is missing", path, key);
}

// The length of the UTF-8 sequence that `bytes` starts with, or 0 where it starts with none that
// may be printed: control characters (C0, DEL, C1), surrogates, overlong forms.
size_t printable_sequence(std::string_view bytes) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(bytes[i]); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return lead >= 0x20 && lead != 0x7f ? 1 : 0;
  const size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || bytes.size() < length) return 0;
  uint32_t code = lead & (0x7f >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    code = code << 6 | (byte(i) & 0x3f);
  }
  constexpr std::array<uint32_t, 5> kLeast = {0, 0, 0xa0, 0x800, 0x10000};
  if (code < kLeast[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return 0;
  // Line and paragraph separators, and the marks that reorder text, could forge what a person sees.
  const bool reorders = code == 0x061c || code == 0x200e || code == 0x200f ||
                        (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
  return reorders ? 0 : length;
}

std::string element_text(const Array& array, size_t i, size_t max_chars) {
  if (array.holds_strings()) return fmt::format("\"{}\"", printable(array.strings[i], max_chars));
  if (array.element_type == ValueType::kBool) return array.integer(i) ? "true" : "false";
  return with_element(array, i, [](auto x) { return fmt::format("{}", x); });
}

std::string array_text(const Array& array, size_t max_chars) {
  std::string text = fmt::format("[{} {}]", array.count, type_name(array.element_type));
  for (size_t i = 0; i < array.count; ++i) {
    const std::string element = element_text(array, i, max_chars);
    if (text.size() + element.size() > max_chars) return text + (i ? ", ..." : " ...");
    text += i ? ", " : " ";
    text += element;
  }
  return text;
}

}  // namespace

std::string_view type_name(ValueType type) {
  const auto index = static_cast<size_t>(type);
  return index < kTypeNames.size() ? kTypeNames[index] : "unknown";
}

size_t scalar_bytes(ValueType type) {
  switch (type) {
    case ValueType::kU8:
    case ValueType::kI8:
    case ValueType::kBool:
      return 1;
    case ValueType::kU16:
    case ValueType::kI16:
      return 2;
    case ValueType::kU32:
    case ValueType::kI32:
    case ValueType::kF32:
      return 4;
    case ValueType::kU64:
    case ValueType::kI64:
    case ValueType::kF64:
      return 8;
    case ValueType::kString:
    case ValueType::kArray:
      break;
  }
  return 0;
}

bool Array::holds_integers() const {
  switch (element_type) {
    case ValueType::kF32:
    case ValueType::kF64:
    case ValueType::kBool:
    case ValueType::kString:
    case ValueType::kArray:
      return false;
    default:
      return true;
  }
}

bool Array::holds_numbers() const {
  return holds_integers() || element_type == ValueType::kF32 || element_type == ValueType::kF64;
}

double Array::number(size_t i) const {
  return with_element(*this, i, [](auto x) { return static_cast<double>(x); });
}

int64_t Array::integer(size_t i) const {
  return with_element(*this, i, [](auto x) -> int64_t {
    using T = decltype(x);
    if constexpr (std::is_floating_point_v<T>) {
      return saturate(x);
    } else if constexpr (std::is_same_v<T, uint64_t>) {
      constexpr uint64_t kMost = std::numeric_limits<int64_t>::max();
      return static_cast<int64_t>(std::min(x, kMost));
    } else {
      return x;
    }
  });
}

const Value* File::find(std::string_view key) const {
  const auto found = keys_.find(key);
  return found == keys_.end() ? nullptr : &metadata_[found->second].second;
}

const Tensor* File::find_tensor(std::string_view name) const {
  const auto found = names_.find(name);
  return found == names_.end() ? nullptr : &tensors_[found->second];
}

Result<std::string> File::text(std::string_view key) const {
  if (!find(key)) return absent(path_, key);
  return text_or(key, "");
}

Result<std::string> File::text_or(std::string_view key, std::string_view fallback) const {
  const Value* value = find(key);
  if (!value) return std::string(fallback);
  const auto* text = std::get_if<std::string_view>(value);
  if (!text) return wrong_type(path_, key, *value, "string");
  return std::string(*text);
}

Result<uint64_t> File::integer(std::string_view key) const {
  if (!find(key)) return absent(path_, key);
  return integer_or(key, 0);
}

Result<uint64_t> File::integer_or(std::string_view key, uint64_t fallback) const {
  const Value* value = find(key);
  if (!value) return fallback;
  return std::visit(
      [&](const auto& x) -> Result<uint64_t> {
        using T = std::decay_t<decltype(x)>;
        if constexpr (kIsInteger<T>) {
          if constexpr (std::is_signed_v<T>) {
            if (x < 0) return fail(ErrorKind::kCorrupt, "{}: key '{}' is {}", path_, key, x);
          }
          return static_cast<uint64_t>(x);
        } else {
          return wrong_type(path_, key, *value, "an integer");
        }
      },
      *value);
}

Result<double> File::number_or(std::string_view key, double fallback) const {
  const Value* value = find(key);
  if (!value) return fallback;
  return std::visit(
      [&](const auto& x) -> Result<double> {
        using T = std::decay_t<decltype(x)>;
        if constexpr (kIsInteger<T> || std::is_floating_point_v<T>) {
          return static_cast<double>(x);
        } else {
          return wrong_type(path_, key, *value, "a number");
        }
      },
      *value);
}

Result<bool> File::boolean_or(std::string_view key, bool fallback) const {
  const Value* value = find(key);
  if (!value) return fallback;
  const auto* boolean = std::get_if<bool>(value);
  if (!boolean) return wrong_type(path_, key, *value, "bool");
  return *boolean;
}

Result<const Array*> File::array(std::string_view key) const {
  const Value* value = find(key);
  if (!value) return nullptr;
  const auto* array = std::get_if<Array>(value);
  if (!array) return wrong_type(path_, key, *value, "an array");
  return array;
}

Result<const Array*> File::strings(std::string_view key) const {
  return array_of(key, &Array::holds_strings, "strings");
}
Result<const Array*> File::integers(std::string_view key) const {
  return array_of(key, &Array::holds_integers, "integers");
}
Result<const Array*> File::numbers(std::string_view key) const {
  return array_of(key, &Array::holds_numbers, "numbers");
}

Result<const Array*> File::array_of(std::string_view key, bool (Array::*holds)() const,
                                    const char* wanted) const {
  HOB_TRY(const Array* found, array(key));
  if (found && !(found->*holds)()) {
    return fail(ErrorKind::kCorrupt, "{}: key '{}' is an array of {}, not of {}", path_, key,
                type_name(found->element_type), wanted);
  }
  return found;
}

std::string to_text(const Value& value, size_t max_chars) {
  return std::visit(
      [&](const auto& x) -> std::string {
        using T = std::decay_t<decltype(x)>;
        if constexpr (std::is_same_v<T, std::string_view>) {
          return fmt::format("\"{}\"", printable(x, max_chars));
        } else if constexpr (std::is_same_v<T, Array>) {
          return array_text(x, max_chars);
        } else {
          return fmt::format("{}", x);
        }
      },
      value);
}

std::string printable(std::string_view bytes, size_t max_chars) {
  std::string text;
  size_t chars = 0;
  while (!bytes.empty()) {
    if (chars++ == max_chars) return text + "...";
    size_t length = printable_sequence(bytes);
    if (length > 0) {
      text += bytes.substr(0, length);
    } else {
      length = 1;
      if (bytes[0] == '\n') {
        text += "\\n";
      } else if (bytes[0] == '\t') {
        text += "\\t";
      } else {
        text += fmt::format("\\x{:02x}", static_cast<uint8_t>(bytes[0]));
      }
    }
    bytes.remove_prefix(length);
  }
  return text;
}

}  // namespace hob::gguf

// The writer's encoding; the layout is described in gguf_parse.cpp.
#include "formats/gguf_write.h"

#include <algorithm>
#include <bit>
#include <ranges>
#include <utility>

#include "base/check.h"
#include "os/file.h"

namespace hob::gguf {
namespace {

constexpr uint32_t kVersion = 3;

template <class T>
void append(std::string& out, T value) {
  static_assert(std::is_arithmetic_v<T> && std::endian::native == std::endian::little);
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void append_string(std::string& out, std::string_view text) {
  append<uint64_t>(out, text.size());
  out += text;
}

void pad(std::string& out, uint64_t alignment) {
  out.resize((out.size() + alignment - 1) & ~(alignment - 1));
}

void append_array(std::string& out, const Array& array) {
  append(out, static_cast<uint32_t>(array.element_type));
  append<uint64_t>(out, array.count);
  if (array.holds_strings()) {
    for (const std::string_view text : array.strings) append_string(out, text);
  } else if (array.count > 0) {
    out.append(reinterpret_cast<const char*>(array.data),
               array.count * scalar_bytes(array.element_type));
  }
}

std::string encode(const Value& value) {
  std::string out;
  append(out, static_cast<uint32_t>(value.index()));
  std::visit(
      [&](const auto& x) {
        using T = std::decay_t<decltype(x)>;
        if constexpr (std::is_same_v<T, std::string_view>) {
          append_string(out, x);
        } else if constexpr (std::is_same_v<T, Array>) {
          append_array(out, x);
        } else {
          append(out, x);
        }
      },
      value);
  return out;
}

size_t weights_in(std::span<const uint64_t> shape) {
  size_t count = 1;
  for (const uint64_t size : shape) count *= size;
  return count;
}

}  // namespace

void Writer::set(std::string_view key, const Value& value) {
  HOB_CHECK(!key.empty());
  if (key == "general.alignment") {
    const auto* alignment = std::get_if<uint32_t>(&value);
    HOB_CHECK(alignment && std::has_single_bit(*alignment) && *alignment >= 8);
    alignment_ = *alignment;
  }
  const auto known = std::ranges::find(keys_, key, &Key::name);
  if (known != keys_.end()) {
    known->encoded = encode(value);
  } else {
    keys_.push_back({std::string(key), encode(value)});
  }
}

void Writer::set_strings(std::string_view key, std::span<const std::string> values) {
  Array array;
  array.element_type = ValueType::kString;
  array.count = values.size();
  array.strings.assign(values.begin(), values.end());
  set(key, array);
}

void Writer::add_tensor(std::string_view name, quant::Format format, std::vector<uint64_t> shape,
                        std::span<const std::byte> bytes) {
  HOB_CHECK(!name.empty() && name.size() <= 64, "tensor name '{}'", name);
  HOB_CHECK(!shape.empty() && shape.size() <= 4, "{} dimensions", shape.size());
  HOB_CHECK(shape.back() % quant::traits(format).block_len == 0, "rows of {}", shape.back());
  HOB_CHECK(bytes.size() == quant::row_bytes(format, weights_in(shape)), "tensor '{}': {} bytes",
            name, bytes.size());
  HOB_CHECK(std::ranges::find(tensors_, name, &Record::name) == tensors_.end(), "tensor '{}' twice",
            name);
  tensors_.push_back({std::string(name), format, std::move(shape), bytes});
}

void Writer::add_tensor(std::string_view name, quant::Format format, std::vector<uint64_t> shape,
                        std::span<const float> values) {
  const quant::FormatTraits& t = quant::traits(format);
  HOB_CHECK(t.quantize, "{} cannot be written", t.name);
  HOB_CHECK(values.size() == weights_in(shape), "tensor '{}': {} values", name, values.size());
  std::vector<std::byte>& blocks = converted_.emplace_back(quant::row_bytes(format, values.size()));
  t.quantize(values.data(), values.size(), blocks.data());
  add_tensor(name, format, std::move(shape), std::span<const std::byte>(blocks));
}

std::string Writer::bytes() const {
  std::string out = "GGUF";
  append(out, kVersion);
  append<uint64_t>(out, tensors_.size());
  append<uint64_t>(out, keys_.size());
  for (const Key& key : keys_) {
    append_string(out, key.name);
    out += key.encoded;
  }
  uint64_t offset = 0;
  for (const Record& tensor : tensors_) {
    append_string(out, tensor.name);
    append<uint32_t>(out, static_cast<uint32_t>(tensor.shape.size()));
    for (const uint64_t size : std::views::reverse(tensor.shape)) append(out, size);
    append(out, quant::traits(tensor.format).gguf_type);
    append(out, offset);
    offset = (offset + tensor.bytes.size() + alignment_ - 1) & ~(alignment_ - 1);
  }
  if (tensors_.empty()) return out;
  pad(out, alignment_);
  out.reserve(out.size() + offset);
  for (const Record& tensor : tensors_) {
    out.append(reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size());
    pad(out, alignment_);
  }
  return out;
}

Result<> Writer::write(const std::string& path) const {
  return os::write_file_atomically(path, bytes());
}

}  // namespace hob::gguf

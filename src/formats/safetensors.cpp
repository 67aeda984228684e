// The header is small beside the tensors, so it is read as one JSON document; what depth and names
// it may have is checked while it is read.
#include "formats/safetensors.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "formats/gguf.h"

namespace hob::safetensors {
namespace {

using nlohmann::json;  // sorted: the tensors' order is that of their bytes

constexpr uint64_t kMostHeader = 100'000'000;  // bytes; the format's own limit
constexpr int kDeepest = 3;                    // object, tensor, shape
constexpr size_t kMostNames = 1'000'000;       // of tensors and of their three fields
constexpr size_t kMostDims = 8;

struct Type {
  std::string_view name;
  uint64_t bytes;
  std::optional<quant::Format> format;
};
constexpr Type kTypes[] = {
    {"F32", 4, quant::Format::kF32}, {"F16", 2, quant::Format::kF16},
    {"BF16", 2, quant::Format::kBF16}, {"F64", 8, {}},
    {"I64", 8, {}}, {"I32", 4, {}}, {"I16", 2, {}}, {"I8", 1, {}},
    {"U64", 8, {}}, {"U32", 4, {}}, {"U16", 2, {}}, {"U8", 1, {}},
    {"BOOL", 1, {}}, {"F8_E4M3", 1, {}}, {"F8_E5M2", 1, {}},
};

// A name as a message may show it.
std::string shown(std::string_view name) { return gguf::printable(name, 80); }

// The header as JSON, or why not: names twice, nesting and numbers of names that no header has.
Result<json> parse_header(std::string_view text, const std::string& path) {
  std::unordered_set<std::string> names;
  std::string twice;
  bool deep = false;
  size_t count = 0;
  const auto look = [&](int depth, json::parse_event_t event, json& parsed) {
    deep = deep || depth > kDeepest;
    const bool named = event == json::parse_event_t::key;
    count += named;
    if (named && depth == 1 && count <= kMostNames) {
      const auto& name = parsed.get_ref<const std::string&>();
      if (!names.insert(name).second && twice.empty()) twice = name;
    }
    return !deep && count <= kMostNames;  // what is too much is not kept
  };
  json header = json::parse(text, look, /*allow_exceptions=*/false);
  if (deep) return fail(ErrorKind::kCorrupt, "{}: header is nested too deeply", path);
  if (count > kMostNames)
    return fail(ErrorKind::kTooLarge, "{}: header has more than {} names", path, kMostNames);
  if (header.is_discarded() || !header.is_object())
    return fail(ErrorKind::kCorrupt, "{}: header is not a JSON object", path);
  if (!twice.empty())
    return fail(ErrorKind::kCorrupt, "{}: tensor '{}' is there twice", path, shown(twice));
  return header;
}

Result<uint64_t> whole(const json& value, const std::string& path, std::string_view name,
                       const char* field) {
  if (value.is_number_unsigned()) return value.get<uint64_t>();
  return fail(ErrorKind::kCorrupt, "{}: tensor '{}': {} is not a whole number", path, shown(name),
              field);
}

// `data` is the number of bytes behind the header; offsets in the result count from there.
Result<Tensor> read_tensor(const std::string& name, const json& entry, uint64_t data,
                           const std::string& path) {
  const auto broken = [&](const char* what) {
    return fail(ErrorKind::kCorrupt, "{}: tensor '{}': {}", path, shown(name), what);
  };
  if (!entry.is_object()) return broken("its entry is not an object");
  const auto dtype = entry.find("dtype"), shape = entry.find("shape"),
             offsets = entry.find("data_offsets");
  if (dtype == entry.end() || !dtype->is_string()) return broken("has no dtype");
  if (shape == entry.end() || !shape->is_array()) return broken("has no shape");
  if (offsets == entry.end() || !offsets->is_array() || offsets->size() != 2)
    return broken("has no data_offsets");
  if (shape->size() > kMostDims) return broken("has too many dimensions");

  Tensor tensor{.name = name, .dtype = dtype->get<std::string>()};
  const auto type = std::ranges::find(kTypes, tensor.dtype, &Type::name);
  if (type == std::end(kTypes)) {
    return fail(ErrorKind::kUnsupported, "{}: tensor '{}' has dtype '{}', which hob does not know",
                path, shown(name), gguf::printable(tensor.dtype, 20));
  }
  tensor.format = type->format;
  uint64_t bytes = type->bytes;
  for (const auto& dim : *shape) {
    HOB_TRY(const uint64_t size, whole(dim, path, name, "shape"));
    if (__builtin_mul_overflow(bytes, size, &bytes)) return broken("is larger than any file");
    tensor.shape.push_back(size);
  }
  HOB_TRY(const uint64_t begin, whole((*offsets)[0], path, name, "data_offsets"));
  HOB_TRY(const uint64_t end, whole((*offsets)[1], path, name, "data_offsets"));
  if (end < begin) return broken("ends before it begins");
  if (end > data) return broken("ends past the file");
  if (end - begin != bytes) {
    return fail(ErrorKind::kCorrupt, "{}: tensor '{}' has {} bytes, its shape needs {}", path,
                shown(name), end - begin, bytes);
  }
  tensor.offset = begin;
  tensor.bytes = bytes;
  return tensor;
}

}  // namespace

Result<File> File::open(const std::string& path) {
  HOB_TRY(os::MappedFile mapping, os::MappedFile::open(path));
  HOB_TRY(File file, parse(mapping.bytes(), path));
  file.mapping_ = std::move(mapping);
  return file;
}

Result<File> File::parse(std::span<const std::byte> bytes, const std::string& path) {
  uint64_t length = 0;
  if (bytes.size() < sizeof length)
    return fail(ErrorKind::kCorrupt, "{}: too short for a safetensors file", path);
  std::memcpy(&length, bytes.data(), sizeof length);
  const auto rest = bytes.subspan(sizeof length);
  if (length > kMostHeader || length > rest.size()) {
    return fail(ErrorKind::kCorrupt, "{}: a header of {} bytes does not fit the file", path,
                length);
  }
  const std::string_view text(reinterpret_cast<const char*>(rest.data()), length);
  HOB_TRY(const json header, parse_header(text, path));
  const auto data = rest.subspan(length);

  File file;
  file.path_ = path;
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") {
      if (!entry.is_object())
        return fail(ErrorKind::kCorrupt, "{}: __metadata__ is not an object", path);
      for (const auto& [key, value] : entry.items()) {
        if (!value.is_string())
          return fail(ErrorKind::kCorrupt, "{}: __metadata__ holds more than strings", path);
        file.metadata_.emplace_back(key, value.get<std::string>());
      }
      continue;
    }
    HOB_TRY(Tensor tensor, read_tensor(name, entry, data.size(), path));
    file.tensors_.push_back(std::move(tensor));
  }
  std::ranges::stable_sort(file.tensors_, {}, [](const Tensor& t) {
    return std::pair(t.offset, t.offset + t.bytes);
  });
  uint64_t next = 0;
  for (Tensor& tensor : file.tensors_) {
    if (tensor.offset != next) {
      return fail(ErrorKind::kCorrupt, "{}: tensor '{}' does not begin where the one before ends",
                  path, shown(tensor.name));
    }
    next = tensor.offset + tensor.bytes;
    tensor.data = data.data() + tensor.offset;
    tensor.offset += sizeof length + length;
    file.names_.emplace(tensor.name, file.names_.size());
  }
  if (next != data.size())
    return fail(ErrorKind::kCorrupt, "{}: {} bytes belong to no tensor", path, data.size() - next);
  return file;
}

const Tensor* File::find(std::string_view name) const {
  const auto found = names_.find(std::string(name));
  return found == names_.end() ? nullptr : &tensors_[found->second];
}

}  // namespace hob::safetensors

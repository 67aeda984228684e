// Safetensors files: named tensors, read in place from a mapping.
//
// Source: the format's own README (Hugging Face). Eight bytes of header length, a JSON object from
// names to {dtype, shape, data_offsets}, then the tensors' bytes. The file is hostile until proven
// otherwise: the length, the JSON, every type, shape and offset are checked against the file's true
// size, and the tensors must cover the data exactly, without holes and without sharing a byte, as
// the format demands. An error names the file and the tensor. Does not cover: models in several
// files (an index of shards), and a file that another program shortens while it is mapped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/result.h"
#include "os/file.h"
#include "quant/format.h"

namespace hob::safetensors {

struct Tensor {
  std::string name;
  std::string dtype;                    // as written: "F32", "BF16", "I64", ...
  std::optional<quant::Format> format;  // where it is one that hob multiplies with
  std::vector<uint64_t> shape;          // outermost first
  uint64_t offset = 0;                  // from the start of the file
  uint64_t bytes = 0;
  const std::byte* data = nullptr;  // aligned to nothing in particular
};

class File {
 public:
  static Result<File> open(const std::string& path);
  // The same checks over bytes that outlive the File; `path` is only for messages.
  static Result<File> parse(std::span<const std::byte> bytes, const std::string& path);

  const std::string& path() const { return path_; }
  // In the order of their bytes.
  const std::vector<Tensor>& tensors() const { return tensors_; }
  const Tensor* find(std::string_view name) const;  // null when absent
  // The header's "__metadata__", sorted by name.
  const std::vector<std::pair<std::string, std::string>>& metadata() const { return metadata_; }

 private:
  os::MappedFile mapping_;
  std::string path_;
  std::vector<Tensor> tensors_;
  std::vector<std::pair<std::string, std::string>> metadata_;
  std::unordered_map<std::string, size_t> names_;
};

}  // namespace hob::safetensors

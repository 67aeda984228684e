// Claiming a file's tensors: by name, type and shape, once, at load.
//
// What an architecture lacks is an error where it is missed; what it does not claim is reported by
// unclaimed(). Weights are views of the mapped file; vectors (norms, biases) are converted to
// floats and kept by the model.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/result.h"
#include "formats/gguf.h"
#include "tensor/view.h"

namespace hob::models {

class WeightSource {
 public:
  explicit WeightSource(const gguf::File& file) : file_(file) {}

  // A matrix [rows, cols] of any format hob multiplies with.
  Result<Weight> matrix(const std::string& name, size_t rows, size_t cols);
  // A vector of floats; empty when `optional` and absent.
  Result<std::vector<float>> vector(const std::string& name, size_t size, bool optional = false);
  bool has(std::string_view name) const { return file_.find_tensor(name) != nullptr; }

  // Names of the tensors that nobody claimed.
  std::vector<std::string> unclaimed() const;

 private:
  Result<const gguf::Tensor*> claim(const std::string& name, std::initializer_list<uint64_t> shape);
  const gguf::File& file_;
  std::unordered_set<std::string_view> claimed_;
};

}  // namespace hob::models

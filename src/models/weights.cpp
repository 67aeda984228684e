#include "models/weights.h"

#include <fmt/ranges.h>

namespace hob::models {

Result<const gguf::Tensor*> WeightSource::claim(const std::string& name,
                                                std::initializer_list<uint64_t> shape) {
  const gguf::Tensor* tensor = file_.find_tensor(name);
  if (!tensor) return fail(ErrorKind::kCorrupt, "{}: tensor '{}' is missing", file_.path(), name);
  if (!std::equal(shape.begin(), shape.end(), tensor->shape.begin(), tensor->shape.end())) {
    return fail(ErrorKind::kCorrupt, "{}: tensor '{}' has shape [{}], expected [{}]", file_.path(),
                name, fmt::join(tensor->shape, ", "), fmt::join(shape, ", "));
  }
  if (!tensor->format) {
    return fail(ErrorKind::kUnsupported,
                "{}: tensor '{}' has weight type {}, which hob does not read yet", file_.path(),
                name, tensor->type);
  }
  claimed_.insert(tensor->name);
  return tensor;
}

Result<Weight> WeightSource::matrix(const std::string& name, size_t rows, size_t cols) {
  HOB_TRY(const gguf::Tensor* tensor, claim(name, {rows, cols}));
  return Weight{tensor->data, *tensor->format, rows, cols};
}

Result<std::vector<float>> WeightSource::vector(const std::string& name, size_t size,
                                                bool optional) {
  if (optional && !has(name)) return std::vector<float>{};
  HOB_TRY(const gguf::Tensor* tensor, claim(name, {size}));
  std::vector<float> values(size);
  quant::traits(*tensor->format).dequantize(tensor->data, size, values.data());
  return values;
}

std::vector<std::string> WeightSource::unclaimed() const {
  std::vector<std::string> names;
  for (const gguf::Tensor& tensor : file_.tensors()) {
    if (!claimed_.contains(tensor.name)) names.emplace_back(tensor.name);
  }
  return names;
}

}  // namespace hob::models

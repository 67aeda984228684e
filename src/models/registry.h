// From a model file to a model: one row per architecture family.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "formats/gguf.h"
#include "models/transformer.h"
#include "models/weights.h"

namespace hob::models {

// Reads metadata and claims tensors into `model`, whose file is set.
using LoadFn = Result<> (*)(WeightSource& source, const gguf::File& file, Transformer& model);

struct Architecture {
  std::string_view name;  // general.architecture
  LoadFn load;
};

std::span<const Architecture> architectures();

// The file stays mapped as long as the model lives. Errors name the file and the key or tensor.
Result<std::shared_ptr<const Transformer>> load(std::shared_ptr<const gguf::File> file);
Result<std::shared_ptr<const Transformer>> load(const std::string& path);

}  // namespace hob::models

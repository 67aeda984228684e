// Qwen2 and Qwen2.5: llama's blocks with biases on q, k and v, and rotation of half against half.

#include "models/families.h"

namespace hob::models {

Result<> load_qwen2(WeightSource& source, const gguf::File& file, Transformer& model) {
  return load_decoder(source, file, {.rope_halves = true, .qkv_bias = true}, model);
}

}  // namespace hob::models

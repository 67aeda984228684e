// The architecture families, one source file each, and what they share: the metadata keys and
// tensor names that GGUF gives every llama-shaped decoder.
#pragma once

#include "formats/gguf.h"
#include "models/transformer.h"
#include "models/weights.h"

namespace hob::models {

Result<> load_llama(WeightSource& source, const gguf::File& file, Transformer& model);
Result<> load_qwen2(WeightSource& source, const gguf::File& file, Transformer& model);

// How a family differs from plain llama.
struct DecoderShape {
  bool rope_halves = false;  // rotation pairs (i, i + K/2)
  bool qkv_bias = false;     // biases must be there; otherwise they are taken where a file has them
};

// Everything above: hyperparameters, rotation with its scaling, blocks, embedding, head.
Result<> load_decoder(WeightSource& source, const gguf::File& file, const DecoderShape& shape,
                      Transformer& model);

}  // namespace hob::models

// The llama family: Llama 1-3, SmolLM2, TinyLlama, Mistral 7B and whatever else GGUF files call
// "llama".
//
// Pre-norm, grouped-query attention, SwiGLU. The files' q and k rows are stored so that rotation
// pairs neighbours. Mixture-of-experts files of the same name (Mixtral) are refused by name.

#include "models/families.h"

namespace hob::models {

Result<> load_llama(WeightSource& source, const gguf::File& file, Transformer& model) {
  return load_decoder(source, file, {.rope_halves = false}, model);
}

}  // namespace hob::models

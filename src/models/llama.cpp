// The llama family: Llama 1-3, SmolLM2, TinyLlama, Mistral 7B and whatever else GGUF files call "llama".
//
// Pre-norm, grouped-query attention, SwiGLU. The files' q and k rows are stored so that rotation pairs neighbours.
// Mixture-of-experts files of the same name (Mixtral) are refused by name.

#include "models/families.h"

namespace hob::models {

Result<> load_llama(WeightSource& source, const gguf::File& file, Transformer& model) {
  HOB_TRY(const uint64_t n_experts, file.integer_or("llama.expert_count", 0));
  if (n_experts > 0) {
    return fail(ErrorKind::kUnsupported, "{}: llama.expert_count = {}: mixtures of experts are not supported yet",
                file.path(), n_experts);
  }
  return load_decoder(source, file, {.rope_halves = false}, model);
}

}  // namespace hob::models

// Greedy replies of llama.cpp with the margin of every choice, for tests/oracle/greedy.py.
//
//   llama_greedy MODEL.gguf COUNT < lines of prompt token ids
//
// One line per prompt: "token:margin token:margin ...", margin = best logit - second best. Stops
// before a token that ends the reply.
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "llama.h"

namespace {

struct Choice {
  llama_token token;
  float margin;
};

Choice best_of(const float* logits, int vocabulary) {
  int best = 0, second = 1;
  if (logits[second] > logits[best]) std::swap(best, second);
  for (int v = 2; v < vocabulary; ++v) {
    if (logits[v] > logits[best]) {
      second = best;
      best = v;
    } else if (logits[v] > logits[second]) {
      second = v;
    }
  }
  return {best, logits[best] - logits[second]};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  llama_backend_init();
  llama_log_set([](ggml_log_level, const char*, void*) {}, nullptr);
  llama_model* model = llama_model_load_from_file(argv[1], llama_model_default_params());
  if (!model) return 1;
  const llama_vocab* vocab = llama_model_get_vocab(model);
  const int vocabulary = llama_vocab_n_tokens(vocab);
  llama_context_params params = llama_context_default_params();
  params.n_ctx = params.n_batch = 2048;
  params.n_threads = params.n_threads_batch = 2;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream ids(line);
    std::vector<llama_token> tokens;
    for (int id; ids >> id;) tokens.push_back(id);
    llama_context* context = llama_init_from_model(model, params);
    if (llama_decode(context, llama_batch_get_one(tokens.data(), static_cast<int>(tokens.size()))))
      return 1;
    for (int i = 0; i < std::atoi(argv[2]); ++i) {
      Choice choice = best_of(llama_get_logits_ith(context, -1), vocabulary);
      if (llama_vocab_is_eog(vocab, choice.token)) break;
      std::printf("%s%d:%.4f", i ? " " : "", choice.token, choice.margin);
      if (llama_decode(context, llama_batch_get_one(&choice.token, 1))) return 1;
    }
    std::printf("\n");
    llama_free(context);
  }
}

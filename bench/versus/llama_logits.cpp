// llama.cpp's logits on the text of a file that `hob perplexity --logits` wrote, compared with
// those in it: the accuracy that hob's is measured beside (bench/accuracy builds and calls this).
//
//   llama_logits MODEL.gguf EXACT.logits THREADS
//
// Prints one JSON object: perplexity, nmse, kl_divergence, same_top, defined as in
// src/cli/logits_file.h but computed here on its own, so that a mistake in one of the two shows.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <vector>

#include "llama.h"

namespace {

struct Sums {
  double squares = 0, reference_squares = 0, kl = 0, surprise = 0;
  size_t rows = 0, same = 0;
};

double log_total(const std::vector<float>& row) {
  const double top = *std::max_element(row.begin(), row.end());
  double sum = 0;
  for (float x : row) sum += std::exp(x - top);
  return top + std::log(sum);
}

double mean(const std::vector<float>& row) {
  double sum = 0;
  for (float x : row) sum += x;
  return sum / double(row.size());
}

void compare(const std::vector<float>& own, const std::vector<float>& exact, int target,
             Sums& sums) {
  const double own_mean = mean(own), exact_mean = mean(exact);
  const double own_total = log_total(own), exact_total = log_total(exact);
  for (size_t v = 0; v < own.size(); ++v) {
    const double a = own[v] - own_mean, b = exact[v] - exact_mean;
    sums.squares += (a - b) * (a - b);
    sums.reference_squares += b * b;
    const double log_p = exact[v] - exact_total;
    sums.kl += std::exp(log_p) * (log_p - (own[v] - own_total));
  }
  sums.surprise += own_total - own[size_t(target)];
  sums.same += std::max_element(own.begin(), own.end()) - own.begin() ==
               std::max_element(exact.begin(), exact.end()) - exact.begin();
  ++sums.rows;
}

template <class T>
bool read(std::ifstream& file, std::vector<T>& values) {
  return bool(file.read(reinterpret_cast<char*>(values.data()),
                        std::streamsize(values.size() * sizeof(T))));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  std::ifstream file(argv[2], std::ios::binary);
  std::vector<char> magic(8);
  std::vector<uint32_t> sizes(3);
  if (!read(file, magic) || !read(file, sizes)) return 1;
  const uint32_t vocabulary = sizes[0], length = sizes[1], chunks = sizes[2];

  llama_backend_init();
  llama_log_set([](ggml_log_level, const char*, void*) {}, nullptr);
  llama_model* model = llama_model_load_from_file(argv[1], llama_model_default_params());
  if (!model) return 1;
  if (uint32_t(llama_vocab_n_tokens(llama_model_get_vocab(model))) != vocabulary) return 1;
  llama_context_params params = llama_context_default_params();
  params.n_ctx = params.n_batch = length;
  params.n_threads = params.n_threads_batch = std::atoi(argv[3]);

  Sums sums;
  std::vector<int32_t> tokens(length);
  std::vector<float> exact(vocabulary);
  for (uint32_t chunk = 0; chunk < chunks; ++chunk) {
    if (!read(file, tokens)) return 1;
    llama_context* context = llama_init_from_model(model, params);
    llama_batch batch = llama_batch_init(int32_t(length), 0, 1);
    batch.n_tokens = int32_t(length);
    for (uint32_t i = 0; i < length; ++i) {
      batch.token[i] = tokens[i];
      batch.pos[i] = int32_t(i);
      batch.n_seq_id[i] = 1;
      batch.seq_id[i][0] = 0;
      batch.logits[i] = i >= length / 2 && i + 1 < length;
    }
    if (llama_decode(context, batch) != 0) return 1;
    for (uint32_t i = length / 2; i + 1 < length; ++i) {
      const float* row = llama_get_logits_ith(context, int32_t(i));
      if (!read(file, exact)) return 1;
      compare({row, row + vocabulary}, exact, tokens[i + 1], sums);
    }
    llama_batch_free(batch);
    llama_free(context);
  }
  std::printf(
      "{\"perplexity\": %.6f, \"nmse\": %.6g, \"kl_divergence\": %.6g, \"same_top\": %.6f}\n",
      std::exp(sums.surprise / double(sums.rows)), sums.squares / sums.reference_squares,
      sums.kl / double(sums.rows), double(sums.same) / double(sums.rows));
}

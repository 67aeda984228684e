// Small random models as whole GGUF files, for tests that need a model but not a download.
//
// A file is a function of its options: the same options give the same bytes on every machine. It
// holds everything a real one does: hyperparameters, tensors, a byte-level BPE vocabulary with
// ChatML's control tokens, and a chat template, so that the whole program runs on it. What a test
// wants to be wrong it leaves out, reshapes or overwrites.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "formats/gguf.h"
#include "formats/gguf_write.h"
#include "quant/format.h"

namespace hob::test {

struct TinyOptions {
  std::string family = "llama";  // or "qwen2"
  uint64_t seed = 1;
  size_t layers = 2, width = 64, heads = 4, kv_heads = 2, ffn = 96, context = 512;
  size_t head_dim = 0;    // 0: width / heads, and no key says so
  size_t vocabulary = 0;  // rows of the embedding; 0: as many as the tokenizer has tokens
  quant::Format format = quant::Format::kF32;    // of the matrices; vectors are F32
  std::map<std::string, quant::Format> formats;  // of those whose name ends so
  bool biases = false;  // on q, k, v and the output; qwen2 has the first three anyway
  bool tied = true;     // the head is the embedding
  size_t rotary = 0;    // 0: the whole head, and no key says so
  double rope_base = 10000;
  std::string scaling;  // "", "none", "linear", "yarn"
  double factor = 1;
  size_t original_context = 0;  // 0: no key
  bool rope_factors = false;    // the tensor rope_freqs.weight
  size_t window = 0;

  std::set<std::string> without;                        // keys and tensors the file lacks
  std::map<std::string, std::vector<uint64_t>> shapes;  // tensors of another shape, outermost first
  std::function<void(gguf::Writer&)> also;  // the last word on metadata and further tensors
};

// The file's bytes.
std::string tiny_model(const TinyOptions& options = {});
// Writes it to a new file under the test's temporary folder and returns the path.
std::string write_tiny_model(const TinyOptions& options = {});

// Tokens of the tiny models' tokenizer, and three of them.
size_t tiny_vocabulary();
int32_t tiny_im_start();
int32_t tiny_im_end();
int32_t tiny_end_of_text();

// A file parsed from bytes that it keeps.
Result<std::shared_ptr<const gguf::File>> parse_model(std::string bytes,
                                                      const std::string& path = "tiny.gguf");

}  // namespace hob::test

// BERT (Devlin et al. 2018) as an encoder: tokens in, a vector per token out.
//
// Embeddings of token, position and segment, then layers that normalise after each step: attention
// over the whole sequence, and a feed-forward of two products with GELU between. Read from a folder
// as Hugging Face lays it out: config.json and model.safetensors. Does not cover: segments other
// than the first, relative positions, other activations (each refused by name). The pooler and the
// heads that a file may have are left alone.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "formats/safetensors.h"
#include "ops/attend.h"
#include "ops/linear.h"
#include "tensor/storage.h"
#include "tensor/view.h"

namespace hob::models {

struct BertSpec {
  size_t width = 0, ffn_width = 0;   // D, F
  size_t n_layers = 0, n_heads = 0;  // L, H
  size_t vocabulary = 0;             // V
  size_t positions = 0;              // the longest sequence
  float norm_eps = 0;
  size_t head_dim() const { return width / n_heads; }  // K
};

struct BertNorm {
  std::vector<float> weight, bias;  // [D]
};

struct BertLayer {
  Weight wq, wk, wv, wo;              // [D,D]
  Weight up, down;                    // [F,D] [D,F]
  std::vector<float> bq, bk, bv, bo;  // [D]
  std::vector<float> b_up, b_down;    // [F] [D]
  BertNorm attention_norm, ffn_norm;
};

// The views over one run's scratch, for at most `rows` tokens.
struct BertRun {
  ops::Ctx& ctx;
  size_t rows;
  Matrix resid, q, k, v, attn_out, hidden;
  ops::Operand operand;
  std::vector<Storage> memory;
};

class Bert {
 public:
  BertSpec spec;
  Weight tokens;                 // [V,D]
  std::vector<float> positions;  // [P,D] of position and first segment together
  BertNorm embedding_norm;
  std::vector<BertLayer> layers;  // L
  safetensors::File file;         // keeps the mapping alive

  // The configuration's text and the file; `folder` names them in errors.
  static Result<std::shared_ptr<const Bert>> load(std::string_view config, safetensors::File file,
                                                  const std::string& folder);
  static Result<std::shared_ptr<const Bert>> load(const std::string& folder);

  Result<std::unique_ptr<BertRun>> make_run(ops::Ctx& ctx, size_t rows) const;
  // Runs sequences of tokens, each at most spec.positions long, one behind the other: row i of the
  // result [T,D], which is valid until the next run, is token i's vector.
  Matrix forward(BertRun& run, std::span<const int32_t> tokens,
                 std::span<const ops::SequenceRows> sequences) const;
};

// The mean of each sequence's rows, of length 1: out [B,D]. Sums go in the order of the rows; the
// length is summed in double.
void mean_pool(const Matrix& out, const Matrix& rows, std::span<const ops::SequenceRows> sequences,
               bool normalise);

}  // namespace hob::models

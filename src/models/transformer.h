// The decoder-only transformer as data: a stack of blocks whose variation is values, not
// subclasses.
//
// An architecture file (llama.cpp, qwen2.cpp) reads a GGUF file's metadata and claims its tensors
// into these structs; it holds no arithmetic. Shapes use the legend of ARCHITECTURE.md: T new
// tokens, D width, H query heads, G key/value heads, K head size, F feed-forward width, V
// vocabulary, L layers.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "formats/gguf.h"
#include "ops/attend.h"
#include "ops/linear.h"
#include "ops/rope.h"
#include "ops/rows.h"
#include "tensor/view.h"

namespace hob::models {

struct AttentionSpec {
  size_t n_heads = 0, n_kv_heads = 0, head_dim = 0;  // H, G, K
  size_t window = 0;                                 // positions a token sees, 0: all
  float scale = 1;
};

// Vectors that a file may leave out are empty.
struct Attention {
  AttentionSpec spec;
  Weight wq, wk, wv, wo;  // [H*K,D] [G*K,D] [G*K,D] [D,H*K]
  std::vector<float> bq, bk, bv, bo;
};

struct GatedFeedForward {
  Weight gate, up, down;  // [F,D] [F,D] [D,F]
};

struct Block {
  std::vector<float> attention_norm, ffn_norm;  // [D]
  Attention attention;
  GatedFeedForward ffn;

  std::array<const Weight*, 7> matrices() const {
    return {&attention.wq, &attention.wk, &attention.wv, &attention.wo,
            &ffn.gate,     &ffn.up,       &ffn.down};
  }
};

struct ModelSpec {
  std::string architecture, name;
  size_t width = 0;       // D
  size_t ffn_width = 0;   // F
  size_t vocabulary = 0;  // V
  size_t context = 0;     // positions the model was made for
  float norm_eps = 0;
  ops::RopeSpec rope;
};

// The views over one run's scratch: everything a layer writes, for at most `rows` tokens.
struct Run {
  ops::Ctx& ctx;
  size_t rows;
  Matrix resid, normed, q, k, v, attn_out, gate, up, logits_in;
  ops::Operand operand;
  ops::RopeTable rope;
  std::vector<Storage> memory;
};

// One sequence's part of a run: its rows, and its cache of every layer.
struct RunSequence {
  ops::SequenceRows rows;
  std::span<const ops::KvLayer> layers;
};

class Transformer {
 public:
  ModelSpec spec;
  Weight embedding;                    // [V,D]
  std::vector<Block> blocks;           // L
  std::vector<float> output_norm;      // [D]
  Weight head;                         // [V,D]; the embedding itself where the file has no other
  std::vector<std::string> unclaimed;  // tensors of the file that nothing here uses
  std::shared_ptr<const gguf::File> file;  // keeps the mapping alive

  // Scratch for runs of up to `rows` tokens.
  Result<std::unique_ptr<Run>> make_run(ops::Ctx& ctx, size_t rows) const;

  // Runs tokens [T] through all blocks: leaves the last residuals in run.resid [T,D] and each
  // sequence's cache extended.
  void forward(Run& run, std::span<const int32_t> tokens,
               std::span<const RunSequence> sequences) const;
  // Logits [N,V] of the run's rows `which` [N].
  void logits(Run& run, std::span<const size_t> which, const Matrix& out) const;

  // Of the run's row `which` those of `tokens` alone, to the same bits: `out` [tokens].
  void logits_of(Run& run, size_t which, std::span<const int32_t> tokens,
                 std::span<float> out) const;

  // The cache a sequence of `positions` needs, layer by layer (data null).
  std::vector<ops::KvLayer> cache_layout(ops::KvFormat format, size_t positions) const;
  uint64_t parameters() const;
  uint64_t weight_bytes() const;  // what a decoded token streams from memory
  // Multiply-adds with weights per prompt token (the head runs for the last one only).
  uint64_t products_per_token() const;

 private:
  // Of the rows `which`, what the head takes.
  void prepare_logits(Run& run, std::span<const size_t> which) const;
};

}  // namespace hob::models

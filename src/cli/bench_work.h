// What a test of `hob bench` costs, counted from the model's own sizes, and how long that must take
// at least on a machine whose limits are known.
//
// A prompt multiplies every weight with every token and is bounded by that; generation reads every
// weight, and every sequence's cache, for each step and is bounded by that, until enough sequences
// share a step. Attention multiplies with every position before a token and counts in both. Left
// out: norms, rotation, activations, sampling, which are small, and what is read twice.
#pragma once

#include <cstddef>
#include <vector>

#include "engine/engine.h"
#include "engine/limits.h"

namespace hob::cli {

// Multiply-adds by the kind of weights.
struct Products {
  double quantised = 0, floating = 0;
};

struct AttentionCost {
  double products = 0;  // multiply-adds of a token with one position it sees
  double kv_bytes = 0;  // of that position, read once per step and sequence
  size_t window = 0;    // positions seen at most, 0: all
};

struct ModelCost {
  double weight_bytes = 0;               // head included
  Products layers;                       // per token
  Products head;                         // per row of logits
  std::vector<AttentionCost> attention;  // of each layer
};
ModelCost cost_of(const models::Transformer& model, engine::KvFormat kv);

struct Work {
  double bytes = 0;               // read
  Products products;              // with weights
  double attention_products = 0;  // with the cache

  double operations() const {  // a multiplication and an addition each
    return 2 * (products.quantised + products.floating + attention_products);
  }
};

// `tokens` of one sequence after `depth` others, `chunk` at a time; logits of the last.
Work prompt_work(const ModelCost& cost, size_t tokens, size_t depth, size_t chunk);
// `steps` tokens one by one of each of `sequences` sequences together.
Work generation_work(const ModelCost& cost, size_t steps, size_t depth, size_t sequences);

// In 1e9 a second: the limits that apply, chosen by the numerics and the kernel table.
struct Rates {
  double read_gbps = 0;
  double quantised_gops = 0;    // products with block-quantised weights
  double floating_gflops = 0;   // with float ones
  double attention_gflops = 0;  // with the cache
};
// The portable definitions multiply quantised weights as bytes and all else as floats; native ones
// may multiply everything in bfloat16 tiles.
Rates rates_of(const engine::Peaks& peaks, double read_gbps, kernels::Numerics numerics);

// Reading and multiplying can go on side by side: the longer of the two is the bound.
double reading_seconds(const Work& work, const Rates& rates);
double multiplying_seconds(const Work& work, const Rates& rates);

}  // namespace hob::cli

#include "cli/bench_work.h"

#include <algorithm>

namespace hob::cli {
namespace {

void add(Products& products, const Weight& weight) {
  const bool quantised = quant::traits(weight.format).block_len > 1;
  (quantised ? products.quantised : products.floating) +=
      static_cast<double>(weight.rows) * static_cast<double>(weight.cols);
}

Products scaled(const Products& a, double factor) {
  return {a.quantised * factor, a.floating * factor};
}

Products operator+(const Products& a, const Products& b) {
  return {a.quantised + b.quantised, a.floating + b.floating};
}

// Positions that `tokens` tokens from position `depth` on see, all together; each sees itself.
double positions_seen(size_t tokens, size_t depth, size_t window) {
  double seen = 0;
  for (size_t t = 0; t < tokens; ++t) {
    const size_t all = depth + t + 1;
    seen += static_cast<double>(window == 0 ? all : std::min(all, window));
  }
  return seen;
}

}  // namespace

ModelCost cost_of(const models::Transformer& model, engine::KvFormat kv) {
  ModelCost cost;
  cost.weight_bytes = static_cast<double>(model.weight_bytes());
  add(cost.head, model.head);
  constexpr size_t kPositions = 1024;
  const auto caches = model.cache_layout(kv, kPositions);
  for (size_t l = 0; l < model.blocks.size(); ++l) {
    for (const Weight* w : model.blocks[l].matrices()) add(cost.layers, *w);
    const auto& spec = model.blocks[l].attention.spec;
    cost.attention.push_back(
        {.products = 2.0 * static_cast<double>(spec.n_heads * spec.head_dim),  // scores, then mix
         .kv_bytes = static_cast<double>(caches[l].bytes()) / kPositions,
         .window = spec.window});
  }
  return cost;
}

Work prompt_work(const ModelCost& cost, size_t tokens, size_t depth, size_t chunk) {
  Work work;
  work.products = scaled(cost.layers, static_cast<double>(tokens)) + cost.head;
  const size_t chunks = (tokens + chunk - 1) / chunk;
  work.bytes = cost.weight_bytes * static_cast<double>(chunks);
  for (const AttentionCost& layer : cost.attention) {
    work.attention_products += layer.products * positions_seen(tokens, depth, layer.window);
    for (size_t c = 0; c < chunks; ++c) {  // the last token of a chunk reads what all of it see
      const size_t last = std::min((c + 1) * chunk, tokens) - 1;
      work.bytes += layer.kv_bytes * positions_seen(1, depth + last, 0);
    }
  }
  return work;
}

Work generation_work(const ModelCost& cost, size_t steps, size_t depth, size_t sequences) {
  Work work;
  const double rows = static_cast<double>(steps * sequences);
  work.products = scaled(cost.layers + cost.head, rows);
  work.bytes = cost.weight_bytes * static_cast<double>(steps);
  for (const AttentionCost& layer : cost.attention) {
    const double seen = static_cast<double>(sequences) * positions_seen(steps, depth, layer.window);
    work.attention_products += layer.products * seen;
    work.bytes += layer.kv_bytes * seen;
  }
  return work;
}

Rates rates_of(const engine::Peaks& peaks, double read_gbps, kernels::Numerics numerics) {
  if (numerics == kernels::Numerics::kNative && peaks.bf16_tiles > 0)
    return {read_gbps, peaks.bf16_tiles, peaks.bf16_tiles, peaks.bf16_tiles};
  const bool dot_products = numerics == kernels::Numerics::kNative && peaks.bf16 > 0;
  return {.read_gbps = read_gbps,
          .quantised_gops = peaks.best_int8(),
          .floating_gflops = peaks.fp32,
          .attention_gflops = dot_products ? peaks.bf16 : peaks.fp32};
}

double reading_seconds(const Work& work, const Rates& rates) {
  return work.bytes / (rates.read_gbps * 1e9);
}

double multiplying_seconds(const Work& work, const Rates& rates) {
  return 2e-9 * (work.products.quantised / rates.quantised_gops +
                 work.products.floating / rates.floating_gflops +
                 work.attention_products / rates.attention_gflops);
}

}  // namespace hob::cli

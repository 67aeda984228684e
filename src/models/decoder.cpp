// Reading a llama-shaped decoder from GGUF: metadata keys (ggml docs/gguf.md, "LLM") and tensor
// names.

#include <cmath>

#include "base/portable_math.h"
#include "models/families.h"

namespace hob::models {
namespace {

// Limits of plausibility; a file outside them is corrupt, and nothing of its size is allocated.
constexpr uint64_t kMostLayers = 4096, kMostWidth = 1 << 20, kMostHeads = 1 << 14,
                   kMostContext = uint64_t{1} << 32;
constexpr double kMostTurn = 1000;  // radians per position; 1 is usual

// Metadata keys of this file's architecture.
class Keys {
 public:
  Keys(const gguf::File& file, const std::string& architecture)
      : file_(file), prefix_(architecture + ".") {}

  std::string operator()(std::string_view key) const { return prefix_ + std::string(key); }

  Result<size_t> size(std::string_view key, uint64_t most) const {
    HOB_TRY(const uint64_t value, file_.integer((*this)(key)));
    return in_range(key, value, most);
  }
  Result<size_t> size_or(std::string_view key, uint64_t fallback, uint64_t most) const {
    HOB_TRY(const uint64_t value, file_.integer_or((*this)(key), fallback));
    return in_range(key, value, most);
  }
  // A positive finite number.
  Result<double> positive_or(std::string_view key, double fallback) const {
    HOB_TRY(const double value, file_.number_or((*this)(key), fallback));
    if (!(value > 0) || !std::isfinite(value)) {
      return fail(ErrorKind::kCorrupt, "{}: {} = {} is not a positive number", file_.path(),
                  (*this)(key), value);
    }
    return value;
  }

 private:
  Result<size_t> in_range(std::string_view key, uint64_t value, uint64_t most) const {
    if (value == 0 || value > most) {
      return fail(ErrorKind::kCorrupt, "{}: {} = {} is outside 1..{}", file_.path(), (*this)(key),
                  value, most);
    }
    return static_cast<size_t>(value);
  }
  const gguf::File& file_;
  std::string prefix_;
};

Result<ops::RopeSpec> read_rope(WeightSource& source, const gguf::File& file, const Keys& keys,
                                const DecoderShape& shape, size_t head_dim, size_t context) {
  ops::RopeSpec rope{.halves = shape.rope_halves};
  HOB_TRY(rope.rotary, keys.size_or("rope.dimension_count", head_dim, head_dim));
  if (rope.rotary % 2 != 0) {
    return fail(ErrorKind::kCorrupt, "{}: {} = {} is odd", file.path(),
                keys("rope.dimension_count"), rope.rotary);
  }
  HOB_TRY(rope.base, keys.positive_or("rope.freq_base", 10000));
  // A factor without a type is linear scaling's; before there was a type it was called
  // scale_linear.
  HOB_TRY(const std::string scaling, file.text_or(keys("rope.scaling.type"), "linear"));
  HOB_TRY(const double linear, keys.positive_or("rope.scale_linear", 1));
  HOB_TRY(rope.factor, keys.positive_or("rope.scaling.factor", linear));
  if (scaling == "none") {
    rope.scaling = ops::RopeScaling::kNone;
  } else if (scaling == "linear") {
    rope.scaling = rope.factor == 1 ? ops::RopeScaling::kNone : ops::RopeScaling::kLinear;
  } else if (scaling == "yarn") {
    rope.scaling = ops::RopeScaling::kYarn;
    HOB_TRY(const size_t original,
            keys.size_or("rope.scaling.original_context_length", context, kMostContext));
    rope.original_context = static_cast<double>(original);
    HOB_TRY(rope.beta_fast, keys.positive_or("rope.scaling.yarn_beta_fast", 32));
    HOB_TRY(rope.beta_slow, keys.positive_or("rope.scaling.yarn_beta_slow", 1));
    HOB_TRY(const double magnitude, keys.positive_or("rope.scaling.attn_factor", 1));
    rope.magnitude = magnitude * (1 + 0.1 * portable::log(rope.factor));
  } else {
    return fail(ErrorKind::kUnsupported, "{}: {} = '{}' is not supported (none, linear, yarn)",
                file.path(), keys("rope.scaling.type"), gguf::printable(scaling, 40));
  }
  HOB_TRY(rope.factors, source.vector("rope_freqs.weight", rope.rotary / 2, /*optional=*/true));
  for (const float factor : rope.factors) {
    if (!(factor > 0) || !std::isfinite(factor)) {
      return fail(ErrorKind::kCorrupt, "{}: tensor 'rope_freqs.weight' holds {}", file.path(),
                  factor);
    }
  }
  for (const double frequency : ops::rope_frequencies(rope)) {
    if (!(frequency <= kMostTurn)) {
      return fail(
          ErrorKind::kCorrupt,
          "{}: {}, its scaling or 'rope_freqs.weight' turn a pair by {} radians per position",
          file.path(), keys("rope.freq_base"), frequency);
    }
  }
  return rope;
}

Result<Block> read_block(WeightSource& source, const std::string& prefix, const ModelSpec& spec,
                         const AttentionSpec& a, const DecoderShape& shape) {
  const size_t D = spec.width, F = spec.ffn_width, Q = a.n_heads * a.head_dim,
               KV = a.n_kv_heads * a.head_dim;
  const auto name = [&](const char* part) { return prefix + part; };
  const bool optional = !shape.qkv_bias;
  Block block;
  block.attention.spec = a;
  HOB_TRY(block.attention_norm, source.vector(name("attn_norm.weight"), D));
  HOB_TRY(block.attention.wq, source.matrix(name("attn_q.weight"), Q, D));
  HOB_TRY(block.attention.wk, source.matrix(name("attn_k.weight"), KV, D));
  HOB_TRY(block.attention.wv, source.matrix(name("attn_v.weight"), KV, D));
  HOB_TRY(block.attention.wo, source.matrix(name("attn_output.weight"), D, Q));
  HOB_TRY(block.attention.bq, source.vector(name("attn_q.bias"), Q, optional));
  HOB_TRY(block.attention.bk, source.vector(name("attn_k.bias"), KV, optional));
  HOB_TRY(block.attention.bv, source.vector(name("attn_v.bias"), KV, optional));
  HOB_TRY(block.attention.bo, source.vector(name("attn_output.bias"), D, true));
  HOB_TRY(block.ffn_norm, source.vector(name("ffn_norm.weight"), D));
  HOB_TRY(block.ffn.gate, source.matrix(name("ffn_gate.weight"), F, D));
  HOB_TRY(block.ffn.up, source.matrix(name("ffn_up.weight"), F, D));
  HOB_TRY(block.ffn.down, source.matrix(name("ffn_down.weight"), D, F));
  return block;
}

Result<AttentionSpec> read_attention(const gguf::File& file, const Keys& keys, size_t width) {
  AttentionSpec a;
  HOB_TRY(a.n_heads, keys.size("attention.head_count", kMostHeads));
  HOB_TRY(a.n_kv_heads, keys.size_or("attention.head_count_kv", a.n_heads, a.n_heads));
  if (a.n_heads % a.n_kv_heads != 0) {
    return fail(ErrorKind::kCorrupt, "{}: {} query heads do not divide among {} = {}", file.path(),
                a.n_heads, keys("attention.head_count_kv"), a.n_kv_heads);
  }
  HOB_TRY(a.head_dim, keys.size_or("attention.key_length", width / a.n_heads, kMostHeads));
  if (a.n_heads * a.head_dim > kMostWidth) {
    return fail(ErrorKind::kCorrupt, "{}: {} heads of {} are wider than {}", file.path(), a.n_heads,
                a.head_dim, kMostWidth);
  }
  HOB_TRY(const size_t value_dim, keys.size_or("attention.value_length", a.head_dim, kMostHeads));
  if (value_dim != a.head_dim) {
    return fail(ErrorKind::kUnsupported, "{}: {} = {} differs from the key length {}", file.path(),
                keys("attention.value_length"), value_dim, a.head_dim);
  }
  HOB_TRY(a.window, file.integer_or(keys("attention.sliding_window"), 0));
  HOB_TRY(const double scale,
          keys.positive_or("attention.scale", 1 / std::sqrt(static_cast<double>(a.head_dim))));
  a.scale = static_cast<float>(scale);
  return a;
}

}  // namespace

Result<> load_decoder(WeightSource& source, const gguf::File& file, const DecoderShape& shape,
                      Transformer& model) {
  ModelSpec& spec = model.spec;
  const Keys keys(file, spec.architecture);
  HOB_TRY(const uint64_t n_experts, file.integer_or(keys("expert_count"), 0));
  if (n_experts > 0) {
    return fail(ErrorKind::kUnsupported, "{}: {} = {}: mixtures of experts are not supported yet",
                file.path(), keys("expert_count"), n_experts);
  }
  HOB_TRY(spec.name, file.text_or("general.name", ""));
  HOB_TRY(spec.width, keys.size("embedding_length", kMostWidth));
  HOB_TRY(spec.ffn_width, keys.size("feed_forward_length", 8 * kMostWidth));
  HOB_TRY(spec.context, keys.size("context_length", kMostContext));
  HOB_TRY(const size_t n_layers, keys.size("block_count", kMostLayers));
  HOB_TRY(const double eps, keys.positive_or("attention.layer_norm_rms_epsilon", 1e-5));
  spec.norm_eps = static_cast<float>(eps);
  HOB_TRY(const AttentionSpec attention, read_attention(file, keys, spec.width));
  HOB_TRY(spec.rope, read_rope(source, file, keys, shape, attention.head_dim, spec.context));

  const gguf::Tensor* table = file.find_tensor("token_embd.weight");
  spec.vocabulary = table && table->shape.size() == 2 ? table->shape[0] : 0;
  if (spec.vocabulary > kMostWidth * 4) {
    return fail(ErrorKind::kCorrupt, "{}: tensor 'token_embd.weight' has {} rows", file.path(),
                spec.vocabulary);
  }
  HOB_TRY(model.embedding, source.matrix("token_embd.weight", spec.vocabulary, spec.width));
  for (size_t l = 0; l < n_layers; ++l) {
    HOB_TRY(Block block, read_block(source, fmt::format("blk.{}.", l), spec, attention, shape));
    model.blocks.push_back(std::move(block));
  }
  HOB_TRY(model.output_norm, source.vector("output_norm.weight", spec.width));
  model.head = model.embedding;
  if (source.has("output.weight")) {
    HOB_TRY(model.head, source.matrix("output.weight", spec.vocabulary, spec.width));
  }
  return {};
}

}  // namespace hob::models

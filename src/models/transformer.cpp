#include "models/transformer.h"

#include <algorithm>
#include <cstring>

namespace hob::models {
namespace {

const float* data_or_null(const std::vector<float>& v) { return v.empty() ? nullptr : v.data(); }

// resid += attention(norm(resid))
void forward_attention(Run& run, const Block& block, float eps,
                       std::span<const ops::SequenceRows> sequences,
                       std::span<const ops::KvLayer> caches) {
  const Attention& a = block.attention;
  const AttentionSpec& spec = a.spec;
  ops::rmsnorm(run.ctx, run.normed, run.resid, block.attention_norm.data(), eps);
  run.operand.set(run.normed);
  ops::linear(run.ctx, run.operand,
              {{run.q, &a.wq, data_or_null(a.bq)},
               {run.k, &a.wk, data_or_null(a.bk)},
               {run.v, &a.wv, data_or_null(a.bv)}});
  ops::rope(run.ctx, run.rope, run.q, run.k, spec.head_dim);
  ops::attend(run.ctx, run.attn_out, run.q, run.k, run.v, sequences, caches,
              {spec.n_heads, spec.n_kv_heads, spec.head_dim, spec.window, spec.scale});
  run.operand.set(run.attn_out);
  ops::linear(run.ctx, run.operand, {{run.resid, &a.wo, data_or_null(a.bo), true}});
}

// resid += down . (silu(gate . norm(resid)) * up . norm(resid))
void forward_ffn(Run& run, const Block& block, float eps) {
  ops::rmsnorm(run.ctx, run.normed, run.resid, block.ffn_norm.data(), eps);
  run.operand.set(run.normed);
  ops::linear(run.ctx, run.operand, {{run.gate, &block.ffn.gate}, {run.up, &block.ffn.up}});
  ops::silu_mul(run.ctx, run.gate, run.up);
  run.operand.set(run.gate);
  ops::linear(run.ctx, run.operand, {{run.resid, &block.ffn.down, nullptr, true}});
}

Result<Matrix> allocate(std::vector<Storage>& memory, size_t rows, size_t cols) {
  HOB_TRY(Storage storage, Storage::allocate(rows * cols * sizeof(float), "activations"));
  memory.push_back(std::move(storage));
  return Matrix(memory.back().as<float>(), rows, cols);
}

}  // namespace

Result<std::unique_ptr<Run>> Transformer::make_run(ops::Ctx& ctx, size_t rows) const {
  auto run = std::unique_ptr<Run>(new Run{.ctx = ctx, .rows = rows});
  size_t q_width = 0, kv_width = 0, head_dim = 0;
  for (const Block& block : blocks) {
    const AttentionSpec& a = block.attention.spec;
    q_width = std::max(q_width, a.n_heads * a.head_dim);
    kv_width = std::max(kv_width, a.n_kv_heads * a.head_dim);
    head_dim = std::max(head_dim, a.head_dim);
  }
  const std::pair<Matrix*, size_t> buffers[] = {
      {&run->resid, spec.width},    {&run->normed, spec.width}, {&run->q, q_width},
      {&run->k, kv_width},          {&run->v, kv_width},        {&run->attn_out, q_width},
      {&run->gate, spec.ffn_width}, {&run->up, spec.ffn_width}, {&run->logits_in, spec.width}};
  for (const auto& [matrix, cols] : buffers) {
    HOB_TRY(*matrix, allocate(run->memory, rows, cols));
  }
  const size_t widest = std::max({spec.width, q_width, spec.ffn_width});
  HOB_TRY(run->operand, ops::Operand::allocate(ctx, rows, widest));
  HOB_TRY(run->rope, ops::RopeTable::allocate(spec.rope, rows));
  HOB_TRY_VOID(ctx.reserve_scratch(
      std::max(ops::linear_scratch_bytes(ctx, widest), ops::attend_scratch_bytes(head_dim))));
  return run;
}

void Transformer::forward(Run& full, std::span<const int32_t> tokens,
                          std::span<const RunSequence> sequences) const {
  const size_t T = tokens.size();
  HOB_CHECK(T <= full.rows, "{} tokens in a run of {}", T, full.rows);
  std::vector<size_t> positions(T);
  std::vector<ops::SequenceRows> rows;
  for (const RunSequence& s : sequences) {
    for (size_t t = 0; t < s.rows.rows; ++t) positions[s.rows.first_row + t] = s.rows.position + t;
    rows.push_back(s.rows);
  }
  full.rope.fill(full.ctx, positions);
  const Matrix whole[] = {full.resid, full.normed,   full.q,    full.k,
                          full.v,     full.attn_out, full.gate, full.up};
  Matrix* const used[] = {&full.resid, &full.normed,   &full.q,    &full.k,
                          &full.v,     &full.attn_out, &full.gate, &full.up};
  for (size_t i = 0; i < std::size(used); ++i) *used[i] = whole[i].top(T);

  ops::embed(full.ctx, full.resid, embedding, tokens);
  std::vector<ops::KvLayer> caches(sequences.size());
  for (size_t l = 0; l < blocks.size(); ++l) {
    for (size_t i = 0; i < sequences.size(); ++i) caches[i] = sequences[i].layers[l];
    forward_attention(full, blocks[l], spec.norm_eps, rows, caches);
    forward_ffn(full, blocks[l], spec.norm_eps);
  }
  for (size_t i = 0; i < std::size(used); ++i) *used[i] = whole[i];
}

void Transformer::prepare_logits(Run& run, std::span<const size_t> which) const {
  HOB_CHECK(which.size() <= run.rows);
  const Matrix rows = run.logits_in.top(which.size());
  for (size_t i = 0; i < which.size(); ++i) {
    std::memcpy(rows.row(i), run.resid.row(which[i]), spec.width * sizeof(float));
  }
  ops::rmsnorm(run.ctx, rows, rows, output_norm.data(), spec.norm_eps);
  run.operand.set(rows);
}

void Transformer::logits(Run& run, std::span<const size_t> which, const Matrix& out) const {
  HOB_CHECK(out.rows == which.size() && out.cols == spec.vocabulary);
  prepare_logits(run, which);
  ops::linear(run.ctx, run.operand, {{out, &head}});
}

void Transformer::logits_of(Run& run, size_t which, std::span<const int32_t> tokens,
                            std::span<float> out) const {
  HOB_CHECK(out.size() == tokens.size());
  prepare_logits(run, {&which, 1});
  // The rows of the head that are asked for, side by side: a copy that stays in the caches.
  const size_t bytes = head.row_bytes();
  std::vector<std::byte> rows(tokens.size() * bytes);
  for (size_t i = 0; i < tokens.size(); ++i) {
    std::memcpy(rows.data() + i * bytes, head.data + static_cast<size_t>(tokens[i]) * bytes, bytes);
  }
  const Weight few{rows.data(), head.format, tokens.size(), head.cols};
  ops::linear(run.ctx, run.operand, {{Matrix(out.data(), 1, out.size()), &few}});
}

std::vector<ops::KvLayer> Transformer::cache_layout(ops::KvFormat format, size_t positions) const {
  std::vector<ops::KvLayer> layers;
  const size_t slots = (positions + kernels::kKvTile - 1) / kernels::kKvTile * kernels::kKvTile;
  for (const Block& block : blocks) {
    const AttentionSpec& a = block.attention.spec;
    layers.push_back({format, a.n_kv_heads, a.head_dim, slots, nullptr});
  }
  return layers;
}

uint64_t Transformer::parameters() const {
  uint64_t count = 0;
  for (const gguf::Tensor& tensor : file->tensors()) {
    uint64_t size = 1;
    for (uint64_t extent : tensor.shape) size *= extent;
    count += size;
  }
  return count;
}

uint64_t Transformer::weight_bytes() const {
  uint64_t bytes = head.bytes();
  for (const Block& block : blocks) {
    for (const Weight* w : block.matrices()) bytes += w->bytes();
  }
  return bytes;
}

uint64_t Transformer::products_per_token() const {
  uint64_t products = 0;
  for (const Block& block : blocks) {
    for (const Weight* w : block.matrices()) products += w->rows * w->cols;
  }
  return products;
}

}  // namespace hob::models

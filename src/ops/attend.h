// Attention of new tokens over their sequence's cache.
#pragma once

#include <span>

#include "ops/ctx.h"
#include "tensor/view.h"

namespace hob::ops {

using kernels::KvFormat;

// One layer's cache of one sequence: a view. Layout per head: keys, key scales, values, value
// scales (kernels/table.h).
struct KvLayer {
  KvFormat format = KvFormat::kF16;
  size_t n_heads = 0, head_dim = 0;  // G, K
  size_t positions = 0;              // capacity, a multiple of kernels::kKvTile
  std::byte* data = nullptr;

  kernels::KvHead head(size_t g) const;
  size_t head_bytes() const;
  size_t bytes() const { return n_heads * head_bytes(); }
};

// Rows [first_row, first_row + rows) of a run belong to one sequence and stand at positions
// `position`, `position` + 1...
struct SequenceRows {
  size_t first_row = 0, rows = 0, position = 0;
};

struct AttendSpec {
  size_t n_heads = 0, n_kv_heads = 0, head_dim = 0;  // H, G, K
  size_t window = 0;                                 // 0: the whole past
  float scale = 1;
};

// Writes k and v [T,G*K] to each sequence's cache, then out [T,H*K] = attention of q [T,H*K] over
// it. caches[i] is the layer of sequences[i]. The context must have attend_scratch_bytes(K).
void attend(Ctx& ctx, const Matrix& out, const Matrix& q, const Matrix& k, const Matrix& v,
            std::span<const SequenceRows> sequences, std::span<const KvLayer> caches,
            const AttendSpec& spec);
size_t attend_scratch_bytes(size_t head_dim);

}  // namespace hob::ops

// Attention in which every token of a sequence sees the whole sequence, as encoders have it.
#pragma once

#include <span>

#include "ops/attend.h"

namespace hob::ops {

// out [T,H*K] = attention of q [T,H*K] over k and v [T,H*K] of the same sequence; nothing is kept.
// By the definition of attention (kernels/table.h) for a query at the sequence's last position, so
// what a sequence gives depends on nothing but itself. `position` of the sequences is not used. The
// context must have attend_whole_scratch_bytes(K, the longest sequence).
void attend_whole(Ctx& ctx, const Matrix& out, const Matrix& q, const Matrix& k, const Matrix& v,
                  std::span<const SequenceRows> sequences, size_t n_heads, size_t head_dim,
                  float scale);
size_t attend_whole_scratch_bytes(size_t head_dim, size_t longest);

}  // namespace hob::ops

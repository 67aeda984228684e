// One piece of work is one head of one sequence. Its queries, gathered, are to the kernel so many
// heads of one token at the last position, which sees all.
#include "ops/attend_whole.h"

#include <algorithm>
#include <atomic>
#include <cstring>

namespace hob::ops {
namespace {

using kernels::KvFormat;
using kernels::round_up;

// A thread's scratch: the kernel's, then queries, results, keys and values of one head.
struct Gathered {
  std::byte* kernel;
  float *q, *out, *k, *v, *end;

  Gathered(std::byte* scratch, size_t head_dim, size_t rows) : kernel(scratch) {
    const size_t positions = round_up(rows, 2 * kernels::kKvTile);
    q = reinterpret_cast<float*>(scratch + round_up(kernels::attend_scratch_bytes(head_dim), 64));
    out = q + positions * head_dim;
    k = out + positions * head_dim;
    v = k + positions * head_dim;
    end = v + positions * round_up(head_dim, kernels::kLanes);
  }
};

}  // namespace

size_t attend_whole_scratch_bytes(size_t head_dim, size_t longest) {
  const Gathered gathered(nullptr, head_dim, longest);
  return static_cast<size_t>(reinterpret_cast<std::byte*>(gathered.end) - gathered.kernel);
}

void attend_whole(Ctx& ctx, const Matrix& out, const Matrix& q, const Matrix& k, const Matrix& v,
                  std::span<const SequenceRows> sequences, size_t n_heads, size_t head_dim,
                  float scale) {
  HOB_CHECK(q.cols == n_heads * head_dim && out.cols == q.cols && k.cols == q.cols);
  constexpr int kFormat = static_cast<int>(KvFormat::kF32);
  std::atomic<size_t> next{0};
  const size_t pieces = sequences.size() * n_heads;
  ctx.pool.run([&](int thread) {
    for (size_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < pieces;) {
      const SequenceRows& rows = sequences[i / n_heads];
      const size_t column = i % n_heads * head_dim, count = rows.rows;
      if (count == 0) continue;
      const Gathered g(ctx.scratch(thread), head_dim, count);
      for (size_t t = 0; t < count; ++t) {
        const float* from = q.row(rows.first_row + t) + column;
        std::memcpy(g.q + t * head_dim, from, head_dim * sizeof(float));
      }
      const kernels::KvHead kv{.k = g.k, .v = g.v};
      for (size_t t = 0; t < count; t += kernels::kKvTile) {
        ctx.kernels.kv_append[kFormat]({.kv = kv,
                                        .position = t,
                                        .count = std::min(kernels::kKvTile, count - t),
                                        .head_dim = head_dim,
                                        .k = k.row(rows.first_row + t) + column,
                                        .k_stride = k.stride,
                                        .v = v.row(rows.first_row + t) + column,
                                        .v_stride = v.stride});
      }
      ctx.kernels.attend[kFormat]({.q = g.q,
                                   .q_stride = count * head_dim,
                                   .out = g.out,
                                   .out_stride = count * head_dim,
                                   .n_tokens = 1,
                                   .n_heads = count,
                                   .head_dim = head_dim,
                                   .first_position = count - 1,
                                   .scale = scale,
                                   .kv = kv,
                                   .scratch = g.kernel});
      for (size_t t = 0; t < count; ++t) {
        float* to = out.row(rows.first_row + t) + column;
        std::memcpy(to, g.out + t * head_dim, head_dim * sizeof(float));
      }
    }
  });
}

}  // namespace hob::ops

#include "ops/attend.h"

namespace hob::ops {
namespace {

using kernels::round_up;

constexpr size_t kAlign = 64;

struct Layout {
  size_t k, k_scale, v, v_scale, total;  // byte offsets in a head's cache
};

Layout layout(const KvLayer& layer) {
  constexpr size_t kElementBytes[kernels::kNumKvFormats] = {4, 2, 2, 1};
  const size_t element = kElementBytes[static_cast<int>(layer.format)];
  const size_t scales =
      layer.format == KvFormat::kQ8_0
          ? layer.positions *
                (round_up(layer.head_dim, kernels::kKvQ8Block) / kernels::kKvQ8Block) * 4
          : 0;
  Layout at{};
  at.k = 0;
  at.k_scale = at.k + round_up(layer.positions * layer.head_dim * element, kAlign);
  at.v = at.k_scale + round_up(scales, kAlign);
  at.v_scale =
      at.v +
      round_up(layer.positions * round_up(layer.head_dim, kernels::kLanes) * element, kAlign);
  at.total = at.v_scale + round_up(scales, kAlign);
  return at;
}

// A piece of attention for one thread: some tokens of one sequence, some query heads of one
// key/value head.
struct Piece {
  size_t tokens, heads;  // at most, per piece
};

// Prefill: whole groups of heads, as many tokens as the kernel scores at once. Decode: heads apart,
// so that few key/value heads still feed the whole team.
Piece piece_size(const AttendSpec& spec, size_t rows, int threads) {
  const size_t group = spec.n_heads / spec.n_kv_heads;
  const size_t tokens = std::max<size_t>(1, kernels::kAttendRows / group);
  const size_t pieces = spec.n_kv_heads * ((rows + tokens - 1) / tokens);
  if (pieces >= 4 * static_cast<size_t>(threads) || pieces % static_cast<size_t>(threads) == 0)
    return {tokens, group};
  return {tokens, 1};
}

}  // namespace

kernels::KvHead KvLayer::head(size_t g) const {
  const Layout at = layout(*this);
  std::byte* base = data + g * at.total;
  return {base + at.k, reinterpret_cast<float*>(base + at.k_scale), base + at.v,
          reinterpret_cast<float*>(base + at.v_scale)};
}

size_t KvLayer::head_bytes() const { return layout(*this).total; }

size_t attend_scratch_bytes(size_t head_dim) { return kernels::attend_scratch_bytes(head_dim); }

void attend(Ctx& ctx, const Matrix& out, const Matrix& q, const Matrix& k, const Matrix& v,
            std::span<const SequenceRows> sequences, std::span<const KvLayer> caches,
            const AttendSpec& spec) {
  const size_t group = spec.n_heads / spec.n_kv_heads, head_dim = spec.head_dim;
  const size_t team = static_cast<size_t>(ctx.pool.size());
  const auto append = [&](size_t thread) {
    size_t turn = 0;
    for (size_t i = 0; i < sequences.size(); ++i) {
      const SequenceRows& rows = sequences[i];
      HOB_CHECK(rows.position + rows.rows <= caches[i].positions, "position {} of {}",
                rows.position + rows.rows, caches[i].positions);
      for (size_t g = 0; g < spec.n_kv_heads; ++g) {
        const kernels::KvHead head = caches[i].head(g);
        for (size_t t = 0; t < rows.rows; ++t) {
          // whole tiles of positions to a thread: neighbours share cache lines
          if ((turn + (rows.position + t) / kernels::kKvTile) % team != thread) continue;
          const size_t row = rows.first_row + t;
          ctx.kernels.kv_append[static_cast<int>(caches[i].format)](
              {head, rows.position + t, head_dim, k.row(row) + g * head_dim,
               v.row(row) + g * head_dim});
        }
        ++turn;
      }
    }
  };
  const auto attend_pieces = [&](size_t thread) {
    size_t turn = 0;
    for (size_t i = 0; i < sequences.size(); ++i) {
      const SequenceRows& rows = sequences[i];
      const Piece piece = piece_size(spec, rows.rows, ctx.pool.size());
      for (size_t t = 0; t < rows.rows; t += piece.tokens) {
        for (size_t h = 0; h < spec.n_heads; h += piece.heads) {
          if (turn++ % team != thread) continue;
          const size_t row = rows.first_row + t;
          ctx.kernels.attend[static_cast<int>(caches[i].format)](
              {.q = q.row(row) + h * head_dim,
               .q_stride = q.stride,
               .out = out.row(row) + h * head_dim,
               .out_stride = out.stride,
               .n_tokens = std::min(piece.tokens, rows.rows - t),
               .n_heads = piece.heads,
               .head_dim = head_dim,
               .first_position = rows.position + t,
               .window = spec.window,
               .scale = spec.scale,
               .kv = caches[i].head(h / group),
               .scratch = ctx.scratch(static_cast<int>(thread))});
        }
      }
    }
  };
  ctx.pool.run([&](int thread) {
    append(static_cast<size_t>(thread));
    ctx.pool.barrier();
    attend_pieces(static_cast<size_t>(thread));
  });
}

}  // namespace hob::ops

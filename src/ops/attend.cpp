#include "ops/attend.h"

#include <algorithm>
#include <atomic>

namespace hob::ops {
namespace {

using kernels::round_up;

constexpr size_t kAlign = 64;
constexpr size_t kPartsBytes = size_t{1} << 20;  // of what threads leave each other to merge

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
  // Some tables take values in twice as many positions at once, seen or not.
  const size_t v_positions = round_up(layer.positions, 2 * kernels::kKvTile);
  at.v_scale =
      at.v + round_up(v_positions * round_up(layer.head_dim, kernels::kLanes) * element, kAlign);
  at.total = at.v_scale + round_up(scales, kAlign);
  return at;
}

// What is asked of one attend(), and what its steps share.
struct Job {
  Ctx& ctx;
  const Matrix &out, &q, &k, &v;
  std::span<const SequenceRows> sequences;
  std::span<const KvLayer> caches;
  const AttendSpec& spec;
  std::atomic<size_t> next{0};  // the next piece that no thread has taken

  size_t group() const { return spec.n_heads / spec.n_kv_heads; }
  size_t team() const { return static_cast<size_t>(ctx.pool.size()); }
  // Segments that some of these tokens see.
  size_t first_segment(size_t position) const {
    const bool all = spec.window == 0 || position < spec.window;
    return all ? 0 : (position - spec.window + 1) / kernels::kSegment;
  }
  static size_t end_segment(size_t position) { return position / kernels::kSegment + 1; }

  // Tokens t .. t + n - 1 of sequence i, the query heads of key/value head g.
  kernels::AttendArgs args(size_t i, size_t g, size_t t, size_t n, size_t thread) const {
    const SequenceRows& rows = sequences[i];
    const size_t row = rows.first_row + t, head = g * group() * spec.head_dim;
    return {.q = q.row(row) + head,
            .q_stride = q.stride,
            .out = out.row(row) + head,
            .out_stride = out.stride,
            .n_tokens = n,
            .n_heads = group(),
            .head_dim = spec.head_dim,
            .first_position = rows.position + t,
            .window = spec.window,
            .scale = spec.scale,
            .kv = caches[i].head(g),
            .scratch = ctx.scratch(static_cast<int>(thread))};
  }
  void attend(size_t i, const kernels::AttendArgs& a) const {
    ctx.kernels.attend[static_cast<int>(caches[i].format)](a);
  }
};

// Whole tiles of positions to a thread: neighbours share cache lines.
void append(const Job& job, size_t thread) {
  const size_t head_dim = job.spec.head_dim;
  size_t turn = 0;
  for (size_t i = 0; i < job.sequences.size(); ++i) {
    const SequenceRows& rows = job.sequences[i];
    HOB_CHECK(rows.position + rows.rows <= job.caches[i].positions, "position {} of {}",
              rows.position + rows.rows, job.caches[i].positions);
    for (size_t g = 0; g < job.spec.n_kv_heads; ++g) {
      for (size_t t = 0; t < rows.rows;) {
        const size_t position = rows.position + t;
        const size_t count =
            std::min(kernels::kKvTile - position % kernels::kKvTile, rows.rows - t);
        if (turn++ % job.team() == thread) {
          job.ctx.kernels.kv_append[static_cast<int>(job.caches[i].format)](
              {.kv = job.caches[i].head(g),
               .position = position,
               .count = count,
               .head_dim = head_dim,
               .k = job.k.row(rows.first_row + t) + g * head_dim,
               .k_stride = job.k.stride,
               .v = job.v.row(rows.first_row + t) + g * head_dim,
               .v_stride = job.v.stride});
        }
        t += count;
      }
    }
  }
}

// Prompts: pieces of `tokens` tokens and one key/value head, the last and dearest first, to whoever
// comes for more.
void attend_tokens(Job& job, size_t tokens, size_t thread) {
  size_t mine = job.next.fetch_add(1, std::memory_order_relaxed), piece = 0;
  for (size_t i = 0; i < job.sequences.size(); ++i) {
    const size_t rows = job.sequences[i].rows, pieces = (rows + tokens - 1) / tokens;
    for (size_t n = pieces; n-- > 0;) {
      for (size_t g = 0; g < job.spec.n_kv_heads; ++g) {
        if (piece++ != mine) continue;
        const size_t t = n * tokens;
        job.attend(i, job.args(i, g, t, std::min(tokens, rows - t), thread));
        mine = job.next.fetch_add(1, std::memory_order_relaxed);
      }
    }
  }
}

// Few tokens over a long past: its segments are shared out, and merged afterwards, in order. Parts
// of `wave` segments of each row fit the memory at once.
struct Split {
  size_t rows = 0;      // tokens * query heads, all sequences
  size_t segments = 0;  // of all sequences and key/value heads
  size_t longest = 0;   // of one
  size_t wave = 0;
  float* sums = nullptr;   // [rows] parts
  float* parts = nullptr;  // [wave, rows] parts
};

Split split(const Job& job) {
  Split s;
  for (const SequenceRows& rows : job.sequences) {
    if (rows.rows == 0) continue;
    const size_t count =
        job.end_segment(rows.position + rows.rows - 1) - job.first_segment(rows.position);
    s.rows += rows.rows * job.spec.n_heads;
    s.segments += count * job.spec.n_kv_heads;
    s.longest = std::max(s.longest, count);
  }
  const size_t floats = kernels::attend_part_floats(job.spec.head_dim);
  s.sums = reinterpret_cast<float*>(job.ctx.scratch(0) +
                                    kernels::attend_scratch_bytes(job.spec.head_dim));
  s.parts = s.sums + s.rows * floats;
  const size_t fit = kPartsBytes / sizeof(float) / floats;
  s.wave = s.rows == 0 ? 0 : fit / s.rows;
  s.wave = s.wave > 0 ? s.wave - 1 : 0;  // one for the sums
  return s;
}

void attend_segments(Job& job, const Split& split, size_t thread) {
  constexpr size_t kPiecesPerThread = 16;
  const size_t floats = kernels::attend_part_floats(job.spec.head_dim);
  const size_t stride = split.rows * floats, group = job.group();
  const size_t per = std::max<size_t>(1, split.segments / (kPiecesPerThread * job.team()));
  size_t mine = job.next.fetch_add(1, std::memory_order_relaxed), piece = 0;
  for (size_t done = 0; done < split.longest; done += split.wave) {
    if (done > 0) job.ctx.pool.barrier();
    size_t base = 0;  // rows of earlier sequences and heads
    for (size_t i = 0; i < job.sequences.size(); ++i) {
      const SequenceRows& rows = job.sequences[i];
      if (rows.rows == 0) continue;
      const size_t from = job.first_segment(rows.position) + done,
                   to = std::min(from + split.wave, job.end_segment(rows.position + rows.rows - 1));
      for (size_t g = 0; g < job.spec.n_kv_heads; ++g, base += rows.rows * group) {
        for (size_t s = from; s < to; s += per) {
          if (piece++ != mine) continue;
          kernels::AttendArgs a = job.args(i, g, 0, rows.rows, thread);
          a.parts = split.parts + (s - from) * stride + base * floats;
          a.parts_stride = stride;
          a.first_segment = s;
          a.last_segment = std::min(s + per, to);
          job.attend(i, a);
          mine = job.next.fetch_add(1, std::memory_order_relaxed);
        }
      }
    }
    job.ctx.pool.barrier();
    size_t row = 0;
    for (size_t i = 0; i < job.sequences.size(); ++i) {
      const SequenceRows& rows = job.sequences[i];
      const size_t from = job.first_segment(rows.position) + done, to = from + split.wave;
      for (size_t g = 0; g < job.spec.n_kv_heads; ++g) {
        for (size_t t = 0; t < rows.rows; ++t) {
          const size_t first = job.first_segment(rows.position + t),
                       end = job.end_segment(rows.position + t);
          const size_t begin = std::max(first, from), last = std::min(end, to);
          for (size_t h = 0; h < group; ++h, ++row) {
            if (row % job.team() != thread || begin >= last) continue;
            job.ctx.kernels.attend_merge(
                {.sum = split.sums + row * floats,
                 .start = begin == first,
                 .parts = split.parts + (begin - from) * stride + row * floats,
                 .n_parts = last - begin,
                 .parts_stride = stride,
                 .head_dim = job.spec.head_dim,
                 .out = last < end ? nullptr
                                   : job.out.row(rows.first_row + t) +
                                         (g * group + h) * job.spec.head_dim});
          }
        }
      }
    }
  }
}

// Tokens in a piece: as many as share a converted segment, but pieces enough for the whole team.
size_t piece_tokens(const Job& job) {
  constexpr size_t kPiecesPerThread = 4, kFewestRows = 12;
  size_t tokens = 0;
  for (const SequenceRows& rows : job.sequences) tokens += rows.rows;
  const size_t most = std::max<size_t>(1, kernels::kAttendRows / job.group());
  const size_t fewest = (kFewestRows + job.group() - 1) / job.group();
  const size_t even = tokens * job.spec.n_kv_heads / (kPiecesPerThread * job.team());
  return std::clamp(even, std::min(fewest, most), most);
}

// Whether pieces of tokens leave threads idle: the dearest is more than a small share of all, and
// they are not just as many as threads.
bool worth_splitting(const Job& job, const Split& split) {
  constexpr size_t kFewestParts = 8;
  if (job.team() == 1 || split.longest < 2 || split.wave < kFewestParts) return false;
  if (job.sequences.size() == 1 && job.spec.n_kv_heads % job.team() == 0) return false;
  return split.longest * 4 * job.team() > split.segments;
}

}  // namespace

kernels::KvHead KvLayer::head(size_t g) const {
  const Layout at = layout(*this);
  std::byte* base = data + g * at.total;
  return {base + at.k, reinterpret_cast<float*>(base + at.k_scale), base + at.v,
          reinterpret_cast<float*>(base + at.v_scale)};
}

size_t KvLayer::head_bytes() const { return layout(*this).total; }

size_t attend_scratch_bytes(size_t head_dim) {
  return kernels::attend_scratch_bytes(head_dim) + kPartsBytes;
}

void attend(Ctx& ctx, const Matrix& out, const Matrix& q, const Matrix& k, const Matrix& v,
            std::span<const SequenceRows> sequences, std::span<const KvLayer> caches,
            const AttendSpec& spec) {
  Job job{ctx, out, q, k, v, sequences, caches, spec};
  const Split parts = split(job);
  const bool by_segment = worth_splitting(job, parts);
  const size_t tokens = piece_tokens(job);
  ctx.pool.run([&](int index) {
    const size_t thread = static_cast<size_t>(index);
    append(job, thread);
    ctx.pool.barrier();
    if (by_segment) {
      attend_segments(job, parts, thread);
    } else {
      attend_tokens(job, tokens, thread);
    }
  });
}

}  // namespace hob::ops

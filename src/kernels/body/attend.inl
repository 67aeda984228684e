// Attention over a cache, and writing to the cache: the definition of kernels/table.h.
//
// Rows are (token, head) pairs that share the key/value head, so a cached key or value is loaded
// once for all of them. Keys lie transposed in tiles of 16 positions: scores are lanes, and no sum
// is ever taken across lanes but softmax's.

// Values of a position lie `value_stride` apart: whole vectors, zero padded.
inline size_t value_stride(size_t head_dim) { return round_up(head_dim, kLanes); }

inline uint16_t bfloat16_bits(float value) {
  uint32_t bits;
  __builtin_memcpy(&bits, &value, 4);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>((bits >> 16) | 0x40u);
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1)) >> 16);
}

// A whole tile of keys is transposed in registers; a position in the midst of one is written
// number by number.
template <class Kv>
void append_plain(const KvAppendArgs& a) {
  size_t d = 0;
  if (a.count == kKvTile && a.position % kKvTile == 0) {
    for (; d + 4 <= a.head_dim; d += 4) {
      Ints four[4];
      load_rows(reinterpret_cast<const uint8_t*>(a.k + d), a.k_stride * sizeof(float), four);
      for (size_t i = 0; i < 4; ++i) Kv::append_keys(a, d + i, bits_to_float(four[i]));
    }
  }
  for (size_t i = 0; i < a.count; ++i) {
    if (d < a.head_dim) Kv::append_key(a, i);
    Kv::append_value(a, i);
  }
}

struct KvF32 {
  static constexpr bool kStreams = false;  // worth copying as floats for many rows
  static Floats key(const KvHead& kv, size_t position, size_t d, size_t head_dim) {
    return load(static_cast<const float*>(kv.k) + position * head_dim + d * kKvTile);
  }
  static Floats value(const KvHead& kv, size_t position, size_t d, size_t head_dim) {
    return load(static_cast<const float*>(kv.v) + position * value_stride(head_dim) + d);
  }
  static void append_key(const KvAppendArgs& a, size_t i) {
    const size_t position = a.position + i;
    float* k = static_cast<float*>(a.kv.k) + position / kKvTile * kKvTile * a.head_dim +
               position % kKvTile;
    for (size_t d = 0; d < a.head_dim; ++d) k[d * kKvTile] = a.k[i * a.k_stride + d];
  }
  static void append_keys(const KvAppendArgs& a, size_t d, Floats keys) {
    store(static_cast<float*>(a.kv.k) + a.position * a.head_dim + d * kKvTile, keys);
  }
  static void append_value(const KvAppendArgs& a, size_t i) {
    float* v = static_cast<float*>(a.kv.v) + (a.position + i) * value_stride(a.head_dim);
    for (size_t d = 0; d < a.head_dim; ++d) v[d] = a.v[i * a.v_stride + d];
  }
  static void append(const KvAppendArgs& a) { append_plain<KvF32>(a); }
};

// The two 16-bit formats differ in how they load and round.
template <Floats (*Load)(const uint16_t*), void (*Round)(const float*, size_t, uint16_t*)>
struct Kv16 {
  static constexpr bool kStreams = true;
  static void fetch_key(const KvHead& kv, size_t position, size_t d, size_t head_dim) {
    __builtin_prefetch(static_cast<const uint16_t*>(kv.k) + position * head_dim + d * kKvTile);
  }
  static void fetch_value(const KvHead& kv, size_t position, size_t d, size_t head_dim) {
    __builtin_prefetch(static_cast<const uint16_t*>(kv.v) + position * value_stride(head_dim) + d);
  }
  static Floats key(const KvHead& kv, size_t position, size_t d, size_t head_dim) {
    return Load(static_cast<const uint16_t*>(kv.k) + position * head_dim + d * kKvTile);
  }
  static Floats value(const KvHead& kv, size_t position, size_t d, size_t head_dim) {
    return Load(static_cast<const uint16_t*>(kv.v) + position * value_stride(head_dim) + d);
  }
  static void append_key(const KvAppendArgs& a, size_t i) {
    const size_t position = a.position + i;
    uint16_t* k = static_cast<uint16_t*>(a.kv.k) + position / kKvTile * kKvTile * a.head_dim +
                  position % kKvTile;
    for (size_t d = 0; d < a.head_dim; d += kLanes) {
      const size_t n = a.head_dim - d < kLanes ? a.head_dim - d : kLanes;
      uint16_t sixteen[kLanes];
      Round(a.k + i * a.k_stride + d, n, sixteen);
      for (size_t j = 0; j < n; ++j) k[(d + j) * kKvTile] = sixteen[j];
    }
  }
  static void append_keys(const KvAppendArgs& a, size_t d, Floats keys) {
    float column[kKvTile];
    store(column, keys);
    Round(column, kKvTile, static_cast<uint16_t*>(a.kv.k) + a.position * a.head_dim + d * kKvTile);
  }
  static void append_value(const KvAppendArgs& a, size_t i) {
    uint16_t* v = static_cast<uint16_t*>(a.kv.v) + (a.position + i) * value_stride(a.head_dim);
    for (size_t d = 0; d < a.head_dim; d += kLanes) {
      const size_t n = a.head_dim - d < kLanes ? a.head_dim - d : kLanes;
      Round(a.v + i * a.v_stride + d, n, v + d);
    }
  }
  static void append(const KvAppendArgs& a) { append_plain<Kv16>(a); }
};
inline void round_to_half(const float* x, size_t n, uint16_t* out) {
  if (n == kLanes) return store_half(out, load(x));
  uint16_t sixteen[kLanes];
  store_half(sixteen, load_first(x, n));
  for (size_t i = 0; i < n; ++i) out[i] = sixteen[i];
}
inline void round_to_bfloat16(const float* x, size_t n, uint16_t* out) {
  for (size_t i = 0; i < n; ++i) out[i] = bfloat16_bits(x[i]);
}
using KvF16 = Kv16<load_half, round_to_half>;
using KvBF16 = Kv16<load_bfloat16, round_to_bfloat16>;

struct KvQ8_0 {
  static constexpr bool kStreams = true;
  static void fetch_key(const KvHead& kv, size_t position, size_t d, size_t head_dim) {
    __builtin_prefetch(static_cast<const int8_t*>(kv.k) + position * head_dim + d * kKvTile);
  }
  static void fetch_value(const KvHead& kv, size_t position, size_t d, size_t head_dim) {
    __builtin_prefetch(static_cast<const int8_t*>(kv.v) + position * value_stride(head_dim) + d);
  }
  static size_t blocks(size_t head_dim) { return round_up(head_dim, kKvQ8Block) / kKvQ8Block; }
  static Floats key(const KvHead& kv, size_t position, size_t d, size_t head_dim) {
    const int8_t* q = static_cast<const int8_t*>(kv.k) + position * head_dim + d * kKvTile;
    return load_int8(q) * load(kv.k_scale + position * blocks(head_dim) + d / kKvQ8Block * kKvTile);
  }
  static Floats value(const KvHead& kv, size_t position, size_t d, size_t head_dim) {
    const int8_t* q = static_cast<const int8_t*>(kv.v) + position * value_stride(head_dim) + d;
    return load_int8(q) * splat(kv.v_scale[position * blocks(head_dim) + d / kKvQ8Block]);
  }
  // One block of up to 32 floats to int8, `step` apart.
  static float round(const float* x, size_t n, int8_t* q, size_t step) {
    Ints most = splat(0);
    for (size_t i = 0; i < n; i += kLanes) {
      most = max(most, magnitude_bits(load_first(x + i, n - i < kLanes ? n - i : kLanes)));
    }
    const float absmax = absmax_of(most);
    const bool tiny = absmax < kTinyBlock;
    const float inverse = tiny ? 0.0f : 127.0f / absmax;
    for (size_t i = 0; i < n; i += kLanes) {
      const size_t count = n - i < kLanes ? n - i : kLanes;
      int8_t sixteen[kLanes];
      store_int8(sixteen, to_int8_range(load_first(x + i, count), splat(inverse)));
      for (size_t j = 0; j < count; ++j) q[(i + j) * step] = sixteen[j];
    }
    return tiny ? 0.0f : absmax / 127.0f;
  }
  static void append_one(const KvAppendArgs& a, size_t i) {
    const size_t position = a.position + i, tile = position / kKvTile * kKvTile,
                 lane = position % kKvTile, n_blocks = blocks(a.head_dim);
    int8_t* k = static_cast<int8_t*>(a.kv.k) + tile * a.head_dim + lane;
    int8_t* v = static_cast<int8_t*>(a.kv.v) + position * value_stride(a.head_dim);
    for (size_t b = 0; b < n_blocks; ++b) {
      const size_t d = b * kKvQ8Block,
                   n = a.head_dim - d < kKvQ8Block ? a.head_dim - d : kKvQ8Block;
      a.kv.k_scale[tile * n_blocks + b * kKvTile + lane] =
          round(a.k + i * a.k_stride + d, n, k + d * kKvTile, kKvTile);
      a.kv.v_scale[position * n_blocks + b] = round(a.v + i * a.v_stride + d, n, v + d, 1);
    }
  }
  static void append(const KvAppendArgs& a) {
    for (size_t i = 0; i < a.count; ++i) append_one(a, i);
  }
};

constexpr size_t kManyRows = 6, kMostRows = 8;  // groups of rows in registers, and the largest
constexpr size_t kStrip = 64;                   // positions
constexpr size_t kFetchValues = 32;             // positions ahead

// A cache, or a copy of some of it: position `origin` is its first.
struct KvView {
  KvHead kv;
  size_t origin;
};

// What a row has gathered, or what one segment gives it: M, L, then from kLanes on the mixed
// values, zero padded.
inline size_t part_floats(size_t head_dim) { return attend_part_floats(head_dim); }

// The rows of one pass.
struct AttendPass {
  const AttendArgs& a;
  size_t first_row, rows;
  float* scores;  // [kAttendBlock, kSegment]; scores, then probabilities
  float* parts;   // [kAttendBlock] parts: this segment's
  float* sums;    // [kAttendRows] parts: merged
  KvHead copy;    // a segment as floats

  const float* q(size_t r) const {
    const size_t row = first_row + r;
    return a.q + row / a.n_heads * a.q_stride + row % a.n_heads * a.head_dim;
  }
  float* out(size_t r) const {
    const size_t row = first_row + r;
    return a.out + row / a.n_heads * a.out_stride + row % a.n_heads * a.head_dim;
  }
  size_t position(size_t r) const { return a.first_position + (first_row + r) / a.n_heads; }
  size_t oldest(size_t r) const {
    return a.window == 0 || position(r) < a.window ? 0 : position(r) - a.window + 1;
  }
};

// Consecutive rows against one segment: row i is pass.first_row + row + i, its scores and part lie
// at i.
struct AttendBlock {
  const AttendPass& pass;
  size_t rows;
  size_t segment;
  size_t first[kAttendTileRows], last[kAttendTileRows];  // what row i sees of the segment
  const float* q[kAttendTileRows];

  AttendBlock(const AttendPass& p, size_t row, size_t n, size_t s) : pass(p), rows(n), segment(s) {
    for (size_t i = 0; i < rows; ++i) {
      const size_t oldest = pass.oldest(row + i), end = pass.position(row + i) + 1;
      first[i] = oldest > segment ? oldest : segment;
      last[i] = end < segment + kSegment ? end : segment + kSegment;
      q[i] = pass.q(row + i);
    }
  }
  float* scores(size_t i) const { return pass.scores + i * kSegment - segment; }  // by position
  float* part(size_t i) const { return pass.parts + i * part_floats(pass.a.head_dim); }
};

template <class Kv, int Rows, int Tiles>
void score_tiles(const AttendBlock& block, size_t i, const KvView& view, size_t position) {
  const float* q[Rows];
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r) q[r] = block.q[i + r];
  Floats acc[Rows][Tiles];
#pragma GCC unroll 8
  for (auto& row : acc) {
#pragma GCC unroll 8
    for (Floats& lane : row) lane = splat(0.0f);
  }
  const size_t head_dim = block.pass.a.head_dim, at = position - view.origin;
  for (size_t d = 0; d < head_dim; ++d) {
    Floats keys[Tiles];
#pragma GCC unroll 8
    for (int t = 0; t < Tiles; ++t) {
      keys[t] = Kv::key(view.kv, at + t * kKvTile, d, head_dim);
      if constexpr (Kv::kStreams) Kv::fetch_key(view.kv, at + (Tiles + t) * kKvTile, d, head_dim);
    }
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) {
      const Floats qd = splat(q[r][d]);
#pragma GCC unroll 8
      for (int t = 0; t < Tiles; ++t) acc[r][t] = fma(qd, keys[t], acc[r][t]);
    }
  }
  const Floats scale = splat(block.pass.a.scale);
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 8
    for (int t = 0; t < Tiles; ++t)
      store(block.scores(i + r) + position + t * kKvTile, acc[r][t] * scale);
  }
}

// Rows i .. i + Rows - 1 against [from, to), whole tiles.
template <class Kv, int Rows>
void score_rows(const AttendBlock& block, size_t i, const KvView& view, size_t from, size_t to) {
  constexpr int kTiles = kScoreSums / Rows >= 8   ? 8
                         : kScoreSums / Rows >= 4 ? 4
                         : kScoreSums / Rows >= 2 ? 2
                                                  : 1;
  size_t position = from;
  for (; position + kTiles * kKvTile <= to; position += kTiles * kKvTile)
    score_tiles<Kv, Rows, kTiles>(block, i, view, position);
  if constexpr (kTiles > 2) {
    for (; position + 2 * kKvTile <= to; position += 2 * kKvTile)
      score_tiles<Kv, Rows, 2>(block, i, view, position);
  }
  if constexpr (kTiles > 1) {
    for (; position < to; position += kKvTile) score_tiles<Kv, Rows, 1>(block, i, view, position);
  }
}

// fma chains of p * v over [from, to), which each of the rows sees, on top of what their parts
// hold.
template <class Kv, int Rows, int Vectors>
void mix_tile(const AttendBlock& block, size_t i, const KvView& view, size_t d, size_t from,
              size_t to) {
  const size_t head_dim = block.pass.a.head_dim;
  const float* p[Rows];
  Floats acc[Rows][Vectors];
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r) {
    p[r] = block.scores(i + r);
#pragma GCC unroll 8
    for (int v = 0; v < Vectors; ++v) acc[r][v] = load(block.part(i + r) + kLanes + d + v * kLanes);
  }
  for (size_t s = from; s < to; ++s) {
    Floats values[Vectors];
#pragma GCC unroll 8
    for (int v = 0; v < Vectors; ++v) {
      values[v] = Kv::value(view.kv, s - view.origin, d + v * kLanes, head_dim);
      if constexpr (Kv::kStreams)
        Kv::fetch_value(view.kv, s - view.origin + kFetchValues, d + v * kLanes, head_dim);
    }
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) {
      const Floats weight = splat(p[r][s]);
#pragma GCC unroll 8
      for (int v = 0; v < Vectors; ++v) acc[r][v] = fma(weight, values[v], acc[r][v]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < Vectors; ++v) store(block.part(i + r) + kLanes + d + v * kLanes, acc[r][v]);
  }
}

template <class Kv, int Rows>
void mix_range(const AttendBlock& block, size_t i, const KvView& view, size_t from, size_t to) {
  if (from >= to) return;
  constexpr int kVectors = kMixSums / Rows >= 4 ? 4 : kMixSums / Rows >= 2 ? 2 : 1;
  const size_t stride = value_stride(block.pass.a.head_dim);
  size_t d = 0;
  for (; d + kVectors * kLanes <= stride; d += kVectors * kLanes)
    mix_tile<Kv, Rows, kVectors>(block, i, view, d, from, to);
  for (; d < stride; d += kLanes) mix_tile<Kv, Rows, 1>(block, i, view, d, from, to);
}

// Rows i .. i + Rows - 1 over what they see of [from, to). Rows stand in order of position, so the
// borders of what all of them see are the last row's first and the first row's last. What only some
// see, those mix alone: a probability of zero would not do, should the value be infinite.
template <class Kv, int Rows>
void mix_rows(const AttendBlock& block, size_t i, const KvView& view, size_t from, size_t to) {
  const auto within = [&](size_t s) { return s < from ? from : s > to ? to : s; };
  const size_t all_first = within(block.first[i + Rows - 1]), all_last = within(block.last[i]);
  const bool common = all_first < all_last;
  if constexpr (Rows > 1) {
    for (int r = 0; r < Rows; ++r)
      mix_range<Kv, 1>(block, i + r, view, within(block.first[i + r]),
                       common ? all_first : within(block.last[i + r]));
  }
  if (common) mix_range<Kv, Rows>(block, i, view, all_first, all_last);
  if constexpr (Rows > 1) {
    for (int r = 0; r < Rows && common; ++r)
      mix_range<Kv, 1>(block, i + r, view, all_last, within(block.last[i + r]));
  }
}

// Calls f(integer constant of the group's size, first row of the group) for groups of rows.
template <class F>
void for_row_groups(size_t rows, const F& f) {
  const auto call = [&]<int N>(size_t i) { f.template operator()<N>(i); };
  size_t i = 0;
  if (rows > kMostRows) {
    for (; i + kManyRows <= rows; i += kManyRows) call.template operator()<kManyRows>(i);
  }
  switch (rows - i) {
    case 1:
      return call.template operator()<1>(i);
    case 2:
      return call.template operator()<2>(i);
    case 3:
      return call.template operator()<3>(i);
    case 4:
      return call.template operator()<4>(i);
    case 5:
      return call.template operator()<5>(i);
    case 6:
      return call.template operator()<6>(i);
    case 7:
      return call.template operator()<7>(i);
    case 8:
      return call.template operator()<8>(i);
    default:
      return;
  }
}

// exp of what is at most zero, or no number: exp() without its upper limit, and with 2^n added to
// the exponent of p, which never leaves the normal numbers.
inline Floats exp_down(Floats x) {
  constexpr float kToInteger = 12582912.0f;  // 1.5 * 2^23: added, the fraction is rounded away
  const Floats shifted = x * splat(kLog2E) + splat(kToInteger);
  const Floats n = shifted - splat(kToInteger);
  Floats r = fnma(n, splat(kLn2High), x);
  r = fnma(n, splat(kLn2Low), r);
  Floats p = splat(1.0f / 720);
  p = fma(p, r, splat(1.0f / 120));
  p = fma(p, r, splat(1.0f / 24));
  p = fma(p, r, splat(1.0f / 6));
  p = fma(p, r, splat(0.5f));
  p = fma(p, r, splat(1.0f));
  p = fma(p, r, splat(1.0f));
  return zero_below(bits_to_float(bits(p) + shift_left<23>(bits(shifted))), x, splat(kExpLow));
}

// Turns the rows' scores into probabilities, those of positions that only the others see into
// zeros, and gives their parts m and l. Rows together hide each other's latency.
template <int Rows>
void softmax_rows(const AttendBlock& block, size_t i) {
  const size_t from = block.first[i] / kKvTile * kKvTile,
               to = round_up(block.last[i + Rows - 1], kKvTile);
  float* scores[Rows];
  Floats most[Rows], total[Rows];
#pragma GCC unroll 4
  for (int r = 0; r < Rows; ++r) {
    scores[r] = block.scores(i + r);
    for (size_t s = from; s < block.first[i + r]; ++s) scores[r][s] = -__builtin_inff();
    for (size_t s = block.last[i + r]; s < to; ++s) scores[r][s] = -__builtin_inff();
    most[r] = splat(-__builtin_inff());
    total[r] = splat(0.0f);
  }
  for (size_t s = from; s < to; s += kLanes) {
#pragma GCC unroll 4
    for (int r = 0; r < Rows; ++r)
      most[r] = max(load(scores[r] + s), most[r]);  // most, where the score is no number
  }
#pragma GCC unroll 4
  for (int r = 0; r < Rows; ++r) {
    block.part(i + r)[0] = fold_max(most[r]);
    most[r] = splat(block.part(i + r)[0]);
  }
  for (size_t s = from; s < to; s += kLanes) {
#pragma GCC unroll 4
    for (int r = 0; r < Rows; ++r) {
      const Floats p = exp_down(load(scores[r] + s) - most[r]);
      store(scores[r] + s, p);
      total[r] = total[r] + p;
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < Rows; ++r) block.part(i + r)[1] = fold(total[r]);
}

inline void clear_part(float* part, size_t head_dim) {
  for (size_t d = 0; d < part_floats(head_dim); d += kLanes) store(part + d, splat(0.0f));
  part[0] = -__builtin_inff();
}

// Merges part i into sum i, up to kAttendTileRows of them.
template <Floats (*Power)(Floats)>
inline void merge_parts(float* const* sums, const float* const* parts, size_t count,
                        size_t head_dim) {
  float keep[kAttendTileRows] = {}, take[kAttendTileRows] = {};
  for (size_t i = 0; i < count; ++i) {
    const float old = sums[i][0], m = parts[i][0], most = m > old ? m : old;
    keep[i] = old - most;
    take[i] = m - most;
    sums[i][0] = most;
  }
  for (size_t i = 0; i < count; i += kLanes) {
    store(keep + i, Power(load(keep + i)));
    store(take + i, Power(load(take + i)));
  }
  for (size_t i = 0; i < count; ++i) {
    float* sum = sums[i];
    const float* part = parts[i];
    sum[1] = __builtin_fmaf(sum[1], keep[i], part[1] * take[i]);
    for (size_t d = kLanes; d < part_floats(head_dim); d += kLanes)
      store(sum + d, fma(load(sum + d), splat(keep[i]), load(part + d) * splat(take[i])));
  }
}

inline void finish_row(const float* sum, float* out, size_t head_dim) {
  const Floats inverse = splat(1.0f / sum[1]);
  for (size_t d = 0; d < head_dim; d += kLanes) {
    const size_t n = head_dim - d < kLanes ? head_dim - d : kLanes;
    store_first(out + d, fma(load(sum + kLanes + d), inverse, splat(0.0f)), n);
  }
}

// One block of rows against one segment: their parts.
template <class Kv>
void attend_block(const AttendBlock& block, const KvView& view) {
  const auto down = [](size_t s) { return s / kKvTile * kKvTile; };
  const size_t newest = block.last[block.rows - 1], oldest = down(block.first[0]);
  // A strip of keys, and later of values, stays in the nearest cache for all rows.
  for (size_t strip = block.segment; strip < newest; strip += kStrip) {
    for_row_groups(block.rows, [&]<int N>(size_t i) {
      const size_t first = down(block.first[i]), last = round_up(block.last[i + N - 1], kKvTile);
      score_rows<Kv, N>(block, i, view, first > strip ? first : strip,
                        last < strip + kStrip ? last : strip + kStrip);
    });
  }
  for (size_t i = 0; i < block.rows; ++i) clear_part(block.part(i), block.pass.a.head_dim);
  size_t i = 0;
  for (; i + 3 <= block.rows; i += 3) softmax_rows<3>(block, i);
  for (; i < block.rows; ++i) softmax_rows<1>(block, i);
  for (size_t strip = oldest; strip < newest; strip += kStrip) {
    const size_t end = newest < strip + kStrip ? newest : strip + kStrip;
    for_row_groups(block.rows,
                   [&]<int N>(size_t i) { mix_rows<Kv, N>(block, i, view, strip, end); });
  }
}

// Positions [from, to), whole tiles, as floats.
template <class Kv>
void copy_positions(const KvHead& kv, const KvHead& copy, size_t from, size_t to, size_t head_dim) {
  auto* k = static_cast<float*>(copy.k);
  for (size_t tile = from; tile < to; tile += kKvTile) {
    for (size_t d = 0; d < head_dim; ++d, k += kLanes) store(k, Kv::key(kv, tile, d, head_dim));
  }
  auto* v = static_cast<float*>(copy.v);
  for (size_t s = from; s < to; ++s) {
    for (size_t d = 0; d < head_dim; d += kLanes, v += kLanes)
      store(v, Kv::value(kv, s, d, head_dim));
  }
}

// The rows [first, end) of the pass that see some of the segment, and the positions they see, in
// whole multiples of `unit`.
struct SegmentRows {
  size_t first, end, from, to;

  SegmentRows(const AttendPass& pass, size_t segment, size_t unit) : first(0), end(pass.rows) {
    while (first < end && pass.position(first) < segment) ++first;
    while (end > first && pass.oldest(end - 1) >= segment + kSegment) --end;
    if (empty()) return;
    const size_t oldest = pass.oldest(first), newest = pass.position(end - 1) + 1;
    from = oldest > segment ? oldest / unit * unit : segment;
    to = newest < segment + kSegment ? round_up(newest, unit) : segment + kSegment;
  }
  bool empty() const { return first == end; }
};

// Block by block; done(first row, rows) takes their parts.
template <class Kv, class Done>
void attend_segment(const AttendPass& pass, size_t segment, const Done& done) {
  const SegmentRows rows(pass, segment, kKvTile);
  if (rows.empty()) return;
  const auto blocks = [&]<class K>(const KvView& view) {
    for (size_t r = rows.first; r < rows.end; r += kAttendBlock) {
      const AttendBlock block(pass, r, rows.end - r < kAttendBlock ? rows.end - r : kAttendBlock,
                              segment);
      attend_block<K>(block, view);
      done(r, block.rows);
    }
  };
  if constexpr (Kv::kStreams) {
    if (rows.end - rows.first > kMostRows) {
      copy_positions<Kv>(pass.a.kv, pass.copy, rows.from, rows.to, pass.a.head_dim);
      return blocks.template operator()<KvF32>({pass.copy, rows.from});
    }
  }
  blocks.template operator()<Kv>({pass.a.kv, 0});
}

// segment(first position, done) makes the parts of the rows that see it.
template <Floats (*Power)(Floats), class Segment>
void attend_pass(const AttendPass& pass, const Segment& segment) {
  const AttendArgs& a = pass.a;
  const size_t head_dim = a.head_dim, floats = part_floats(head_dim);
  if (a.parts) {
    for (size_t s = a.first_segment; s < a.last_segment; ++s) {
      segment(s * kSegment, [&](size_t row, size_t rows) {
        float* to =
            a.parts + (s - a.first_segment) * a.parts_stride + (pass.first_row + row) * floats;
        for (size_t i = 0; i < rows * floats; i += kLanes) store(to + i, load(pass.parts + i));
      });
    }
    return;
  }
  for (size_t r = 0; r < pass.rows; ++r) clear_part(pass.sums + r * floats, head_dim);
  const size_t oldest = pass.oldest(0) / kSegment, newest = pass.position(pass.rows - 1) / kSegment;
  for (size_t s = oldest; s <= newest; ++s) {
    segment(s * kSegment, [&](size_t row, size_t rows) {
      float* sums[kAttendTileRows];
      const float* parts[kAttendTileRows];
      for (size_t i = 0; i < rows; ++i) {
        sums[i] = pass.sums + (row + i) * floats;
        parts[i] = pass.parts + i * floats;
      }
      merge_parts<Power>(sums, parts, rows, head_dim);
    });
  }
  for (size_t r = 0; r < pass.rows; ++r) finish_row(pass.sums + r * floats, pass.out(r), head_dim);
}

template <class Kv>
void attend(const AttendArgs& a) {
  auto* floats = reinterpret_cast<float*>(a.scratch);
  const auto take = [&](size_t count) {
    float* taken = floats;
    floats += count;
    return taken;
  };
  AttendPass pass{.a = a,
                  .first_row = 0,
                  .rows = 0,
                  .scores = take(kAttendBlock * kSegment),
                  .parts = take(kAttendBlock * part_floats(a.head_dim)),
                  .sums = take(kAttendRows * part_floats(a.head_dim)),
                  .copy = {}};
  pass.copy.k = take(kSegment * a.head_dim);
  pass.copy.v = take(kSegment * value_stride(a.head_dim));
  const size_t rows = a.n_tokens * a.n_heads;
  for (size_t r = 0; r < rows; r += kAttendRows) {
    pass.first_row = r;
    pass.rows = rows - r < kAttendRows ? rows - r : kAttendRows;
    attend_pass<exp_down>(pass,
                          [&](size_t s, const auto& done) { attend_segment<Kv>(pass, s, done); });
  }
}

template <Floats (*Power)(Floats)>
void attend_merge(const AttendMergeArgs& a) {
  if (a.start) clear_part(a.sum, a.head_dim);
  for (size_t s = 0; s < a.n_parts; ++s) {
    const float* part = a.parts + s * a.parts_stride;
    merge_parts<Power>(&a.sum, &part, 1, a.head_dim);
  }
  if (a.out) finish_row(a.sum, a.out, a.head_dim);
}

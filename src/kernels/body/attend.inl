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

struct KvF32 {
  static Floats key(const KvHead& kv, size_t position, size_t d, size_t head_dim) {
    return load(static_cast<const float*>(kv.k) + position * head_dim + d * kKvTile);
  }
  static Floats value(const KvHead& kv, size_t position, size_t d, size_t head_dim) {
    return load(static_cast<const float*>(kv.v) + position * value_stride(head_dim) + d);
  }
  static void append(const KvAppendArgs& a) {
    float* k = static_cast<float*>(a.kv.k) + a.position / kKvTile * kKvTile * a.head_dim +
               a.position % kKvTile;
    float* v = static_cast<float*>(a.kv.v) + a.position * value_stride(a.head_dim);
    for (size_t d = 0; d < a.head_dim; ++d) {
      k[d * kKvTile] = a.k[d];
      v[d] = a.v[d];
    }
  }
};

// The two 16-bit formats differ in how they load and round.
template <Floats (*Load)(const uint16_t*), void (*Round)(const float*, size_t, uint16_t*)>
struct Kv16 {
  static Floats key(const KvHead& kv, size_t position, size_t d, size_t head_dim) {
    return Load(static_cast<const uint16_t*>(kv.k) + position * head_dim + d * kKvTile);
  }
  static Floats value(const KvHead& kv, size_t position, size_t d, size_t head_dim) {
    return Load(static_cast<const uint16_t*>(kv.v) + position * value_stride(head_dim) + d);
  }
  static void append(const KvAppendArgs& a) {
    uint16_t* k = static_cast<uint16_t*>(a.kv.k) + a.position / kKvTile * kKvTile * a.head_dim +
                  a.position % kKvTile;
    uint16_t* v = static_cast<uint16_t*>(a.kv.v) + a.position * value_stride(a.head_dim);
    for (size_t d = 0; d < a.head_dim; d += kLanes) {
      const size_t n = a.head_dim - d < kLanes ? a.head_dim - d : kLanes;
      uint16_t sixteen[kLanes];
      Round(a.k + d, n, sixteen);
      for (size_t i = 0; i < n; ++i) k[(d + i) * kKvTile] = sixteen[i];
      Round(a.v + d, n, sixteen);
      for (size_t i = 0; i < n; ++i) v[d + i] = sixteen[i];
    }
  }
};
inline void round_to_half(const float* x, size_t n, uint16_t* out) {
  store_half(out, load_first(x, n));
}
inline void round_to_bfloat16(const float* x, size_t n, uint16_t* out) {
  for (size_t i = 0; i < n; ++i) out[i] = bfloat16_bits(x[i]);
}
using KvF16 = Kv16<load_half, round_to_half>;
using KvBF16 = Kv16<load_bfloat16, round_to_bfloat16>;

struct KvQ8_0 {
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
  static void append(const KvAppendArgs& a) {
    const size_t tile = a.position / kKvTile * kKvTile, lane = a.position % kKvTile,
                 n_blocks = blocks(a.head_dim);
    int8_t* k = static_cast<int8_t*>(a.kv.k) + tile * a.head_dim + lane;
    int8_t* v = static_cast<int8_t*>(a.kv.v) + a.position * value_stride(a.head_dim);
    for (size_t b = 0; b < n_blocks; ++b) {
      const size_t d = b * kKvQ8Block,
                   n = a.head_dim - d < kKvQ8Block ? a.head_dim - d : kKvQ8Block;
      a.kv.k_scale[tile * n_blocks + b * kKvTile + lane] =
          round(a.k + d, n, k + d * kKvTile, kKvTile);
      a.kv.v_scale[a.position * n_blocks + b] = round(a.v + d, n, v + d, 1);
    }
  }
};

// The rows of one pass and what softmax has gathered so far.
struct AttendPass {
  const AttendArgs& a;
  size_t first_row, rows;
  float* scores;  // [rows, kSegment]; scores, then probabilities
  float* o;       // [rows, value_stride]
  float* most;    // [kAttendRows] M
  float* total;   // [kAttendRows] L
  float* keep;    // [kAttendRows] exp(M - M')
  float* take;    // [kAttendRows] exp(m - M')

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
  bool sees(size_t r, size_t s) const { return oldest(r) <= s && s <= position(r); }
};

template <class Kv, int Rows, int Tiles>
void score_tile(const AttendPass& pass, size_t r, size_t segment, size_t position) {
  const float* q[Rows];
  for (int i = 0; i < Rows; ++i) q[i] = pass.q(r + i);
  Floats acc[Rows][Tiles];
  for (auto& row : acc) {
    for (Floats& lane : row) lane = splat(0.0f);
  }
  const size_t head_dim = pass.a.head_dim;
  for (size_t d = 0; d < head_dim; ++d) {
    Floats keys[Tiles];
#pragma GCC unroll 2
    for (int t = 0; t < Tiles; ++t)
      keys[t] = Kv::key(pass.a.kv, position + t * kKvTile, d, head_dim);
#pragma GCC unroll 8
    for (int i = 0; i < Rows; ++i) {
      const Floats qd = splat(q[i][d]);
#pragma GCC unroll 2
      for (int t = 0; t < Tiles; ++t) acc[i][t] = fma(qd, keys[t], acc[i][t]);
    }
  }
  for (int i = 0; i < Rows; ++i) {
    for (int t = 0; t < Tiles; ++t) {
      store(pass.scores + (r + i) * kSegment + position + t * kKvTile - segment,
            acc[i][t] * splat(pass.a.scale));
    }
  }
}

template <class Kv, int Rows>
void score_rows(const AttendPass& pass, size_t r, size_t segment, size_t first, size_t last) {
  size_t position = first;
  if constexpr (kScoreTiles == 2) {
    for (; position + kKvTile < last; position += 2 * kKvTile)
      score_tile<Kv, Rows, 2>(pass, r, segment, position);
  }
  for (; position < last; position += kKvTile) score_tile<Kv, Rows, 1>(pass, r, segment, position);
}

template <class Kv, int Rows, int Vectors>
void mix_tile(const AttendPass& pass, size_t r, size_t d, size_t segment, size_t first,
              size_t last) {
  const size_t head_dim = pass.a.head_dim, stride = value_stride(head_dim);
  Floats acc[Rows][Vectors];
  for (auto& row : acc) {
    for (Floats& lane : row) lane = splat(0.0f);
  }
  const float* p = pass.scores + r * kSegment - segment;
  // Rows stand in order of position: [all_see, some_do_not) is seen by each of them. At the borders
  // a row leaves out what it does not see: a probability of zero would not do, should the value be
  // infinite.
  const size_t newest_of_oldest = pass.oldest(r + Rows - 1),
               oldest_of_newest = pass.position(r) + 1;
  const size_t all_see = newest_of_oldest < first  ? first
                         : newest_of_oldest < last ? newest_of_oldest
                                                   : last;
  const size_t some_do_not = oldest_of_newest < all_see ? all_see
                             : oldest_of_newest < last  ? oldest_of_newest
                                                        : last;
  const auto border = [&](size_t from, size_t to) {
    for (size_t s = from; s < to; ++s) {
#pragma GCC unroll 8
      for (int i = 0; i < Rows; ++i) {
        if (!pass.sees(r + i, s)) continue;
        const Floats weight = splat(p[i * kSegment + s]);
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) {
          acc[i][v] = fma(weight, Kv::value(pass.a.kv, s, d + v * kLanes, head_dim), acc[i][v]);
        }
      }
    }
  };
  border(first, all_see);
  for (size_t s = all_see; s < some_do_not; ++s) {
    Floats values[Vectors];
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) values[v] = Kv::value(pass.a.kv, s, d + v * kLanes, head_dim);
#pragma GCC unroll 8
    for (int i = 0; i < Rows; ++i) {
      const Floats weight = splat(p[i * kSegment + s]);
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) acc[i][v] = fma(weight, values[v], acc[i][v]);
    }
  }
  border(some_do_not, last);
  for (int i = 0; i < Rows; ++i) {
    for (int v = 0; v < Vectors; ++v) {
      float* o = pass.o + (r + i) * stride + d + v * kLanes;
      store(o, fma(load(o), splat(pass.keep[r + i]), acc[i][v] * splat(pass.take[r + i])));
    }
  }
}

template <class Kv, int Rows>
void mix_rows(const AttendPass& pass, size_t r, size_t segment, size_t first, size_t last) {
  const size_t stride = value_stride(pass.a.head_dim);
  size_t d = 0;
  for (; d + kMixVectors * kLanes <= stride; d += kMixVectors * kLanes) {
    mix_tile<Kv, Rows, kMixVectors>(pass, r, d, segment, first, last);
  }
  for (; d < stride; d += kLanes) mix_tile<Kv, Rows, 1>(pass, r, d, segment, first, last);
}

// Turns one row's scores of [first, last) into probabilities; what the row may not see gets zero.
inline void softmax_row(const AttendPass& pass, size_t r, size_t segment, size_t first,
                        size_t last) {
  float* scores = pass.scores + r * kSegment - segment;
  const size_t oldest = pass.oldest(r), end = pass.position(r) + 1;
  for (size_t s = first; s < last && s < oldest; ++s) scores[s] = -__builtin_inff();
  for (size_t s = end > first ? end : first; s < last; ++s) scores[s] = -__builtin_inff();
  Floats most = splat(-__builtin_inff());
  for (size_t s = first; s < last; s += kLanes)
    most = max(load(scores + s), most);  // most, where the score is no number
  const float m = fold_max(most);
  Floats total = splat(0.0f);
  for (size_t s = first; s < last; s += kLanes) {
    const Floats p = exp(load(scores + s) - splat(m));
    store(scores + s, p);
    total = total + p;
  }
  const float merged = m > pass.most[r] ? m : pass.most[r];
  float factors[kLanes] = {pass.most[r] - merged, m - merged};
  store(factors, exp(load(factors)));
  pass.keep[r] = factors[0];
  pass.take[r] = factors[1];
  pass.total[r] = __builtin_fmaf(pass.total[r], factors[0], fold(total) * factors[1]);
  pass.most[r] = merged;
}

template <class Kv>
void attend_segment(const AttendPass& pass, size_t segment, size_t first, size_t last) {
  size_t r = 0;
  for (; r + kScoreRows <= pass.rows; r += kScoreRows)
    score_rows<Kv, kScoreRows>(pass, r, segment, first, last);
  for (; r + 3 <= pass.rows; r += 3) score_rows<Kv, 3>(pass, r, segment, first, last);
  for (; r < pass.rows; ++r) score_rows<Kv, 1>(pass, r, segment, first, last);
  for (r = 0; r < pass.rows; ++r) softmax_row(pass, r, segment, first, last);
  const size_t seen = pass.position(pass.rows - 1) + 1;
  const size_t end = seen < last ? seen : last;
  r = 0;
  for (; r + kMixRows <= pass.rows; r += kMixRows)
    mix_rows<Kv, kMixRows>(pass, r, segment, first, end);
  for (; r + 3 <= pass.rows; r += 3) mix_rows<Kv, 3>(pass, r, segment, first, end);
  for (; r < pass.rows; ++r) mix_rows<Kv, 1>(pass, r, segment, first, end);
}

template <class Kv>
void attend_pass(const AttendPass& pass) {
  const size_t stride = value_stride(pass.a.head_dim), newest = pass.position(pass.rows - 1);
  for (size_t i = 0; i < pass.rows * stride; i += kLanes) store(pass.o + i, splat(0.0f));
  for (size_t r = 0; r < kAttendRows; ++r) {
    pass.most[r] = -__builtin_inff();
    pass.total[r] = 0.0f;
  }
  const size_t oldest = pass.oldest(0) / kKvTile * kKvTile;
  for (size_t segment = oldest / kSegment * kSegment; segment <= newest; segment += kSegment) {
    const size_t first = segment < oldest ? oldest : segment;
    const size_t end = segment + kSegment < newest + 1 ? segment + kSegment : newest + 1;
    attend_segment<Kv>(pass, segment, first, round_up(end, kKvTile));
  }
  for (size_t r = 0; r < pass.rows; ++r) {
    const Floats inverse = splat(1.0f / pass.total[r]);
    for (size_t d = 0; d < pass.a.head_dim; d += kLanes) {
      const size_t n = pass.a.head_dim - d < kLanes ? pass.a.head_dim - d : kLanes;
      store_first(pass.out(r) + d, fma(load(pass.o + r * stride + d), inverse, splat(0.0f)), n);
    }
  }
}

template <class Kv>
void attend(const AttendArgs& a) {
  auto* floats = reinterpret_cast<float*>(a.scratch);
  AttendPass pass{.a = a,
                  .first_row = 0,
                  .rows = 0,
                  .scores = floats,
                  .o = nullptr,
                  .most = nullptr,
                  .total = nullptr,
                  .keep = nullptr,
                  .take = nullptr};
  pass.most = pass.scores + kAttendRows * kSegment;
  pass.total = pass.most + kAttendRows;
  pass.keep = pass.total + kAttendRows;
  pass.take = pass.keep + kAttendRows;
  pass.o = pass.take + kAttendRows;
  const size_t rows = a.n_tokens * a.n_heads;
  for (size_t r = 0; r < rows; r += kAttendRows) {
    pass.first_row = r;
    pass.rows = rows - r < kAttendRows ? rows - r : kAttendRows;
    attend_pass<Kv>(pass);
  }
}

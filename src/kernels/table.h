// The arithmetic that is worth writing per instruction set, as one table of function pointers.
//
// Kernels know no tensors: pointers and sizes only. Every entry implements one written definition
// ("portable", see ARCHITECTURE.md), so every table gives the same bits; kernels/ref.cpp is that
// definition in plain scalar code and the tests compare each table with it. This header is plain
// data so that instruction-set files may include it.
//
// The definitions in short. "Lanes" are 16 virtual float lanes; lane i takes elements i, i + 16, i
// + 32, ... in order, missing ones count as zero, and fold() adds lane i + 8 to i, then i + 4, i +
// 2, i + 1.
//   gemm, float weights   y = fold(lanes of fma(w[k], x[k], lane))
//   gemm, 32-blocks       activations int8 per 32 (quantize32); per block in K order, with isum the
//   exact integer dot:
//                         y = fma(float(isum), dw * dx, y); with a minimum also y = fma(mw, dx *
//                         float(sum x), y)
//   gemm, 256-blocks      activations int8 per 256 (quantize256); isum includes the integer
//   sub-block scales:
//                         y = fma(float(isum), dw * dx, y); with minima y = fma(-float(msum), dmin
//                         * dx, y)
#pragma once

#include <cstddef>
#include <cstdint>

#include "quant/format_id.h"

namespace hob::kernels {

inline constexpr int kLanes = 16;

constexpr size_t round_up(size_t n, size_t multiple) {
  return (n + multiple - 1) / multiple * multiple;
}

// Which set of definitions a table computes by: the portable one above, or its own.
enum class Numerics : uint8_t { kPortable, kNative };

// The forms of activations that products ask for: as they are, int8 with a scale per 32 or 256, or
// bfloat16.
enum class ActForm : uint8_t { kF32, kQ32, kQ256, kBF16 };
constexpr ActForm portable_act_form(quant::Format format) {
  const bool floats = format <= quant::Format::kBF16;
  return floats ? ActForm::kF32 : format < quant::Format::kQ4_K ? ActForm::kQ32 : ActForm::kQ256;
}

// M rows of K activations in the forms that weights ask for. Only the form of the weight's format
// needs to be present. The int8 forms (all their arrays) are readable up to the next multiple of
// kLanes rows, whatever stands there.
struct Acts {
  const float* f32 = nullptr;  // [M,K]
  size_t f32_stride = 0;       // floats from row to row
  const int8_t* q = nullptr;   // [M,K]
  // Per block of 32 or 256, 16 tokens side by side (scale_index): x = scale * q, and, 32-blocks
  // only, scale * float(sum of q).
  const float* scale = nullptr;
  const float* scaled_sum = nullptr;
  const int16_t* sum16 = nullptr;  // [M,K/16]: sums of q, 256-blocks only
  const int16_t* sum32 = nullptr;  // [M,K/32]: sums of q, both
  const uint16_t* bf16 = nullptr;  // where bf16_index says, zeros behind K
};

// Where the scale of token m's block b stands, of `blocks` in a row.
constexpr size_t scale_index(size_t m, size_t b, size_t blocks) {
  return (m / kLanes * blocks + b) * kLanes + m % kLanes;
}

// bfloat16 activations lie in tiles of 16 tokens by 32 columns, a token's 32 side by side; all
// tiles of 16 tokens follow one another.
inline constexpr size_t kBf16Tile = 16 * 32;
constexpr size_t bf16_index(size_t m, size_t k, size_t K) {
  return (m / 16 * ((K + 31) / 32) + k / 32) * kBf16Tile + m % 16 * 32 + k % 32;
}

// y[m, n] for n in [first_row, last_row) and all m < M.
struct GemmArgs {
  const std::byte* weights = nullptr;  // row n starts at weights + n * row_bytes
  size_t row_bytes = 0;
  size_t rows = 0;  // rows the tensor has in all: memory past the last one is never read
  size_t first_row = 0, last_row = 0;  // first_row is a multiple of kLanes
  size_t M = 0, K = 0;
  Acts x;
  float* y = nullptr;
  size_t y_stride = 0;           // floats from token to token
  const float* bias = nullptr;   // [rows] added after the sum, or null
  bool add = false;              // y += instead of y =
  std::byte* scratch = nullptr;  // gemm_scratch_bytes(K), aligned to 64, this thread's own
};

// Upper bound over formats and tables of what one gemm call needs: up to three times 16 rows
// unpacked, and a copy of 16 as they were. Per 32 columns; body/gemm_int.inl proves it.
inline constexpr size_t kScratchPer32 = 2880;
inline constexpr size_t kPartialSums = 512 * kLanes;  // floats: of 16 rows and some tokens
constexpr size_t gemm_scratch_bytes(size_t K) {
  constexpr size_t kFixed = 4096 + kPartialSums * sizeof(float);
  return kFixed + (K / 32 + 16) * kScratchPer32;
}
// And where activations are bfloat16.
inline constexpr size_t kBf16Scratch = 560 * 1024;
constexpr size_t gemm_bf16_scratch_bytes(size_t K) {
  return kBf16Scratch + kLanes * 4 * (K + 1024);
}

enum class KvFormat : uint8_t { kF32, kF16, kBF16, kQ8_0 };
inline constexpr int kNumKvFormats = 4;

// Positions in one tile of the key cache: keys are stored transposed, [tile][K][kKvTile], so that
// 16 positions are scored at once without a horizontal sum. Values are stored [position][K].
inline constexpr size_t kKvTile = 16;
// Softmax is taken per segment of positions and merged in position order; the segment is part of
// the definition.
inline constexpr size_t kSegment = 256;
// Q8_0 caches: one float scale per position and 32 dimensions: keys [tile][K/32][kKvTile], values
// [position][K/32].
inline constexpr size_t kKvQ8Block = 32;

// One key/value head's cache, of a multiple of kKvTile positions; the values' memory is that of a
// multiple of twice as many. Scales are for Q8_0 only.
struct KvHead {
  void* k = nullptr;
  float* k_scale = nullptr;
  void* v = nullptr;
  float* v_scale = nullptr;
};

// Attention of `n_tokens` x `n_heads` queries that share one key/value head. Token t stands at
// position first_position + t and sees positions [max(0, position - window + 1), position]; window
// 0 sees all.
//   score = dot(q, k) * scale, the dot product one fma chain over d from 0
//   per segment: m = max, p = exp(score - m), l = fold(lanes of p), o = fma chain of p * v over
//   positions merged in order: M' = max(M, m), a = exp(M - M'), b = exp(m - M'), L = fma(L, a, l *
//   b), O = fma(O, a, o * b) out = O * (1 / L) + 0
struct AttendArgs {
  const float* q = nullptr;  // head h of token t at q + t * q_stride + h * head_dim
  size_t q_stride = 0;
  float* out = nullptr;  // likewise
  size_t out_stride = 0;
  size_t n_tokens = 0, n_heads = 0, head_dim = 0;
  size_t first_position = 0;
  size_t window = 0;
  float scale = 1.0f;
  KvHead kv;
  std::byte* scratch = nullptr;  // attend_scratch_bytes(head_dim)
  // Not null: only segments [first_segment, last_segment), counted from position 0, and unmerged.
  // What row r = token * n_heads + head finds in segment s goes to parts + (s - first_segment) *
  // parts_stride + r * attend_part_floats(head_dim), if it sees any of it; `out` is not written.
  float* parts = nullptr;
  size_t parts_stride = 0;
  size_t first_segment = 0, last_segment = 0;
};

// One row's m and l, then, from kLanes on, o; or M, L and O.
constexpr size_t attend_part_floats(size_t head_dim) { return kLanes + round_up(head_dim, kLanes); }
// Merges one row's parts of consecutive segments, which it must see, into `sum`.
struct AttendMergeArgs {
  float* sum = nullptr;
  bool start = true;  // `sum` holds nothing yet
  const float* parts = nullptr;
  size_t n_parts = 0, parts_stride = 0;
  size_t head_dim = 0;
  float* out = nullptr;  // the row's result, if these were the last
};

// The native definitions: q * (scale * log2 e), keys, p and values are rounded to bfloat16; scores
// and o are sums of tile products, 32 dimensions and 32 positions at a time, on AMX, and on AVX-512
// of dot products of two (ARCHITECTURE.md). Powers are of two: 2^x = 2^floor(x) * (1 + linear r +
// square r^2 + cubic r^3) by fma, r = x - floor(x). The coefficients are the best with the right
// values at 0 and 1: relative error 1.03e-4, a fortieth of p's rounding. m is no less than the
// lowest float. A bfloat16 cache may keep keys and values paired in its own way.
inline constexpr float kLog2E = 1.44269504f;
inline constexpr float kExp2Linear = 0.69542435f, kExp2Square = 0.22630769f,
                       kExp2Cubic = 0.07826796f;

// Query rows for which a segment is converted once, and those that score it together.
inline constexpr size_t kAttendRows = 192, kAttendBlock = 24, kAttendTileRows = 32;
// Upper bound over tables: a segment's keys and values as floats (or as bfloat16, the values
// twice), scores, probabilities, parts, and queries as bfloat16.
constexpr size_t attend_scratch_bytes(size_t head_dim) {
  const size_t padded = round_up(head_dim, 2 * kLanes);
  return (2 * kAttendTileRows * kSegment +
          (kAttendTileRows + kAttendRows) * attend_part_floats(head_dim) + 2 * kSegment * padded +
          kAttendRows * padded) *
         sizeof(float);
}

// Writes the keys and values (head_dim floats each) of `count` positions from `position` into a
// head's cache.
struct KvAppendArgs {
  KvHead kv;
  size_t position = 0, count = 1, head_dim = 0;
  const float* k = nullptr;
  size_t k_stride = 0;  // floats from position to position
  const float* v = nullptr;
  size_t v_stride = 0;
};

using GemmFn = void (*)(const GemmArgs&);
using AttendFn = void (*)(const AttendArgs&);
using AttendMergeFn = void (*)(const AttendMergeArgs&);
using KvAppendFn = void (*)(const KvAppendArgs&);

// For measuring this machine's limits. The first five multiply and add for `rounds` and return how
// many operations that were; null where the instruction set has no such product.
struct Probes {
  size_t (*fp32)(size_t rounds);
  size_t (*int8)(size_t rounds);
  size_t (*bf16)(size_t rounds);  // asks for os::kAvx512Bf16 besides what the table needs
  size_t (*int8_tiles)(size_t rounds);
  size_t (*bf16_tiles)(size_t rounds);  // asks for os::kAmxBf16 likewise
  // Once; `bytes` is a multiple of 256. Asks for what stands `ahead` bytes further on.
  void (*read)(const std::byte* data, size_t bytes, size_t ahead);
};

struct Table {
  const char* name;
  uint32_t needs;  // os::CpuFeature bits
  Numerics numerics;
  ActForm act_form[quant::kNumFormats];  // what gemm of the format reads

  GemmFn gemm[quant::kNumFormats];
  AttendFn attend[kNumKvFormats];
  AttendMergeFn attend_merge;
  KvAppendFn kv_append[kNumKvFormats];

  // One row of `count` floats (a multiple of 32 or 256) to int8. Scales and scaled sums go kLanes
  // floats apart: the pointers are those of the row's block 0 (scale_index). Per block, scale =
  // absmax / 127 and q = round to even(x * (127 / absmax)); absmax below kTinyBlock gives scale 0
  // and zeros.
  void (*quantize32)(const float* x, size_t count, int8_t* q, float* scale, float* scaled_sum,
                     int16_t* sum32);
  void (*quantize256)(const float* x, size_t count, int8_t* q, float* scale, int16_t* sum16,
                      int16_t* sum32);

  // One row of `count` floats to bfloat16, nearest even, then zeros up to a multiple of 32; column
  // 0 goes to `out` and the rest where bf16_index says. Null where no product asks for it.
  void (*round_bf16)(const float* x, size_t count, uint16_t* out);

  // y = x * (1 / sqrt(fold(lanes of x * x) / count + eps)) * weight
  void (*rmsnorm)(float* y, const float* x, const float* weight, size_t count, float eps);
  // y = fma((x - mean) * (1 / sqrt(variance + eps)), weight, bias), with mean = fold(lanes of x) /
  // count and variance = fold(lanes of fma(x - mean, x - mean, lane)) / count. y may be x.
  void (*layernorm)(float* y, const float* x, const float* weight, const float* bias, size_t count,
                    float eps);
  // gate = gate / (1 + exp(-gate)) * up, in place
  void (*silu_mul)(float* gate, const float* up, size_t count);
  // x = x * ((x >= 0 ? 1 - 2 h : 0) + h) in place: GELU by the error function, as BERT has it, with
  // u = |x| * sqrt(1/2), t = 1 / fma(kErfcStep, u, 1) and h = 0.5 * (exp(-(u * u)) * (t * Q(t))),
  // Q by Horner's rule of fma over kErfc; h is erfc(u) / 2.
  void (*gelu_erf)(float* x, size_t count);
  // Rotates the first `rotary` of head_dim floats of each of n_heads heads, in place: with c and s
  // of length rotary / 2, y = fma(x, c, partner * (-s)) for the first and fma(x, c, partner * s)
  // for the second of a pair. Pairs are (2i, 2i + 1), or (i, i + rotary / 2) when `halves`.
  void (*rope)(float* x, const float* c, const float* s, size_t n_heads, size_t head_dim,
               size_t rotary, bool halves);

  // out[r] = the exact integer dot product of codes [rows,K] row r with the query [K]. K is a
  // multiple of kCodeBlock, query numbers are at most max_query(K) in size: no sum leaves int32.
  // Rows lie without gaps; memory past the last one is not read, but may be asked for ahead.
  void (*dot_codes)(const int8_t* codes, size_t rows, size_t K, const int16_t* query, int32_t* out);

  Probes probes;
};

inline constexpr float kTinyBlock = 1e-30f;

// GELU: erfc(u) = exp(-u^2) t Q(t) with t = 1 / (1 + kErfcStep u), the form of Hastings (1955). Q
// is fitted to u in [0, 9.4], beyond which exp is 0: relative error 6e-8. Highest power first.
inline constexpr float kErfcStep = 0.4f;
inline constexpr float kErfc[] = {
    0.040054213f, -0.13441797f, 0.07162895f, 0.1023089f, 0.0696897f,
    0.19775535f,  0.2007508f,   0.22660562f, 0.22562449f};

// Code vectors: int8 codes against a query of up to 13 bits.
inline constexpr size_t kCodeBlock = 32, kMostCodes = 4096;
constexpr int max_query(size_t K) {
  const size_t most = 0x7fffffff / (127 * (K < kCodeBlock ? kCodeBlock : K));
  return most < 4095 ? static_cast<int>(most) : 4095;
}

// The scalar definitions: the portable ones, and, for tests to compare with, the native ones of AMX
// (bfloat16 tiles) and of AVX-512 (attention by bfloat16 dot products).
extern const Table kRefTable, kRefAmxTable, kRefBf16Table;

}  // namespace hob::kernels

// The kernel table of the native definitions for AMX: bfloat16 tiles. Sealed: compiled with its own
// flags, exports one symbol.

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/table.h"
#include "os/cpu_bits.h"
#include "quant/blocks.h"

namespace hob::amx_bf16 {
namespace {

using namespace hob::kernels;

// clang-format off
#include "kernels/simd/avx512.h"
// Each body uses the ones above it.
#include "kernels/body/formats.inl"
#include "kernels/body/gemm_int.inl"
#include "kernels/body/gemm_float.inl"
#include "kernels/body/rows.inl"
#include "kernels/body/codes.inl"
#include "kernels/body/attend.inl"
#include "kernels/body/probe.inl"
#include "kernels/body/bf16.inl"
#include "kernels/body/gemm_bf16.inl"
#include "kernels/body/attend_pairs.inl"
#include "kernels/body/attend_amx.inl"
#define HOB_GEMM_INT gemm_int
#define HOB_PROBES Probes{}
#include "kernels/body/table.inl"
// clang-format on

template <class Fmt>
constexpr GemmFn kOf = gemm_bf16<QuantTiles<Fmt>>;
template <class Fmt>
constexpr GemmFn kOfFloats = gemm_bf16<FloatTiles<Fmt>>;

constexpr Table native_table() {
  constexpr GemmFn kGemms[quant::kNumFormats] = {kOfFloats<WeightF32>,
                                                 kOfFloats<WeightF16>,
                                                 kOfFloats<WeightBF16>,
                                                 kOf<Q4_0>,
                                                 kOf<Q4_1>,
                                                 kOf<Q5_0>,
                                                 kOf<Q5_1>,
                                                 kOf<Q8_0>,
                                                 kOf<Q4_K>,
                                                 kOf<Q5_K>,
                                                 kOf<Q6_K>};
  Table table = make_table("amx", os::kAvx2 | os::kAvx512 | os::kAvx512Vnni | os::kAvx512Bf16 |
                                      os::kAmxInt8 | os::kAmxBf16);
  table.numerics = Numerics::kNative;
  constexpr AttendFn kAttends[kNumKvFormats] = {
      attend_pairs<TileProducts, KvF32>, attend_pairs<TileProducts, KvF16>,
      attend_pairs<TileProducts, KvPaired>, attend_pairs<TileProducts, KvQ8_0>};
  for (int i = 0; i < kNumKvFormats; ++i) table.attend[i] = kAttends[i];
  table.attend_merge = attend_merge<exp2_down>;
  table.kv_append[static_cast<int>(KvFormat::kBF16)] = KvPaired::append;
  table.round_bf16 = round_to_bf16;
  for (int i = 0; i < quant::kNumFormats; ++i) {
    table.gemm[i] = kGemms[i];
    table.act_form[i] = ActForm::kBF16;
  }
  return table;
}

}  // namespace

extern const Table kTable;
constinit const Table kTable = native_table();

}  // namespace hob::amx_bf16

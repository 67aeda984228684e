// The native kernel table for AVX-512 with bfloat16 dot products: attention by them, all else as
// the portable table does it, for bytes multiply twice as fast. Sealed: compiled with its own
// flags, exports one symbol.

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/table.h"
#include "os/cpu_bits.h"
#include "quant/blocks.h"

namespace hob::avx512_bf16 {
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
#include "kernels/body/attend_pairs.inl"
#include "kernels/body/attend_bf16.inl"
#define HOB_GEMM_INT gemm_int
#define HOB_PROBES Probes{}
#include "kernels/body/table.inl"
// clang-format on

constexpr Table native_table() {
  Table table = make_table("avx512", os::kAvx2 | os::kAvx512 | os::kAvx512Vnni | os::kAvx512Bf16);
  table.numerics = Numerics::kNative;
  constexpr AttendFn kAttends[kNumKvFormats] = {
      attend_pairs<DotProducts, KvF32>, attend_pairs<DotProducts, KvF16>,
      attend_pairs<DotProducts, KvPaired>, attend_pairs<DotProducts, KvQ8_0>};
  for (int i = 0; i < kNumKvFormats; ++i) table.attend[i] = kAttends[i];
  table.attend_merge = attend_merge<exp2_down>;
  table.kv_append[static_cast<int>(KvFormat::kBF16)] = KvPaired::append;
  return table;
}

}  // namespace

extern const Table kTable;
constinit const Table kTable = native_table();

}  // namespace hob::avx512_bf16

// The kernel table for AMX int8 tiles over AVX-512. Sealed: compiled with its own flags, exports
// one symbol.

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/table.h"
#include "os/cpu_bits.h"
#include "quant/blocks.h"

namespace hob::amx {
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
#include "kernels/body/probe_avx512.inl"
#include "kernels/body/gemm_amx.inl"
#include "kernels/body/probe_tiles.inl"
#define HOB_GEMM_INT gemm_amx
#define HOB_PROBES \
  Probes{probe_fp32<12>, probe_vnni, probe_bf16, probe_int8_tiles, probe_bf16_tiles, probe_read}
#include "kernels/body/table.inl"
// clang-format on

}  // namespace

extern const Table kTable;
constinit const Table kTable =
    make_table("amx", os::kAvx2 | os::kAvx512 | os::kAvx512Vnni | os::kAmxInt8);

}  // namespace hob::amx

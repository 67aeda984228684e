// The kernel table for AVX-512 with VNNI. Sealed: compiled with its own flags, exports one symbol.

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/table.h"
#include "os/cpu_bits.h"
#include "quant/blocks.h"

namespace hob::avx512 {
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
#define HOB_GEMM_INT gemm_int
#define HOB_PROBES Probes{probe_fp32<12>, probe_vnni, probe_bf16, nullptr, nullptr, probe_read}
#include "kernels/body/table.inl"
// clang-format on

}  // namespace

extern const Table kTable;
constinit const Table kTable = make_table("avx512", os::kAvx2 | os::kAvx512 | os::kAvx512Vnni);

}  // namespace hob::avx512

// The kernel table for AVX2 with FMA and F16C. Sealed: compiled with its own flags, exports one
// symbol.

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/table.h"
#include "os/cpu_bits.h"
#include "quant/blocks.h"

namespace hob::avx2 {
namespace {

using namespace hob::kernels;

// clang-format off
#include "kernels/simd/avx2.h"
// Each body uses the ones above it.
#include "kernels/body/formats.inl"
#include "kernels/body/gemm_int.inl"
#include "kernels/body/gemm_float.inl"
#include "kernels/body/rows.inl"
#include "kernels/body/codes.inl"
#include "kernels/body/attend.inl"
#include "kernels/body/probe.inl"
#define HOB_GEMM_INT gemm_int
#define HOB_PROBES Probes{probe_fp32<6>, probe_int8<6>, nullptr, nullptr, nullptr, probe_read}
#include "kernels/body/table.inl"
// clang-format on

}  // namespace

extern const Table kTable;
constinit const Table kTable = make_table("avx2", os::kAvx2);

}  // namespace hob::avx2

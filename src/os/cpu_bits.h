// The CPU features that kernel tables name. Plain constants, so that instruction-set files may
// include them.
#pragma once

#include <cstdint>

namespace hob::os {

enum CpuFeature : uint32_t {
  kAvx2 = 1u << 0,    // with FMA, F16C, BMI1 and BMI2
  kAvx512 = 1u << 1,  // F, BW, DQ, VL
  kAvx512Vnni = 1u << 2,
  kAvx512Bf16 = 1u << 3,
  kAmxInt8 = 1u << 4,  // and the kernel granted the tile state
  kAmxBf16 = 1u << 5,
};

}  // namespace hob::os

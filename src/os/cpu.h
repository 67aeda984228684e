// What this processor can do, and how many of it we may use.
#pragma once

#include <cstdint>
#include <string>

namespace hob::os {

// Bits of CpuFeatures; a kernel table names the ones it needs.
enum CpuFeature : uint32_t {
  kAvx2 = 1u << 0,        // with FMA and F16C
  kAvx512 = 1u << 1,      // F, BW, DQ, VL
  kAvx512Vnni = 1u << 2,
  kAvx512Bf16 = 1u << 3,
  kAmxInt8 = 1u << 4,     // and the kernel granted the tile state
  kAmxBf16 = 1u << 5,
};

// Detected once. Asks the Linux kernel for AMX tile permission on first use (it holds for the process).
uint32_t cpu_features();
std::string cpu_features_text(uint32_t features);  // "avx2 avx512 vnni"
std::string cpu_model();
// Cores this process may run on (affinity mask respected).
int usable_cores();

}  // namespace hob::os

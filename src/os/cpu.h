// What this processor can do, and how many of it we may use.
#pragma once

#include <cstdint>
#include <string>

#include "os/cpu_bits.h"

namespace hob::os {

// Detected once. Asks the Linux kernel for AMX tile permission on first use (it holds for the
// process).
uint32_t cpu_features();
std::string cpu_features_text(uint32_t features);  // "avx2 avx512 vnni"
std::string cpu_model();
// Cores this process may run on (affinity mask respected).
int usable_cores();

}  // namespace hob::os

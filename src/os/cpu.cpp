#include "os/cpu.h"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace hob::os {
namespace {

#if defined(__x86_64__)
bool tile_permission() {
  constexpr int kArchReqXcompPerm = 0x1023, kXfeatureTileData = 18;
  return ::syscall(SYS_arch_prctl, kArchReqXcompPerm, kXfeatureTileData) == 0;
}

uint64_t read_xcr0() {
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return static_cast<uint64_t>(high) << 32 | low;
}

uint32_t detect() {
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d)) return 0;
  const bool fma = c & bit_FMA, f16c = c & bit_F16C, osxsave = c & bit_OSXSAVE;
  if (!osxsave) return 0;
  const uint64_t xcr0 = read_xcr0();
  constexpr uint64_t kYmm = 0x6, kZmm = 0xe6, kTiles = 0x60000;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
  constexpr unsigned kAvx2Set = bit_AVX2 | bit_BMI | bit_BMI2;
  uint32_t features = 0;
  if (fma && f16c && (b & kAvx2Set) == kAvx2Set && (xcr0 & kYmm) == kYmm) features |= kAvx2;
  const unsigned avx512 = bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL;
  if ((features & kAvx2) && (b & avx512) == avx512 && (xcr0 & kZmm) == kZmm) {
    features |= kAvx512;
    if (c & bit_AVX512VNNI) features |= kAvx512Vnni;
  }
  constexpr unsigned kEdxAmxBf16 = 1u << 22, kEdxAmxTile = 1u << 24, kEdxAmxInt8 = 1u << 25;
  const bool tiles = (d & kEdxAmxTile) && (xcr0 & kTiles) == kTiles && tile_permission();
  if (tiles && (d & kEdxAmxInt8)) features |= kAmxInt8;
  if (tiles && (d & kEdxAmxBf16)) features |= kAmxBf16;
  constexpr unsigned kEaxAvx512Bf16 = 1u << 5;
  if (__get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & kEaxAvx512Bf16) && (features & kAvx512)) {
    features |= kAvx512Bf16;
  }
  return features;
}
#else
uint32_t detect() { return 0; }
#endif

}  // namespace

uint32_t cpu_features() {
  static const uint32_t features = detect();
  return features;
}

std::string cpu_features_text(uint32_t features) {
  constexpr struct {
    uint32_t bit;
    const char* name;
  } kNames[] = {{kAvx2, "avx2"},
                {kAvx512, "avx512"},
                {kAvx512Vnni, "avx512-vnni"},
                {kAvx512Bf16, "avx512-bf16"},
                {kAmxInt8, "amx-int8"},
                {kAmxBf16, "amx-bf16"}};
  std::string text;
  for (const auto& [bit, name] : kNames) {
    if (features & bit) text += (text.empty() ? "" : " ") + std::string(name);
  }
  return text.empty() ? "none" : text;
}

std::string cpu_model() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with("model name")) {
      const size_t colon = line.find(": ");
      if (colon != std::string::npos) return line.substr(colon + 2);
    }
  }
  return "unknown";
}

int usable_cores() {
  cpu_set_t set;
  if (::sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
  return static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN));
}

}  // namespace hob::os

// Counter-based random numbers: a pure function of (seed, stream, counter), so a draw does not
// depend on what was drawn before it, on which thread, or on the machine.
//
// Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC
// 2011).
#pragma once

#include <array>
#include <cstdint>

namespace hob {

// Four independent 32-bit words for the 128-bit counter under the 64-bit key.
constexpr std::array<uint32_t, 4> philox(std::array<uint32_t, 4> counter, uint64_t key) {
  constexpr uint64_t kMul0 = 0xD2511F53u, kMul1 = 0xCD9E8D57u;
  constexpr uint32_t kWeyl0 = 0x9E3779B9u, kWeyl1 = 0xBB67AE85u;
  constexpr int kRounds = 10;
  uint32_t key0 = static_cast<uint32_t>(key), key1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < kRounds; ++round) {
    const uint64_t product0 = kMul0 * counter[0], product1 = kMul1 * counter[2];
    counter = {
        static_cast<uint32_t>(product1 >> 32) ^ counter[1] ^ key0, static_cast<uint32_t>(product1),
        static_cast<uint32_t>(product0 >> 32) ^ counter[3] ^ key1, static_cast<uint32_t>(product0)};
    key0 += kWeyl0;
    key1 += kWeyl1;
  }
  return counter;
}

// What a draw is for; two purposes at the same (seed, position) never share numbers.
enum class RandomStream : uint32_t { kSample, kXtc, kInit, kDropout, kShuffle, kTest };

// Four words for draw `index` of `stream` at `position`.
constexpr std::array<uint32_t, 4> random_words(uint64_t seed, RandomStream stream,
                                               uint64_t position, uint32_t index = 0) {
  return philox({static_cast<uint32_t>(position), static_cast<uint32_t>(position >> 32), index,
                 static_cast<uint32_t>(stream)},
                seed);
}

// Uniform in [0, 1) with 53 bits.
constexpr double random_unit(uint64_t seed, RandomStream stream, uint64_t position,
                             uint32_t index = 0) {
  const auto words = random_words(seed, stream, position, index);
  const uint64_t bits = (static_cast<uint64_t>(words[0]) << 32 | words[1]) >> 11;
  return static_cast<double>(bits) * 0x1p-53;
}

}  // namespace hob

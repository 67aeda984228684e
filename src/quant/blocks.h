// The bytes of one block of each quantised format, as GGUF files hold them (ggml docs/gguf.md;
// ggml-common.h names the same fields). Plain structs without padding; nothing but <cstdint>, so
// that instruction-set files may include it.
//
// d and m are IEEE halves by their bits.
#pragma once

#include <cstdint>

namespace hob::quant {

// 32 weights, w = d * (q - 8). Byte j holds weight j in its low and weight j + 16 in its high four
// bits.
struct BlockQ4_0 {
  uint16_t d;
  uint8_t qs[16];
};

// 32 weights, w = d * q + m; nibbles as in Q4_0.
struct BlockQ4_1 {
  uint16_t d, m;
  uint8_t qs[16];
};

// 32 weights, w = d * (q - 16); nibbles as in Q4_0, bit j of qh (little endian) is the fifth bit of
// weight j.
struct BlockQ5_0 {
  uint16_t d;
  uint8_t qh[4];
  uint8_t qs[16];
};

// 32 weights, w = d * q + m; bits as in Q5_0.
struct BlockQ5_1 {
  uint16_t d, m;
  uint8_t qh[4];
  uint8_t qs[16];
};

// 32 weights, w = d * q.
struct BlockQ8_0 {
  uint16_t d;
  int8_t qs[32];
};

// 256 weights in 8 sub-blocks of 32: w = d * sc[j] * q - dmin * mn[j]. The 6-bit sc and mn are
// packed in `scales` (quant/kquants.cpp unpacks them). For each pair of sub-blocks (2i, 2i + 1),
// qs[32 i + l] holds weight l of the first in its low and of the second in its high four bits.
struct BlockQ4_K {
  uint16_t d, dmin;
  uint8_t scales[12];
  uint8_t qs[128];
};

// As Q4_K with a fifth bit: bit j of qh[l] belongs to weight l of sub-block j.
struct BlockQ5_K {
  uint16_t d, dmin;
  uint8_t scales[12];
  uint8_t qh[32];
  uint8_t qs[128];
};

// 256 weights in 16 sub-blocks of 16: w = d * scales[j] * (q - 32), q of 6 bits. Each half of 128
// weights has 64 bytes of ql and 32 of qh; weight l + 32 i (l < 32, i < 4) takes its low bits from
// ql[l + 32 (i % 2)], low nibble for i < 2, and its high two bits from bits 2 i and 2 i + 1 of
// qh[l].
struct BlockQ6_K {
  uint8_t ql[128];
  uint8_t qh[64];
  int8_t scales[16];
  uint16_t d;
};

static_assert(sizeof(BlockQ4_0) == 18 && sizeof(BlockQ4_1) == 20 && sizeof(BlockQ5_0) == 22);
static_assert(sizeof(BlockQ5_1) == 24 && sizeof(BlockQ8_0) == 34 && sizeof(BlockQ4_K) == 144);
static_assert(sizeof(BlockQ5_K) == 176 && sizeof(BlockQ6_K) == 210);

}  // namespace hob::quant

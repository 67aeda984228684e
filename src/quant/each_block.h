// The two loops every block format shares: rows of blocks to floats and back.
//
// Blocks are copied in and out, so a row may lie at any address; the compiler turns the copies into
// plain loads.
#pragma once

#include <cstddef>
#include <cstring>

#include "base/check.h"

namespace hob::quant {

// expand(block, out) writes the kLen floats of one block.
template <class Block, size_t kLen, class Expand>
void expand_blocks(const std::byte* blocks, size_t count, float* out, Expand expand) {
  HOB_CHECK(count % kLen == 0, "{} weights in blocks of {}", count, kLen);
  for (size_t first = 0; first < count; first += kLen, blocks += sizeof(Block)) {
    Block block;
    std::memcpy(&block, blocks, sizeof block);
    expand(block, out + first);
  }
}

// shrink(values, block) fills a zeroed block from kLen floats.
template <class Block, size_t kLen, class Shrink>
void shrink_blocks(const float* values, size_t count, std::byte* blocks, Shrink shrink) {
  HOB_CHECK(count % kLen == 0, "{} weights in blocks of {}", count, kLen);
  for (size_t first = 0; first < count; first += kLen, blocks += sizeof(Block)) {
    Block block{};
    shrink(values + first, block);
    std::memcpy(blocks, &block, sizeof block);
  }
}

}  // namespace hob::quant

#include "engine/token_mask.h"

#include <bit>

namespace hob::engine {

std::optional<std::vector<Token>> TokenMask::at_most(size_t most) const {
  std::vector<Token> tokens;
  for (size_t w = 0; w < words_.size(); ++w) {
    for (uint32_t left = words_[w]; left != 0; left &= left - 1) {
      if (tokens.size() == most) return std::nullopt;
      tokens.push_back(static_cast<Token>(32 * w) + std::countr_zero(left));
    }
  }
  return tokens;
}

}  // namespace hob::engine

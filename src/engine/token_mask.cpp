#include "engine/token_mask.h"

#include <bit>

namespace hob::engine {

std::optional<Token> TokenMask::only() const {
  std::optional<Token> found;
  for (size_t i = 0; i < words_.size(); ++i) {
    if (words_[i] == 0) continue;
    if (found || !std::has_single_bit(words_[i])) return std::nullopt;
    found = static_cast<Token>(32 * i) + std::countr_zero(words_[i]);
  }
  return found;
}

}  // namespace hob::engine

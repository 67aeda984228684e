// A set of tokens, one bit each: what a constraint allows next.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine/sampler.h"

namespace hob::engine {

class TokenMask {
 public:
  explicit TokenMask(size_t vocabulary) : words_((vocabulary + 31) / 32) {}
  bool allows(Token token) const {
    const auto t = static_cast<size_t>(token);
    return t / 32 < words_.size() && (words_[t / 32] >> (t % 32) & 1) != 0;
  }
  // The tokens that are allowed, ascending, where they are at most `most`.
  std::optional<std::vector<Token>> at_most(size_t most) const;
  // Token i is bit i % 32 of word i / 32.
  std::span<const uint32_t> words() const { return words_; }
  std::span<uint32_t> words() { return words_; }

 private:
  std::vector<uint32_t> words_;
};

}  // namespace hob::engine

// Finds the tokens that are matched by their literal spelling: leftmost, and of those that begin
// there the longest.
//
// A byte trie; its root is a table, so text in which none begins costs one look-up per byte.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/tokenizer.h"

namespace hob::text {

class SpecialTokens {
 public:
  // Of two tokens with the same spelling the first stays. An empty spelling is never found.
  void add(std::string_view spelling, Token token);

  struct Match {
    size_t begin, length;  // length 0: none, begin is the end of the text
    Token token;
  };
  // The first match at or after `from`.
  Match find(std::string_view text, size_t from = 0) const;
  // The longest match that begins exactly at `at`; length 0 when there is none.
  Match match_at(std::string_view text, size_t at) const;

  // The token with exactly this spelling, or -1.
  Token find_exact(std::string_view spelling) const;

  bool empty() const { return count_ == 0; }

 private:
  static constexpr uint32_t kNone = 0;  // the root is nobody's child
  uint32_t child(uint32_t node, uint8_t byte) const;

  std::array<uint32_t, 256> first_{};
  std::unordered_map<uint64_t, uint32_t> children_;  // node << 8 | byte
  std::vector<Token> ends_ = {-1};                   // per node, -1: no token ends here
  size_t count_ = 0;
};

}  // namespace hob::text

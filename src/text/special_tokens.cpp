// Nodes are numbered as they are made; node 0 is the root and its children stand in first_.
#include "text/special_tokens.h"

namespace hob::text {

uint32_t SpecialTokens::child(uint32_t node, uint8_t byte) const {
  if (node == 0) return first_[byte];
  const auto found = children_.find(uint64_t{node} << 8 | byte);
  return found == children_.end() ? kNone : found->second;
}

void SpecialTokens::add(std::string_view spelling, Token token) {
  if (spelling.empty()) return;
  uint32_t node = 0;
  for (const char c : spelling) {
    const auto byte = static_cast<uint8_t>(c);
    uint32_t next = child(node, byte);
    if (next == kNone) {
      next = static_cast<uint32_t>(ends_.size());
      ends_.push_back(-1);
      if (node == 0) {
        first_[byte] = next;
      } else {
        children_.emplace(uint64_t{node} << 8 | byte, next);
      }
    }
    node = next;
  }
  if (ends_[node] >= 0) return;
  ends_[node] = token;
  ++count_;
}

SpecialTokens::Match SpecialTokens::match_at(std::string_view text, size_t at) const {
  Match longest{at, 0, -1};
  uint32_t node = 0;
  for (size_t i = at; i < text.size(); ++i) {
    node = child(node, static_cast<uint8_t>(text[i]));
    if (node == kNone) break;
    if (ends_[node] >= 0) longest = {at, i + 1 - at, ends_[node]};
  }
  return longest;
}

Token SpecialTokens::find_exact(std::string_view spelling) const {
  const Match match = match_at(spelling, 0);
  return match.length == spelling.size() ? match.token : -1;
}

SpecialTokens::Match SpecialTokens::find(std::string_view text, size_t from) const {
  if (empty()) return {text.size(), 0, -1};
  for (size_t at = from; at < text.size(); ++at) {
    if (first_[static_cast<uint8_t>(text[at])] == kNone) continue;
    if (const Match match = match_at(text, at); match.length > 0) return match;
  }
  return {text.size(), 0, -1};
}

}  // namespace hob::text

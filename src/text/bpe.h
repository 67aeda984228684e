// Byte-pair encoding of one piece of text: start from single bytes, merge the pair of best rank (of
// equal ones the leftmost) until no pair has a rank. Sennrich et al. 2016; byte level as in GPT-2.
//
// Pieces up to kShortPiece bytes are merged in place with a scan for the best pair; longer ones
// with a heap over a linked list, n log n in the length, so a megabyte of one character is no
// special case. Bytes that have no token are left out, and their neighbours may then merge: what
// Hugging Face's tokenizers do.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/tokenizer.h"

namespace hob::text {

// All tokens' bytes, one after the other.
class TokenBytes {
 public:
  std::string_view operator[](size_t token) const {
    return {bytes_.data() + begins_[token], begins_[token + 1] - begins_[token]};
  }
  size_t size() const { return begins_.size() - 1; }
  void reserve(size_t tokens, size_t bytes);
  // The bytes of the next token are what was appended to this string since the last call of
  // finish_token().
  std::string& buffer() { return bytes_; }
  void finish_token() { begins_.push_back(bytes_.size()); }

 private:
  std::string bytes_;
  std::vector<size_t> begins_ = {0};
};

// Whether merges may make a token. kIfFree: where no kYes token has its bytes.
enum class Mergeable : uint8_t { kNo, kYes, kIfFree };

class Bpe {
 public:
  // `bytes` must outlive the object; `spellings` are the same tokens as the vocabulary spells them.
  // Two kYes tokens with the same bytes are an error. `merges` are "left right" in byte-level
  // spelling, best first.
  static Result<Bpe> create(const TokenBytes& bytes, std::span<const std::string_view> spellings,
                            std::span<const Mergeable> mergeable,
                            std::span<const std::string_view> merges, bool whole_pieces);

  // Appends the tokens of one piece.
  void encode(std::string_view piece, std::vector<Token>& out) const;

  // -1 when no token has exactly these bytes.
  Token find(std::string_view bytes) const;

 private:
  struct Slot {
    uint32_t hash;
    Token token;  // -1: free
  };
  struct Merge {
    uint64_t pair;  // left << 32 | right
    uint32_t rank;  // kNoRank: free
    Token merged;
  };
  static constexpr uint32_t kNoRank = UINT32_MAX;

  Bpe(const TokenBytes& bytes, bool whole_pieces) : bytes_(&bytes), whole_pieces_(whole_pieces) {}
  Result<> index_tokens(std::span<const Mergeable> mergeable);
  Result<> index_merges(std::span<const std::string_view> spellings,
                        std::span<const Mergeable> mergeable,
                        std::span<const std::string_view> merges);
  size_t slot_of(std::string_view bytes, uint32_t hash) const;
  size_t merge_slot_of(uint64_t pair) const;
  const Merge& merge_of(Token left, Token right) const;
  void merge_piece(std::string_view piece, std::vector<Token>& out) const;
  void merge_short(std::span<Token> symbols, std::vector<Token>& out) const;
  void merge_long(std::span<const Token> symbols, std::vector<Token>& out) const;

  const TokenBytes* bytes_;
  bool whole_pieces_;
  size_t longest_ = 0;
  std::array<Token, 256> byte_tokens_{};
  std::vector<Slot> slots_;    // open addressing, a power of two
  std::vector<Merge> merges_;  // the same
  // Whether a token's bytes encode to that token alone. Found out when first needed; racing threads
  // find the same.
  enum Alone : uint8_t { kUnknown, kYes, kNo };
  std::unique_ptr<std::atomic<uint8_t>[]> alone_;
};

}  // namespace hob::text

// Two hash tables are all the state: token by bytes, and (rank, merged token) by pair of tokens.
//
// Most pieces of running text are one token, so encode() first looks the whole piece up and remembers per token whether
// merging really arrives at it; the shortcut can never change a result.
#include "text/bpe.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <queue>

#include "base/check.h"
#include "text/byte_level.h"

namespace hob::text {
namespace {

constexpr size_t kShortPiece = 48;
// A piece is cut at this length; positions then fit 32 bits.
constexpr size_t kLongestPiece = size_t{1} << 30;

uint64_t mix(uint64_t a, uint64_t b) {
  const auto product = static_cast<unsigned __int128>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

uint64_t load(const char* p, size_t n) {
  uint64_t word = 0;
  std::memcpy(&word, p, n);
  return word;
}

// Multiply and fold, as wyhash does; not for adversarial keys.
uint32_t hash_bytes(std::string_view bytes) {
  constexpr uint64_t kSecret0 = 0xa0761d6478bd642fu, kSecret1 = 0xe7037ed1a0b428dbu;
  const char* p = bytes.data();
  const size_t n = bytes.size();
  uint64_t state = n * kSecret0;
  size_t rest = n;
  for (; rest > 16; rest -= 16, p += 16) state = mix(load(p, 8) ^ kSecret0, load(p + 8, 8) ^ state);
  uint64_t low = 0, high = 0;
  if (rest >= 8) {
    low = load(p, 8), high = load(p + rest - 8, 8);
  } else if (rest >= 4) {
    low = load(p, 4), high = load(p + rest - 4, 4);
  } else if (rest > 0) {
    low = static_cast<uint8_t>(p[0]) << 16 | static_cast<uint8_t>(p[rest / 2]) << 8 | static_cast<uint8_t>(p[rest - 1]);
  }
  return static_cast<uint32_t>(mix(low ^ kSecret1, high ^ state ^ kSecret0));
}

uint64_t pair_of(Token left, Token right) {
  return uint64_t{static_cast<uint32_t>(left)} << 32 | static_cast<uint32_t>(right);
}

size_t hash_pair(uint64_t pair) { return static_cast<size_t>(mix(pair, 0x9e3779b97f4a7c15u)); }

// At most half full.
size_t table_size(size_t entries) { return std::bit_ceil(std::max<size_t>(entries, 8) * 2); }

}  // namespace

void TokenBytes::reserve(size_t tokens, size_t bytes) {
  begins_.reserve(tokens + 1);
  bytes_.reserve(bytes);
}

Result<Bpe> Bpe::create(const TokenBytes& bytes, std::span<const Mergeable> mergeable,
                        std::span<const std::string_view> merges, bool whole_pieces) {
  Bpe bpe(bytes, whole_pieces);
  HOB_TRY_VOID(bpe.index_tokens(mergeable));
  HOB_TRY_VOID(bpe.index_merges(mergeable, merges));
  return bpe;
}

Bpe::Slot& Bpe::slot_of(std::string_view bytes, uint32_t hash) {
  size_t i = hash & (slots_.size() - 1);
  while (slots_[i].token >= 0 && (slots_[i].hash != hash || (*bytes_)[slots_[i].token] != bytes)) {
    i = (i + 1) & (slots_.size() - 1);
  }
  return slots_[i];
}

Token Bpe::find(std::string_view bytes) const {
  if (bytes.size() > longest_) return -1;
  return const_cast<Bpe*>(this)->slot_of(bytes, hash_bytes(bytes)).token;
}

Result<> Bpe::index_tokens(std::span<const Mergeable> mergeable) {
  const TokenBytes& bytes = *bytes_;
  slots_.assign(table_size(bytes.size()), {0, -1});
  for (const Mergeable pass : {Mergeable::kYes, Mergeable::kIfFree}) {
    for (size_t i = 0; i < bytes.size(); ++i) {
      if (mergeable[i] != pass || bytes[i].empty()) continue;
      const uint32_t hash = hash_bytes(bytes[i]);
      Slot& slot = slot_of(bytes[i], hash);
      if (slot.token < 0) {
        slot = {hash, static_cast<Token>(i)};
        longest_ = std::max(longest_, bytes[i].size());
      } else if (pass == Mergeable::kYes) {
        return fail(ErrorKind::kCorrupt, "tokens {} and {} are the same", slot.token, i);
      }
    }
  }
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    byte_tokens_[byte] = find({&c, 1});
  }
  alone_ = std::make_unique<std::atomic<uint8_t>[]>(bytes.size());
  return {};
}

Result<> Bpe::index_merges(std::span<const Mergeable> mergeable, std::span<const std::string_view> merges) {
  merges_.assign(table_size(merges.size()), {0, kNoRank, -1});
  std::string scratch;
  Token expected = -1;  // vocabularies mostly list tokens in the order of the merges that make them
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    const std::string_view merge = merges[rank];
    const size_t space = merge.find(' ');
    scratch.clear();
    bool spelled = space != std::string_view::npos && append_spelled_bytes(scratch, merge.substr(0, space));
    const size_t left_size = scratch.size();
    spelled = spelled && append_spelled_bytes(scratch, merge.substr(space + 1));
    const std::string_view whole = scratch;
    if (!spelled || left_size == 0 || left_size == whole.size()) {
      return fail(ErrorKind::kCorrupt, "merge {} is not two byte-level spellings and a space", rank);
    }
    const Token left = find(whole.substr(0, left_size)), right = find(whole.substr(left_size));
    const bool as_expected = expected >= 0 && static_cast<size_t>(expected) < bytes_->size() &&
                             mergeable[expected] == Mergeable::kYes && (*bytes_)[expected] == whole;
    const Token merged = as_expected ? expected : find(whole);
    if (left < 0 || right < 0 || merged < 0) {
      return fail(ErrorKind::kCorrupt, "merge {} ('{}') needs a token that the vocabulary lacks", rank, merge);
    }
    expected = merged + 1;
    const uint64_t pair = pair_of(left, right);
    size_t i = hash_pair(pair) & (merges_.size() - 1);
    while (merges_[i].rank != kNoRank && merges_[i].pair != pair) i = (i + 1) & (merges_.size() - 1);
    if (merges_[i].rank == kNoRank) merges_[i] = {pair, static_cast<uint32_t>(rank), merged};
  }
  return {};
}

const Bpe::Merge& Bpe::merge_of(Token left, Token right) const {
  const uint64_t pair = pair_of(left, right);
  size_t i = hash_pair(pair) & (merges_.size() - 1);
  while (merges_[i].rank != kNoRank && merges_[i].pair != pair) i = (i + 1) & (merges_.size() - 1);
  return merges_[i];
}

void Bpe::encode(std::string_view piece, std::vector<Token>& out) const {
  for (; piece.size() > kLongestPiece; piece.remove_prefix(kLongestPiece)) {
    merge_piece(piece.substr(0, kLongestPiece), out);
  }
  const Token whole = find(piece);
  if (whole < 0) return merge_piece(piece, out);
  std::atomic<uint8_t>& alone = alone_[whole];
  if (whole_pieces_ || alone.load(std::memory_order_relaxed) == kYes) {
    out.push_back(whole);
    return;
  }
  const size_t before = out.size();
  merge_piece(piece, out);
  const bool is_alone = out.size() == before + 1 && out.back() == whole;
  alone.store(is_alone ? kYes : kNo, std::memory_order_relaxed);
}

void Bpe::merge_piece(std::string_view piece, std::vector<Token>& out) const {
  std::array<Token, kShortPiece> few;
  std::vector<Token> many;
  std::span<Token> symbols = few;
  if (piece.size() > kShortPiece) {
    many.resize(piece.size());
    symbols = many;
  }
  size_t count = 0;
  for (const char c : piece) {
    const Token token = byte_tokens_[static_cast<uint8_t>(c)];
    if (token >= 0) symbols[count++] = token;
  }
  symbols = symbols.first(count);
  if (count <= 1) {
    out.insert(out.end(), symbols.begin(), symbols.end());
  } else if (count <= kShortPiece) {
    merge_short(symbols, out);
  } else {
    merge_long(symbols, out);
  }
}

// merges[i] is the merge of symbols i and i + 1; both arrays close up as symbols merge.
void Bpe::merge_short(std::span<Token> symbols, std::vector<Token>& out) const {
  struct Candidate {
    uint32_t rank;
    Token merged;
  };
  std::array<Candidate, kShortPiece> merges;
  const auto candidate = [&](size_t i) {
    const Merge& merge = merge_of(symbols[i], symbols[i + 1]);
    return Candidate{merge.rank, merge.merged};
  };
  size_t count = symbols.size();
  for (size_t i = 0; i + 1 < count; ++i) merges[i] = candidate(i);
  while (count > 1) {
    size_t best = 0;
    for (size_t i = 1; i + 1 < count; ++i) {
      if (merges[i].rank < merges[best].rank) best = i;
    }
    if (merges[best].rank == kNoRank) break;
    symbols[best] = merges[best].merged;
    std::copy(symbols.begin() + best + 2, symbols.begin() + count, symbols.begin() + best + 1);
    std::copy(merges.begin() + best + 1, merges.begin() + count - 1, merges.begin() + best);
    --count;
    if (best + 1 < count) merges[best] = candidate(best);
    if (best > 0) merges[best - 1] = candidate(best - 1);
  }
  out.insert(out.end(), symbols.begin(), symbols.begin() + count);
}

void Bpe::merge_long(std::span<const Token> symbols, std::vector<Token>& out) const {
  constexpr uint32_t kEnd = UINT32_MAX;
  struct Node {
    Token token;
    uint32_t previous, next;
    uint32_t rank;  // of the merge with the next node; kNoRank when there is none or the node is gone
    Token merged;
  };
  std::vector<Node> nodes(symbols.size());
  // rank << 32 | node: the smallest is the best, and of equal ranks the leftmost. An entry is stale when its node's rank
  // has changed since.
  std::priority_queue<uint64_t, std::vector<uint64_t>, std::greater<>> heap;
  const auto refresh = [&](uint32_t i) {
    Node& node = nodes[i];
    node.rank = kNoRank;
    if (node.next == kEnd) return;
    const Merge& merge = merge_of(node.token, nodes[node.next].token);
    node.rank = merge.rank;
    node.merged = merge.merged;
    if (merge.rank != kNoRank) heap.push(uint64_t{merge.rank} << 32 | i);
  };
  const auto count = static_cast<uint32_t>(symbols.size());
  for (uint32_t i = 0; i < count; ++i) {
    nodes[i] = {symbols[i], i == 0 ? kEnd : i - 1, i + 1 == count ? kEnd : i + 1, kNoRank, -1};
  }
  for (uint32_t i = 0; i < count; ++i) refresh(i);
  while (!heap.empty()) {
    const auto rank = static_cast<uint32_t>(heap.top() >> 32), i = static_cast<uint32_t>(heap.top());
    heap.pop();
    Node& node = nodes[i];
    if (node.rank != rank) continue;
    Node& absorbed = nodes[node.next];
    node.token = node.merged;
    node.next = absorbed.next;
    absorbed.rank = kNoRank;
    if (node.next != kEnd) nodes[node.next].previous = i;
    refresh(i);
    if (node.previous != kEnd) refresh(node.previous);
  }
  for (uint32_t i = 0; i != kEnd; i = nodes[i].next) out.push_back(nodes[i].token);
}

}  // namespace hob::text

// Two hash tables are all the state: token by bytes, and (rank, merged token) by pair of tokens.
//
// Most pieces of running text are one token, so encode() first looks the whole piece up and
// remembers per token whether merging really arrives at it; the shortcut can never change a result.
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
// Look-ups that are on their way at once while the tables are built.
constexpr size_t kAhead = 16;
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
    low = static_cast<uint8_t>(p[0]) << 16 | static_cast<uint8_t>(p[rest / 2]) << 8 |
          static_cast<uint8_t>(p[rest - 1]);
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

Result<Bpe> Bpe::create(const TokenBytes& bytes, std::span<const std::string_view> spellings,
                        std::span<const Mergeable> mergeable,
                        std::span<const std::string_view> merges, bool whole_pieces) {
  Bpe bpe(bytes, whole_pieces);
  HOB_TRY_VOID(bpe.index_tokens(mergeable));
  HOB_TRY_VOID(bpe.index_merges(spellings, mergeable, merges));
  return bpe;
}

// The slot that holds the token with these bytes, or the free one where it belongs.
size_t Bpe::slot_of(std::string_view bytes, uint32_t hash) const {
  size_t i = hash & (slots_.size() - 1);
  while (slots_[i].token >= 0 &&
         (slots_[i].hash != hash || (*bytes_)[static_cast<size_t>(slots_[i].token)] != bytes)) {
    i = (i + 1) & (slots_.size() - 1);
  }
  return i;
}

Token Bpe::find(std::string_view bytes) const {
  return bytes.size() > longest_ ? -1 : slots_[slot_of(bytes, hash_bytes(bytes))].token;
}

Result<> Bpe::index_tokens(std::span<const Mergeable> mergeable) {
  const TokenBytes& bytes = *bytes_;
  slots_.assign(table_size(bytes.size()), {0, -1});
  std::vector<uint32_t> hashes(bytes.size());
  for (size_t i = 0; i < bytes.size(); ++i) hashes[i] = hash_bytes(bytes[i]);
  for (const Mergeable pass : {Mergeable::kYes, Mergeable::kIfFree}) {
    for (size_t i = 0; i < bytes.size(); ++i) {
      if (i + kAhead < bytes.size())
        __builtin_prefetch(&slots_[hashes[i + kAhead] & (slots_.size() - 1)], 1);
      if (mergeable[i] != pass || bytes[i].empty()) continue;
      Slot& slot = slots_[slot_of(bytes[i], hashes[i])];
      if (slot.token < 0) {
        slot = {hashes[i], static_cast<Token>(i)};
        longest_ = std::max(longest_, bytes[i].size());
      } else if (pass == Mergeable::kYes) {
        return fail(ErrorKind::kCorrupt, "tokens {} and {} are the same", slot.token, i);
      }
    }
    if (std::find(mergeable.begin(), mergeable.end(), Mergeable::kIfFree) == mergeable.end()) break;
  }
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    byte_tokens_[byte] = find({&c, 1});
  }
  alone_ = std::make_unique<std::atomic<uint8_t>[]>(bytes.size());
  return {};
}

namespace {

// A merge as bytes: those of the merged token, and how many of them are the left part's.
struct Parts {
  std::string_view whole;
  size_t left;
};

// Characters, which are bytes in the byte-level alphabet.
size_t characters(std::string_view spelling) {
  size_t count = 0;
  for (const char c : spelling) count += (static_cast<uint8_t>(c) & 0xc0) != 0x80;
  return count;
}

// Whether `merge` without its space is `spelling`.
bool joins_to(std::string_view merge, size_t space, std::string_view spelling) {
  return spelling.size() + 1 == merge.size() &&
         spelling.substr(0, space) == merge.substr(0, space) &&
         spelling.substr(space) == merge.substr(space + 1);
}

// False when the merge is not two byte-level spellings and a space. `scratch` keeps the bytes.
bool spell_parts(std::string_view merge, size_t space, std::string& scratch, Parts& parts) {
  scratch.clear();
  if (!append_spelled_bytes(scratch, merge.substr(0, space))) return false;
  parts.left = scratch.size();
  if (!append_spelled_bytes(scratch, merge.substr(space + 1))) return false;
  parts.whole = scratch;
  return true;
}

}  // namespace

// In batches, so that the memory a look-up needs is on its way before it is needed: first every
// merge of a batch is cut and hashed, then its parts are looked up, then the pairs are stored.
Result<> Bpe::index_merges(std::span<const std::string_view> spellings,
                           std::span<const Mergeable> mergeable,
                           std::span<const std::string_view> merges) {
  struct Pending {
    Parts parts;
    uint32_t left_hash, right_hash;
    Token merged;
    uint64_t pair;
    std::string scratch;
  };
  std::array<Pending, kAhead> batch;
  merges_.assign(table_size(merges.size()), {0, kNoRank, -1});
  size_t expected =
      spellings
          .size();  // vocabularies mostly list tokens in the order of the merges that make them
  for (size_t first = 0; first < merges.size(); first += kAhead) {
    const size_t count = std::min(kAhead, merges.size() - first);
    for (size_t i = 0; i < count; ++i) {
      Pending& pending = batch[i];
      Parts& parts = pending.parts;
      const std::string_view merge = merges[first + i];
      const size_t space = merge.find(' ');
      bool spelled = space != std::string_view::npos;
      if (spelled && expected < spellings.size() && mergeable[expected] == Mergeable::kYes &&
          joins_to(merge, space, spellings[expected])) {
        pending.merged = static_cast<Token>(expected);
        parts = {(*bytes_)[expected], characters(merge.substr(0, space))};
      } else {
        spelled = spelled && spell_parts(merge, space, pending.scratch, parts);
        pending.merged = spelled ? find(parts.whole) : -1;
      }
      if (!spelled || parts.left == 0 || parts.left == parts.whole.size()) {
        return fail(ErrorKind::kCorrupt, "merge {} is not two byte-level spellings and a space",
                    first + i);
      }
      expected = static_cast<size_t>(pending.merged) + 1;
      pending.left_hash = hash_bytes(parts.whole.substr(0, parts.left));
      pending.right_hash = hash_bytes(parts.whole.substr(parts.left));
      __builtin_prefetch(&slots_[pending.left_hash & (slots_.size() - 1)]);
      __builtin_prefetch(&slots_[pending.right_hash & (slots_.size() - 1)]);
    }
    for (size_t i = 0; i < count; ++i) {
      Pending& pending = batch[i];
      const auto [whole, left_size] = pending.parts;
      const Token left = slots_[slot_of(whole.substr(0, left_size), pending.left_hash)].token;
      const Token right = slots_[slot_of(whole.substr(left_size), pending.right_hash)].token;
      if (left < 0 || right < 0 || pending.merged < 0) {
        return fail(ErrorKind::kCorrupt, "merge {} ('{}') needs a token that the vocabulary lacks",
                    first + i, merges[first + i]);
      }
      pending.pair = pair_of(left, right);
      __builtin_prefetch(&merges_[hash_pair(pending.pair) & (merges_.size() - 1)], 1);
    }
    for (size_t i = 0; i < count; ++i) {
      Merge& merge = merges_[merge_slot_of(batch[i].pair)];
      if (merge.rank == kNoRank)
        merge = {batch[i].pair, static_cast<uint32_t>(first + i), batch[i].merged};
    }
  }
  return {};
}

// The slot that holds this pair, or the free one where it belongs.
size_t Bpe::merge_slot_of(uint64_t pair) const {
  size_t i = hash_pair(pair) & (merges_.size() - 1);
  while (merges_[i].rank != kNoRank && merges_[i].pair != pair) i = (i + 1) & (merges_.size() - 1);
  return i;
}

const Bpe::Merge& Bpe::merge_of(Token left, Token right) const {
  return merges_[merge_slot_of(pair_of(left, right))];
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
    uint32_t
        rank;  // of the merge with the next node; kNoRank when there is none or the node is gone
    Token merged;
  };
  std::vector<Node> nodes(symbols.size());
  // rank << 32 | node: the smallest is the best, and of equal ranks the leftmost. An entry is stale
  // when its node's rank has changed since.
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
    const auto rank = static_cast<uint32_t>(heap.top() >> 32),
               i = static_cast<uint32_t>(heap.top());
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

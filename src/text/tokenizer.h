// Text to token ids and back. Byte-level BPE as GPT-2 and its descendants use it.
//
// Text from a person, a file or a tool is encoded with encode(): it never becomes a control token,
// whatever it spells. Only a chat template's own literals become control tokens, through
// encode_rendered().
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hob::text {

using Token = int32_t;

// As in GGUF's tokenizer.ggml.token_type.
enum class TokenKind : uint8_t {
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,
  kUserDefined = 4,
  kUnused = 5,
  kByte = 6
};

// A vocabulary as a file states it, before it is checked. The strings that `tokens` and `merges`
// view must live until Tokenizer::create returns.
struct Vocabulary {
  std::string source;  // what error messages call it: the file
  std::string model;   // "gpt2" is byte-level BPE; others are refused by name
  std::string pre;     // pre-tokenizer: "gpt-2", "smollm", "llama-bpe", "qwen2", ...
  std::vector<std::string_view>
      tokens;  // byte-level spelling for kNormal, literal spelling for the other kinds
  std::vector<TokenKind> kinds;          // same length, or empty: all normal
  std::vector<std::string_view> merges;  // "left right", best first
  Token bos = -1, eos = -1, eot = -1, unknown = -1, padding = -1;  // -1: none
  bool add_bos = false, add_eos = false;
  std::string chat_template;  // empty: none
};

class Tokenizer {
 public:
  // Checks everything (duplicate tokens, merges of unknown parts, ids out of range); the error
  // names what is wrong.
  static Result<Tokenizer> create(Vocabulary vocabulary);

  // Plain text, any bytes. No BOS, no control tokens. decode() gives the same bytes back, invalid
  // UTF-8 included, but for those in missing_bytes(), which are left out.
  std::vector<Token> encode(std::string_view text) const;
  // What a chat template rendered (text/chat_template.h): literals become control tokens, guarded
  // content does not.
  std::vector<Token> encode_rendered(std::string_view rendered) const;

  // The bytes that a token adds to the text; empty for control tokens.
  std::string_view bytes(Token token) const;
  // The name of a control token ("<|im_end|>"), or the bytes of any other.
  std::string_view spelling(Token token) const;
  std::string decode(std::span<const Token> tokens) const;  // control tokens give nothing
  // The token of this kind of spelling ("<|im_end|>"), or -1. Normal tokens are not looked up.
  Token find_special(std::string_view spelling) const;

  size_t size() const;
  // Control and unknown tokens: they are never text.
  bool is_control(Token token) const;
  bool ends_reply(
      Token token) const;  // eos, eot and the other end-of-turn tokens the vocabulary names
  std::vector<Token> end_tokens() const;  // all of those, ascending
  std::vector<std::string_view> control_spellings() const;
  // Bytes that no token stands for: some vocabularies lack those that are never in UTF-8 or were
  // rare in training.
  std::vector<uint8_t> missing_bytes() const;
  // As given to create(), but with `tokens` and `merges` empty.
  const Vocabulary& vocabulary() const;

 private:
  struct Impl;
  std::shared_ptr<const Impl> impl_;
};

}  // namespace hob::text

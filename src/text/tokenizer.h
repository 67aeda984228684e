// Text to token ids and back. Byte-level BPE as GPT-2 and its descendants use it.
//
// Text from a person, a file or a tool is encoded with encode(): it never becomes a control token, whatever it spells.
// Only a chat template's own literals become control tokens, through encode_rendered().
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
enum class TokenKind : uint8_t { kNormal = 1, kUnknown = 2, kControl = 3, kUserDefined = 4, kUnused = 5, kByte = 6 };

// A vocabulary as a file states it, before it is checked.
struct Vocabulary {
  std::string model;                 // "gpt2" is byte-level BPE; others are refused by name
  std::string pre;                   // pre-tokenizer: "gpt-2", "smollm", "llama-bpe", "qwen2", ...
  std::vector<std::string> tokens;   // byte-level spelling for kNormal, literal spelling for the other kinds
  std::vector<TokenKind> kinds;      // same length, or empty: all normal
  std::vector<std::string> merges;   // "left right", best first
  Token bos = -1, eos = -1, eot = -1, unknown = -1, padding = -1;  // -1: none
  bool add_bos = false, add_eos = false;
  std::string chat_template;         // empty: none
};

class Tokenizer {
 public:
  // Checks everything (duplicate tokens, merges of unknown parts, ids out of range); the error names what is wrong.
  static Result<Tokenizer> create(Vocabulary vocabulary);

  // Plain text, any bytes (invalid UTF-8 survives the round trip). No BOS, no control tokens.
  std::vector<Token> encode(std::string_view text) const;
  // What a chat template rendered (text/chat_template.h): literals become control tokens, guarded content does not.
  std::vector<Token> encode_rendered(std::string_view rendered) const;

  // The bytes that a token adds to the text; empty for control tokens.
  std::string_view bytes(Token token) const;
  // The name of a control token ("<|im_end|>"), or the bytes of any other.
  std::string_view spelling(Token token) const;
  std::string decode(std::span<const Token> tokens) const;  // control tokens give nothing

  size_t size() const;
  bool is_control(Token token) const;
  bool ends_reply(Token token) const;  // eos, eot and the other end-of-turn tokens the vocabulary names
  const Vocabulary& vocabulary() const;

 private:
  struct Impl;
  std::shared_ptr<const Impl> impl_;
};

}  // namespace hob::text

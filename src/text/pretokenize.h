// Pre-tokenizers: how a vocabulary's text is cut into pieces before BPE merges inside each piece.
//
// One table row each (pretokenize.cpp): the regular expressions of the model's own tokenizer.json,
// run by PCRE2 one after the other; matches and the gaps between them are the pieces of a stage
// ("isolated" in Hugging Face's words). Character classes are those of Unicode 16, as in Hugging
// Face's tokenizers. Bytes that are not UTF-8 count as control characters, each by itself; every
// byte of the text is in exactly one piece. Does not cover: normalizers (Qwen's tokenizer.json asks
// for NFC). A GGUF does not record them, llama.cpp does not apply them, and the bytes of the text
// are worth keeping.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace hob::text {

struct PreTokenizerRow {
  std::string_view names;  // as GGUF's tokenizer.ggml.pre spells them, separated by spaces
  std::span<const char* const> stages;
  bool whole_pieces = false;  // a piece that is a token is not merged ("ignore_merges")
  bool add_bos = false;       // where the file does not say
};

std::span<const PreTokenizerRow> pretokenizer_table();
// Null when no row has this name.
const PreTokenizerRow* find_pretokenizer(std::string_view name);

// Thread-safe after construction.
class PreTokenizer {
 public:
  explicit PreTokenizer(const PreTokenizerRow& row);
  ~PreTokenizer();
  PreTokenizer(PreTokenizer&&) noexcept;

  // The pieces of `text`, in order, none empty; together they are the text.
  std::vector<std::string_view> split(std::string_view text) const;

 private:
  class Regex;
  std::vector<Regex> stages_;
};

}  // namespace hob::text

// WordPiece, BERT's tokenizer (Devlin et al. 2018): text to words, words to the longest pieces that
// the vocabulary has, from the left.
//
// The same ids as Hugging Face's tokenizers with the BertNormalizer, the BertPreTokenizer and the
// WordPiece model: control characters vanish, white space separates, Chinese characters and
// punctuation marks are words of their own; accents are stripped (NFD without nonspacing marks) and
// capitals lowered where the vocabulary is an uncased one. Bytes that are not UTF-8 vanish as
// U+FFFD does there. One difference: "[SEP]" and its like in a text are text, never control tokens.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"

namespace hob::text {

// What of a tokenizer's settings matters for text.
struct WordPieceRules {
  bool lowercase = true;
  bool strip_accents = true;
  bool space_chinese = true;
  bool clean = true;  // control characters away, white space to spaces
  size_t most_chars = 100;  // of a word; a longer one is unknown
  std::string prefix = "##";
  std::string unknown = "[UNK]", begin = "[CLS]", end = "[SEP]";
};

class WordPiece {
 public:
  // vocab.txt: one piece a line, the first is token 0. Errors call the text `name`.
  static Result<WordPiece> from_vocabulary(std::string text, const WordPieceRules& rules,
                                           const std::string& name);
  // tokenizer.json, whose parts must be BERT's: another one, or one too few, makes other ids.
  static Result<WordPiece> from_json(std::string_view text, const std::string& name);

  size_t size() const { return size_; }
  const WordPieceRules& rules() const { return rules_; }

  struct Encoded {
    std::vector<int32_t> ids;  // [CLS] pieces [SEP]
    bool cut = false;          // the text went on
  };
  // At most `most` tokens in all (>= 2): of a longer text the beginning. Reads no further than
  // that.
  Encoded encode(std::string_view text, size_t most) const;

 private:
  // Pieces view the text they were read from.
  using Pieces = std::unordered_map<std::string_view, int32_t>;
  Result<> index(std::vector<std::string_view> pieces, const std::string& name);
  void append_word(std::string_view word, size_t chars, std::vector<int32_t>& ids) const;

  std::unique_ptr<const std::string> text_;
  WordPieceRules rules_;
  Pieces first_, later_;  // at a word's beginning; and behind it, without the prefix
  size_t size_ = 0, longest_ = 0;
  int32_t unknown_ = 0, begin_ = 0, end_ = 0;
};

}  // namespace hob::text

// Key by key. A file that lacks tokenizer.ggml.token_type has normal tokens only; one that does not
// say whether a conversation begins with BOS means what its pre-tokenizer's family does.
#include "models/vocabulary.h"

#include "text/pretokenize.h"

namespace hob::models {
namespace {

using text::Token;
using text::TokenKind;

// -1 when the file does not name the token.
Result<Token> token_id(const gguf::File& file, std::string_view key, size_t tokens) {
  if (file.find(key) == nullptr) return Token{-1};
  HOB_TRY(const uint64_t id, file.integer(key));
  if (id >= tokens) {
    return fail(ErrorKind::kCorrupt, "{}: {} is {}, but there are {} tokens", file.path(), key, id,
                tokens);
  }
  return static_cast<Token>(id);
}

Result<std::vector<std::string_view>> strings(const gguf::File& file, std::string_view key) {
  HOB_TRY(const gguf::Array* array, file.strings(key));
  if (array == nullptr) return fail(ErrorKind::kCorrupt, "{}: {} is missing", file.path(), key);
  return array->strings;
}

Result<std::vector<TokenKind>> kinds(const gguf::File& file, std::string_view key) {
  HOB_TRY(const gguf::Array* array, file.integers(key));
  std::vector<TokenKind> kinds;
  if (array == nullptr) return kinds;
  kinds.reserve(array->count);
  for (size_t i = 0; i < array->count; ++i) {
    constexpr int64_t kUndefined = 0, kLast = static_cast<int64_t>(TokenKind::kByte);
    const int64_t kind = array->integer(i);
    if (kind < kUndefined || kind > kLast) {
      return fail(ErrorKind::kCorrupt, "{}: {}[{}] is {}, not a token type", file.path(), key, i,
                  kind);
    }
    kinds.push_back(kind == kUndefined ? TokenKind::kNormal : static_cast<TokenKind>(kind));
  }
  return kinds;
}

}  // namespace

Result<text::Vocabulary> read_vocabulary(const gguf::File& file) {
  text::Vocabulary v;
  v.source = file.path();
  HOB_TRY(v.model, file.text("tokenizer.ggml.model"));
  HOB_TRY(v.pre, file.text_or("tokenizer.ggml.pre", "default"));
  HOB_TRY(v.tokens, strings(file, "tokenizer.ggml.tokens"));
  HOB_TRY(v.kinds, kinds(file, "tokenizer.ggml.token_type"));
  if (v.model == "gpt2") {
    HOB_TRY(v.merges, strings(file, "tokenizer.ggml.merges"));
  }
  HOB_TRY(v.bos, token_id(file, "tokenizer.ggml.bos_token_id", v.tokens.size()));
  HOB_TRY(v.eos, token_id(file, "tokenizer.ggml.eos_token_id", v.tokens.size()));
  HOB_TRY(v.eot, token_id(file, "tokenizer.ggml.eot_token_id", v.tokens.size()));
  HOB_TRY(v.unknown, token_id(file, "tokenizer.ggml.unknown_token_id", v.tokens.size()));
  HOB_TRY(v.padding, token_id(file, "tokenizer.ggml.padding_token_id", v.tokens.size()));
  const text::PreTokenizerRow* row = text::find_pretokenizer(v.pre);
  HOB_TRY(v.add_bos,
          file.boolean_or("tokenizer.ggml.add_bos_token", row != nullptr && row->add_bos));
  HOB_TRY(v.add_eos, file.boolean_or("tokenizer.ggml.add_eos_token", false));
  HOB_TRY(v.chat_template, file.text_or("tokenizer.chat_template", ""));
  return v;
}

}  // namespace hob::models

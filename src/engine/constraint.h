// Which tokens may come next, so that a whole reply obeys a JSON schema, a regular expression or a
// grammar (llguidance, through rust/).
//
// The engine knows no text: it gets the bytes of every token once, in a TokenTable, and from then
// on a Constraint says for each position of a reply which ids are allowed. What cannot be enforced
// is refused when the constraint is compiled; nothing is enforced in part.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/token_mask.h"

struct hob_token_table;
struct hob_constraint;

namespace hob::engine {

// What the constraints of one vocabulary share. Thread-safe once made.
class TokenTable {
 public:
  // How the vocabulary's tokenizer cuts text; called from whichever thread works on a constraint.
  using Tokenize = std::function<std::vector<Token>(std::string_view)>;
  // `bytes` of each token, empty for those that are never text. `end_tokens` end a reply.
  static Result<std::shared_ptr<const TokenTable>> create(std::span<const std::string_view> bytes,
                                                          std::span<const Token> end_tokens,
                                                          Tokenize tokenize);
  ~TokenTable();
  TokenTable(const TokenTable&) = delete;
  TokenTable& operator=(const TokenTable&) = delete;
  size_t vocabulary() const { return vocabulary_; }
  const hob_token_table* handle() const { return handle_; }

 private:
  TokenTable(Tokenize tokenize, size_t vocabulary);
  Tokenize tokenize_;
  size_t vocabulary_;
  hob_token_table* handle_ = nullptr;
};

enum class ConstraintKind { kJsonSchema, kRegex, kGrammar };  // Lark, or GBNF

// Walks along with one reply, from its beginning. Not thread-safe.
class Constraint {
 public:
  // The error says what of `source` is wrong or cannot be enforced.
  static Result<Constraint> compile(std::shared_ptr<const TokenTable> table, ConstraintKind kind,
                                    std::string_view source);

  // The tokens that may come next, end tokens among them where the reply may end. An error where
  // finding out passes a limit. Valid until the next call.
  Result<const TokenMask*> mask();
  // The reply's next token, which mask() allows and which is no end token.
  Result<> accept(Token token);
  // Whether the reply so far is complete, and whether it is and nothing may follow.
  bool may_end() const;
  bool must_end() const;

 private:
  struct Free {
    void operator()(hob_constraint* constraint) const;
  };
  Constraint(std::shared_ptr<const TokenTable> table, hob_constraint* handle);
  std::shared_ptr<const TokenTable> table_;
  std::unique_ptr<hob_constraint, Free> handle_;
  TokenMask mask_;
};

}  // namespace hob::engine

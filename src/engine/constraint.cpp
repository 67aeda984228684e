#include "engine/constraint.h"

#include <algorithm>
#include <utility>

#include "hob_rust.h"

namespace hob::engine {
namespace {

// An error's text, made by rust/.
class RustError {
 public:
  RustError() = default;
  RustError(const RustError&) = delete;
  RustError& operator=(const RustError&) = delete;
  ~RustError() { hob_text_free(text_); }
  hob_text* out() { return &text_; }
  std::string_view view() const { return {text_.data, text_.size}; }

 private:
  hob_text text_{nullptr, 0};
};

size_t tokenize(void* context, const char* text, size_t size, uint32_t* out, size_t capacity) {
  const auto tokens = (*static_cast<const TokenTable::Tokenize*>(context))({text, size});
  const size_t count = std::min(tokens.size(), capacity);
  std::copy_n(tokens.begin(), count, out);
  return count;
}

hob_constraint_kind kind_of(ConstraintKind kind) {
  switch (kind) {
    case ConstraintKind::kRegex:
      return HOB_REGEX;
    case ConstraintKind::kGrammar:
      return HOB_GRAMMAR;
    case ConstraintKind::kJsonSchema:
      break;
  }
  return HOB_JSON_SCHEMA;
}

}  // namespace

TokenTable::TokenTable(Tokenize tokenize, size_t vocabulary)
    : tokenize_(std::move(tokenize)), vocabulary_(vocabulary) {}

TokenTable::~TokenTable() { hob_token_table_free(handle_); }

Result<std::shared_ptr<const TokenTable>> TokenTable::create(
    std::span<const std::string_view> bytes, std::span<const Token> end_tokens, Tokenize cut) {
  std::string all;
  std::vector<uint32_t> ends;
  for (const std::string_view token : bytes) {
    all += token;
    ends.push_back(static_cast<uint32_t>(all.size()));
  }
  const std::vector<uint32_t> last(end_tokens.begin(), end_tokens.end());
  std::shared_ptr<TokenTable> table(new TokenTable(std::move(cut), bytes.size()));
  RustError error;
  table->handle_ = hob_token_table_new(all.data(), ends.data(), ends.size(), last.data(),
                                       last.size(), &tokenize, &table->tokenize_, error.out());
  if (!table->handle_) return fail(ErrorKind::kUnsupported, "{}", error.view());
  return table;
}

void Constraint::Free::operator()(hob_constraint* constraint) const {
  hob_constraint_free(constraint);
}

Constraint::Constraint(std::shared_ptr<const TokenTable> table, hob_constraint* handle)
    : table_(std::move(table)), handle_(handle), mask_(table_->vocabulary()) {}

Result<Constraint> Constraint::compile(std::shared_ptr<const TokenTable> table, ConstraintKind kind,
                                       std::string_view source) {
  RustError error;
  hob_constraint* handle = hob_constraint_compile(table->handle(), kind_of(kind), source.data(),
                                                  source.size(), error.out());
  if (!handle) return fail(ErrorKind::kUnsupported, "{}", error.view());
  return Constraint(std::move(table), handle);
}

Result<const TokenMask*> Constraint::mask() {
  RustError error;
  const auto words = mask_.words();
  if (!hob_constraint_mask(handle_.get(), words.data(), words.size(), error.out())) {
    return fail(ErrorKind::kTooLarge, "{}", error.view());
  }
  return &mask_;
}

Result<> Constraint::accept(Token token) {
  RustError error;
  if (!hob_constraint_accept(handle_.get(), static_cast<uint32_t>(token), error.out())) {
    return fail(ErrorKind::kInvalid, "token {} is not allowed here: {}", token, error.view());
  }
  return {};
}

bool Constraint::may_end() const { return hob_constraint_may_end(handle_.get()); }
bool Constraint::must_end() const { return hob_constraint_must_end(handle_.get()); }

}  // namespace hob::engine

// hob tokens: count, list, decode, cut.
#include <charconv>
#include <memory>

#include "cli/command.h"
#include "cli/model_flags.h"
#include "cli/safe_text.h"
#include "cli/tokenizer_of.h"
#include "text/tokenizer.h"

namespace hob::cli {
namespace {

using text::Token;

struct TokensFlags {
  ModelFlag model;
  std::string text;
  bool ids = false, decode = false, text_given = false;
  std::optional<size_t> truncate;
};

// Whole numbers between blanks and commas, as --ids prints them or as a list in brackets.
Result<std::vector<Token>> parse_ids(std::string_view text, size_t vocabulary) {
  constexpr std::string_view kBetween = " \t\r\n,[]";
  std::vector<Token> ids;
  for (size_t at; (at = text.find_first_not_of(kBetween)) != text.npos;) {
    text.remove_prefix(at);
    const std::string_view word = text.substr(0, text.find_first_of(kBetween));
    Token id = -1;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), id);
    if (error != std::errc() || end != word.data() + word.size()) {
      return fail(ErrorKind::kInvalid, "'{}' is no token id", word);
    }
    if (id < 0 || static_cast<size_t>(id) >= vocabulary) {
      return fail(ErrorKind::kInvalid, "token id {} is outside the vocabulary of {}", id,
                  vocabulary);
    }
    ids.push_back(id);
    text.remove_prefix(word.size());
  }
  return ids;
}

// The longest prefix of `text` that takes at most `limit` tokens and cuts no UTF-8 sequence. A
// shorter text may take more tokens than the same bytes did inside a longer one, so the cut is
// checked, and moved, by encoding it again.
std::string_view truncated(const text::Tokenizer& tokenizer, std::string_view text, size_t limit) {
  auto tokens = tokenizer.encode(text);
  while (tokens.size() > limit) {
    size_t bytes = 0;
    for (size_t i = 0; i < limit; ++i) bytes += tokenizer.bytes(tokens[i]).size();
    const auto cut = utf8_prefix(text, std::min(bytes, text.size() - 1));
    text = cut;
    tokens = tokenizer.encode(text);
  }
  return text;
}

Result<> tokens(Io& io, const TokensFlags& flags) {
  if (flags.ids + flags.decode + flags.truncate.has_value() > 1) {
    return fail(ErrorKind::kInvalid, "--ids, --decode and --truncate exclude each other");
  }
  HOB_TRY(const auto tokenizer, tokenizer_of(flags.model.model));
  std::string text = flags.text;
  if (!flags.text_given) {
    HOB_TRY(text, read_input(io));
  }
  const auto shown = [&](std::string_view bytes) {
    return io.out_terminal ? safe_text(bytes) : std::string(bytes);
  };
  if (flags.decode) {
    HOB_TRY(const auto ids, parse_ids(text, tokenizer.size()));
    std::string out;
    for (Token id : ids)
      out += tokenizer.spelling(id);  // control tokens by name: this is for looking
    io.write(shown(out));
    if (io.out_terminal && !out.ends_with('\n')) io.write("\n");
  } else if (flags.truncate) {
    io.write(shown(truncated(tokenizer, text, *flags.truncate)));
  } else if (flags.ids) {
    io.print("{}\n", fmt::join(tokenizer.encode(text), " "));
  } else {
    io.print("{}\n", tokenizer.encode(text).size());
  }
  return {};
}

}  // namespace

Action define_tokens(CLI::App& app, Io& io) {
  auto flags = std::make_shared<TokensFlags>();
  const auto* text = app.add_option("TEXT", flags->text,
                                    "The text, or the ids to decode (default: standard input)");
  flags->model.declare(app);
  app.add_flag("--ids", flags->ids, "Print the ids instead of their number");
  app.add_flag("--decode", flags->decode,
               "Read ids, print the text they stand for; control tokens by name");
  app.add_option("--truncate", flags->truncate,
                 "Print the longest beginning that takes at most N tokens")
      ->option_text("N")
      ->transform(whole_number(0, UINT64_MAX));
  return [flags, text, &io] {
    flags->text_given = text->count() > 0;
    return tokens(io, *flags);
  };
}

}  // namespace hob::cli

// The adjusting steps of the sampler chain: what changes scores before any choice is narrowed.
//
// They touch few tokens, so they walk the history, the bias and what is allowed, never the
// vocabulary.
#include <algorithm>
#include <bit>
#include <limits>
#include <map>
#include <vector>

#include "engine/sampler_steps.h"

namespace hob::engine {
namespace {

std::span<const Token> last_tokens(std::span<const Token> history, int last_n) {
  if (last_n < 0) return history;
  return history.last(std::min(history.size(), static_cast<size_t>(last_n)));
}

bool inside(Token token, std::span<const float> scores) {
  return token >= 0 && static_cast<size_t>(token) < scores.size();
}

bool ends_with(std::span<const Token> text, const std::vector<Token>& tail) {
  return !tail.empty() && tail.size() <= text.size() &&
         std::equal(tail.begin(), tail.end(), text.end() - static_cast<ptrdiff_t>(tail.size()));
}

bool is_breaker(Token token, const std::vector<std::vector<Token>>& breakers) {
  return std::any_of(breakers.begin(), breakers.end(), [&](const auto& breaker) {
    return breaker.size() == 1 && breaker[0] == token;
  });
}

// How many tokens follow the last complete breaker.
size_t length_since_breaker(std::span<const Token> text,
                            const std::vector<std::vector<Token>>& breakers) {
  for (size_t end = text.size(); end > 0; --end) {
    for (const auto& breaker : breakers) {
      if (ends_with(text.first(end), breaker)) return text.size() - end;
    }
  }
  return text.size();
}

// repeats[i]: how many of the tokens that end `text` also end text[0..i]; the Z-algorithm (Gusfield
// 1997, 1.4) run from the back, so linear in the length.
std::vector<size_t> repeats_of_the_end(std::span<const Token> text) {
  const size_t n = text.size();
  const auto from_back = [&](size_t i) { return text[n - 1 - i]; };
  std::vector<size_t> repeats(n, 0);
  size_t box_begin = 0, box_end = 0;  // of the match that reaches furthest; counted from the back
  for (size_t i = 1; i < n; ++i) {
    size_t length = 0;
    if (i < box_end) length = std::min(box_end - i, repeats[n - 1 - (i - box_begin)]);
    while (i + length < n && from_back(length) == from_back(i + length)) ++length;
    repeats[n - 1 - i] = length;
    if (i + length > box_end) {
      box_begin = i;
      box_end = i + length;
    }
  }
  return repeats;
}

// By squaring, so that the result is the same on every machine.
double power(double base, size_t exponent) {
  double result = 1;
  for (; exponent > 0; exponent >>= 1, base *= base) {
    if (exponent & 1) result *= base;
  }
  return result;
}

double dry_penalty(size_t length, const SamplerOptions& options) {
  constexpr double kLimit = 1e30;  // stays finite as a float, so scores keep an order
  const size_t excess = length - static_cast<size_t>(options.dry_allowed_length);
  return std::min(options.dry_multiplier * power(options.dry_base, excess), kLimit);
}

}  // namespace

void copy_allowed(std::vector<float>& scores, std::span<const float> logits,
                  const TokenMask& allowed) {
  scores.assign(logits.size(), -std::numeric_limits<float>::infinity());
  const auto words = allowed.words();
  for (size_t w = 0; w < words.size(); ++w) {
    for (uint32_t left = words[w]; left != 0; left &= left - 1) {
      const size_t token = 32 * w + static_cast<size_t>(std::countr_zero(left));
      if (token < scores.size()) scores[token] = logits[token];
    }
  }
}

void add_logit_bias(std::span<float> scores, const std::map<Token, double>& bias) {
  for (const auto& [token, amount] : bias) {
    if (inside(token, scores)) scores[token] = static_cast<float>(scores[token] + amount);
  }
}

void penalise_repeats(std::span<float> scores, std::span<const Token> history,
                      const SamplerOptions& options, std::vector<uint32_t>& counts) {
  const auto recent = last_tokens(history, options.penalty_last_n);
  counts.resize(scores.size());
  for (const Token token : recent) {
    if (inside(token, scores)) ++counts[token];
  }
  for (const Token token : recent) {
    if (!inside(token, scores) || counts[token] == 0) continue;  // 0: penalised already
    const double score = scores[token], penalty = options.repetition_penalty;
    const double scaled = score > 0 ? score / penalty : score * penalty;
    scores[token] = static_cast<float>(scaled - counts[token] * options.frequency_penalty -
                                       options.presence_penalty);
    counts[token] = 0;
  }
}

void penalise_continued_repeats(std::span<float> scores, std::span<const Token> history,
                                const SamplerOptions& options) {
  const auto text = last_tokens(history, options.dry_last_n);
  const size_t allowed = static_cast<size_t>(options.dry_allowed_length);
  const size_t longest = length_since_breaker(text, options.dry_breakers);
  if (longest < allowed || text.size() <= allowed) return;
  const auto repeats = repeats_of_the_end(text);
  std::map<Token, size_t> lengths;  // the longest repeat that each token would continue
  for (size_t i = 0; i + 1 < text.size(); ++i) {
    const size_t length = std::min(repeats[i], longest);
    if (length < allowed) continue;
    size_t& known = lengths[text[i + 1]];
    known = std::max(known, length);
  }
  for (const auto& [token, length] : lengths) {
    if (!inside(token, scores) || is_breaker(token, options.dry_breakers)) continue;
    scores[token] = static_cast<float>(scores[token] - dry_penalty(length, options));
  }
}

}  // namespace hob::engine

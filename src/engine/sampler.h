// From logits to a token: the chain of samplers under their usual names, in the usual order.
//
// Order: what is not allowed falls out; logit bias, penalties (repetition, frequency, presence),
// DRY, top-k, typical, top-p, min-p, XTC, temperature, draw. Temperature 0 is greedy: the best
// score after bias, penalties and DRY, ties to the lowest id; what only narrows the choice does not
// run then. Mirostat 2 takes the place of top-k to XTC, and cuts after temperature.
//
// The same bits everywhere: probabilities are whole multiples of 2^-40 of the likeliest one's
// (engine/sampler_steps.h), so sums have no order, and exp and log are our own
// (base/portable_math.h). Randomness is counter-based, keyed by (seed, position): a reply depends
// on nothing else (base/rng.h).
//
// Bad logits: NaN counts as -inf and is never chosen; +inf counts as the largest float. No finite
// logit left: an error.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace hob::engine {

using Token = int32_t;

struct SamplerOptions {
  double temperature = 0.8;  // 0: greedy
  int top_k = 40;            // 0: off
  double top_p = 0.95;       // 1: off
  double min_p = 0.05;       // 0: off
  double typical_p = 1.0;    // 1: off
  double xtc_probability = 0.0, xtc_threshold = 0.1;
  double repetition_penalty = 1.0, frequency_penalty = 0.0, presence_penalty = 0.0;
  int penalty_last_n = 64;  // -1: the whole context
  double dry_multiplier = 0.0, dry_base = 1.75;
  int dry_allowed_length = 2, dry_last_n = -1;
  std::vector<std::vector<Token>> dry_breakers;  // token spellings of the sequence breakers
  int mirostat = 0;                              // 0 or 2
  double mirostat_tau = 5.0, mirostat_eta = 0.1;
  std::map<Token, double> logit_bias;  // added to the logit; -inf: never
  uint64_t seed = 0;
  int draft = 0;  // most tokens drafted per step (engine/speculation.h); not the sampler's: no
                  // choice depends on it

  // Every complaint at once, each naming option, value and allowed range; empty when valid. A bias
  // for a token outside the vocabulary is a complaint where the vocabulary is given; sampling
  // ignores it.
  std::vector<std::string> complaints(size_t vocabulary = SIZE_MAX) const;
};

// One row of the options' table, for --help.
struct SamplerOptionInfo {
  std::string_view name;
  std::string_view alias;  // another program's name for it; may be empty
  std::string_view help;   // one line
  std::string_view type;   // "float", "int" or "str"; set in sampler_option_table()
};
// Every name that set_option() knows, in the order of the chain.
std::vector<SamplerOptionInfo> sampler_option_table();

// `-o NAME VALUE`: sets one option from text. Names may be spelled with '-' for '_'. An unknown
// name's error suggests the nearest one; a value outside its range is an error here already. On
// error `options` is unchanged. logit_bias takes "ID=BIAS,ID=BIAS" and replaces what was set
// before.
Result<> set_option(SamplerOptions& options, std::string_view name, std::string_view value);

// Every option as text that set_option() takes, in the table's order: what a record needs to sample
// alike. Numbers come back to the bit.
std::vector<std::pair<std::string, std::string>> option_values(const SamplerOptions& options);

struct Candidate {
  Token token;
  float logprob;  // natural log, of the model's own distribution (before any sampler)
};

struct Sampled {
  Token token = -1;
  std::optional<float> logprob;         // as in Candidate; only where asked for
  std::vector<Candidate> alternatives;  // best first, as many as asked for
};

// sample()'s `alternatives` where no log-probability is wanted: it costs a pass over the
// vocabulary.
inline constexpr int kNoLogprobs = -1;

class TokenMask;      // engine/token_mask.h
struct SamplerState;  // scratch between steps, engine/sampler_steps.h

// Not thread-safe: one Sampler per conversation. Its only memory between calls is mirostat's mu;
// mirostat replies therefore replay only from their start.
class Sampler {
 public:
  // Options must have no complaints().
  Sampler(SamplerOptions options, size_t vocabulary);
  Sampler(Sampler&&) noexcept;
  Sampler& operator=(Sampler&&) noexcept;
  ~Sampler();

  // `logits` [V] are left as they were. `history` is the prompt and reply so far; the draw's
  // position is its length. `alternatives`: kNoLogprobs, or how many candidates to return (0: the
  // chosen token's own logprob only). `allowed`: the tokens to choose among; null: all. kInvalid
  // where no logit of these is finite.
  Result<Sampled> sample(std::span<const float> logits, std::span<const Token> history,
                         int alternatives = kNoLogprobs, const TokenMask* allowed = nullptr);
  const SamplerOptions& options() const { return options_; }

 private:
  SamplerOptions options_;
  size_t vocabulary_ = 0;
  std::unique_ptr<SamplerState> state_;
};

}  // namespace hob::engine

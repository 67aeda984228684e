// From logits to a token: the chain of samplers under their usual names, in the usual order.
//
// Order: logit bias, penalties (repetition, frequency, presence), DRY, top-k, typical, top-p, min-p, XTC, temperature,
// draw (or greedy at temperature 0; mirostat 2 replaces top-k..temperature's draw). Randomness is counter-based, keyed by
// (seed, position): a reply depends on nothing else (base/rng.h). Thread-safe: sample() is const but for mirostat's mu.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace hob::engine {

using Token = int32_t;

struct SamplerOptions {
  double temperature = 0.8;        // 0: greedy
  int top_k = 40;                  // 0: off
  double top_p = 0.95;             // 1: off
  double min_p = 0.05;             // 0: off
  double typical_p = 1.0;          // 1: off
  double xtc_probability = 0.0, xtc_threshold = 0.1;
  double repetition_penalty = 1.0, frequency_penalty = 0.0, presence_penalty = 0.0;
  int penalty_last_n = 64;         // -1: the whole context
  double dry_multiplier = 0.0, dry_base = 1.75;
  int dry_allowed_length = 2, dry_last_n = -1;
  std::vector<std::vector<Token>> dry_breakers;  // token spellings of the sequence breakers
  int mirostat = 0;                // 0 or 2
  double mirostat_tau = 5.0, mirostat_eta = 0.1;
  std::map<Token, double> logit_bias;
  uint64_t seed = 0;

  // Every complaint at once; empty when valid.
  std::vector<std::string> complaints() const;
};

struct Candidate {
  Token token;
  float logprob;  // natural log, of the model's own distribution (before any sampler)
};

struct Sampled {
  Token token = -1;
  float logprob = 0;
  std::vector<Candidate> alternatives;  // best first, as many as asked for
};

class Sampler {
 public:
  // Options must have no complaints.
  Sampler(SamplerOptions options, size_t vocabulary);
  // `logits` [V] are left as they were. `history` is the prompt and reply so far; `position` is history.size().
  Sampled sample(std::span<const float> logits, std::span<const Token> history, int alternatives = 0);
  const SamplerOptions& options() const { return options_; }

 private:
  SamplerOptions options_;
  double mirostat_mu_ = 0;
  std::vector<Candidate> scratch_;
};

}  // namespace hob::engine

// The samplers, one small function each.
//
// Adjusting steps change scores, indexed by token. Narrowing steps remove candidates, which stay in
// the order of their ids, so that a tie always goes to the lower id and no result depends on how
// candidates were found.
//
// A candidate's mass is exp((score - best) * sharpness) as a whole multiple of 2^-40. Sums of whole
// numbers have no order: a vocabulary can be summed in any way, by any vector width, and still give
// the same bits. What lies more than 28 nats below the best has mass 0 and is never drawn: for 256k
// tokens at most 2^-23 of the whole.
//
// Sources: top-k Fan et al. 2018 (1805.04833); locally typical Meister et al. 2022 (2202.00666);
// top-p Holtzman et al. 2019 (1904.09751); min-p Nguyen et al. 2024 (2407.01082); repetition
// penalty Keskar et al. 2019 (1909.05858); frequency and presence penalties as in OpenAI's API;
// mirostat 2 Basu et al. 2020 (2007.14966); DRY and XTC as their author, p-e-w, defined them for
// text-generation-webui (pull requests 5677 and 6335).
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "engine/sampler.h"
#include "engine/token_mask.h"

namespace hob::engine {

using Mass = uint64_t;
inline constexpr double kMassUnit = 0x1p-40;

// Candidates in the order of their ids, fields side by side so that loops over a vocabulary
// vectorise.
struct Candidates {
  std::vector<float> scores;  // finite or -inf
  std::vector<Token> tokens;
  std::vector<Mass> masses;  // as weigh() left them

  size_t size() const { return tokens.size(); }
  float best() const;
  // Keeps the candidates whose index `keep` accepts. It is asked in blocks, so that the usual case,
  // nothing of a block stays, costs a few vector instructions; a `keep` without branches gains
  // most.
  template <class Keep>
  void filter(const Keep& keep) {
    constexpr size_t kBlock = 16;
    const size_t n = size();
    size_t kept = 0;
    masses.resize(n);
    for (size_t begin = 0; begin < n; begin += kBlock) {
      const size_t count = std::min(kBlock, n - begin);
      int flags[kBlock] = {}, any = 0;
      for (size_t j = 0; j < count; ++j) flags[j] = keep(begin + j) ? 1 : 0;
      for (size_t j = 0; j < kBlock; ++j) any |= flags[j];
      if (!any) continue;
      for (size_t j = 0; j < count; ++j) {
        scores[kept] = scores[begin + j];
        tokens[kept] = tokens[begin + j];
        masses[kept] = masses[begin + j];
        kept += static_cast<size_t>(flags[j]);
      }
    }
    scores.resize(kept);
    tokens.resize(kept);
    masses.resize(kept);
  }
};

struct SamplerState {
  Candidates candidates;
  std::vector<float> adjusted;   // [V] scores after the adjusting steps
  std::vector<uint32_t> counts;  // [V] how often each token occurred; zero between calls
  std::vector<float> keys;       // one per candidate, for keep_up_to
  double mirostat_mu = 0;
};

// --- adjusting steps: `scores` [V]; tokens outside it are ignored -------------------------------
// The logits of the allowed tokens; -inf for all others, which are not looked at.
void copy_allowed(std::vector<float>& scores, std::span<const float> logits,
                  const TokenMask& allowed);
void add_logit_bias(std::span<float> scores, const std::map<Token, double>& bias);
// Tokens among the last `last_n` of `history` (-1: all): positive scores are divided by the
// repetition penalty and others multiplied; then the frequency penalty times their count and the
// presence penalty are subtracted.
void penalise_repeats(std::span<float> scores, std::span<const Token> history,
                      const SamplerOptions& options, std::vector<uint32_t>& counts);
// "Don't repeat yourself": a token that would continue a repeat of the last n >= dry_allowed_length
// tokens loses dry_multiplier * dry_base^(n - dry_allowed_length). No repeat reaches back over a
// sequence breaker.
void penalise_continued_repeats(std::span<float> scores, std::span<const Token> history,
                                const SamplerOptions& options);

// NaN is -inf, +inf the largest float.
inline float tame(float score) {
  constexpr float kLargest = std::numeric_limits<float>::max();
  if (score < kLargest) return score;
  return score == score ? kLargest : -std::numeric_limits<float>::infinity();
}

// --- from scores to candidates -----------------------------------------------------------------
// The first of the highest scores; none where no score is above -inf.
std::optional<Token> best_token(std::span<const float> scores);
// ln of the sum of exp(score) over [V]; some score must be above -inf.
double log_of_sum(std::span<const float> scores);
void take_all(Candidates& candidates, std::span<const float> scores);
// The k highest, ties to the lower id, without sorting the vocabulary.
void take_top_k(Candidates& candidates, std::span<const float> scores, size_t k);

// --- narrowing steps: at least one candidate stays ---------------------------------------------
// Sets the masses at a given sharpness (1 / temperature) and returns their sum, at least 2^40.
Mass weigh(Candidates& candidates, double sharpness = 1);
void keep_typical(SamplerState& state, double p);
void keep_top_p(SamplerState& state, double p);
void keep_min_p(Candidates& candidates, double p);
// Removes every candidate of probability >= threshold but the least likely of them.
void exclude_top_choices(Candidates& candidates, double threshold);
// Mirostat 2's truncation at `sharpness`: candidates whose surprise, in bits, exceeds mu go, but
// for the best.
void keep_unsurprising(Candidates& candidates, double sharpness, double mu);

// --- the draw ----------------------------------------------------------------------------------
// Index of the candidate under point `random` / 2^64 of the masses laid end to end; `total` is
// weigh()'s sum.
size_t draw(const Candidates& candidates, Mass total, uint64_t random);

}  // namespace hob::engine

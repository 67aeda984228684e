// The sampler chain: which step runs when, and the draw at the end. The steps are in
// sampler_steps.h.
#include "engine/sampler.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/check.h"
#include "base/portable_math.h"
#include "base/rng.h"
#include "engine/sampler_steps.h"

namespace hob::engine {
namespace {

// What a step may look at.
struct Input {
  const SamplerOptions& options;
  std::span<const Token> history;
  const TokenMask* allowed;  // null: every token
};

struct AdjustingStep {
  const char* name;
  bool (*active)(const SamplerOptions&);
  void (*apply)(const Input&, SamplerState&);  // changes state.adjusted
};

constexpr AdjustingStep kAdjustingSteps[] = {
    {"logit_bias", [](const SamplerOptions& o) { return !o.logit_bias.empty(); },
     [](const Input& in, SamplerState& s) { add_logit_bias(s.adjusted, in.options.logit_bias); }},
    {"penalties",
     [](const SamplerOptions& o) {
       return o.penalty_last_n != 0 &&
              (o.repetition_penalty != 1 || o.frequency_penalty != 0 || o.presence_penalty != 0);
     },
     [](const Input& in, SamplerState& s) {
       penalise_repeats(s.adjusted, in.history, in.options, s.counts);
     }},
    {"dry", [](const SamplerOptions& o) { return o.dry_multiplier > 0 && o.dry_last_n != 0; },
     [](const Input& in, SamplerState& s) {
       penalise_continued_repeats(s.adjusted, in.history, in.options);
     }},
};

struct NarrowingStep {
  const char* name;
  bool (*active)(const SamplerOptions&);
  void (*apply)(const Input&, SamplerState&);  // narrows state.candidates
};

bool xtc_happens(const Input& in) {
  return random_unit(in.options.seed, RandomStream::kXtc, in.history.size()) <
         in.options.xtc_probability;
}

constexpr NarrowingStep kNarrowingSteps[] = {
    // top-k comes before them, as it finds its candidates itself
    {"typical", [](const SamplerOptions& o) { return o.typical_p < 1; },
     [](const Input& in, SamplerState& s) { keep_typical(s, in.options.typical_p); }},
    {"top_p", [](const SamplerOptions& o) { return o.top_p < 1; },
     [](const Input& in, SamplerState& s) { keep_top_p(s, in.options.top_p); }},
    {"min_p", [](const SamplerOptions& o) { return o.min_p > 0; },
     [](const Input& in, SamplerState& s) { keep_min_p(s.candidates, in.options.min_p); }},
    {"xtc", [](const SamplerOptions& o) { return o.xtc_probability > 0; },
     [](const Input& in, SamplerState& s) {
       if (xtc_happens(in)) exclude_top_choices(s.candidates, in.options.xtc_threshold);
     }},
};

// The logits themselves where no step changes them, else the changed copy in `state`.
std::span<const float> adjust(const Input& in, std::span<const float> logits, SamplerState& state) {
  bool copied = false;
  if (in.allowed) {
    copy_allowed(state.adjusted, logits, *in.allowed);
    copied = true;
  }
  for (const auto& step : kAdjustingSteps) {
    if (!step.active(in.options)) continue;
    if (!copied) state.adjusted.assign(logits.begin(), logits.end());
    copied = true;
    step.apply(in, state);
  }
  return copied ? std::span<const float>(state.adjusted) : logits;
}

void gather(const Input& in, std::span<const float> scores, SamplerState& state) {
  const size_t k = static_cast<size_t>(in.options.top_k);
  if (k > 0 && k < scores.size()) {
    take_top_k(state.candidates, scores, k);
  } else {
    take_all(state.candidates, scores);
  }
}

size_t draw_one(const Input& in, const Candidates& candidates, Mass total) {
  const auto words = random_words(in.options.seed, RandomStream::kSample, in.history.size());
  return draw(candidates, total, static_cast<uint64_t>(words[0]) << 32 | words[1]);
}

Token choose_by_chain(const Input& in, std::span<const float> scores, SamplerState& state) {
  gather(in, scores, state);
  for (const auto& step : kNarrowingSteps) {
    if (step.active(in.options)) step.apply(in, state);
  }
  const Mass total = weigh(state.candidates, 1 / in.options.temperature);
  return state.candidates.tokens[draw_one(in, state.candidates, total)];
}

Token choose_by_mirostat(const Input& in, std::span<const float> scores, SamplerState& state) {
  const double sharpness = 1 / in.options.temperature;
  take_all(state.candidates, scores);
  keep_unsurprising(state.candidates, sharpness, state.mirostat_mu);
  const Mass total = weigh(state.candidates, sharpness);
  const size_t chosen = draw_one(in, state.candidates, total);
  const double probability =
      static_cast<double>(state.candidates.masses[chosen]) / static_cast<double>(total);
  const double surprise = -portable::log(probability) / portable::kLn2;
  state.mirostat_mu -= in.options.mirostat_eta * (surprise - in.options.mirostat_tau);
  return state.candidates.tokens[chosen];
}

Token choose(const Input& in, std::span<const float> scores, SamplerState& state) {
  if (in.options.mirostat == 2) return choose_by_mirostat(in, scores, state);
  return choose_by_chain(in, scores, state);
}

// Fills in the log-probabilities, from the logits as the model gave them.
void add_logprobs(std::span<const float> logits, size_t alternatives, Candidates& scratch,
                  Sampled& sampled) {
  const double normaliser = log_of_sum(logits);
  const auto logprob = [&](float logit) { return static_cast<float>(tame(logit) - normaliser); };
  sampled.logprob = logprob(logits[sampled.token]);
  if (alternatives == 0) return;
  take_top_k(scratch, logits, alternatives);
  for (size_t i = 0; i < scratch.size(); ++i) {
    sampled.alternatives.push_back({scratch.tokens[i], logprob(scratch.scores[i])});
  }
  // Stable: equals stay in the order of their ids.
  std::stable_sort(sampled.alternatives.begin(), sampled.alternatives.end(),
                   [](const Candidate& a, const Candidate& b) { return a.logprob > b.logprob; });
}

}  // namespace

Sampler::Sampler(SamplerOptions options, size_t vocabulary)
    : options_(std::move(options)),
      vocabulary_(vocabulary),
      state_(std::make_unique<SamplerState>()) {
  const auto complaints = options_.complaints();
  HOB_CHECK(complaints.empty(), "{}", complaints.front());
  state_->mirostat_mu = 2 * options_.mirostat_tau;
}
Sampler::Sampler(Sampler&&) noexcept = default;
Sampler& Sampler::operator=(Sampler&&) noexcept = default;
Sampler::~Sampler() = default;

Result<Sampled> Sampler::sample(std::span<const float> logits, std::span<const Token> history,
                                int alternatives, const TokenMask* allowed) {
  HOB_CHECK(logits.size() == vocabulary_, "{} logits for a vocabulary of {}", logits.size(),
            vocabulary_);
  const Input in{options_, history, allowed};
  const auto scores = adjust(in, logits, *state_);
  const auto best = best_token(scores);
  if (!best) {
    return fail(ErrorKind::kInvalid,
                "the model's output at position {} leaves no token to choose (no finite logit)",
                history.size());
  }
  Sampled sampled;
  sampled.token = options_.temperature == 0 ? *best : choose(in, scores, *state_);
  if (alternatives >= 0) {
    add_logprobs(logits, static_cast<size_t>(alternatives), state_->candidates, sampled);
  }
  return sampled;
}

}  // namespace hob::engine

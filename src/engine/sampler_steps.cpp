// The narrowing steps of the sampler chain, and the draw. Definitions: sampler_steps.h.
//
// Nothing here sorts a vocabulary: top-k keeps a small buffer above a rising threshold, and the
// steps that keep the heaviest candidates find their cut in a histogram of mass and sort the one
// bucket that it falls into.
#include "engine/sampler_steps.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <numeric>

#include "base/check.h"
#include "base/portable_math.h"

namespace hob::engine {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kLargest = std::numeric_limits<float>::max();

// Loops over a vocabulary go in blocks whose lanes are independent, which is what lets the compiler
// use vectors.
constexpr size_t kLanes = 16;

float highest(std::span<const float> scores) {
  std::array<float, kLanes> lanes;
  lanes.fill(-kInfinity);
  size_t i = 0;
  for (; i + kLanes <= scores.size(); i += kLanes) {
    for (size_t j = 0; j < kLanes; ++j) {
      lanes[j] = scores[i + j] > lanes[j] ? scores[i + j] : lanes[j];  // false for NaN
    }
  }
  for (; i < scores.size(); ++i) lanes[0] = scores[i] > lanes[0] ? scores[i] : lanes[0];
  return *std::max_element(lanes.begin(), lanes.end());
}

// (score - best) * sharpness in nats, at least -kDeep, which is also NaN's. `best` is finite and
// the score no higher. The bound is taken on the magnitude's bits: an integer minimum, for which
// every compiler knows a vector form.
constexpr float kDeep = 40;  // exp(-40) rounds to mass 0
float depth(float score, float best, float sharpness) {
  constexpr uint32_t kSign = 0x80000000u, kDeepBits = std::bit_cast<uint32_t>(kDeep);
  const int32_t magnitude = std::bit_cast<int32_t>((score - best) * sharpness) & 0x7fffffff;
  const int32_t bounded = std::min(magnitude, static_cast<int32_t>(kDeepBits));
  return std::bit_cast<float>(static_cast<uint32_t>(bounded) | kSign);
}

// A double of [4096, 8192) counts in units of 2^-40: adding rounds a weight to them, and the low
// bits are the mass.
constexpr double kAligned = 0x1p52 * kMassUnit;
constexpr Mass kAlignedBits = std::bit_cast<Mass>(kAligned);

Mass mass_at(float depth) {
  return std::bit_cast<Mass>(portable::exp_in_range(depth) + kAligned) - kAlignedBits;
}

// One candidate's mass as a number in [0, 1]; exact.
double weight_of(Mass mass) { return std::bit_cast<double>(mass + kAlignedBits) - kAligned; }

// Of a sum of masses.
double log_of(Mass total) { return portable::log(static_cast<double>(total) * kMassUnit); }

// The least mass that is at least the share p of the total, and not nothing.
Mass share_of(Mass total, double p) {
  const double exact = static_cast<double>(total) * p;
  const Mass whole = static_cast<Mass>(exact);
  return std::clamp(whole + (static_cast<double>(whole) < exact ? 1 : 0), Mass{1}, total);
}

struct Ranked {
  float key;
  Token token;
  Mass mass;
  friend bool operator<(const Ranked& a, const Ranked& b) {
    return a.key != b.key ? a.key < b.key : a.token < b.token;
  }
};

// Buckets of equal width from the lowest key up; the last takes all the rest, which has no mass to
// speak of.
constexpr size_t kBuckets = 4096;
constexpr float kBucketsPerNat = 128;
size_t bucket_of(float key, float lowest) {
  const float position = (key - lowest) * kBucketsPerNat;
  return static_cast<size_t>(position < kBuckets - 1 ? position : kBuckets - 1);
}

// The candidate at which the masses, summed in the order of (key, token), reach `needed`.
Ranked find_cut(const Candidates& candidates, std::span<const float> keys, Mass needed) {
  constexpr size_t kFewEnoughToSort = 1024;
  const size_t n = candidates.size();
  const float lowest = *std::min_element(keys.begin(), keys.end());
  const bool sort_all = n <= kFewEnoughToSort;
  size_t cut_bucket = 0;
  if (!sort_all) {
    std::vector<Mass> histogram(kBuckets, 0);
    for (size_t i = 0; i < n; ++i) histogram[bucket_of(keys[i], lowest)] += candidates.masses[i];
    while (histogram[cut_bucket] < needed) needed -= histogram[cut_bucket++];
  }
  std::vector<Ranked> ranked;
  for (size_t i = 0; i < n; ++i) {
    if (sort_all || bucket_of(keys[i], lowest) == cut_bucket) {
      ranked.push_back({keys[i], candidates.tokens[i], candidates.masses[i]});
    }
  }
  std::sort(ranked.begin(), ranked.end());
  size_t last = 0;
  while (ranked[last].mass < needed) needed -= ranked[last++].mass;
  return ranked[last];
}

// Keeps the fewest candidates, lowest keys first, whose masses sum to `needed` (at most all of it).
void keep_up_to(SamplerState& state, Mass needed) {
  const auto& keys = state.keys;
  const Ranked cut = find_cut(state.candidates, keys, needed);
  state.candidates.filter([&](size_t i) {
    return (keys[i] < cut.key) | ((keys[i] == cut.key) & (state.candidates.tokens[i] <= cut.token));
  });
}

// Sum of weight * depth: in lanes of fixed meaning, because doubles have an order.
double weighted_depth(const Candidates& candidates, float best) {
  std::array<double, kLanes> lanes{};
  const auto add = [&](size_t lane, size_t i) {
    lanes[lane] += weight_of(candidates.masses[i]) * depth(candidates.scores[i], best, 1);
  };
  size_t i = 0;
  for (; i + kLanes <= candidates.size(); i += kLanes) {
    for (size_t j = 0; j < kLanes; ++j) add(j, i + j);
  }
  for (size_t j = 0; i + j < candidates.size(); ++j) add(j, i + j);
  return std::accumulate(lanes.begin(), lanes.end(), 0.0);
}

}  // namespace

float Candidates::best() const { return highest(scores); }

std::optional<Token> best_token(std::span<const float> scores) {
  constexpr size_t kBlock = 1024;
  float best = -kInfinity;
  size_t block = 0;  // where the best was first seen
  for (size_t i = 0; i < scores.size(); i += kBlock) {
    const float here = highest(scores.subspan(i, std::min(kBlock, scores.size() - i)));
    if (here > best) {
      best = here;
      block = i;
    }
  }
  if (best == -kInfinity) return std::nullopt;
  return static_cast<Token>(
      std::find(scores.begin() + static_cast<ptrdiff_t>(block), scores.end(), best) -
      scores.begin());
}

double log_of_sum(std::span<const float> scores) {
  const float best = highest(scores);
  if (best == kInfinity)
    return kLargest;  // infinities count as the largest float; what is finite adds nothing
  Mass total = 0;
  for (const float score : scores) total += mass_at(depth(score, best, 1));
  return best + log_of(total);
}

void take_all(Candidates& candidates, std::span<const float> scores) {
  candidates.scores.resize(scores.size());
  candidates.tokens.resize(scores.size());
  candidates.masses.clear();
  std::transform(scores.begin(), scores.end(), candidates.scores.begin(), tame);
  std::iota(candidates.tokens.begin(), candidates.tokens.end(), 0);
}

void take_top_k(Candidates& candidates, std::span<const float> scores, size_t k) {
  struct Entry {
    float score;
    Token token;
  };
  const auto better = [](const Entry& a, const Entry& b) {
    return a.score != b.score ? a.score > b.score : a.token < b.token;
  };
  constexpr size_t kSlack = 1024;  // entries beyond k before the buffer is cut back to k
  std::vector<Entry> entries;
  float threshold = -kInfinity;  // of the k-th best so far; a later equal has a higher id and loses
  const auto cut_back = [&] {
    std::nth_element(entries.begin(), entries.begin() + static_cast<ptrdiff_t>(k) - 1,
                     entries.end(), better);
    entries.resize(k);
    threshold = entries.back().score;
  };
  const auto consider = [&](size_t i) {
    if (scores[i] > threshold) entries.push_back({tame(scores[i]), static_cast<Token>(i)});
    if (entries.size() == 2 * k + kSlack) cut_back();
  };
  size_t i = 0;
  for (; i + kLanes <= scores.size(); i += kLanes) {
    int above = 0;
    for (size_t j = 0; j < kLanes; ++j) above += scores[i + j] > threshold ? 1 : 0;
    if (above == 0) continue;
    for (size_t j = 0; j < kLanes; ++j) consider(i + j);
  }
  for (; i < scores.size(); ++i) consider(i);
  if (entries.size() > k) cut_back();
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.token < b.token; });

  candidates.scores.clear();
  candidates.tokens.clear();
  candidates.masses.clear();
  for (const auto& entry : entries) {
    candidates.scores.push_back(entry.score);
    candidates.tokens.push_back(entry.token);
  }
}

Mass weigh(Candidates& candidates, double sharpness) {
  const float best = candidates.best();
  HOB_CHECK(best > -kInfinity);
  const float sharp = static_cast<float>(std::min(sharpness, 1e30));
  candidates.masses.resize(candidates.size());
  Mass total = 0;
  for (size_t i = 0; i < candidates.size(); ++i) {
    candidates.masses[i] = mass_at(depth(candidates.scores[i], best, sharp));
    total += candidates.masses[i];
  }
  return total;
}

void keep_typical(SamplerState& state, double p) {
  auto& candidates = state.candidates;
  const Mass total = weigh(candidates);
  const float best = candidates.best();
  // What is ranked is |-log p - entropy|. Both terms contain the logarithm of the total, which
  // cancels.
  const double mean_depth =
      weighted_depth(candidates, best) / (static_cast<double>(total) * kMassUnit);
  state.keys.resize(candidates.size());
  for (size_t i = 0; i < candidates.size(); ++i) {
    const double off = mean_depth - depth(candidates.scores[i], best, 1);
    state.keys[i] = static_cast<float>(off < 0 ? -off : off);
  }
  keep_up_to(state, share_of(total, p));
}

void keep_top_p(SamplerState& state, double p) {
  const Mass total = weigh(state.candidates);
  const Mass needed = share_of(total, p);
  // Candidates lighter than this sum to less than what may go, so all of them go; it leaves few to
  // rank.
  const Mass light = (total - needed) / state.candidates.size();
  state.candidates.filter([&](size_t i) { return state.candidates.masses[i] >= light; });
  state.keys.resize(state.candidates.size());
  std::transform(state.candidates.scores.begin(), state.candidates.scores.end(), state.keys.begin(),
                 [](float score) { return -score; });
  keep_up_to(state, needed);
}

void keep_min_p(Candidates& candidates, double p) {
  const float lowest = static_cast<float>(candidates.best() + portable::log(p));
  candidates.filter([&](size_t i) { return candidates.scores[i] >= lowest; });
}

void exclude_top_choices(Candidates& candidates, double threshold) {
  const Mass needed = share_of(weigh(candidates), threshold);
  const auto is_top = [&](size_t i) { return candidates.masses[i] >= needed; };
  size_t least = candidates.size();
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (is_top(i) &&
        (least == candidates.size() || candidates.scores[i] <= candidates.scores[least]))
      least = i;
  }
  candidates.filter([&](size_t i) { return i == least || !is_top(i); });
}

void keep_unsurprising(Candidates& candidates, double sharpness, double mu) {
  const Mass total = weigh(candidates, sharpness);
  const float best = candidates.best(), sharp = static_cast<float>(std::min(sharpness, 1e30));
  const double deepest =
      log_of(total) - mu * portable::kLn2;  // surprise = (log total - depth) / ln 2
  candidates.filter([&](size_t i) {
    const float x = depth(candidates.scores[i], best, sharp);
    return x >= deepest || candidates.scores[i] == best;
  });
}

size_t draw(const Candidates& candidates, Mass total, uint64_t random) {
  using Wide = unsigned __int128;
  Mass point = static_cast<Mass>(static_cast<Wide>(total) * random >> 64);
  size_t i = 0;
  while (point >= candidates.masses[i]) point -= candidates.masses[i++];
  return i;
}

}  // namespace hob::engine

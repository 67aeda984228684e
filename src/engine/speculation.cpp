#include "engine/speculation.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace hob::engine {
namespace {

// Runs with one hash are told apart by comparing them; a later one takes the other's place.
uint64_t hash_of(std::span<const Token> run) {
  uint64_t hash = run.size();
  for (const Token token : run) {
    constexpr uint64_t kOdd = 0x9E3779B97F4A7C15;  // 2^64 / golden ratio (Knuth, 6.4)
    hash = (hash ^ static_cast<uint32_t>(token)) * kOdd;
    hash ^= hash >> 32;
  }
  return hash;
}

}  // namespace

void NgramIndex::append(Token token) {
  // The runs that end here get a follower now.
  for (size_t n = kShortest; n <= std::min(kLongest, tokens_.size()); ++n) {
    ends_[n][hash_of(std::span(tokens_).last(n))] = tokens_.size();
  }
  tokens_.push_back(token);
}

// How many tokens before `end` are the last ones, as far as telling confidence needs.
size_t NgramIndex::matched_before(size_t end) const {
  constexpr size_t kEnough = 8;
  size_t matched = 0;
  while (matched < std::min(kEnough, end) &&
         tokens_[end - 1 - matched] == tokens_[tokens_.size() - 1 - matched]) {
    ++matched;
  }
  return matched;
}

Guess NgramIndex::guess(size_t most) const {
  if (most == 0) return {};
  for (size_t n = std::min(kLongest, tokens_.size()); n >= kShortest; --n) {
    const auto found = ends_[n].find(hash_of(std::span(tokens_).last(n)));
    if (found == ends_[n].end()) continue;
    const size_t end = found->second, matched = matched_before(end);
    if (matched < n) continue;  // another run with the same hash
    Guess guess{.drafts = {}, .matched = matched};
    // Past the end of the text goes on what was drafted: a repeat of a short period goes round.
    for (size_t i = end; guess.drafts.size() < most; ++i) {
      guess.drafts.push_back(i < tokens_.size() ? tokens_[i] : guess.drafts[i - tokens_.size()]);
    }
    return guess;
  }
  return {};
}

// Of an even number the lower one: what disturbs a step makes it slower.
double StepCosts::Cost::seconds() const {
  auto sorted = latest;
  const size_t known = std::min(count, sorted.size());
  if (known == 0) return 0;
  std::sort(sorted.begin(), sorted.begin() + static_cast<ptrdiff_t>(known));
  return sorted[(known - 1) / 2];
}

void StepCosts::ran(size_t rows, double seconds) {
  if (rows == 0 || rows >= costs_.size()) return;  // a prompt's
  for (Cost& cost : costs_) ++cost.age;
  Cost& cost = costs_[rows];
  cost.latest[cost.count++ % cost.latest.size()] = seconds;
  cost.age = 0;
}

double StepCosts::in_single_steps(size_t rows) const {
  // What a step may lose, against single steps, per step that it was not run: trying again costs
  // no larger part of the time.
  constexpr double kForTrials = 0.005;
  const double one = costs_[1].seconds(), many = costs_[rows].seconds();
  if (!(one > 0) || !(many > 0)) return 1;
  const double saved_up = kForTrials * static_cast<double>(costs_[rows].age);
  return many < one ? many / one : std::max(1.0, many / one - saved_up);
}

bool StepCosts::knows_single_steps() const {
  constexpr size_t kLately = 64;  // steps
  return costs_[1].count > 0 && costs_[1].age < kLately;
}

size_t DraftController::class_of(size_t matched) {
  constexpr size_t kFrom[kClasses] = {0, 3, 4, 8};
  size_t c = kClasses - 1;
  while (matched < kFrom[c]) --c;
  return c;
}

size_t DraftController::choose(size_t matched, size_t most) const {
  constexpr double kLeastGain = 1.03;  // below that it is noise
  if (!costs_.knows_single_steps()) return 0;
  const Acceptance& chance = acceptance_[class_of(matched)];
  double tokens = 1, all_so_far = chance.first, best_speed = kLeastGain;
  size_t best = 0;
  for (size_t drafts = 1; drafts <= most; ++drafts) {
    tokens += all_so_far;
    all_so_far *= chance.further;
    const double speed = tokens / costs_.in_single_steps(1 + drafts);
    if (speed > best_speed) best = drafts, best_speed = speed;
  }
  return best;
}

void DraftController::judge(size_t matched, size_t tried, size_t accepted) {
  constexpr double kNews = 1.0 / 16;
  Acceptance& chance = acceptance_[class_of(matched)];
  const auto learn = [](double& average, bool came) { average += kNews * (came - average); };
  if (tried > 0) learn(chance.first, accepted > 0);
  for (size_t i = 1; i < accepted; ++i) learn(chance.further, true);
  if (accepted > 0 && accepted < tried) learn(chance.further, false);
}

Speculation::Speculation(std::span<const Token> prompt, size_t most_drafts, const StepCosts& costs)
    : controller_(costs), most_drafts_(most_drafts) {
  HOB_CHECK(most_drafts <= kMostDrafts);
  if (most_drafts == 0) return;
  for (const Token token : prompt) index_.append(token);
}

bool Speculation::accept(Token token) {
  if (most_drafts_ == 0) return false;
  index_.append(token);
  const size_t tried = guess_.drafts.size();
  if (came_ == tried) return false;
  const bool came = guess_.drafts[came_] == token;
  if (came) ++came_;
  const bool ran = came && came_ <= run_;
  if (ran) ++accepted_;
  if (!came || came_ == tried) {
    controller_.judge(guess_.matched, tried, came_);
    guess_ = {};
    run_ = came_ = 0;
  }
  return ran;
}

std::span<const Token> Speculation::drafts(size_t most) {
  if (most_drafts_ == 0) return {};
  Guess next = index_.guess(std::min(most, most_drafts_));
  const size_t run = controller_.choose(next.matched, next.drafts.size());
  if (run == 0) {  // an earlier guess is judged to its end first
    if (came_ == guess_.drafts.size()) guess_ = std::move(next);
    return {};
  }
  next.drafts.resize(run);
  guess_ = std::move(next);
  run_ = run;
  came_ = 0;
  drafted_ += run;
  return guess_.drafts;
}

}  // namespace hob::engine

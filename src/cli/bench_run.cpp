#include "cli/bench_run.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>

#include "base/rng.h"
#include "os/terminal.h"

namespace hob::cli {

using engine::Logits;
using engine::Slice;
using text::Token;

double Measured::mean() const {
  return std::accumulate(rates.begin(), rates.end(), 0.0) / static_cast<double>(rates.size());
}

double Measured::deviation() const {
  if (rates.size() < 2) return 0;
  double squares = 0;
  for (double rate : rates) squares += (rate - mean()) * (rate - mean());
  return std::sqrt(squares / static_cast<double>(rates.size() - 1));
}

double Measured::mean_seconds() const { return test.all_tokens() / mean(); }

Result<Measured> BenchRunner::measure(const BenchTest& test) {
  // Enough to touch all memory and wake all threads.
  constexpr size_t kWarmSteps = 8, kWarmPrompt = 512;
  HOB_TRY_VOID(fill(test.sequences));
  HOB_TRY_VOID(once(test, std::min(test.tokens, test.generates ? kWarmSteps : kWarmPrompt), 0));
  Measured out{test, {}};
  for (size_t i = 1; i <= repeat_; ++i) {
    const auto start = std::chrono::steady_clock::now();
    HOB_TRY_VOID(once(test, test.tokens, i));
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    out.rates.push_back(test.all_tokens() / seconds.count());
  }
  return out;
}

// So many sequences, each with `depth_` tokens at least.
Result<> BenchRunner::fill(size_t sequences) {
  while (sequences_.size() < sequences) {
    HOB_TRY(sequences_.emplace_back(), engine_.new_sequence());
    const auto tokens = random_tokens(depth_, 0, sequences_.size());
    constexpr size_t kAtOnce = 4096;  // so that an interrupt is seen in between
    for (size_t first = 0; first < depth_; first += kAtOnce) {
      const size_t count = std::min(kAtOnce, depth_ - first);
      const Slice slice{&sequences_.back(), std::span(tokens).subspan(first, count), Logits::kNone};
      HOB_TRY_VOID(run({&slice, 1}));
    }
  }
  return {};
}

Result<> BenchRunner::once(const BenchTest& test, size_t tokens, size_t round) {
  std::vector<std::vector<Token>> words;
  std::vector<Slice> slices;
  for (size_t s = 0; s < test.sequences; ++s) {
    sequences_[s].truncate(depth_);
    words.push_back(random_tokens(tokens, round, s + 1));
    slices.push_back({&sequences_[s], words.back(), Logits::kLast});
  }
  if (!test.generates) return run(slices);
  for (size_t step = 0; step < tokens; ++step) {
    for (size_t s = 0; s < test.sequences; ++s)
      slices[s].tokens = std::span(words[s]).subspan(step, 1);
    HOB_TRY_VOID(run(slices));
  }
  return {};
}

Result<> BenchRunner::run(std::span<const Slice> slices) {
  if (os::InterruptGuard::take()) return fail(ErrorKind::kCancelled, "stopped");
  return engine_.run(slices, logits_);
}

std::vector<Token> BenchRunner::random_tokens(size_t count, size_t round, size_t sequence) const {
  constexpr size_t kMostRounds = 1 << 20;
  std::vector<Token> tokens(count);
  for (size_t i = 0; i < count; ++i) {
    const auto words = random_words(sequence * kMostRounds + round, RandomStream::kTest, i);
    tokens[i] = static_cast<Token>(words[0] % vocabulary_);
  }
  return tokens;
}

}  // namespace hob::cli

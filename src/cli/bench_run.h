// The timed part of `hob bench`: random tokens through an engine.
//
// As llama-bench measures: an untimed run first, then --repeat timed ones. The tokens already in
// the context are put there in the engine's chunks, untimed, and once for all tests.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "text/tokenizer.h"

namespace hob::cli {

struct BenchTest {
  std::string name;  // "pp512", "tg128", "tg128x8@4096"
  bool generates = false;
  size_t tokens = 0;  // of each sequence
  size_t sequences = 1;

  double all_tokens() const { return static_cast<double>(tokens * sequences); }
};

// One test's timed runs, in tokens per second of all sequences together.
struct Measured {
  BenchTest test;
  std::vector<double> rates;
  double mean() const;
  double deviation() const;
  double mean_seconds() const;  // of a run
};

class BenchRunner {
 public:
  BenchRunner(engine::Engine& engine, size_t vocabulary, size_t depth, size_t repeat)
      : engine_(engine), vocabulary_(vocabulary), depth_(depth), repeat_(repeat) {}

  // kCancelled after an interrupt (os::InterruptGuard).
  Result<Measured> measure(const BenchTest& test);

 private:
  Result<> fill(size_t sequences);
  Result<> once(const BenchTest& test, size_t tokens, size_t round);
  Result<> run(std::span<const engine::Slice> slices);
  std::vector<text::Token> random_tokens(size_t count, size_t round, size_t sequence) const;

  engine::Engine& engine_;
  size_t vocabulary_, depth_, repeat_;
  std::vector<engine::Sequence> sequences_;
  std::vector<float> logits_;
};

}  // namespace hob::cli

// Surprise: -log of the probability a model gave to what came. Its mean's exponential is the
// perplexity.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace hob::cli {

// -log softmax(logits)[target], natural log. `target` must be within `logits`.
double surprise_of(std::span<const float> logits, int32_t target);

// Mean and spread of many surprises.
class Surprise {
 public:
  void add(double surprise) {
    sum_ += surprise;
    squares_ += surprise * surprise;
    ++count_;
  }
  size_t count() const { return count_; }
  double perplexity() const;
  // One standard error of the perplexity: that of the mean, times the exponential's slope there.
  double error() const;

 private:
  double sum_ = 0, squares_ = 0;
  size_t count_ = 0;
};

}  // namespace hob::cli

#include "cli/surprise.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace hob::cli {

double surprise_of(std::span<const float> logits, int32_t target) {
  HOB_CHECK(target >= 0 && static_cast<size_t>(target) < logits.size(), "target {} of {}", target,
            logits.size());
  const float top = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (float logit : logits) sum += std::exp(logit - top);
  return std::log(sum) - (static_cast<double>(logits[static_cast<size_t>(target)]) - top);
}

double Surprise::perplexity() const {
  return count_ == 0 ? 0 : std::exp(sum_ / static_cast<double>(count_));
}

double Surprise::error() const {
  if (count_ < 2) return 0;
  const double n = static_cast<double>(count_), mean = sum_ / n;
  const double variance = std::max(0.0, squares_ / n - mean * mean);
  return std::sqrt(variance / (n - 1)) * perplexity();
}

}  // namespace hob::cli

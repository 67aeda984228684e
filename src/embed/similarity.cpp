#include "embed/similarity.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace hob::embed {
namespace {

bool better(const Scored& a, const Scored& b) {
  return a.score != b.score ? a.score > b.score : a.id < b.id;
}

}  // namespace

double cosine(std::span<const float> stored, std::span<const float> query) {
  HOB_CHECK(stored.size() == query.size());
  double dot = 0, squares = 0, query_squares = 0;
  for (size_t i = 0; i < stored.size(); ++i) {
    const double x = stored[i], y = query[i];
    dot += x * y;
    squares += x * x;
    query_squares += y * y;
  }
  const double score = dot / (std::sqrt(squares) * std::sqrt(query_squares));
  return std::isfinite(score) ? score : 0;
}

void Best::offer(Scored scored) {
  if (most_ == 0) return;
  if (kept_.size() == most_) {
    if (!better(scored, kept_.front())) return;
    std::ranges::pop_heap(kept_, better);
    kept_.back() = std::move(scored);
  } else {
    kept_.push_back(std::move(scored));
  }
  std::ranges::push_heap(kept_, better);
}

std::vector<Scored> Best::take() {
  std::ranges::sort(kept_, better);
  return std::move(kept_);
}

}  // namespace hob::embed

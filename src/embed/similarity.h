// How near two vectors are, and the best of many: the exact part of a search.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hob::embed {

// The cosine of the angle between two vectors of one length: products and squares summed in double,
// in order, as llm does it. A vector without direction (all zeros, or not all numbers) is at a
// right angle to every other: 0.
double cosine(std::span<const float> stored, std::span<const float> query);

struct Scored {
  double score = 0;
  std::string id;
  int64_t row = 0;  // rowid
};

// Keeps the `most` best of those offered: higher scores first, of equal ones the smaller id.
class Best {
 public:
  explicit Best(size_t most) : most_(most) {}
  // Whether one of this score could still be kept.
  bool wants(double score) const {
    return kept_.size() < most_ || (most_ > 0 && score >= kept_.front().score);
  }
  void offer(Scored scored);
  // Best first.
  std::vector<Scored> take();

 private:
  size_t most_;
  std::vector<Scored> kept_;  // a heap, the worst in front
};

}  // namespace hob::embed

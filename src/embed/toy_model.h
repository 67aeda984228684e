// A model for tests that needs no file: the vector of an item has 16 numbers, the lengths of its
// first 16 words, in characters, then zeros. Listed nowhere.
#pragma once

#include "embed/model.h"

namespace hob::embed {

class ToyModel : public Model {
 public:
  size_t batch_size() const override { return 10; }
  Result<std::vector<Vector>> embed(std::span<const std::string> items) override;
};

}  // namespace hob::embed

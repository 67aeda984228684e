// Vectors for tests.
#pragma once

#include "base/rng.h"
#include "embed/model.h"

namespace hob::embed {

// Numbers from -1 to 1, a function of the seed.
inline Vector random_vector(size_t length, uint64_t seed) {
  Vector vector(length);
  for (size_t i = 0; i < length; ++i)
    vector[i] = static_cast<float>(2 * random_unit(seed, RandomStream::kTest, i) - 1);
  return vector;
}

}  // namespace hob::embed

// Tiny models, loaded and ready to run. Failures stop the test program: they are the tests' own.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/rng.h"
#include "models/registry.h"
#include "tests/support/tiny_model.h"

namespace hob::test {

inline Result<std::shared_ptr<const models::Transformer>> try_load(const TinyOptions& options) {
  HOB_TRY(auto file, parse_model(tiny_model(options)));
  return models::load(std::move(file));
}

inline std::shared_ptr<const models::Transformer> load(const TinyOptions& options) {
  auto model = try_load(options);
  HOB_CHECK(model.has_value(), "{}", model.error().message);
  return *std::move(model);
}

// `count` tokens below `vocabulary`, a function of the seed.
inline std::vector<int32_t> some_tokens(size_t count, size_t vocabulary, uint64_t seed = 1) {
  std::vector<int32_t> tokens(count);
  for (size_t i = 0; i < count; ++i) {
    tokens[i] = static_cast<int32_t>(random_unit(seed, RandomStream::kTest, i) *
                                     static_cast<double>(vocabulary));
  }
  return tokens;
}

}  // namespace hob::test

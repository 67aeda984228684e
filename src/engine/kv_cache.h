// One sequence's keys and values of every layer, for a fixed number of positions. Memory is touched
// as positions fill.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "models/transformer.h"
#include "ops/attend.h"
#include "tensor/storage.h"

namespace hob::engine {

using ops::KvFormat;

// What flags and records call the formats.
struct NamedKvFormat {
  const char* name;
  KvFormat format;
};
inline constexpr NamedKvFormat kKvFormats[] = {{"f32", KvFormat::kF32},
                                               {"f16", KvFormat::kF16},
                                               {"bf16", KvFormat::kBF16},
                                               {"q8_0", KvFormat::kQ8_0}};
const char* kv_name(KvFormat format);
std::optional<KvFormat> kv_format(std::string_view name);

class KvCache {
 public:
  static Result<KvCache> allocate(const models::Transformer& model, KvFormat format,
                                  size_t positions);
  std::span<const ops::KvLayer> layers() const { return layers_; }
  size_t positions() const { return layers_.empty() ? 0 : layers_.front().positions; }
  size_t bytes() const { return memory_.size(); }

 private:
  std::vector<ops::KvLayer> layers_;
  Storage memory_;
};

}  // namespace hob::engine

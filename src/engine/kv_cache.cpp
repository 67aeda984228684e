#include "engine/kv_cache.h"

#include <algorithm>

#include "base/check.h"

namespace hob::engine {

const char* kv_name(KvFormat format) {
  const auto* found = std::ranges::find(kKvFormats, format, &NamedKvFormat::format);
  HOB_CHECK(found != std::end(kKvFormats), "cache format {}", static_cast<int>(format));
  return found->name;
}

std::optional<KvFormat> kv_format(std::string_view name) {
  const auto* found = std::ranges::find(kKvFormats, name, &NamedKvFormat::name);
  return found == std::end(kKvFormats) ? std::nullopt : std::optional(found->format);
}

Result<KvCache> KvCache::allocate(const models::Transformer& model, KvFormat format,
                                  size_t positions) {
  KvCache cache;
  cache.layers_ = model.cache_layout(format, positions);
  // Within these a layer's size cannot overflow (heads and their size are bounded at load), nor can
  // the sum.
  constexpr size_t kMostPositions = size_t{1} << 32, kMostBytes = size_t{1} << 60;
  size_t bytes = 0;
  for (const ops::KvLayer& layer : cache.layers_) {
    if (positions > kMostPositions || layer.bytes() > kMostBytes - bytes) {
      return fail(ErrorKind::kTooLarge, "a cache of {} positions is more than memory can hold",
                  positions);
    }
    bytes += layer.bytes();
  }
  // Small pages: each head's keys and values lie far apart, and a short conversation should not
  // commit (and zero) two megabytes for each of them.
  HOB_TRY(cache.memory_, Storage::allocate(bytes, "the key/value cache", os::Pages::kSmall));
  std::byte* next = cache.memory_.data();
  for (ops::KvLayer& layer : cache.layers_) {
    layer.data = next;
    next += layer.bytes();
  }
  return cache;
}

}  // namespace hob::engine

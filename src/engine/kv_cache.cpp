#include "engine/kv_cache.h"

namespace hob::engine {

Result<KvCache> KvCache::allocate(const models::Transformer& model, KvFormat format,
                                  size_t positions) {
  KvCache cache;
  cache.layers_ = model.cache_layout(format, positions);
  size_t bytes = 0;
  for (const ops::KvLayer& layer : cache.layers_) bytes += layer.bytes();
  HOB_TRY(cache.memory_, Storage::allocate(bytes, "the key/value cache"));
  std::byte* next = cache.memory_.data();
  for (ops::KvLayer& layer : cache.layers_) {
    layer.data = next;
    next += layer.bytes();
  }
  return cache;
}

}  // namespace hob::engine

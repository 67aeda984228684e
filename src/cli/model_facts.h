// What a GGUF file says about itself, for `hob models` and `hob inspect`. Reads metadata only; a
// file whose architecture hob cannot run still has facts.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "formats/gguf.h"

namespace hob::cli {

struct TypeShare {
  std::string name;  // "Q4_K", or "type 39" where hob does not know it
  uint64_t tensors = 0, parameters = 0, bytes = 0;
};

struct ModelFacts {
  std::string path, name, architecture, size_label, quantisation, licence, tokenizer, pre_tokenizer;
  uint32_t gguf_version = 0;
  uint64_t file_bytes = 0, parameters = 0, tensors = 0, vocabulary = 0;
  uint64_t context = 0, layers = 0, width = 0, heads = 0;
  bool has_template = false;
  std::vector<TypeShare> types;       // most bytes first
  std::optional<double> kv_elements;  // numbers the attention cache keeps per token
};

Result<ModelFacts> read_facts(const gguf::File& file);

// The attention cache of `tokens` tokens in bytes, per type of `hob --kv`.
struct KvBytes {
  const char* type;
  double bytes_per_element;
};
std::vector<KvBytes> kv_types();

// One metadata value: numbers and short arrays as they are, long arrays as {"type", "count"}.
nlohmann::ordered_json value_json(const gguf::Value& value);

}  // namespace hob::cli

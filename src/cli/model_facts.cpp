#include "cli/model_facts.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include "quant/format.h"

namespace hob::cli {
namespace {

using nlohmann::ordered_json;

// llama.cpp's numbers for a file's mix of types (general.file_type).
constexpr std::pair<uint64_t, const char*> kFileTypes[] = {
    {0, "F32"},      {1, "F16"},      {2, "Q4_0"},    {3, "Q4_1"},    {7, "Q8_0"},
    {8, "Q5_0"},     {9, "Q5_1"},     {10, "Q2_K"},   {11, "Q3_K_S"}, {12, "Q3_K_M"},
    {13, "Q3_K_L"},  {14, "Q4_K_S"},  {15, "Q4_K_M"}, {16, "Q5_K_S"}, {17, "Q5_K_M"},
    {18, "Q6_K"},    {19, "IQ2_XXS"}, {20, "IQ2_XS"}, {21, "Q2_K_S"}, {22, "IQ3_XS"},
    {23, "IQ3_XXS"}, {24, "IQ1_S"},   {25, "IQ4_NL"}, {26, "IQ3_S"},  {27, "IQ3_M"},
    {28, "IQ2_S"},   {29, "IQ2_M"},   {30, "IQ4_XS"}, {31, "IQ1_M"},  {32, "BF16"},
    {36, "TQ1_0"},   {37, "TQ2_0"},   {38, "MXFP4"},
};

constexpr size_t kLongestShownArray = 16;
constexpr uint64_t kMostLayers = 1 << 16;  // beyond it the file is not describing a model

std::string type_name(const gguf::Tensor& tensor) {
  if (tensor.format) return std::string(quant::traits(*tensor.format).name);
  return fmt::format("type {}", tensor.type);
}

uint64_t parameter_count(const gguf::Tensor& tensor) {
  uint64_t count = 1;
  for (uint64_t n : tensor.shape) count *= n;  // the reader has checked the product
  return count;
}

std::vector<TypeShare> type_shares(const gguf::File& file) {
  std::map<std::string, TypeShare> shares;
  for (const gguf::Tensor& tensor : file.tensors()) {
    TypeShare& share = shares[type_name(tensor)];
    share.tensors += 1;
    share.parameters += parameter_count(tensor);
    share.bytes += tensor.bytes;
  }
  std::vector<TypeShare> out;
  for (auto& [name, share] : shares) {
    share.name = name;
    out.push_back(share);
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const auto& a, const auto& b) { return a.bytes > b.bytes; });
  return out;
}

Result<std::string> quantisation(const gguf::File& file, const std::vector<TypeShare>& types) {
  if (file.find("general.file_type")) {
    HOB_TRY(const uint64_t number, file.integer("general.file_type"));
    for (const auto& [known, name] : kFileTypes) {
      if (known == number) return std::string(name);
    }
  }
  return types.empty() ? std::string("none") : types.front().name;
}

// A key that is one number for all layers or an array of one per layer, summed over the layers.
Result<double> sum_over_layers(const gguf::File& file, const std::string& key, uint64_t layers,
                               uint64_t fallback) {
  const gguf::Value* value = file.find(key);
  if (!value || !std::holds_alternative<gguf::Array>(*value)) {
    HOB_TRY(const uint64_t each, file.integer_or(key, fallback));
    return static_cast<double>(each) * static_cast<double>(layers);
  }
  HOB_TRY(const gguf::Array* array, file.array(key));
  if (!array->strings.empty())
    return fail(ErrorKind::kCorrupt, "{}: {} holds text", file.path(), key);
  double sum = 0;
  for (size_t i = 0; i < array->count; ++i) sum += array->number(i);
  return sum;
}

Result<std::optional<double>> kv_elements(const gguf::File& file, const ModelFacts& facts) {
  if (facts.layers == 0 || facts.layers > kMostLayers || facts.heads == 0) return std::nullopt;
  const std::string prefix = facts.architecture + ".attention.";
  const uint64_t head_dim = facts.width / facts.heads;
  HOB_TRY(const uint64_t key_length, file.integer_or(prefix + "key_length", head_dim));
  HOB_TRY(const uint64_t value_length, file.integer_or(prefix + "value_length", head_dim));
  HOB_TRY(const double kv_heads,
          sum_over_layers(file, prefix + "head_count_kv", facts.layers, facts.heads));
  return kv_heads * (static_cast<double>(key_length) + static_cast<double>(value_length));
}

// head_count may be an array too; the first layer stands for all.
Result<uint64_t> first_or_only(const gguf::File& file, const std::string& key) {
  const gguf::Value* value = file.find(key);
  if (!value || !std::holds_alternative<gguf::Array>(*value)) return file.integer_or(key, 0);
  const auto& array = std::get<gguf::Array>(*value);
  if (array.count == 0 || !array.strings.empty()) return uint64_t{0};
  return static_cast<uint64_t>(std::max<int64_t>(0, array.integer(0)));
}

}  // namespace

Result<ModelFacts> read_facts(const gguf::File& file) {
  ModelFacts facts;
  facts.path = file.path();
  facts.gguf_version = file.version();
  facts.file_bytes = file.file_bytes();
  facts.tensors = file.tensors().size();
  const std::string stem = std::filesystem::path(file.path()).stem().string();
  HOB_TRY(facts.name, file.text_or("general.name", stem));
  HOB_TRY(facts.architecture, file.text_or("general.architecture", ""));
  HOB_TRY(facts.size_label, file.text_or("general.size_label", ""));
  HOB_TRY(facts.licence, file.text_or("general.license", ""));
  HOB_TRY(facts.tokenizer, file.text_or("tokenizer.ggml.model", ""));
  HOB_TRY(facts.pre_tokenizer, file.text_or("tokenizer.ggml.pre", ""));
  HOB_TRY(const std::string chat_template, file.text_or("tokenizer.chat_template", ""));
  facts.has_template = !chat_template.empty();
  HOB_TRY(const gguf::Array* tokens, file.array("tokenizer.ggml.tokens"));
  facts.vocabulary = tokens ? tokens->count : 0;
  facts.types = type_shares(file);
  for (const TypeShare& share : facts.types) facts.parameters += share.parameters;
  HOB_TRY(facts.quantisation, quantisation(file, facts.types));
  const std::string prefix = facts.architecture + ".";
  HOB_TRY(facts.context, file.integer_or(prefix + "context_length", 0));
  HOB_TRY(facts.layers, file.integer_or(prefix + "block_count", 0));
  HOB_TRY(facts.width, file.integer_or(prefix + "embedding_length", 0));
  HOB_TRY(facts.heads, first_or_only(file, prefix + "attention.head_count"));
  HOB_TRY(facts.kv_elements, kv_elements(file, facts));
  return facts;
}

std::vector<KvBytes> kv_types() {
  const auto& q8_0 = quant::traits(quant::Format::kQ8_0);
  return {{"f32", 4},
          {"f16", 2},
          {"bf16", 2},
          {"q8_0", static_cast<double>(q8_0.block_bytes) / q8_0.block_len}};
}

ordered_json value_json(const gguf::Value& value) {
  return std::visit(
      [](const auto& v) -> ordered_json {
        using T = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<T, gguf::Array>) {
          const bool text = !v.strings.empty();
          if (v.count > kLongestShownArray) {
            return {{"type", text ? "strings" : "numbers"}, {"count", v.count}};
          }
          auto out = ordered_json::array();
          for (size_t i = 0; i < v.count; ++i) {
            if (text) {
              out.push_back(std::string(v.strings[i]));
            } else {
              out.push_back(v.number(i));
            }
          }
          return out;
        } else if constexpr (std::is_same_v<T, std::string_view>) {
          return std::string(v);
        } else {
          return v;
        }
      },
      value);
}

}  // namespace hob::cli

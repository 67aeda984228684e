#include "models/bert.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "formats/gguf.h"
#include "ops/attend_whole.h"
#include "ops/rows.h"
#include "os/file.h"

namespace hob::models {
namespace {

using nlohmann::json;

// Limits of plausibility: a file outside them is corrupt, and nothing of its size is allocated.
constexpr uint64_t kMostLayers = 1024, kMostWidth = 1 << 16, kMostHeads = 1 << 12,
                   kMostPositions = 1 << 17, kMostVocabulary = 10'000'000;

// config.json, whose errors name the key.
class Config {
 public:
  static Result<Config> parse(std::string_view text, const std::string& folder) {
    Config config{json::parse(text, nullptr, /*allow_exceptions=*/false), folder + "/config.json"};
    if (config.root_.is_object()) return config;
    return fail(ErrorKind::kCorrupt, "{}: not a JSON object", config.path_);
  }
  Result<size_t> size(const char* key, uint64_t most) const {
    const auto found = root_.find(key);
    if (found == root_.end() || !found->is_number_unsigned() || *found == 0u || *found > most)
      return fail(ErrorKind::kCorrupt, "{}: {} is not a number from 1 to {}", path_, key, most);
    return found->get<size_t>();
  }
  Result<double> number(const char* key) const {
    const auto found = root_.find(key);
    if (found == root_.end() || !found->is_number() || !(found->get<double>() >= 0))
      return fail(ErrorKind::kCorrupt, "{}: {} is not a number", path_, key);
    return found->get<double>();
  }
  // Refuses another value than the one that hob has; absent means that one.
  Result<> expect(const char* key, std::string_view wanted) const {
    const auto found = root_.find(key);
    if (found == root_.end() || (found->is_string() && found->get<std::string>() == wanted))
      return {};
    return fail(ErrorKind::kUnsupported, "{}: {} = {} is not supported ({} is)", path_, key,
                gguf::printable(found->dump(), 40), wanted);
  }
  const std::string& path() const { return path_; }

 private:
  Config(json root, std::string path) : root_(std::move(root)), path_(std::move(path)) {}
  json root_;
  std::string path_;
};

Result<BertSpec> read_spec(std::string_view text, const std::string& folder) {
  HOB_TRY(const Config config, Config::parse(text, folder));
  HOB_TRY_VOID(config.expect("model_type", "bert"));
  HOB_TRY_VOID(config.expect("hidden_act", "gelu"));
  HOB_TRY_VOID(config.expect("position_embedding_type", "absolute"));
  BertSpec spec;
  HOB_TRY(spec.width, config.size("hidden_size", kMostWidth));
  HOB_TRY(spec.ffn_width, config.size("intermediate_size", kMostWidth));
  HOB_TRY(spec.n_layers, config.size("num_hidden_layers", kMostLayers));
  HOB_TRY(spec.n_heads, config.size("num_attention_heads", kMostHeads));
  HOB_TRY(spec.vocabulary, config.size("vocab_size", kMostVocabulary));
  HOB_TRY(spec.positions, config.size("max_position_embeddings", kMostPositions));
  HOB_TRY(const double eps, config.number("layer_norm_eps"));
  spec.norm_eps = static_cast<float>(eps);
  if (spec.width % spec.n_heads != 0) {
    return fail(ErrorKind::kCorrupt, "{}: a width of {} does not divide into {} heads",
                config.path(), spec.width, spec.n_heads);
  }
  return spec;
}

// Claims tensors by name and shape.
class Tensors {
 public:
  explicit Tensors(const safetensors::File& file) : file_(file) {
    if (file.find("bert.embeddings.word_embeddings.weight")) prefix_ = "bert.";
  }
  Result<Weight> matrix(const std::string& name, size_t rows, size_t cols) const {
    HOB_TRY(const safetensors::Tensor* tensor, claim(name, {rows, cols}));
    return Weight{tensor->data, *tensor->format, rows, cols};
  }
  // As floats.
  Result<std::vector<float>> floats(const std::string& name,
                                    std::initializer_list<uint64_t> shape) const {
    HOB_TRY(const safetensors::Tensor* tensor, claim(name, shape));
    size_t count = 1;
    for (const uint64_t size : shape) count *= size;
    std::vector<float> values(count);
    quant::traits(*tensor->format).dequantize(tensor->data, count, values.data());
    return values;
  }
  Result<BertNorm> norm(const std::string& name, size_t width) const {
    BertNorm norm;
    HOB_TRY(norm.weight, floats(name + ".weight", {width}));
    HOB_TRY(norm.bias, floats(name + ".bias", {width}));
    return norm;
  }

 private:
  Result<const safetensors::Tensor*> claim(const std::string& short_name,
                                           std::initializer_list<uint64_t> shape) const {
    const std::string name = prefix_ + short_name;
    const safetensors::Tensor* tensor = file_.find(name);
    if (!tensor) return fail(ErrorKind::kCorrupt, "{}: tensor '{}' is missing", file_.path(), name);
    if (!std::ranges::equal(shape, tensor->shape)) {
      return fail(ErrorKind::kCorrupt, "{}: tensor '{}' has shape [{}], expected [{}]",
                  file_.path(), name, fmt::join(tensor->shape, ", "), fmt::join(shape, ", "));
    }
    if (!tensor->format) {
      return fail(ErrorKind::kUnsupported,
                  "{}: tensor '{}' is of type {}, which hob does not multiply with", file_.path(),
                  name, tensor->dtype);
    }
    const auto misaligned =
        reinterpret_cast<uintptr_t>(tensor->data) % quant::traits(*tensor->format).block_bytes;
    if (misaligned != 0) {
      return fail(ErrorKind::kUnsupported, "{}: tensor '{}' is not aligned to its numbers",
                  file_.path(), name);
    }
    return tensor;
  }
  const safetensors::File& file_;
  std::string prefix_;
};

Result<BertLayer> read_layer(const Tensors& tensors, size_t index, const BertSpec& spec) {
  const std::string at = fmt::format("encoder.layer.{}.", index);
  const size_t D = spec.width, F = spec.ffn_width;
  BertLayer layer;
  const struct {
    const char* name;
    Weight& weight;
    std::vector<float>& bias;
    size_t rows, cols;
  } products[] = {{"attention.self.query", layer.wq, layer.bq, D, D},
                  {"attention.self.key", layer.wk, layer.bk, D, D},
                  {"attention.self.value", layer.wv, layer.bv, D, D},
                  {"attention.output.dense", layer.wo, layer.bo, D, D},
                  {"intermediate.dense", layer.up, layer.b_up, F, D},
                  {"output.dense", layer.down, layer.b_down, D, F}};
  for (const auto& p : products) {
    HOB_TRY(p.weight, tensors.matrix(at + p.name + ".weight", p.rows, p.cols));
    HOB_TRY(p.bias, tensors.floats(at + p.name + ".bias", {p.rows}));
  }
  HOB_TRY(layer.attention_norm, tensors.norm(at + "attention.output.LayerNorm", D));
  HOB_TRY(layer.ffn_norm, tensors.norm(at + "output.LayerNorm", D));
  return layer;
}

// resid += position
void add_positions(const Matrix& resid, const std::vector<float>& positions,
                   std::span<const ops::SequenceRows> sequences) {
  for (const ops::SequenceRows& s : sequences) {
    for (size_t t = 0; t < s.rows; ++t) {
      float* row = resid.row(s.first_row + t);
      const float* position = positions.data() + t * resid.cols;
      for (size_t i = 0; i < resid.cols; ++i) row[i] = row[i] + position[i];
    }
  }
}

void normalise(BertRun& run, const BertNorm& norm, float eps) {
  ops::layernorm(run.ctx, run.resid, run.resid, norm.weight.data(), norm.bias.data(), eps);
}

void forward_layer(BertRun& run, const BertLayer& layer, const BertSpec& spec,
                   std::span<const ops::SequenceRows> sequences) {
  const float scale = 1.0f / std::sqrt(static_cast<float>(spec.head_dim()));
  run.operand.set(run.resid);
  ops::linear(run.ctx, run.operand,
              {{run.q, &layer.wq, layer.bq.data()},
               {run.k, &layer.wk, layer.bk.data()},
               {run.v, &layer.wv, layer.bv.data()}});
  ops::attend_whole(run.ctx, run.attn_out, run.q, run.k, run.v, sequences, spec.n_heads,
                    spec.head_dim(), scale);
  run.operand.set(run.attn_out);
  ops::linear(run.ctx, run.operand, {{run.resid, &layer.wo, layer.bo.data(), true}});
  normalise(run, layer.attention_norm, spec.norm_eps);
  run.operand.set(run.resid);
  ops::linear(run.ctx, run.operand, {{run.hidden, &layer.up, layer.b_up.data()}});
  ops::gelu_erf(run.ctx, run.hidden);
  run.operand.set(run.hidden);
  ops::linear(run.ctx, run.operand, {{run.resid, &layer.down, layer.b_down.data(), true}});
  normalise(run, layer.ffn_norm, spec.norm_eps);
}

}  // namespace

Result<std::shared_ptr<const Bert>> Bert::load(const std::string& folder) {
  HOB_TRY(const std::string config, os::read_file(folder + "/config.json"));
  HOB_TRY(auto file, safetensors::File::open(folder + "/model.safetensors"));
  return load(config, std::move(file), folder);
}

Result<std::shared_ptr<const Bert>> Bert::load(std::string_view config, safetensors::File file,
                                               const std::string& folder) {
  auto bert = std::make_shared<Bert>();
  bert->file = std::move(file);
  HOB_TRY(bert->spec, read_spec(config, folder));
  const BertSpec& spec = bert->spec;
  const Tensors tensors(bert->file);
  const size_t D = spec.width;
  HOB_TRY(bert->tokens, tensors.matrix("embeddings.word_embeddings.weight", spec.vocabulary, D));
  HOB_TRY(bert->positions,
          tensors.floats("embeddings.position_embeddings.weight", {spec.positions, D}));
  HOB_TRY(const auto segments, tensors.floats("embeddings.token_type_embeddings.weight", {2, D}));
  for (size_t i = 0; i < bert->positions.size(); ++i) bert->positions[i] += segments[i % D];
  HOB_TRY(bert->embedding_norm, tensors.norm("embeddings.LayerNorm", D));
  for (size_t i = 0; i < spec.n_layers; ++i) {
    HOB_TRY(BertLayer layer, read_layer(tensors, i, spec));
    bert->layers.push_back(std::move(layer));
  }
  return bert;
}

Result<std::unique_ptr<BertRun>> Bert::make_run(ops::Ctx& ctx, size_t rows) const {
  auto run = std::unique_ptr<BertRun>(new BertRun{.ctx = ctx, .rows = rows});
  const std::pair<Matrix*, size_t> buffers[] = {
      {&run->resid, spec.width}, {&run->q, spec.width},        {&run->k, spec.width},
      {&run->v, spec.width},     {&run->attn_out, spec.width}, {&run->hidden, spec.ffn_width}};
  for (const auto& [matrix, cols] : buffers) {
    HOB_TRY(Storage storage, Storage::allocate(rows * cols * sizeof(float), "activations"));
    run->memory.push_back(std::move(storage));
    *matrix = Matrix(run->memory.back().as<float>(), rows, cols);
  }
  const size_t widest = std::max(spec.width, spec.ffn_width);
  HOB_TRY(run->operand, ops::Operand::allocate(ctx, rows, widest));
  HOB_TRY_VOID(ctx.reserve_scratch(
      std::max(ops::linear_scratch_bytes(ctx, widest),
               ops::attend_whole_scratch_bytes(spec.head_dim(), std::min(rows, spec.positions)))));
  return run;
}

Matrix Bert::forward(BertRun& full, std::span<const int32_t> ids,
                     std::span<const ops::SequenceRows> sequences) const {
  const size_t T = ids.size();
  HOB_CHECK(T <= full.rows, "{} tokens in a run of {}", T, full.rows);
  for (const ops::SequenceRows& s : sequences)
    HOB_CHECK(s.rows <= spec.positions, "{} of {} positions", s.rows, spec.positions);
  Matrix* const used[] = {&full.resid, &full.q, &full.k, &full.v, &full.attn_out, &full.hidden};
  Matrix whole[std::size(used)];
  for (size_t i = 0; i < std::size(used); ++i) {
    whole[i] = *used[i];
    *used[i] = whole[i].top(T);
  }
  ops::embed(full.ctx, full.resid, tokens, ids);
  add_positions(full.resid, positions, sequences);
  normalise(full, embedding_norm, spec.norm_eps);
  for (const BertLayer& layer : layers) forward_layer(full, layer, spec, sequences);
  const Matrix result = full.resid;
  for (size_t i = 0; i < std::size(used); ++i) *used[i] = whole[i];
  return result;
}

void mean_pool(const Matrix& out, const Matrix& rows, std::span<const ops::SequenceRows> sequences,
               bool normalise) {
  HOB_CHECK(out.rows == sequences.size() && out.cols == rows.cols);
  for (size_t b = 0; b < sequences.size(); ++b) {
    const ops::SequenceRows& s = sequences[b];
    float* mean = out.row(b);
    std::fill_n(mean, out.cols, 0.0f);
    for (size_t t = 0; t < s.rows; ++t) {
      const float* row = rows.row(s.first_row + t);
      for (size_t i = 0; i < out.cols; ++i) mean[i] = mean[i] + row[i];
    }
    double squares = 0;
    for (size_t i = 0; i < out.cols; ++i) {
      mean[i] = mean[i] / static_cast<float>(s.rows);
      squares += static_cast<double>(mean[i]) * mean[i];
    }
    if (!normalise || squares == 0) continue;
    const double length = std::sqrt(squares);
    for (size_t i = 0; i < out.cols; ++i) mean[i] = static_cast<float>(mean[i] / length);
  }
}

}  // namespace hob::models

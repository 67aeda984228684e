// The whole forward pass against a plain one in double, written here from the papers' formulas over
// the same weights.
#include "models/transformer.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/rng.h"
#include "kernels/registry.h"
#include "tests/support/tiny_run.h"

namespace hob::models {
namespace {

using quant::Format;
using test::TinyOptions;
using Row = std::vector<double>;

constexpr double kPi = 3.14159265358979323846;

// The model that the options describe, one token after the other, nothing shared with the code
// under test but the weights' values.
class Reference {
 public:
  Reference(const TinyOptions& o, const gguf::File& file) : o_(o), file_(file) {
    head_dim_ = o.head_dim > 0 ? o.head_dim : o.width / o.heads;
    rotary_ = o.rotary > 0 ? o.rotary : head_dim_;
    keys_.resize(o.layers);
    values_.resize(o.layers);
  }

  // Logits of the next token.
  Row logits(int32_t token) {
    const Row table = tensor("token_embd.weight");
    Row resid(table.begin() + token * long(o_.width), table.begin() + (token + 1) * long(o_.width));
    for (size_t l = 0; l < o_.layers; ++l) {
      const std::string blk = "blk." + std::to_string(l) + ".";
      add(resid, attention(l, blk, normed(resid, blk + "attn_norm.weight")));
      add(resid, feed_forward(blk, normed(resid, blk + "ffn_norm.weight")));
    }
    ++position_;
    return product(o_.tied ? "token_embd" : "output", normed(resid, "output_norm.weight"));
  }

 private:
  Row tensor(const std::string& name) const {
    const gguf::Tensor* t = file_.find_tensor(name);
    if (!t) return {};
    size_t size = 1;
    for (const uint64_t extent : t->shape) size *= extent;
    std::vector<float> values(size);
    quant::traits(*t->format).dequantize(t->data, size, values.data());
    return Row(values.begin(), values.end());
  }
  Row product(const std::string& name, const Row& x) const {
    const Row w = tensor(name + ".weight"), bias = tensor(name + ".bias");
    Row y(w.size() / x.size());
    for (size_t n = 0; n < y.size(); ++n) {
      y[n] = bias.empty() ? 0 : bias[n];
      for (size_t k = 0; k < x.size(); ++k) y[n] += w[n * x.size() + k] * x[k];
    }
    return y;
  }
  Row normed(const Row& x, const std::string& name) const {
    const Row weight = tensor(name);
    double squares = 0;
    for (const double v : x) squares += v * v;
    Row y(x.size());
    for (size_t i = 0; i < x.size(); ++i) {
      y[i] = x[i] / std::sqrt(squares / double(x.size()) + double(1e-5f)) * weight[i];
    }
    return y;
  }
  static void add(Row& x, const Row& y) {
    for (size_t i = 0; i < x.size(); ++i) x[i] += y[i];
  }

  double frequency(size_t i) const {
    double f = std::pow(double(float(o_.rope_base)), -2.0 * double(i) / double(rotary_));
    if (const Row factors = tensor("rope_freqs.weight"); !factors.empty()) f /= factors[i];
    if (o_.scaling == "linear") return f / o_.factor;
    if (o_.scaling == "yarn") {
      const double context = double(o_.original_context > 0 ? o_.original_context : o_.context);
      const auto pair = [&](double turns) {
        return double(rotary_) * std::log(context / (turns * 2 * kPi)) /
               (2 * std::log(o_.rope_base));
      };
      const double low = std::max(std::floor(pair(32)), 0.0),
                   high = std::min(std::ceil(pair(1)), double(rotary_ - 1));
      const double share = std::clamp((double(i) - low) / std::max(high - low, 0.001), 0.0, 1.0);
      return f * (1 - share) + f / o_.factor * share;
    }
    return f;
  }
  // Llama pairs neighbours, Qwen2 half with half.
  void rotate(Row& x, size_t heads) const {
    const double size = o_.scaling == "yarn" ? 1 + 0.1 * std::log(o_.factor) : 1;
    for (size_t h = 0; h < heads; ++h) {
      for (size_t i = 0; i < rotary_ / 2; ++i) {
        const bool halves = o_.family == "qwen2";
        double& a = x[h * head_dim_ + (halves ? i : 2 * i)];
        double& b = x[h * head_dim_ + (halves ? i + rotary_ / 2 : 2 * i + 1)];
        const double angle = double(position_) * frequency(i), c = size * std::cos(angle),
                     s = size * std::sin(angle);
        const double a0 = a, b0 = b;
        a = a0 * c - b0 * s;
        b = a0 * s + b0 * c;
      }
    }
  }

  Row attention(size_t layer, const std::string& blk, const Row& x) {
    Row q = product(blk + "attn_q", x), k = product(blk + "attn_k", x);
    rotate(q, o_.heads);
    rotate(k, o_.kv_heads);
    keys_[layer].push_back(k);
    values_[layer].push_back(product(blk + "attn_v", x));
    const size_t oldest =
        o_.window > 0 && position_ + 1 > o_.window ? position_ + 1 - o_.window : 0;
    Row mixed(o_.heads * head_dim_);
    for (size_t h = 0; h < o_.heads; ++h) {
      const size_t g = h * o_.kv_heads / o_.heads;
      Row weights;
      double total = 0;
      for (size_t s = oldest; s <= position_; ++s) {
        double score = 0;
        for (size_t d = 0; d < head_dim_; ++d)
          score += q[h * head_dim_ + d] * keys_[layer][s][g * head_dim_ + d];
        weights.push_back(std::exp(score / std::sqrt(double(head_dim_))));
        total += weights.back();
      }
      for (size_t s = oldest; s <= position_; ++s) {
        for (size_t d = 0; d < head_dim_; ++d) {
          mixed[h * head_dim_ + d] +=
              weights[s - oldest] / total * values_[layer][s][g * head_dim_ + d];
        }
      }
    }
    return product(blk + "attn_output", mixed);
  }
  Row feed_forward(const std::string& blk, const Row& x) const {
    Row gate = product(blk + "ffn_gate", x);
    const Row up = product(blk + "ffn_up", x);
    for (size_t i = 0; i < gate.size(); ++i) gate[i] = gate[i] / (1 + std::exp(-gate[i])) * up[i];
    return product(blk + "ffn_down", gate);
  }

  const TinyOptions& o_;
  const gguf::File& file_;
  size_t head_dim_ = 0, rotary_ = 0, position_ = 0;
  std::vector<std::vector<Row>> keys_, values_;  // [L][S][G*K]
};

// Logits of every token, all in one run. [T,V]
std::vector<float> forward(const Transformer& model, const std::vector<int32_t>& tokens) {
  os::ThreadPool pool(2);
  ops::Ctx ctx(pool, **kernels::select());
  auto run = *model.make_run(ctx, tokens.size());
  auto layers = model.cache_layout(ops::KvFormat::kF32, tokens.size());
  std::vector<Storage> memory;
  for (auto& layer : layers) {
    memory.push_back(*Storage::allocate(layer.bytes(), "test"));
    layer.data = memory.back().data();
  }
  const RunSequence sequence{{0, tokens.size(), 0}, layers};
  model.forward(*run, tokens, {&sequence, 1});
  std::vector<size_t> all(tokens.size());
  for (size_t i = 0; i < all.size(); ++i) all[i] = i;
  std::vector<float> logits(tokens.size() * model.spec.vocabulary);
  model.logits(*run, all, Matrix(logits.data(), tokens.size(), model.spec.vocabulary));
  return logits;
}

// Some tokens' logits are those of the whole head, whatever the format and the number of tokens.
TEST(Transformer, LogitsOfFewTokensAreTheSameBits) {
  for (const auto format : {quant::Format::kF32, quant::Format::kF16, quant::Format::kQ8_0,
                            quant::Format::kQ4_K, quant::Format::kQ6_K}) {
    const auto file =
        *test::parse_model(test::tiny_model({.width = 256, .ffn = 256, .format = format}));
    const auto model = *load(file);
    const size_t V = model->spec.vocabulary;
    os::ThreadPool pool(2);
    for (const kernels::Table* table : kernels::compiled()) {
      if (!kernels::runs_here(*table)) continue;
      ops::Ctx ctx(pool, *table);
      auto run = *model->make_run(ctx, 3);
      for (size_t i = 0; i < 3 * model->spec.width; ++i)
        run->resid.data[i] = static_cast<float>(i % 17) - 8.3f;
      std::vector<float> whole(V);
      const size_t row = 2;
      model->logits(*run, {&row, 1}, Matrix(whole.data(), 1, V));
      for (const size_t count : {1, 2, 5, 16, 33, 100}) {
        const auto tokens = test::some_tokens(count, V, count);
        std::vector<float> few(count);
        model->logits_of(*run, row, tokens, few);
        for (size_t i = 0; i < count; ++i) {
          EXPECT_EQ(few[i], whole[static_cast<size_t>(tokens[i])]) << table->name << " " << count;
        }
      }
    }
  }
}

// Squared error of the logits as a share of their energy.
double error(const TinyOptions& options, size_t length = 40) {
  const auto file = *test::parse_model(test::tiny_model(options));
  const auto model = *load(file);
  EXPECT_TRUE(model->unclaimed.empty()) << model->unclaimed.front();
  const auto tokens = test::some_tokens(length, model->spec.vocabulary, options.seed);
  const auto got = forward(*model, tokens);
  Reference reference(options, *file);
  double wrong = 0, size = 0;
  for (size_t t = 0; t < tokens.size(); ++t) {
    const Row want = reference.logits(tokens[t]);
    EXPECT_EQ(want.size(), model->spec.vocabulary);
    for (size_t v = 0; v < want.size(); ++v) {
      wrong += std::pow(got[t * want.size() + v] - want[v], 2);
      size += want[v] * want[v];
    }
  }
  return wrong / size;
}

struct Case {
  const char* name;
  TinyOptions options;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

const Case kCases[] = {
    {"llama", {}},
    {"qwen2", {.family = "qwen2"}},
    {"llama_untied", {.tied = false}},
    {"qwen2_untied", {.family = "qwen2", .tied = false}},
    {"llama_biases", {.biases = true}},
    {"qwen2_biases", {.family = "qwen2", .biases = true}},
    {"one_kv_head", {.kv_heads = 1}},
    {"as_many_kv_heads", {.kv_heads = 4}},
    {"one_layer_one_head", {.layers = 1, .heads = 1, .kv_heads = 1}},
    {"head_wider_than_its_share", {.head_dim = 24}},
    {"qwen2_wide_head", {.family = "qwen2", .head_dim = 40}},
    {"odd_widths", {.width = 36, .heads = 3, .kv_heads = 3, .ffn = 50}},
    {"part_rotates", {.rotary = 8}},
    {"qwen2_part_rotates", {.family = "qwen2", .rotary = 6}},
    {"other_base", {.family = "qwen2", .rope_base = 1000000}},
    {"scaling_none", {.scaling = "none", .factor = 4}},
    {"linear", {.scaling = "linear", .factor = 4}},
    {"yarn",
     {.family = "qwen2",
      .head_dim = 32,
      .rope_base = 500,
      .scaling = "yarn",
      .factor = 4,
      .original_context = 128}},
    {"yarn_of_own_context", {.context = 256, .scaling = "yarn", .factor = 2}},
    {"rope_factors", {.rope_factors = true}},
    {"window", {.window = 7}},
    {"window_of_one", {.window = 1}},
    {"vocabulary_beyond_the_tokenizer", {.vocabulary = 300}},
};

class Forward : public testing::TestWithParam<Case> {};
INSTANTIATE_TEST_SUITE_P(Cases, Forward, testing::ValuesIn(kCases),
                         [](const auto& i) { return std::string(i.param.name); });

// Sums of floats: the error of each is below 1e-6 of its terms.
TEST_P(Forward, OfFloatWeightsIsExact) { EXPECT_LT(error(GetParam().options), 1e-11); }

// Weights of two bytes are exact too; only activations could be rounded, and are not.
TEST_P(Forward, OfHalfWeightsIsExact) {
  TinyOptions options = GetParam().options;
  options.format = Format::kF16;
  options.formats = {{"ffn_up.weight", Format::kBF16},
                     {"attn_k.weight", Format::kBF16},
                     {"token_embd.weight", Format::kF32}};
  EXPECT_LT(error(options), 1e-11);
}

// Activations become int8: about 2.5e-5 of a product's energy is lost (a step of absmax / 127,
// absmax near 2.5 sigma), seven products to a layer, and attention multiplies the scores' errors. A
// wrong block layout costs 1e-1 and more.
TEST(ForwardOfBlocks, IsNear) {
  for (const auto& t : quant::all_formats()) {
    if (t.block_len == 1) continue;
    for (const char* family : {"llama", "qwen2"}) {
      const TinyOptions options{.family = family, .width = 256, .ffn = 256, .format = t.format};
      EXPECT_LT(error(options, 12), 3e-3) << t.name << " " << family;
    }
  }
}

TEST(ForwardOfBlocks, FormatsMix) {
  const TinyOptions options{.width = 256,
                            .ffn = 512,
                            .format = Format::kQ4_K,
                            .formats = {{"attn_v.weight", Format::kQ6_K},
                                        {"ffn_down.weight", Format::kQ6_K},
                                        {"attn_q.weight", Format::kF16},
                                        {"ffn_gate.weight", Format::kQ5_0},
                                        {"token_embd.weight", Format::kQ8_0}},
                            .tied = true};
  EXPECT_LT(error(options, 12), 3e-3);
}

TEST(Transformer, CountsParametersBytesAndProducts) {
  const auto model = test::load(
      {.layers = 3, .width = 64, .heads = 4, .kv_heads = 2, .ffn = 96, .vocabulary = 300});
  const uint64_t layer = 64 * 64 + 2 * 32 * 64 + 64 * 64 + 3 * 64 * 96;
  EXPECT_EQ(model->parameters(), 3 * (layer + 2 * 64) + 300 * 64 + 64);
  EXPECT_EQ(model->weight_bytes(), 4 * (3 * layer + 300 * 64));
  EXPECT_EQ(model->products_per_token(), 3 * layer);
}

TEST(Transformer, CacheLayoutHasWholeTiles) {
  const auto model = test::load({});
  const auto layers = model->cache_layout(ops::KvFormat::kQ8_0, 17);
  ASSERT_EQ(layers.size(), 2u);
  EXPECT_EQ(layers[0].positions, 32u);
  EXPECT_EQ(layers[0].n_heads, 2u);
  EXPECT_EQ(layers[0].head_dim, 16u);
}

}  // namespace
}  // namespace hob::models

// Loading: what a file lacks or says wrongly is one line that names the file and the key or tensor.
#include "models/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/support/tiny_run.h"

namespace hob::models {
namespace {

using test::TinyOptions;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

struct Refusal {
  bool refused = false;
  ErrorKind kind{};
  std::string message;
};

Refusal refusal(const TinyOptions& options) {
  const auto model = test::try_load(options);
  if (model) return {};
  return {true, model.error().kind, model.error().message};
}

// Expects one line that names file and field.
void expect_refused(const TinyOptions& options, const std::string& field,
                    ErrorKind kind = ErrorKind::kCorrupt) {
  const Refusal r = refusal(options);
  ASSERT_TRUE(r.refused) << field;
  EXPECT_EQ(r.kind, kind) << r.message;
  EXPECT_THAT(r.message, AllOf(HasSubstr("tiny.gguf: "), HasSubstr(field), Not(HasSubstr("\n"))));
}

TinyOptions with(std::function<void(gguf::Writer&)> change, TinyOptions options = {}) {
  options.also = std::move(change);
  return options;
}
template <class T>
TinyOptions with_key(const std::string& key, T value, TinyOptions options = {}) {
  return with([=](gguf::Writer& w) { w.set(key, gguf::Value(value)); }, std::move(options));
}

// A model with every tensor the families know.
TinyOptions full(const char* family) {
  return {.family = family, .layers = 2, .biases = true, .tied = false, .rope_factors = true};
}

std::vector<std::string> tensor_names(const TinyOptions& options) {
  const auto file = *test::parse_model(test::tiny_model(options));
  std::vector<std::string> names;
  for (const auto& tensor : file->tensors()) names.emplace_back(tensor.name);
  return names;
}

TEST(Load, EveryArchitectureOfTheTable) {
  for (const Architecture& architecture : architectures()) {
    EXPECT_FALSE(refusal({.family = std::string(architecture.name)}).refused) << architecture.name;
  }
}

TEST(Load, AMissingTensorIsNamed) {
  for (const char* family : {"llama", "qwen2"}) {
    for (const std::string& name : tensor_names(full(family))) {
      TinyOptions options = full(family);
      options.without = {name};
      const bool qkv_bias =
          name.ends_with("q.bias") || name.ends_with("k.bias") || name.ends_with("v.bias");
      const bool optional = name == "output.weight" || name == "rope_freqs.weight" ||
                            name.ends_with("output.bias") ||
                            (qkv_bias && std::string(family) == "llama");
      if (optional) {
        EXPECT_FALSE(refusal(options).refused) << family << " " << name;
      } else {
        expect_refused(options, "tensor '" + name + "' is missing");
      }
    }
  }
}

TEST(Load, AShapeThatIsNotExpectedIsNamed) {
  for (const std::string& name : tensor_names(full("qwen2"))) {
    const auto file = *test::parse_model(test::tiny_model(full("qwen2")));
    const std::vector<uint64_t> shape = file->find_tensor(name)->shape;
    std::vector<std::vector<uint64_t>> others = {
        {shape[0] + 1}, {1, shape.back()}, {shape.back(), 1}, {1, 1, shape.back()}};
    if (shape.size() == 2) others.push_back({shape[1] + 1, shape[0]});
    if (shape.size() == 2) others.push_back({shape[0] * shape[1]});
    for (const auto& other : others) {
      TinyOptions options = full("qwen2");
      options.shapes[name] = other;
      // The head and the embedding agree about the vocabulary: a wrong embedding may be noticed at
      // either.
      expect_refused(
          options, name == "token_embd.weight" ? "tensor '" : "tensor '" + name + "' has shape [");
    }
  }
}

// A type that hob knows of but does not read (IQ2_XXS), in a file that is well-formed but for that.
TEST(Load, AWeightTypeThatHobDoesNotReadIsNamed) {
  std::string bytes = test::tiny_model({});
  const std::string name = "blk.1.ffn_up.weight";
  const size_t record = bytes.find(name);
  ASSERT_NE(record, std::string::npos);
  constexpr uint32_t kIq2Xxs = 16;
  std::memcpy(&bytes[record + name.size() + 4 + 2 * 8], &kIq2Xxs, sizeof kIq2Xxs);
  const auto file = test::parse_model(bytes);
  ASSERT_TRUE(file) << file.error().message;
  const auto model = load(*file);
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().kind, ErrorKind::kUnsupported);
  EXPECT_THAT(model.error().message,
              AllOf(HasSubstr("tiny.gguf"), HasSubstr(name), HasSubstr("16")));
}

TEST(Load, AnAbsentKeyIsNamed) {
  for (const char* key :
       {"general.architecture", "llama.block_count", "llama.context_length",
        "llama.embedding_length", "llama.feed_forward_length", "llama.attention.head_count"}) {
    TinyOptions options;
    options.without = {key};
    expect_refused(options, key);
  }
  for (const char* key :
       {"llama.rope.freq_base", "llama.attention.layer_norm_rms_epsilon", "general.name"}) {
    TinyOptions options;
    options.without = {key};
    EXPECT_FALSE(refusal(options).refused) << key;
  }
}

TEST(Load, HeadsOfKeysDefaultToThoseOfQueries) {
  TinyOptions options{.kv_heads = 4};
  options.without = {"llama.attention.head_count_kv"};
  EXPECT_FALSE(refusal(options).refused);
}

constexpr const char* kSizes[] = {
    "block_count",          "context_length",         "embedding_length",
    "feed_forward_length",  "attention.head_count",   "attention.head_count_kv",
    "attention.key_length", "attention.value_length", "rope.dimension_count"};

TEST(Load, ASizeOfZeroOrTooMuchIsNamed) {
  for (const char* size : kSizes) {
    const std::string key = std::string("llama.") + size;
    expect_refused(with_key(key, uint32_t{0}), key);
    expect_refused(with_key(key, std::numeric_limits<uint64_t>::max()), key);
    expect_refused(with_key(key, uint64_t{1} << 40), key);
    expect_refused(with_key(key, int32_t{-1}), key);
  }
}

// Sizes that are plausible but not this file's contradict its tensors.
TEST(Load, ASizeThatIsNotTheTensorsIsNamed) {
  for (const char* size : {"embedding_length", "feed_forward_length", "attention.head_count_kv",
                           "attention.head_count"}) {
    expect_refused(with_key(std::string("llama.") + size, uint32_t{1 << 10}, {.kv_heads = 4}),
                   "tiny.gguf");
  }
}

TEST(Load, AKeyOfAnotherTypeIsNamed) {
  for (const char* size : kSizes) {
    const std::string key = std::string("llama.") + size;
    expect_refused(with_key(key, std::string_view("64")), key);
    expect_refused(with_key(key, 64.0f), key);
    expect_refused(with_key(key, true), key);
  }
  for (const char* number : {"attention.layer_norm_rms_epsilon", "rope.freq_base",
                             "rope.scaling.factor", "attention.scale"}) {
    const std::string key = std::string("llama.") + number;
    expect_refused(with_key(key, std::string_view("1")), key);
    expect_refused(with_key(key, true), key);
  }
  expect_refused(with_key("llama.rope.scaling.type", uint32_t{1}), "llama.rope.scaling.type");
  expect_refused(with_key("general.architecture", uint32_t{1}), "general.architecture");
  expect_refused(with_key("general.name", uint32_t{1}), "general.name");
  expect_refused(with_key("llama.expert_count", std::string_view("8")), "llama.expert_count");
}

TEST(Load, ANumberThatCannotBeIsNamed) {
  for (const char* number : {"attention.layer_norm_rms_epsilon", "rope.freq_base",
                             "rope.scaling.factor", "attention.scale", "rope.scale_linear"}) {
    const std::string key = std::string("llama.") + number;
    for (const float bad : {0.0f, -1.0f, INFINITY, NAN}) expect_refused(with_key(key, bad), key);
  }
}

TEST(Load, YarnsNumbersAreChecked) {
  const TinyOptions yarn{.scaling = "yarn", .factor = 4};
  for (const char* number :
       {"rope.scaling.yarn_beta_fast", "rope.scaling.yarn_beta_slow", "rope.scaling.attn_factor"}) {
    const std::string key = std::string("llama.") + number;
    for (const float bad : {0.0f, -1.0f, INFINITY, NAN})
      expect_refused(with_key(key, bad, yarn), key);
  }
  const std::string original = "llama.rope.scaling.original_context_length";
  expect_refused(with_key(original, uint32_t{0}, yarn), original);
}

// Rotations by more than a float can tell apart: every angle would be noise.
TEST(Load, RotationsOutOfReasonAreRefused) {
  expect_refused(with_key("llama.rope.freq_base", 1e-30f), "rope");
  expect_refused(with_key("llama.rope.scaling.factor", 1e-30f, {.scaling = "linear"}), "rope");
  expect_refused(with([](gguf::Writer& w) {
                   w.add_tensor("rope_freqs.weight", quant::Format::kF32, {8},
                                std::span<const float>(std::vector<float>(8, 1e-30f)));
                 }),
                 "rope");
}

TEST(Load, RopeFactorsArePositiveNumbers) {
  for (const float bad : {0.0f, -2.0f, INFINITY, NAN}) {
    expect_refused(with([=](gguf::Writer& w) {
                     std::vector<float> factors(8, 1.0f);
                     factors[3] = bad;
                     w.add_tensor("rope_freqs.weight", quant::Format::kF32, {8},
                                  std::span<const float>(factors));
                   }),
                   "tensor 'rope_freqs.weight'");
  }
}

TEST(Load, HeadsThatDoNotDivideAreNamed) {
  expect_refused(with_key("llama.attention.head_count_kv", uint32_t{3}),
                 "llama.attention.head_count_kv");
  expect_refused(with_key("llama.attention.head_count_kv", uint32_t{8}),
                 "llama.attention.head_count_kv");
  expect_refused(with_key("llama.attention.head_count", uint32_t{6}),
                 "tiny.gguf: tensor 'blk.0.attn_q.weight'");
}

TEST(Load, OddRotationIsNamed) {
  expect_refused({.rotary = 7}, "llama.rope.dimension_count = 7");
  expect_refused({.width = 60, .heads = 4},
                 "llama.rope.dimension_count = 15");                  // the head's own width
  expect_refused({.rotary = 20}, "llama.rope.dimension_count = 20");  // wider than the head
}

TEST(Load, UnknownArchitecturesAndScalingsAreRefusedByName) {
  expect_refused(with_key("general.architecture", std::string_view("mamba")), "'mamba'",
                 ErrorKind::kUnsupported);
  expect_refused(with_key("general.architecture", std::string_view("")), "''",
                 ErrorKind::kUnsupported);
  expect_refused(with_key("general.architecture", std::string_view("a\nb\x1b[2J")), "a\\nb",
                 ErrorKind::kUnsupported);
  expect_refused({.scaling = "longrope"}, "llama.rope.scaling.type = 'longrope'",
                 ErrorKind::kUnsupported);
  expect_refused(with_key("llama.attention.value_length", uint32_t{8}),
                 "llama.attention.value_length", ErrorKind::kUnsupported);
}

TEST(Load, MixturesOfExpertsAreRefusedByName) {
  for (const char* family : {"llama", "qwen2"}) {
    const std::string key = std::string(family) + ".expert_count";
    expect_refused(with_key(key, uint32_t{8}, {.family = family}), key, ErrorKind::kUnsupported);
    EXPECT_FALSE(refusal(with_key(key, uint32_t{0}, {.family = family})).refused);
  }
}

TEST(Load, TensorsThatNobodyClaimsAreReported) {
  const auto model = test::try_load(with([](gguf::Writer& w) {
    const std::vector<float> four(4, 1.0f);
    w.add_tensor("blk.0.attn_q_norm.weight", quant::Format::kF32, {4},
                 std::span<const float>(four));
    w.add_tensor("extra", quant::Format::kF16, {2, 2}, std::span<const float>(four));
  }));
  ASSERT_TRUE(model);
  EXPECT_THAT((*model)->unclaimed, ElementsAre("blk.0.attn_q_norm.weight", "extra"));
  EXPECT_TRUE(test::load({})->unclaimed.empty());
}

TEST(Load, ReadsWhatTheFileSays) {
  const auto model = test::load({.family = "qwen2",
                                 .layers = 3,
                                 .width = 64,
                                 .heads = 4,
                                 .kv_heads = 2,
                                 .ffn = 96,
                                 .context = 1234,
                                 .head_dim = 24,
                                 .rotary = 16,
                                 .rope_base = 5000,
                                 .scaling = "yarn",
                                 .factor = 4,
                                 .original_context = 300,
                                 .window = 99});
  EXPECT_EQ(model->spec.architecture, "qwen2");
  EXPECT_EQ(model->spec.name, "tiny");
  EXPECT_EQ(model->spec.width, 64u);
  EXPECT_EQ(model->spec.ffn_width, 96u);
  EXPECT_EQ(model->spec.context, 1234u);
  EXPECT_EQ(model->spec.vocabulary, test::tiny_vocabulary());
  EXPECT_EQ(model->blocks.size(), 3u);
  EXPECT_EQ(model->blocks[2].attention.spec.head_dim, 24u);
  EXPECT_EQ(model->blocks[2].attention.spec.window, 99u);
  EXPECT_EQ(model->spec.rope.rotary, 16u);
  EXPECT_TRUE(model->spec.rope.halves);
  EXPECT_EQ(model->spec.rope.base, 5000);
  EXPECT_EQ(model->spec.rope.original_context, 300);
  EXPECT_EQ(model->spec.rope.factor, 4);
  EXPECT_NEAR(model->spec.rope.magnitude, 1 + 0.1 * std::log(4.0), 1e-15);
  EXPECT_EQ(model->head.data, model->embedding.data);
}

// Two ways to say the same, one older than the other; and a factor without a type is linear, as
// files have it.
TEST(Load, LinearScalingHasThreeSpellings) {
  const auto scaling = [](const TinyOptions& o) { return test::load(o)->spec.rope; };
  for (const auto& options :
       {TinyOptions{.scaling = "linear", .factor = 4}, TinyOptions{.factor = 4},
        with_key("llama.rope.scale_linear", 4.0f)}) {
    EXPECT_EQ(scaling(options).scaling, ops::RopeScaling::kLinear);
    EXPECT_EQ(scaling(options).factor, 4);
  }
  EXPECT_EQ(scaling({.scaling = "none", .factor = 4}).scaling, ops::RopeScaling::kNone);
}

TEST(Load, APathThatIsNoModel) {
  EXPECT_EQ(load("/nonexistent/model.gguf").error().kind, ErrorKind::kNotFound);
}

}  // namespace
}  // namespace hob::models

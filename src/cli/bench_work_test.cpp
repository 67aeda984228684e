#include "cli/bench_work.h"

#include <gtest/gtest.h>

#include "tests/support/tiny_run.h"

namespace hob::cli {
namespace {

// Ten bytes of weights; two layers, the second of which sees three positions at most.
ModelCost small_cost() {
  return {
      .weight_bytes = 10,
      .layers = {.quantised = 100, .floating = 7},
      .head = {.quantised = 50},
      .attention = {{.products = 2, .kv_bytes = 4}, {.products = 2, .kv_bytes = 4, .window = 3}}};
}

TEST(BenchWork, APromptMultipliesEveryWeightWithEveryToken) {
  const Work work = prompt_work(small_cost(), 4, 0, 512);
  EXPECT_EQ(work.products.quantised, 4 * 100 + 50);  // the head for the last token only
  EXPECT_EQ(work.products.floating, 4 * 7);
  EXPECT_EQ(work.attention_products, 2 * (1 + 2 + 3 + 4) + 2 * (1 + 2 + 3 + 3));
  EXPECT_EQ(work.operations(), 2 * (450 + 28 + 38));
}

TEST(BenchWork, APromptReadsTheWeightsOncePerChunk) {
  EXPECT_EQ(prompt_work({.weight_bytes = 10}, 4, 0, 512).bytes, 10);
  EXPECT_EQ(prompt_work({.weight_bytes = 10}, 5, 0, 2).bytes, 30);
}

TEST(BenchWork, DepthAddsToAttentionAlone) {
  const Work shallow = prompt_work(small_cost(), 4, 0, 512);
  const Work deep = prompt_work(small_cost(), 4, 100, 512);
  EXPECT_EQ(deep.products.quantised, shallow.products.quantised);
  EXPECT_EQ(deep.attention_products, 2 * (101 + 102 + 103 + 104) + 2 * 4 * 3);
}

TEST(BenchWork, GenerationReadsTheWeightsOncePerStepForAllSequences) {
  const Work alone = generation_work(small_cost(), 2, 10, 1);
  EXPECT_EQ(alone.bytes, 2 * 10 + 4 * (11 + 12) + 4 * (3 + 3));
  EXPECT_EQ(alone.products.quantised, 2 * (100 + 50));
  const Work together = generation_work(small_cost(), 2, 10, 8);
  EXPECT_EQ(together.bytes, 2 * 10 + 8 * (4 * (11 + 12) + 4 * (3 + 3)));
  EXPECT_EQ(together.products.quantised, 8 * alone.products.quantised);
  EXPECT_EQ(together.attention_products, 8 * alone.attention_products);
}

TEST(BenchWork, CostsComeFromTheModelsSizes) {
  const auto model = test::load({.layers = 2,
                                 .width = 64,
                                 .heads = 4,
                                 .kv_heads = 2,
                                 .ffn = 96,
                                 .format = quant::Format::kQ8_0});
  const ModelCost cost = cost_of(*model, engine::KvFormat::kF16);
  const double per_layer = 64 * 64 * 2 + 64 * 32 * 2 + 64 * 96 * 3;
  EXPECT_EQ(cost.layers.quantised, 2 * per_layer);
  EXPECT_EQ(cost.layers.floating, 0);
  EXPECT_EQ(cost.head.quantised, static_cast<double>(64 * model->spec.vocabulary));
  ASSERT_EQ(cost.attention.size(), 2u);
  EXPECT_EQ(cost.attention[0].products, 2 * 64);
  EXPECT_EQ(cost.attention[0].kv_bytes, 2 * 32 * 2);  // key and value of 32 halves
}

TEST(BenchWork, LimitsFollowTheNumerics) {
  const engine::Peaks peaks{.fp32 = 4, .int8 = 16, .bf16_tiles = 64, .int8_tiles = 128};
  const Rates portable = rates_of(peaks, 10, kernels::Numerics::kPortable);
  EXPECT_EQ(portable.quantised_gops, 128);
  EXPECT_EQ(portable.floating_gflops, 4);
  EXPECT_EQ(portable.attention_gflops, 4);
  const Rates native = rates_of(peaks, 10, kernels::Numerics::kNative);
  EXPECT_EQ(native.quantised_gops, 64);
  EXPECT_EQ(native.floating_gflops, 64);
  const Rates dots =
      rates_of({.fp32 = 4, .bf16 = 8, .int8 = 16}, 10, kernels::Numerics::kNative);
  EXPECT_EQ(dots.quantised_gops, 16);
  EXPECT_EQ(dots.floating_gflops, 4);
  EXPECT_EQ(dots.attention_gflops, 8);
}

TEST(BenchWork, SecondsAreWorkOverTheRateOfItsKind) {
  const Work work{
      .bytes = 30e9, .products = {.quantised = 8e9, .floating = 2e9}, .attention_products = 1e9};
  const Rates rates{
      .read_gbps = 10, .quantised_gops = 16, .floating_gflops = 4, .attention_gflops = 2};
  EXPECT_DOUBLE_EQ(reading_seconds(work, rates), 3);
  EXPECT_DOUBLE_EQ(multiplying_seconds(work, rates), 1 + 1 + 1);
}

}  // namespace
}  // namespace hob::cli

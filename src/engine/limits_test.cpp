#include "engine/limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kernels/registry.h"
#include "os/cpu.h"

namespace hob::engine {
namespace {

using ::testing::Gt;

TEST(Limits, EveryTableMeasuresWhatItsProcessorHas) {
  for (const kernels::Table* table : kernels::compiled()) {
    if (!kernels::runs_here(*table) || table->numerics != kernels::Numerics::kPortable) continue;
    SCOPED_TRACE(table->name);
    auto meter = LimitMeter::create(2, table->name);
    ASSERT_TRUE(meter) << meter.error().message;
    EXPECT_EQ(meter->threads(), 2);
    EXPECT_STREQ(meter->isa(), table->name);
    const Peaks peaks = meter->peaks();
    EXPECT_THAT(peaks.fp32, Gt(0));
    EXPECT_THAT(peaks.int8, Gt(0));
    const bool tiles = std::string_view(table->name) == "amx";
    const auto here = [](uint32_t feature) { return (os::cpu_features() & feature) != 0; };
    EXPECT_EQ(peaks.int8_tiles > 0, tiles);
    EXPECT_EQ(peaks.bf16_tiles > 0, tiles && here(os::kAmxBf16));
    const bool wide = tiles || std::string_view(table->name) == "avx512";
    EXPECT_EQ(peaks.bf16 > 0, wide && here(os::kAvx512Bf16));
    const auto gbps = meter->read_gbps(0);  // as little as it takes
    ASSERT_TRUE(gbps);
    EXPECT_THAT(*gbps, Gt(0));
  }
}

TEST(Limits, QuantisedProductsAreBoundedByTheFasterOfTheTwo) {
  EXPECT_EQ((Peaks{.int8 = 3, .int8_tiles = 5}.best_int8()), 5);
  EXPECT_EQ((Peaks{.int8 = 3}.best_int8()), 3);
}

TEST(Limits, AnUnknownTableIsRefused) { EXPECT_FALSE(LimitMeter::create(1, "z80")); }

}  // namespace
}  // namespace hob::engine

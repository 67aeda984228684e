// What the processor can do, as text and as implications that hold on every machine; pages from the
// system.
#include "os/cpu.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "os/memory.h"

namespace hob::os {
namespace {

TEST(Cpu, FeaturesAsText) {
  EXPECT_EQ(cpu_features_text(0), "none");
  EXPECT_EQ(cpu_features_text(kAvx2), "avx2");
  EXPECT_EQ(cpu_features_text(kAmxInt8 | kAvx2 | kAvx512Vnni | kAvx512),
            "avx2 avx512 avx512-vnni amx-int8");
}

TEST(Cpu, EveryFeatureHasAName) {
  for (const uint32_t bit : {kAvx2, kAvx512, kAvx512Vnni, kAvx512Bf16, kAmxInt8, kAmxBf16}) {
    EXPECT_NE(cpu_features_text(bit), "none") << bit;
  }
}

TEST(Cpu, TheLargerSetImpliesTheSmaller) {
  const uint32_t features = cpu_features();
  EXPECT_EQ(features, cpu_features());
  if (features & kAvx512) {
    EXPECT_TRUE(features & kAvx2);
  }
  if (features & (kAvx512Vnni | kAvx512Bf16)) {
    EXPECT_TRUE(features & kAvx512);
  }
}

TEST(Cpu, ThereIsACoreAndItHasAName) {
  EXPECT_GE(usable_cores(), 1);
  EXPECT_FALSE(cpu_model().empty());
}

TEST(Memory, PagesAreZeroAlignedAndCounted) {
  constexpr size_t kBytes = size_t{64} << 20;
  const uint64_t before = private_memory();
  const auto pages = reserve_pages(kBytes, "a test");
  ASSERT_TRUE(pages);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(*pages) % 4096, 0u);
  EXPECT_TRUE(std::all_of(*pages, *pages + kBytes, [](std::byte b) { return b == std::byte{0}; }));
  std::fill(*pages, *pages + kBytes, std::byte{1});
  EXPECT_GT(private_memory(), before + kBytes / 2);
  release_pages(*pages, kBytes);
  release_pages(nullptr, 0);
}

TEST(Memory, WhatCannotBeIsAnErrorThatNamesThePurpose) {
  const auto pages = reserve_pages(size_t{1} << 60, "the key/value cache");
  ASSERT_FALSE(pages);
  EXPECT_EQ(pages.error().kind, ErrorKind::kTooLarge);
  EXPECT_NE(pages.error().message.find("the key/value cache"), std::string::npos);
}

}  // namespace
}  // namespace hob::os

// The codecs against the PyPI package `gguf` (bit for bit), by eye, and on input that nobody would
// write on purpose.
#include "quant/format.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>
#include <vector>

#include "base/rng.h"

namespace hob::quant {
namespace {

std::vector<std::byte> quantize(Format format, const std::vector<float>& values) {
  std::vector<std::byte> blocks(row_bytes(format, values.size()));
  traits(format).quantize(values.data(), values.size(), blocks.data());
  return blocks;
}

std::vector<float> dequantize(Format format, const std::vector<std::byte>& blocks, size_t count) {
  std::vector<float> values(count);
  traits(format).dequantize(blocks.data(), count, values.data());
  return values;
}

// Sums of uniform numbers: near enough to trained weights.
std::vector<float> bell_shaped(size_t count, float scale) {
  std::vector<float> values;
  for (uint64_t i = 0; i < count; ++i) {
    double sum = 0;
    for (uint32_t j = 0; j < 12; ++j) sum += random_unit(1, RandomStream::kTest, i, j) - 0.5;
    values.push_back(static_cast<float>(sum) * scale);
  }
  return values;
}

std::vector<std::byte> bytes_of(std::initializer_list<int> values) {
  std::vector<std::byte> bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

TEST(Formats, TableAgreesWithTheFileFormat) {
  struct Row {
    const char* name;
    uint32_t gguf_type, block_len, block_bytes;
  };
  // ggml.h and ggml-common.h.
  constexpr Row kRows[] = {{"F32", 0, 1, 4},       {"F16", 1, 1, 2},       {"Q4_0", 2, 32, 18},
                           {"Q4_1", 3, 32, 20},    {"Q5_0", 6, 32, 22},    {"Q5_1", 7, 32, 24},
                           {"Q8_0", 8, 32, 34},    {"Q4_K", 12, 256, 144}, {"Q5_K", 13, 256, 176},
                           {"Q6_K", 14, 256, 210}, {"BF16", 30, 1, 2}};
  ASSERT_EQ(std::size(kRows), all_formats().size());
  for (const Row& row : kRows) {
    const auto format = format_from_name(row.name);
    ASSERT_TRUE(format) << row.name;
    EXPECT_EQ(format_from_gguf(row.gguf_type), format);
    EXPECT_EQ(traits(*format).name, row.name);
    EXPECT_EQ(traits(*format).block_len, row.block_len) << row.name;
    EXPECT_EQ(traits(*format).block_bytes, row.block_bytes) << row.name;
  }
  EXPECT_EQ(format_from_gguf(10), std::nullopt);  // Q2_K
  EXPECT_EQ(format_from_gguf(0xffffffff), std::nullopt);
  EXPECT_EQ(format_from_name("q4_0"), std::nullopt);
  EXPECT_EQ(row_bytes(Format::kQ6_K, 512), 420u);
}

TEST(Formats, Q4_0ByEye) {
  std::vector<std::byte> block = bytes_of({0x00, 0x40});          // 2.0 as a half
  for (int j = 0; j < 16; ++j) block.push_back(std::byte{0x8f});  // low 15, high 8
  const auto values = dequantize(Format::kQ4_0, block, 32);
  for (int j = 0; j < 16; ++j) {
    EXPECT_EQ(values[j], 14);      // 2 * (15 - 8)
    EXPECT_EQ(values[j + 16], 0);  // 2 * (8 - 8)
  }
}

TEST(Formats, Q4_KScalesByEye) {
  // d = 1, dmin = 0.5; sub-block 0 has scale 3 and minimum 4, sub-block 5 scale 33 and minimum 18.
  std::vector<std::byte> block(144);
  block[1] = std::byte{0x3c};
  block[3] = std::byte{0x38};
  std::byte* scales = &block[4];
  scales[0] = std::byte{3};
  scales[4] = std::byte{4};
  scales[1] = std::byte{2 << 6};  // high bits of 33 = 2 * 16 + 1
  scales[5] = std::byte{1 << 6};  // high bits of 18 = 1 * 16 + 2
  scales[9] = std::byte{1 | 2 << 4};
  std::byte* qs = &block[16];
  qs[0] = std::byte{0x07};   // weight 0: level 7
  qs[64] = std::byte{0x90};  // weight 160, the first of sub-block 5: level 9
  const auto values = dequantize(Format::kQ4_K, block, 256);
  EXPECT_EQ(values[0], 1 * 3 * 7 - 0.5f * 4);
  EXPECT_EQ(values[1], -0.5f * 4);
  EXPECT_EQ(values[160], 1 * 33 * 9 - 0.5f * 18);
  EXPECT_EQ(values[32], 0);
}

TEST(Formats, Q8_0QuantisesByEye) {
  std::vector<float> values(32);
  values[0] = 127;
  values[1] = -63.5f;  // halves go away from zero
  values[2] = 0.4f;
  const auto blocks = quantize(Format::kQ8_0, values);
  EXPECT_EQ(blocks[0], std::byte{0x00});
  EXPECT_EQ(blocks[1], std::byte{0x3c});  // scale 1
  EXPECT_EQ(blocks[2], std::byte{127});
  EXPECT_EQ(static_cast<int8_t>(blocks[3]), -64);
  EXPECT_EQ(blocks[4], std::byte{0});
}

struct Record {
  std::string name;
  uint32_t kind = 0, count = 0;
  std::vector<std::byte> blocks;
  std::vector<float> floats;
};

// The layout is described in tests/data/make_quant_vectors.py.
std::vector<Record> read_records() {
  std::ifstream in(HOB_SOURCE_DIR "/tests/data/quant_vectors.bin", std::ios::binary);
  std::vector<Record> records;
  char name[9] = {};
  while (in.read(name, 8)) {
    Record r;
    r.name = name;
    in.read(reinterpret_cast<char*>(&r.kind), 4);
    in.read(reinterpret_cast<char*>(&r.count), 4);
    const auto format = format_from_name(r.name);
    if (!format) {
      ADD_FAILURE() << "unknown format " << r.name;
      break;
    }
    r.blocks.resize(row_bytes(*format, r.count));
    r.floats.resize(r.count);
    in.read(reinterpret_cast<char*>(r.blocks.data()), r.blocks.size());
    in.read(reinterpret_cast<char*>(r.floats.data()), r.count * 4);
    EXPECT_TRUE(in) << r.name;
    records.push_back(std::move(r));
  }
  return records;
}

// Which NaN an operation on two NaNs gives is the compiler's choice of operand order.
bool same_value(float a, float b) {
  return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b) ||
         (std::isnan(a) && std::isnan(b));
}

TEST(Formats, DequantisesAsTheGgufPackageDoes) {
  int formats = 0;
  for (const Record& r : read_records()) {
    if (r.kind != 0) continue;
    ++formats;
    const Format format = *format_from_name(r.name);
    const auto values = dequantize(format, r.blocks, r.count);
    for (size_t i = 0; i < r.count; ++i) {
      ASSERT_TRUE(same_value(values[i], r.floats[i]))
          << r.name << " weight " << i << ": " << values[i] << ", expected " << r.floats[i];
    }
  }
  EXPECT_EQ(formats, kNumFormats);
}

TEST(Formats, QuantisesAsTheGgufPackageDoes) {
  int formats = 0;
  for (const Record& r : read_records()) {
    if (r.kind != 1) continue;
    ++formats;
    const Format format = *format_from_name(r.name);
    const auto blocks = quantize(format, r.floats);
    const size_t block_bytes = traits(format).block_bytes;
    for (size_t i = 0; i < blocks.size(); ++i) {
      ASSERT_EQ(blocks[i], r.blocks[i])
          << r.name << " byte " << i % block_bytes << " of block " << i / block_bytes;
    }
  }
  EXPECT_EQ(formats, 8);  // `gguf` does not quantise to Q4_K, Q5_K, Q6_K
}

TEST(Formats, ReadAndWriteAtAnyAddress) {
  const auto values = bell_shaped(512, 1);
  for (const FormatTraits& t : all_formats()) {
    const auto blocks = quantize(t.format, values);
    const auto expected = dequantize(t.format, blocks, values.size());
    std::vector<std::byte> shifted(blocks.size() + 1);
    t.quantize(values.data(), values.size(), shifted.data() + 1);
    EXPECT_EQ(std::memcmp(shifted.data() + 1, blocks.data(), blocks.size()), 0) << t.name;
    std::vector<float> again(values.size());
    t.dequantize(shifted.data() + 1, again.size(), again.data());
    EXPECT_EQ(again, expected) << t.name;
  }
}

TEST(Formats, RoundTripErrorStaysWithinTheBitsOfTheFormat) {
  const auto values = bell_shaped(256 * 64, 0.02f);
  double power = 0;
  for (const float x : values) power += double{x} * x;
  for (const FormatTraits& t : all_formats()) {
    if (t.block_len == 1) continue;
    const auto back = dequantize(t.format, quantize(t.format, values), values.size());
    double error = 0;
    for (size_t i = 0; i < values.size(); ++i) error += std::pow(double{values[i]} - back[i], 2);
    // The digit in the name is the bits of a level. A uniform step over about +-2.5 deviations with
    // b bits errs by 2 * 2.5 / 2^b / sqrt(12) = 1.44 / 2^b of one deviation.
    const int bits = t.name[1] - '0';
    EXPECT_LT(std::sqrt(error / power), 1.44 / (1 << bits)) << t.name;
  }
}

TEST(Formats, ZerosStayZeros) {
  const std::vector<float> zeros(256);
  for (const FormatTraits& t : all_formats()) {
    for (const float x : dequantize(t.format, quantize(t.format, zeros), 256)) {
      ASSERT_EQ(x, 0) << t.name;
    }
  }
}

TEST(Formats, NothingOverflowsOnNonFiniteOrTinyWeights) {
  const float inf = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float most = std::numeric_limits<float>::max();
  const float least = std::numeric_limits<float>::denorm_min();
  for (const float odd : {inf, -inf, nan, most, -most, least, -least, 1e-40f}) {
    for (const bool alone : {false, true}) {
      std::vector<float> values(256, alone ? 0.5f : odd);
      values[100] = odd;
      values[101] = -odd;
      for (const FormatTraits& t : all_formats())
        quantize(t.format, values);  // the sanitizer judges
    }
  }
}

}  // namespace
}  // namespace hob::quant

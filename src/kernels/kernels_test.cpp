// Differential tests: every table this machine runs against kernels/ref.cpp, bit for bit, over
// every weight format, odd sizes and misaligned pointers. The definitions are exact, so there is no
// tolerance anywhere.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <vector>

#include "base/rng.h"
#include "kernels/registry.h"
#include "quant/format.h"

namespace hob::kernels {
namespace {

using quant::Format;

class Random {
 public:
  explicit Random(uint64_t seed) : seed_(seed) {}
  uint32_t word() { return random_words(seed_, RandomStream::kTest, count_++)[0]; }
  // Roughly normal, with an outlier now and then, as activations have.
  float value() {
    const auto w = random_words(seed_, RandomStream::kTest, count_++);
    float sum = 0;
    for (uint32_t x : w) sum += static_cast<float>(x) * 0x1p-32f - 0.5f;
    return w[0] % 97 == 0 ? 20 * sum : sum;
  }
  std::vector<float> tame_values(size_t n) {
    std::vector<float> v = values(n);
    for (float& x : v) x = std::clamp(x, -1.0f, 1.0f);
    return v;
  }
  std::vector<float> values(size_t n) {
    std::vector<float> v(n);
    for (float& x : v) x = value();
    return v;
  }

 private:
  uint64_t seed_, count_ = 0;
};

constexpr const Table* kOracles[] = {&kRefTable, &kRefAmxTable, &kRefBf16Table};

std::vector<const Table*> tables_here(const Table* definition = &kRefTable) {
  std::vector<const Table*> tables;
  for (const Table* table : compiled()) {
    if (table != &kRefTable && &oracle(*table) == definition && runs_here(*table))
      tables.push_back(table);
  }
  return tables;
}

constexpr size_t padded_rows(size_t m) { return (m + kLanes - 1) / kLanes * kLanes; }

// Activations with every form filled in by one table.
struct Prepared {
  std::vector<float> x, scale, scaled_sum;
  std::vector<int8_t> q;
  std::vector<int16_t> sum16, sum32;
  std::vector<uint16_t> bf16;
  Acts acts;

  Prepared(const Table& table, const std::vector<float>& values, size_t M, size_t K, ActForm form)
      : x(values) {
    const size_t rows = padded_rows(M), block = form == ActForm::kQ32    ? 32
                                                : form == ActForm::kQ256 ? 256
                                                                         : 1;
    if (form == ActForm::kBF16) {
      bf16.resize(rows * round_up(K, 32), 0x7fc0);  // what stands behind the last row is no number
      for (size_t m = 0; m < M; ++m) table.round_bf16(&x[m * K], K, &bf16[bf16_index(m, 0, K)]);
    }
    scale.resize(rows * K / 32 + 1);
    scaled_sum.resize(rows * K / 32 + 1);
    q.resize(rows * K);
    sum16.resize(rows * K / 16 + 1);
    sum32.resize(rows * K / 32 + 1);
    for (size_t m = 0; m < M && block > 1; ++m) {
      if (block == 32) {
        const size_t at = scale_index(m, 0, K / 32);
        table.quantize32(&x[m * K], K, &q[m * K], &scale[at], &scaled_sum[at], &sum32[m * K / 32]);
      } else {
        table.quantize256(&x[m * K], K, &q[m * K], &scale[scale_index(m, 0, K / 256)],
                          &sum16[m * K / 16], &sum32[m * K / 32]);
      }
    }
    acts = {x.data(),     K,          q.data(), scale.data(), scaled_sum.data(), sum16.data(),
            sum32.data(), bf16.data()};
  }
};

// Random weights of any format: random bytes, with the halves that scale a block kept small and
// finite.
std::vector<std::byte> random_weights(Format format, size_t rows, size_t K, Random& random) {
  const auto& traits = quant::traits(format);
  std::vector<float> values = random.values(rows * K);
  std::vector<std::byte> bytes(rows * quant::row_bytes(format, K));
  for (std::byte& b : bytes) b = static_cast<std::byte>(random.word());
  const auto put_half = [&](size_t at) {
    const uint16_t bits = static_cast<uint16_t>(0x2000 + random.word() % 0x1400) |
                          static_cast<uint16_t>(random.word() & 0x8000);
    std::memcpy(&bytes[at], &bits, 2);
  };
  const size_t unit = traits.block_bytes;
  for (size_t at = 0; at < bytes.size(); at += unit) {
    switch (format) {
      case Format::kF32: {
        const float v = random.value();
        std::memcpy(&bytes[at], &v, 4);
        break;
      }
      case Format::kBF16: {
        const float v = random.value();
        std::memcpy(&bytes[at], reinterpret_cast<const char*>(&v) + 2, 2);
        break;
      }
      case Format::kQ6_K:
        put_half(at + unit - 2);
        break;
      case Format::kQ4_1:
      case Format::kQ5_1:
      case Format::kQ4_K:
      case Format::kQ5_K:
        put_half(at);
        put_half(at + 2);
        break;
      default:
        put_half(at);
    }
  }
  return bytes;
}

struct GemmCase {
  size_t M, N, K;
  bool bias, add;
  size_t shift;  // bytes the weights are misaligned by
};

std::vector<float> run_gemm(const Table& table, Format format, const GemmCase& c,
                            const std::vector<std::byte>& weights, const std::vector<float>& x,
                            const std::vector<float>& bias, const std::vector<float>& start,
                            size_t split) {
  Prepared prepared(table, x, c.M, c.K, table.act_form[static_cast<int>(format)]);
  std::vector<std::byte> moved(weights.size() + c.shift);
  std::memcpy(moved.data() + c.shift, weights.data(), weights.size());
  std::vector<float> y = start;
  std::vector<std::byte> scratch(std::max(gemm_scratch_bytes(c.K), gemm_bf16_scratch_bytes(c.K)) +
                                 64);
  auto* aligned =
      reinterpret_cast<std::byte*>((reinterpret_cast<uintptr_t>(scratch.data()) + 63) / 64 * 64);
  for (size_t first = 0; first < c.N; first += split) {
    table.gemm[static_cast<int>(format)]({.weights = moved.data() + c.shift,
                                          .row_bytes = quant::row_bytes(format, c.K),
                                          .rows = c.N,
                                          .first_row = first,
                                          .last_row = std::min(c.N, first + split),
                                          .M = c.M,
                                          .K = c.K,
                                          .x = prepared.acts,
                                          .y = y.data(),
                                          .y_stride = c.N,
                                          .bias = c.bias ? bias.data() : nullptr,
                                          .add = c.add,
                                          .scratch = aligned});
  }
  return y;
}

void expect_same_bits(const std::vector<float>& expected, const std::vector<float>& actual,
                      const std::string& what) {
  ASSERT_EQ(expected.size(), actual.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    ASSERT_EQ(std::bit_cast<uint32_t>(expected[i]), std::bit_cast<uint32_t>(actual[i]))
        << what << ": element " << i << ": " << expected[i] << " against " << actual[i];
  }
}

class Gemm : public testing::TestWithParam<Format> {};

TEST_P(Gemm, EveryTableGivesTheBitsOfTheDefinition) {
  const Format format = GetParam();
  const size_t unit = quant::traits(format).block_len;
  const GemmCase cases[] = {
      {1, 16, 8 * unit, false, false, 0},
      {1, 33, 3 * unit, true, true, 2},
      {2, 5, unit, false, false, 1},
      {3, 48, 2 * unit, true, false, 0},
      {4, 17, 5 * unit, false, true, 3},
      {5, 31, unit, false, false, 0},
      {8, 40, 4 * unit, true, true, 0},
      {13, 64, 2 * unit, false, false, 2},
      {16, 32, 9 * unit, false, false, 0},
      {37, 50, 3 * unit, true, true, 1},
      {130, 19, 6 * unit, false, false, 0},
      {513, 35, unit, true, true, 0},
      {70, 290, 1024, false, false, 0},
      {33, 40, 1024, false, true, 0},
      // every way of taking few tokens together, with rows longer than what is unpacked at once
      {6, 48, 19 * unit, true, false, 0},
      {7, 20, 17 * unit, false, true, 0},
      {9, 32, 18 * unit, false, false, 0},
      {11, 16, 3 * unit, true, true, 0},
      {12, 32, 16 * unit, false, false, 0},
      {15, 33, 33 * unit, true, false, 0}};
  uint64_t seed = 1;
  for (const GemmCase& shape : cases) {
    GemmCase c = shape;
    if (unit == 1)
      c.K = 7 * c.K + 30 + c.M, c.shift *= 4;  // float weights: any K, aligned elements
    Random random(seed++);
    const auto weights = random_weights(format, c.N, c.K, random);
    const auto x = random.values(c.M * c.K), bias = random.values(c.N),
               start = random.values(c.M * c.N);
    for (const Table* definition : kOracles) {
      const auto expected = run_gemm(*definition, format, c, weights, x, bias, start, c.N);
      for (const Table* table : tables_here(definition)) {
        for (size_t split : {c.N, size_t{16}}) {
          expect_same_bits(expected, run_gemm(*table, format, c, weights, x, bias, start, split),
                           fmt::format("{} {} {} M={} N={} K={}", table->name,
                                       definition == &kRefTable ? "" : "native",
                                       quant::traits(format).name, c.M, c.N, c.K));
        }
      }
    }
  }
}

// The definition itself, against plain arithmetic in double on the dequantised weights.
TEST_P(Gemm, TheDefinitionIsCloseToTheExactProduct) {
  const Format format = GetParam();
  const auto& traits = quant::traits(format);
  const size_t N = 24, K = 1024, M = 3;
  Random random(99);
  const auto weights = random_weights(format, N, K, random);
  const auto x = random.tame_values(M * K);
  std::vector<float> w(N * K);
  for (size_t n = 0; n < N; ++n) {
    traits.dequantize(weights.data() + n * quant::row_bytes(format, K), K, &w[n * K]);
  }
  const GemmCase c{M, N, K, false, false, 0};
  for (const Table* definition : kOracles) {
    const auto y = run_gemm(*definition, format, c, weights, x, {}, std::vector<float>(M * N), N);
    double error = 0, power = 0;
    for (size_t m = 0; m < M; ++m) {
      for (size_t n = 0; n < N; ++n) {
        double exact = 0;
        for (size_t k = 0; k < K; ++k) {
          const double product = static_cast<double>(w[n * K + k]) * x[m * K + k];
          exact += product;
          power += product * product;  // not of the sum, which may cancel to nothing
        }
        error += (y[m * N + n] - exact) * (y[m * N + n] - exact);
      }
    }
    // int8 activations with outliers: notes of other engines accept 1e-3; float weights lose only
    // float rounding
    EXPECT_LT(error / power, definition == &kRefAmxTable ? 2e-5
                             : traits.block_len > 1      ? 1e-3
                                                         : 1e-11)
        << traits.name;
  }
}

std::string format_name(const testing::TestParamInfo<Format>& info) {
  return std::string(quant::traits(info.param).name);
}
INSTANTIATE_TEST_SUITE_P(Formats, Gemm,
                         testing::Values(Format::kF32, Format::kF16, Format::kBF16, Format::kQ4_0,
                                         Format::kQ4_1, Format::kQ5_0, Format::kQ5_1, Format::kQ8_0,
                                         Format::kQ4_K, Format::kQ5_K, Format::kQ6_K),
                         format_name);

TEST(Gemm, ExtremeWeightsAndActivationsAreExact) {
  for (const Format format :
       {Format::kQ4_0, Format::kQ5_1, Format::kQ8_0, Format::kQ5_K, Format::kQ6_K}) {
    const GemmCase c{18, 32, 512, false, false, 0};
    for (const uint8_t fill : {0x00, 0x7f, 0x80, 0xff}) {
      std::vector<std::byte> weights(c.N * quant::row_bytes(format, c.K),
                                     static_cast<std::byte>(fill));
      const size_t unit = quant::traits(format).block_bytes;
      for (size_t at = 0; at < weights.size(); at += unit) {  // a finite scale: 0x3c00 is 1
        const uint16_t one = 0x3c00;
        std::memcpy(&weights[format == Format::kQ6_K ? at + unit - 2 : at], &one, 2);
        if (format == Format::kQ5_1 || format == Format::kQ5_K)
          std::memcpy(&weights[at + 2], &one, 2);
      }
      std::vector<float> x(c.M * c.K);
      for (size_t i = 0; i < x.size(); ++i) x[i] = i % 2 ? 3.0f : i % 3 ? -3.0f : 3.0f;
      const auto expected =
          run_gemm(kRefTable, format, c, weights, x, {}, std::vector<float>(c.M * c.N), c.N);
      for (const Table* table : tables_here()) {
        expect_same_bits(
            expected,
            run_gemm(*table, format, c, weights, x, {}, std::vector<float>(c.M * c.N), c.N),
            fmt::format("{} {} fill {}", table->name, quant::traits(format).name, fill));
      }
    }
  }
}

TEST(Quantize, EveryTableGivesTheBitsOfTheDefinition) {
  Random random(5);
  for (const size_t K : {size_t{256}, size_t{1024}, size_t{4864}}) {
    auto x = random.values(K);
    for (size_t i = 32; i < 64; ++i) x[i] = 0;                                // a zero block
    for (size_t i = 64; i < 96; ++i) x[i] = 1e-35f;                           // a tiny one
    for (size_t i = 96; i < 128; ++i) x[i] = static_cast<float>(i) - 111.5f;  // ties
    for (const ActForm form : {ActForm::kQ32, ActForm::kQ256}) {
      const Prepared expected(kRefTable, x, 1, K, form);
      for (const Table* table : tables_here()) {
        const Prepared actual(*table, x, 1, K, form);
        EXPECT_EQ(expected.q, actual.q) << table->name;
        EXPECT_EQ(expected.sum16, actual.sum16) << table->name;
        EXPECT_EQ(expected.sum32, actual.sum32) << table->name;
        expect_same_bits(expected.scale, actual.scale, table->name);
        expect_same_bits(expected.scaled_sum, actual.scaled_sum, table->name);
      }
    }
  }
}

TEST(Rows, EveryTableGivesTheBitsOfTheDefinition) {
  Random random(6);
  for (const size_t n : {1, 5, 15, 16, 17, 31, 32, 48, 100, 576, 1537}) {
    const auto x = random.values(n), w = random.values(n);
    auto wide = random.values(n);
    for (float& v : wide) v *= 40;  // far into both tails of the sigmoid
    std::vector<float> norm(n), act = wide;
    kRefTable.rmsnorm(norm.data(), x.data(), w.data(), n, 1e-5f);
    kRefTable.silu_mul(act.data(), w.data(), n);
    for (const Table* table : tables_here()) {
      std::vector<float> norm2(n), act2 = wide;
      table->rmsnorm(norm2.data(), x.data(), w.data(), n, 1e-5f);
      table->silu_mul(act2.data(), w.data(), n);
      expect_same_bits(norm, norm2, fmt::format("{} rmsnorm {}", table->name, n));
      expect_same_bits(act, act2, fmt::format("{} silu_mul {}", table->name, n));
    }
  }
}

TEST(Rows, LayerNormAndGeluAreTheDefinitionOnEveryTable) {
  Random random(31);
  for (const size_t count : {1, 2, 15, 16, 17, 31, 384, 1000}) {
    const auto x = random.values(count), weight = random.values(count), bias = random.values(count);
    std::vector<float> normed(count), active = x;
    kRefTable.layernorm(normed.data(), x.data(), weight.data(), bias.data(), count, 1e-12f);
    kRefTable.gelu_erf(active.data(), count);
    for (const Table* table : tables_here()) {
      std::vector<float> y = x;
      table->layernorm(y.data(), y.data(), weight.data(), bias.data(), count, 1e-12f);
      expect_same_bits(normed, y, fmt::format("{} layernorm {}", table->name, count));
      y = x;
      table->gelu_erf(y.data(), count);
      expect_same_bits(active, y, fmt::format("{} gelu {}", table->name, count));
    }
  }
}

TEST(Rows, GeluIsAccurate) {
  for (float x = -14; x < 14; x += 0.0137f) {
    float y = x;
    kRefTable.gelu_erf(&y, 1);
    const double exact = 0.5 * x * std::erfc(-x * std::sqrt(0.5));
    // a few float roundings, and in exp those of u and of u^2 = x^2 / 2, which count that often
    EXPECT_NEAR(y, exact, (6e-7 + 2e-7 * x * x) * std::fabs(exact) + 1e-36) << x;
  }
  for (const float x : {0.0f, 1e30f, -1e30f, 1e-40f}) {
    float y = x;
    kRefTable.gelu_erf(&y, 1);
    EXPECT_EQ(y, x > 1 ? x : x < 0 ? -0.0f : x / 2) << x;
  }
}

TEST(Rows, LayerNormHasMeanZeroAndVarianceOne) {
  const float x[] = {1, 2, 3, 6}, one[] = {1, 1, 1, 1}, bias[] = {0, 0, 0, 10};
  float y[4];
  kRefTable.layernorm(y, x, one, bias, 4, 0);
  const double deviation = std::sqrt(3.5);  // of 1 2 3 6 around 3
  for (int i = 0; i < 4; ++i) EXPECT_NEAR(y[i], (x[i] - 3) / deviation + bias[i], 1e-6);  // floats
}

// Also at the ends of the range, where a sum comes nearest to int32's.
TEST(Codes, EveryTableGivesTheExactDotProduct) {
  Random random(32);
  for (const size_t K : {32, 64, 384, 1024, 4096}) {
    for (const size_t rows : {1, 3, 4, 5, 9}) {
      std::vector<int8_t> codes(rows * K);
      std::vector<int16_t> query(K);
      for (int8_t& c : codes) c = static_cast<int8_t>(random.word() % 255);
      for (int16_t& q : query) {
        q = static_cast<int16_t>(static_cast<int>(random.word() % 8191) - 4095);
        q = std::clamp<int16_t>(q, -max_query(K), max_query(K));
      }
      for (int8_t& c : codes) c = std::max<int8_t>(c, -127);
      std::fill_n(codes.begin(), K, int8_t{-127});
      if (rows % 2 == 1) std::ranges::fill(query, static_cast<int16_t>(max_query(K)));
      std::vector<int32_t> expected(rows), out(rows);
      kRefTable.dot_codes(codes.data(), rows, K, query.data(), expected.data());
      int64_t first = 0;
      for (size_t k = 0; k < K; ++k) first += int64_t{codes[k]} * query[k];
      EXPECT_EQ(expected[0], first);
      for (const Table* table : tables_here()) {
        table->dot_codes(codes.data(), rows, K, query.data(), out.data());
        EXPECT_EQ(out, expected) << table->name << " " << K << " " << rows;
      }
    }
  }
}

TEST(Rows, SiluIsAccurate) {
  for (float x = -100; x < 100; x += 0.37f) {
    float gate = x;
    const float one = 1;
    kRefTable.silu_mul(&gate, &one, 1);
    const double exact = x / (1 + std::exp(-static_cast<double>(x)));
    EXPECT_NEAR(gate, exact, 3e-7 * std::max(1.0, std::fabs(exact))) << x;  // a few float roundings
  }
}

TEST(Rope, EveryTableGivesTheBitsOfTheDefinition) {
  Random random(7);
  for (const bool halves : {false, true}) {
    for (const auto& [head_dim, rotary] :
         {std::pair<size_t, size_t>{64, 64}, {128, 128}, {80, 32}, {6, 6}, {96, 72}}) {
      const auto start = random.values(3 * head_dim), c = random.values(rotary / 2),
                 s = random.values(rotary / 2);
      auto expected = start;
      kRefTable.rope(expected.data(), c.data(), s.data(), 3, head_dim, rotary, halves);
      for (const Table* table : tables_here()) {
        auto actual = start;
        table->rope(actual.data(), c.data(), s.data(), 3, head_dim, rotary, halves);
        expect_same_bits(expected, actual,
                         fmt::format("{} rope {} {}", table->name, head_dim, halves));
      }
    }
  }
}

// A cache of one head, large enough for any format.
struct Cache {
  std::vector<std::byte> k, v;
  std::vector<float> k_scale, v_scale;
  KvHead head;
  Cache(size_t positions, size_t head_dim) {
    const size_t padded = padded_rows(head_dim), slots = padded_rows(positions),
                 blocks = (head_dim + 31) / 32;
    k.resize(slots * head_dim * 4);
    v.resize((slots + kKvTile) * padded * 4);
    k_scale.resize(slots * blocks);
    v_scale.resize(slots * blocks);
    head = {k.data(), k_scale.data(), v.data(), v_scale.data()};
  }
};

struct AttendCase {
  size_t first_position, n_tokens, n_heads, head_dim, window;
};

Cache filled_cache(const Table& table, KvFormat format, size_t positions, size_t head_dim,
                   const std::vector<float>& keys, const std::vector<float>& values) {
  Cache cache(positions, head_dim);
  for (size_t p = 0; p < positions;) {  // some alone, then whole and broken tiles
    const size_t count = p < 3 ? 1 : std::min(kKvTile - p % kKvTile, positions - p);
    table.kv_append[static_cast<int>(format)]({.kv = cache.head,
                                               .position = p,
                                               .count = count,
                                               .head_dim = head_dim,
                                               .k = &keys[p * head_dim],
                                               .k_stride = head_dim,
                                               .v = &values[p * head_dim],
                                               .v_stride = head_dim});
    p += count;
  }
  return cache;
}

std::vector<float> run_attend(const Table& table, KvFormat format, const AttendCase& c,
                              const std::vector<float>& keys, const std::vector<float>& values,
                              const std::vector<float>& q, size_t chunk) {
  const size_t positions = c.first_position + c.n_tokens, row = c.n_heads * c.head_dim;
  const Cache cache = filled_cache(table, format, positions, c.head_dim, keys, values);
  std::vector<std::byte> scratch(attend_scratch_bytes(c.head_dim));
  std::vector<float> out(c.n_tokens * row);
  for (size_t t = 0; t < c.n_tokens; t += chunk) {
    table.attend[static_cast<int>(format)]({.q = &q[t * row],
                                            .q_stride = row,
                                            .out = &out[t * row],
                                            .out_stride = row,
                                            .n_tokens = std::min(chunk, c.n_tokens - t),
                                            .n_heads = c.n_heads,
                                            .head_dim = c.head_dim,
                                            .first_position = c.first_position + t,
                                            .window = c.window,
                                            .scale = 0.2f,
                                            .kv = cache.head,
                                            .scratch = scratch.data()});
  }
  return out;
}

// Each cache format by each set of definitions.
class Attend : public testing::TestWithParam<std::tuple<KvFormat, const Table*>> {
 protected:
  KvFormat format() const { return std::get<0>(GetParam()); }
  const Table& definition() const { return *std::get<1>(GetParam()); }
};

TEST_P(Attend, EveryTableAndEveryChunkingGivesTheBitsOfTheDefinition) {
  const AttendCase cases[] = {{0, 1, 3, 64, 0},      {0, 40, 3, 64, 0},   {250, 20, 7, 64, 0},
                              {517, 1, 1, 128, 0},   {300, 9, 2, 80, 40}, {0, 30, 1, 8, 5},
                              {600, 33, 3, 32, 256}, {511, 3, 30, 16, 0}, {270, 70, 3, 64, 50}};
  uint64_t seed = 20;
  for (const AttendCase& c : cases) {
    Random random(seed++);
    const size_t positions = c.first_position + c.n_tokens;
    const auto keys = random.values(positions * c.head_dim),
               values = random.values(positions * c.head_dim);
    const auto q = random.values(c.n_tokens * c.n_heads * c.head_dim);
    const auto expected = run_attend(definition(), format(), c, keys, values, q, 1);
    for (const Table* table : tables_here(&definition())) {
      for (const size_t chunk : {size_t{1}, size_t{7}, c.n_tokens}) {
        expect_same_bits(
            expected, run_attend(*table, format(), c, keys, values, q, chunk),
            fmt::format("{} attend at {} chunk {}", table->name, c.first_position, chunk));
      }
    }
  }
}

// Segments apart, then merged in two goes, as threads share a long past.
TEST_P(Attend, PartsMergeToTheBitsOfTheWhole) {
  const AttendCase cases[] = {{1100, 1, 3, 64, 0}, {1000, 5, 2, 40, 300}};
  for (const AttendCase& c : cases) {
    Random random(99);
    const size_t positions = c.first_position + c.n_tokens, row = c.n_heads * c.head_dim;
    const auto keys = random.values(positions * c.head_dim),
               values = random.values(positions * c.head_dim);
    const auto q = random.values(c.n_tokens * row);
    for (const Table* table : tables_here(&definition())) {
      const Cache cache = filled_cache(*table, format(), positions, c.head_dim, keys, values);
      std::vector<std::byte> scratch(attend_scratch_bytes(c.head_dim));
      std::vector<float> expected(c.n_tokens * row), actual(c.n_tokens * row);
      AttendArgs a{.q = q.data(),
                   .q_stride = row,
                   .out = expected.data(),
                   .out_stride = row,
                   .n_tokens = c.n_tokens,
                   .n_heads = c.n_heads,
                   .head_dim = c.head_dim,
                   .first_position = c.first_position,
                   .window = c.window,
                   .kv = cache.head,
                   .scratch = scratch.data()};
      table->attend[static_cast<int>(format())](a);

      const size_t n_segments = positions / kSegment + 1, floats = attend_part_floats(c.head_dim);
      const size_t stride = c.n_tokens * c.n_heads * floats;
      std::vector<float> parts(n_segments * stride), sum(floats);
      for (const auto& [first, last] : {std::pair<size_t, size_t>{0, 2}, {2, 3}, {3, n_segments}}) {
        a.parts = parts.data() + first * stride;
        a.parts_stride = stride;
        a.first_segment = first;
        a.last_segment = last;
        table->attend[static_cast<int>(format())](a);
      }
      for (size_t r = 0; r < c.n_tokens * c.n_heads; ++r) {
        const size_t position = c.first_position + r / c.n_heads;
        const size_t first = c.window == 0 ? 0 : (position - c.window + 1) / kSegment;
        const size_t half = first + 1, end = position / kSegment + 1;
        AttendMergeArgs merge{.sum = sum.data(),
                              .parts = &parts[first * stride + r * floats],
                              .n_parts = half - first,
                              .parts_stride = stride,
                              .head_dim = c.head_dim};
        table->attend_merge(merge);
        merge.start = false;
        merge.parts = &parts[half * stride + r * floats];
        merge.n_parts = end - half;
        merge.out = &actual[r * c.head_dim];
        table->attend_merge(merge);
      }
      expect_same_bits(expected, actual, fmt::format("{} parts", table->name));
    }
  }
}

TEST_P(Attend, TheDefinitionIsSoftmaxAttention) {
  const AttendCase c{300, 2, 2, 64, 100};
  Random random(77);
  const size_t positions = c.first_position + c.n_tokens, row = c.n_heads * c.head_dim;
  const auto keys = random.tame_values(positions * c.head_dim),
             values = random.tame_values(positions * c.head_dim);
  const auto q = random.tame_values(c.n_tokens * row);
  const auto out = run_attend(definition(), format(), c, keys, values, q, 2);
  for (size_t t = 0; t < c.n_tokens; ++t) {
    const size_t position = c.first_position + t, oldest = position - c.window + 1;
    for (size_t h = 0; h < c.n_heads; ++h) {
      std::vector<double> p(positions), mix(c.head_dim);
      double total = 0;
      for (size_t s = oldest; s <= position; ++s) {
        double score = 0;
        for (size_t d = 0; d < c.head_dim; ++d) {
          score += static_cast<double>(q[t * row + h * c.head_dim + d]) * keys[s * c.head_dim + d];
        }
        total += p[s] = std::exp(score * 0.2);
      }
      for (size_t s = oldest; s <= position; ++s) {
        for (size_t d = 0; d < c.head_dim; ++d) mix[d] += p[s] / total * values[s * c.head_dim + d];
      }
      // float rounding; 11 bits of half; 8 bits of bfloat16 and of int8 blocks, or of the native
      // definition's operands
      const double tolerance[] = {1e-6, 1e-3, 8e-3, 8e-3};
      const double bound =
          std::max(tolerance[static_cast<int>(format())], &definition() == &kRefTable ? 0 : 8e-3);
      for (size_t d = 0; d < c.head_dim; ++d) {
        EXPECT_NEAR(out[t * row + h * c.head_dim + d], mix[d], bound);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Caches, Attend,
                         testing::Combine(testing::Values(KvFormat::kF32, KvFormat::kF16,
                                                          KvFormat::kBF16, KvFormat::kQ8_0),
                                          testing::ValuesIn(kOracles)));

TEST(Registry, TablesAreCompleteAndFoundByName) {
  for (const Table* table : compiled()) {
    for (GemmFn gemm : table->gemm) EXPECT_NE(gemm, nullptr) << table->name;
    for (AttendFn attend : table->attend) EXPECT_NE(attend, nullptr) << table->name;
    EXPECT_NE(table->attend_merge, nullptr) << table->name;
    for (KvAppendFn append : table->kv_append) EXPECT_NE(append, nullptr) << table->name;
    if (runs_here(*table)) {
      EXPECT_EQ(*select(table->name, table->numerics), table);
    } else {
      EXPECT_FALSE(select(table->name, table->numerics));
    }
  }
  const auto none = select("avx2", Numerics::kNative);
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().message.find("avx2 has no definitions of its own"), std::string::npos);
  const auto unknown = select("sse9");
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.error().message.find("sse9"), std::string::npos);
}

}  // namespace
}  // namespace hob::kernels

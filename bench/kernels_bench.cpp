// Single kernels under Google Benchmark: one thread, the best kernel table of this machine (or the
// one HOB_ISA names), and its native definitions beside the portable ones where it has some.
//
//   gemm/FORMAT/M/K     y = W x for M tokens and K columns, a matrix larger than the level 2 cache;
//   activations
//                       are brought into the format's form once and outside the time
//   attend/CACHE/T/S    T new tokens of 9 query and 3 key/value heads after S cached positions
//   quantize32, quantize256, round_bf16, rmsnorm, silu_mul    a row that stays in the first cache
//
// GOP/s counts a multiplication and an addition as two, GB/s what must be read or written at least,
// and `percent` says how near that is to this machine's limit: the longer of reading the bytes
// (from a working set of the same size) and of multiplying at the peak of the definition's
// products.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/rng.h"
#include "engine/limits.h"
#include "kernels/registry.h"
#include "ops/attend.h"
#include "ops/linear.h"
#include "quant/format.h"

namespace hob {
namespace {

using benchmark::State;
using kernels::Numerics;
using quant::Format;

template <class T>
T must(Result<T> result) {
  HOB_CHECK(result.has_value(), "{}", result.error().message);
  return *std::move(result);
}

// Between -1 and 1.
std::vector<float> random_values(size_t count) {
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i)
    values[i] = static_cast<float>(random_words(1, RandomStream::kTest, i)[0]) * 0x1p-31f - 1;
  return values;
}

class Bench {
 public:
  explicit Bench(Numerics numerics)
      : numerics_(numerics),
        pool_(1),
        ctx_(pool_, *must(kernels::select({}, numerics))),
        meter_(must(engine::LimitMeter::create(1))),
        peaks_(meter_.peaks()) {}

  ops::Ctx& ctx() { return ctx_; }
  const kernels::Table& table() const { return ctx_.kernels; }

  // In 1e9 a second.
  double weight_peak(Format format) const {
    if (numerics_ == Numerics::kNative) return peaks_.bf16_tiles;
    return quant::traits(format).block_len > 1 ? peaks_.best_int8() : peaks_.fp32;
  }
  double float_peak() const { return peaks_.fp32; }

  // Runs `f` as often as Google Benchmark asks for. Bytes and operations are those of one call, the
  // peak is in 1e9 operations a second.
  template <class F>
  void run(State& state, const F& f, double bytes, double operations, double peak) {
    const auto start = std::chrono::steady_clock::now();
    for (auto _ : state) {
      f();
      benchmark::ClobberMemory();
    }
    const std::chrono::duration<double, std::nano> elapsed =
        std::chrono::steady_clock::now() - start;
    const double each = elapsed.count() / static_cast<double>(state.iterations());
    state.counters["GB/s"] = bytes / each;
    if (operations > 0) state.counters["GOP/s"] = operations / each;
    state.counters["percent"] = 100 * std::max(bytes / read_gbps(bytes), operations / peak) / each;
  }

 private:
  double read_gbps(double bytes) {
    const auto size = std::max(static_cast<size_t>(bytes), size_t{1} << 20);
    const auto [entry, fresh] = read_gbps_.try_emplace(size);
    if (fresh) entry->second = must(meter_.read_gbps(size));
    return entry->second;
  }

  Numerics numerics_;
  os::ThreadPool pool_;
  ops::Ctx ctx_;
  engine::LimitMeter meter_;
  engine::Peaks peaks_;
  std::map<size_t, double> read_gbps_;  // by working set
};

// --- products ---

constexpr size_t kRows = 4096;

// As a run's memory and a file's tensors lie: where a register's load crosses no line.
template <class T>
Storage aligned_copy(const std::vector<T>& from) {
  Storage to = must(Storage::allocate(from.size() * sizeof(T), "a benchmark's operand"));
  std::copy(from.begin(), from.end(), to.as<T>());
  return to;
}

// Blocks whose halves are finite, whatever the format packs where: no byte has all exponent bits.
std::vector<std::byte> random_weights(Format format, size_t cols) {
  const auto& traits = quant::traits(format);
  std::vector<std::byte> blocks(kRows * quant::row_bytes(format, cols));
  if (traits.quantize) {
    traits.quantize(random_values(kRows * cols).data(), kRows * cols, blocks.data());
  } else {
    for (size_t i = 0; i < blocks.size(); ++i)
      blocks[i] = static_cast<std::byte>(random_words(2, RandomStream::kTest, i)[0] & 0x3b);
  }
  return blocks;
}

void gemm(State& state, Bench& bench, Format format) {
  const auto M = static_cast<size_t>(state.range(0)), cols = static_cast<size_t>(state.range(1));
  const Storage blocks = aligned_copy(random_weights(format, cols));
  const Weight weight{.data = blocks.data(), .format = format, .rows = kRows, .cols = cols};
  const Storage x = aligned_copy(random_values(M * cols));
  const Storage y = aligned_copy(std::vector<float>(M * kRows));
  HOB_CHECK(bench.ctx().reserve_scratch(ops::linear_scratch_bytes(bench.ctx(), cols)), "scratch");
  auto operand = must(ops::Operand::allocate(bench.ctx(), M, cols));
  operand.set(Matrix(x.as<float>(), M, cols));
  const auto product = [&] {
    ops::linear(bench.ctx(), operand, {{Matrix(y.as<float>(), M, kRows), &weight}});
  };
  product();
  bench.run(state, product, static_cast<double>(blocks.size()),
            2.0 * static_cast<double>(M) * kRows * cols, bench.weight_peak(format));
}

// --- attention ---

constexpr size_t kHeads = 9, kKvHeads = 3, kHeadDim = 64;

struct Tokens {  // random queries, keys and values at a position
  size_t rows, position;
  std::vector<float> q = random_values(rows * kHeads * kHeadDim), out = q;
  std::vector<float> kv = random_values(rows * kKvHeads * kHeadDim);

  void attend(Bench& bench, const ops::KvLayer& cache) {
    const Matrix queries(q.data(), rows, kHeads * kHeadDim);
    const Matrix replies(out.data(), rows, kHeads * kHeadDim);
    const Matrix entries(kv.data(), rows, kKvHeads * kHeadDim);
    const ops::SequenceRows sequence{.rows = rows, .position = position};
    ops::attend(bench.ctx(), replies, queries, entries, entries, {&sequence, 1}, {&cache, 1},
                {.n_heads = kHeads, .n_kv_heads = kKvHeads, .head_dim = kHeadDim, .scale = 0.125f});
  }
};

void attend(State& state, Bench& bench, ops::KvFormat format) {
  const auto tokens = static_cast<size_t>(state.range(0));
  const auto cached = static_cast<size_t>(state.range(1));
  ops::KvLayer cache{.format = format,
                     .n_heads = kKvHeads,
                     .head_dim = kHeadDim,
                     .positions = kernels::round_up(cached + tokens, kernels::kKvTile)};
  const Storage memory = must(Storage::allocate(cache.bytes(), "a cache"));
  cache.data = memory.data();
  HOB_CHECK(bench.ctx().reserve_scratch(ops::attend_scratch_bytes(kHeadDim)), "scratch");
  if (cached > 0) Tokens{cached, 0}.attend(bench, cache);
  Tokens fresh{tokens, cached};
  const double seen = static_cast<double>(tokens) *
                      (static_cast<double>(cached) + (static_cast<double>(tokens) + 1) / 2);
  bench.run(
      state, [&] { fresh.attend(bench, cache); }, static_cast<double>(cache.bytes()),
      4.0 * kHeads * kHeadDim * seen, bench.float_peak());
}

// --- rows ---

void row_kernel(State& state, Bench& bench, const std::string& name) {
  const auto count = static_cast<size_t>(state.range(0));
  std::vector<float> x = random_values(count), y = x, weight = x;
  std::vector<float> scale(count / 32 * kernels::kLanes), sums(scale.size());
  std::vector<int8_t> q(count);
  std::vector<int16_t> sum16(count / 16), sum32(count / 32);
  std::vector<uint16_t> bf16(count * kernels::kLanes);  // rows may lie kLanes side by side
  const auto& table = bench.table();
  const auto run = [&](size_t bytes_each, const auto& kernel) {
    bench.run(state, kernel, static_cast<double>(bytes_each * count), 0, 1);
  };
  if (name == "quantize32") {
    run(5, [&] {
      table.quantize32(x.data(), count, q.data(), scale.data(), sums.data(), sum32.data());
    });
  } else if (name == "quantize256") {
    run(5, [&] {
      table.quantize256(x.data(), count, q.data(), scale.data(), sum16.data(), sum32.data());
    });
  } else if (name == "round_bf16") {
    run(6, [&] { table.round_bf16(x.data(), count, bf16.data()); });
  } else if (name == "rmsnorm") {
    run(12, [&] { table.rmsnorm(y.data(), x.data(), weight.data(), count, 1e-5f); });
  } else {
    run(12, [&] { table.silu_mul(y.data(), x.data(), count); });
  }
}

// --- the list ---

void add_gemms(Bench& bench, const std::string& prefix) {
  for (const auto& traits : quant::all_formats()) {
    benchmark::RegisterBenchmark(
        (prefix + "gemm/" + std::string(traits.name)).c_str(),
        [&bench, format = traits.format](State& state) { gemm(state, bench, format); })
        ->ArgsProduct({{1, 8, 16, 64, 512}, {768, 2048}})
        ->ArgNames({"M", "K"});
  }
}

void add_attention(Bench& bench, const std::string& prefix) {
  constexpr std::pair<const char*, ops::KvFormat> kCaches[] = {{"F32", ops::KvFormat::kF32},
                                                               {"F16", ops::KvFormat::kF16},
                                                               {"BF16", ops::KvFormat::kBF16},
                                                               {"Q8_0", ops::KvFormat::kQ8_0}};
  for (const auto& [name, format] : kCaches) {
    benchmark::RegisterBenchmark((prefix + "attend/" + name).c_str(),
                                 [&bench, kv = format](State& state) { attend(state, bench, kv); })
        ->Args({1, 512})
        ->Args({1, 8192})
        ->Args({512, 0})
        ->Args({512, 7680})
        ->ArgNames({"T", "S"});
  }
}

void add_rows(Bench& bench, const std::string& prefix, std::vector<std::string> names) {
  for (const std::string& name : names) {
    benchmark::RegisterBenchmark((prefix + name).c_str(), [&bench, name](State& state) {
      row_kernel(state, bench, name);
    })->Arg(2048);
  }
}

}  // namespace
}  // namespace hob

int main(int argc, char** argv) {
  using namespace hob;
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  Bench portable(Numerics::kPortable);
  add_gemms(portable, "");
  add_attention(portable, "");
  add_rows(portable, "", {"quantize32", "quantize256", "rmsnorm", "silu_mul"});
  std::unique_ptr<Bench> native;
  if (kernels::select({}, Numerics::kNative)) {
    native = std::make_unique<Bench>(Numerics::kNative);
    add_gemms(*native, "native/");
    add_rows(*native, "native/", {"round_bf16"});
  }
  std::printf("kernels of %s, one thread\n", portable.table().name);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}

#include "engine/limits.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>

#include "tensor/storage.h"

namespace hob::engine {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kTries = 4;  // the best counts: others may use the machine too

// Operations per nanosecond of a probe run on every thread.
double best_rate(ops::Ctx& ctx, size_t (*probe)(size_t), double seconds) {
  size_t rounds = 1000;
  for (;;) {  // as many rounds as take about a tenth of the time
    const auto start = Clock::now();
    probe(rounds);
    if (std::chrono::duration<double>(Clock::now() - start).count() > seconds / 10) break;
    rounds *= 2;
  }
  double best = 0;
  for (int i = 0; i < kTries; ++i) {
    std::atomic<size_t> operations{0};
    const auto start = Clock::now();
    ctx.pool.run([&](int) { operations += probe(rounds); });
    best = std::max(
        best, static_cast<double>(operations) /
                  static_cast<double>(std::chrono::nanoseconds(Clock::now() - start).count()));
  }
  return best;
}

}  // namespace

Result<Limits> measure_limits(ops::Ctx& ctx, size_t bytes) {
  constexpr size_t kGrain = 4096, kMost = size_t{1} << 30;
  bytes = std::clamp(bytes, size_t{1} << 20, kMost) / kGrain * kGrain;
  HOB_TRY(const Storage buffer, Storage::allocate(bytes, "measuring the read bandwidth"));
  const auto share = [&](const auto& f) {
    ctx.pool.split(bytes, kGrain,
                   [&](size_t first, size_t last, int) { f(buffer.data() + first, last - first); });
  };
  share([](std::byte* data, size_t size) { std::memset(data, 1, size); });
  Limits limits;
  for (int i = 0; i < kTries; ++i) {
    const auto start = Clock::now();
    share([&](const std::byte* data, size_t size) { ctx.kernels.probe_read(data, size); });
    const auto elapsed =
        static_cast<double>(std::chrono::nanoseconds(Clock::now() - start).count());
    limits.read_gbps = std::max(limits.read_gbps, static_cast<double>(bytes) / elapsed);
  }
  constexpr double kSeconds = 0.03;
  limits.int8_gops = best_rate(ctx, ctx.kernels.probe_int8, kSeconds);
  limits.float_gflops = best_rate(ctx, ctx.kernels.probe_float, kSeconds);
  return limits;
}

}  // namespace hob::engine

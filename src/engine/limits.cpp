#include "engine/limits.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <system_error>

#include "kernels/registry.h"
#include "os/cpu.h"
#include "os/thread_pool.h"
#include "tensor/storage.h"

namespace hob::engine {
namespace {

using Clock = std::chrono::steady_clock;
using Probe = size_t (*)(size_t rounds);

constexpr int kTries = 5;  // the best counts: others may use the machine too
constexpr double kProbeSeconds = 0.01;

double nanoseconds_since(Clock::time_point start) {
  return static_cast<double>(std::chrono::nanoseconds(Clock::now() - start).count());
}

// Operations per nanosecond of a probe run on every thread.
double best_rate(os::ThreadPool& pool, Probe probe) {
  size_t rounds = 1000;
  for (;; rounds *= 2) {
    const auto start = Clock::now();
    probe(rounds);
    if (nanoseconds_since(start) > kProbeSeconds * 1e9) break;
  }
  double best = 0;
  for (int i = 0; i < kTries; ++i) {
    std::atomic<size_t> operations{0};
    const auto start = Clock::now();
    pool.run([&](int) { operations += probe(rounds); });
    best = std::max(best, static_cast<double>(operations) / nanoseconds_since(start));
  }
  return best;
}

}  // namespace

struct LimitMeter::Team {
  os::ThreadPool pool;
  const kernels::Table& table;

  double rate(Probe probe, uint32_t needs = 0) {
    const bool there = probe && (os::cpu_features() & needs) == needs;
    return there ? best_rate(pool, probe) : 0;
  }
};

LimitMeter::LimitMeter(std::unique_ptr<Team> team) : team_(std::move(team)) {}
LimitMeter::LimitMeter(LimitMeter&&) noexcept = default;
LimitMeter::~LimitMeter() = default;

Result<LimitMeter> LimitMeter::create(int threads, std::string_view isa) {
  HOB_TRY(const kernels::Table* table, kernels::select(isa));
  const int count = threads > 0 ? threads : os::usable_cores();
  try {
    return LimitMeter(std::unique_ptr<Team>(new Team{os::ThreadPool(count), *table}));
  } catch (const std::system_error& error) {
    return fail(ErrorKind::kTooLarge, "cannot start {} threads: {}", count, error.what());
  }
}

int LimitMeter::threads() const { return team_->pool.size(); }
const char* LimitMeter::isa() const { return team_->table.name; }

Peaks LimitMeter::peaks() {
  const kernels::Probes& probes = team_->table.probes;
  return {.fp32 = team_->rate(probes.fp32),
          .bf16 = team_->rate(probes.bf16, os::kAvx512Bf16),
          .int8 = team_->rate(probes.int8),
          .bf16_tiles = team_->rate(probes.bf16_tiles, os::kAmxBf16),
          .int8_tiles = team_->rate(probes.int8_tiles)};
}

Result<double> LimitMeter::read_gbps(size_t bytes) {
  constexpr size_t kGrain = 4096;
  bytes = std::clamp(bytes, size_t{1} << 20, kFromMemory) / kGrain * kGrain;
  HOB_TRY(const Storage buffer, Storage::allocate(bytes, "measuring the read bandwidth"));
  const auto share = [&](const auto& f) {
    team_->pool.split(bytes, kGrain, [&](size_t first, size_t last, int) {
      f(buffer.data() + first, last - first);
    });
  };
  share([](std::byte* data, size_t size) { std::memset(data, 1, size); });
  double best = 0;
  for (int i = 0; i < kTries; ++i) {
    for (const size_t ahead : {512, 2048, 4096}) {
      const auto start = Clock::now();
      share(
          [&](const std::byte* data, size_t size) { team_->table.probes.read(data, size, ahead); });
      best = std::max(best, static_cast<double>(bytes) / nanoseconds_since(start));
    }
  }
  return best;
}

}  // namespace hob::engine

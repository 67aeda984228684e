#include "os/thread_pool.h"

#include <chrono>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace hob::os {
namespace {

inline void relax() {
#if defined(__x86_64__)
  _mm_pause();
#endif
}

// Long enough to bridge the gaps inside one token, short enough not to burn a core while a person reads.
constexpr auto kSpinTime = std::chrono::microseconds(400);
constexpr int kSpinsPerClockRead = 256;
// A waiting thread gives its core away after this many spins: with more threads than cores the one it waits for
// may need it.
constexpr int kSpinsBeforeYield = 20000;

template <class Done>
void spin_until(const Done& done) {
  for (int spins = 0; !done(); ++spins) {
    if (spins < kSpinsBeforeYield) {
      relax();
    } else {
      std::this_thread::yield();
    }
  }
}

}  // namespace

ThreadPool::ThreadPool(int size) {
  for (int i = 1; i < size; ++i) workers_.emplace_back([this, i] { work(i); });
}

ThreadPool::~ThreadPool() {
  {
    std::lock_guard lock(mutex_);
    stopping_.store(true);
    generation_.fetch_add(1);
  }
  wake_.notify_all();
  for (auto& worker : workers_) worker.join();
}

void ThreadPool::run_erased(Call call, const void* function) {
  if (workers_.empty()) return call(function, 0);
  call_ = call;
  function_ = function;
  running_.store(static_cast<int>(workers_.size()), std::memory_order_relaxed);
  generation_.fetch_add(1);  // sequentially consistent with the sleepers' check below
  if (sleeping_.load() > 0) {
    { std::lock_guard lock(mutex_); }
    wake_.notify_all();
  }
  call(function, 0);
  spin_until([this] { return running_.load(std::memory_order_acquire) == 0; });
}

void ThreadPool::work(int index) {
  uint32_t seen = 0;
  for (;;) {
    const auto deadline = std::chrono::steady_clock::now() + kSpinTime;
    int spins = 0;
    while (generation_.load(std::memory_order_acquire) == seen) {
      relax();
      if (++spins % kSpinsPerClockRead == 0 && std::chrono::steady_clock::now() > deadline) {
        std::unique_lock lock(mutex_);
        sleeping_.fetch_add(1);
        wake_.wait(lock, [&] { return generation_.load() != seen; });
        sleeping_.fetch_sub(1);
      }
    }
    ++seen;
    if (stopping_.load()) return;
    call_(function_, index);
    running_.fetch_sub(1, std::memory_order_release);
  }
}

void ThreadPool::barrier() {
  const int team = size();
  if (team == 1) return;
  const uint32_t round = barrier_round_.load(std::memory_order_relaxed);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) == team - 1) {
    arrived_.store(0, std::memory_order_relaxed);
    barrier_round_.store(round + 1, std::memory_order_release);
    return;
  }
  spin_until([&] { return barrier_round_.load(std::memory_order_acquire) != round; });
}

}  // namespace hob::os

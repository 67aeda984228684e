// The life of the team: each worker waits for the next generation, does its job, reports, and ends
// with the pool. thread_pool.h has the protocol of waiting and waking.
#include "os/thread_pool.h"

#include <algorithm>
#include <chrono>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace hob::os {
namespace {

using Clock = std::chrono::steady_clock;

inline void relax() {
#if defined(__x86_64__)
  _mm_pause();
#endif
}

// Bridges the gaps inside one token; a person who reads lets the team fall asleep.
constexpr auto kWakeTime = std::chrono::microseconds(400);
// About a microsecond (a pause takes 40 to 140 cycles). Then the core is offered to others: the
// scheduler may have put the thread that is waited for behind this one, and where nobody wants the
// core, an offer costs little.
constexpr int kSpins = 50;

}  // namespace

ThreadPool::ThreadPool(int size) {
  workers_.reserve(static_cast<size_t>(std::max(size - 1, 0)));
  try {
    for (int i = 1; i < size; ++i) workers_.emplace_back([this, i] { work(i); });
  } catch (...) {  // the system starts no more: those that run must not be left waiting
    stop();
    throw;
  }
}

ThreadPool::~ThreadPool() { stop(); }

void ThreadPool::stop() {
  stopping_.store(true);
  generation_.fetch_add(1);
  wake_sleepers();
  for (auto& worker : workers_) worker.join();
}

// `done` reads atomics in the default, sequentially consistent order.
template <class Done>
void ThreadPool::wait_until(const Done& done) {
  for (int spins = 0; spins < kSpins; ++spins) {
    if (done()) return;
    relax();
  }
  const auto deadline = Clock::now() + kWakeTime;
  do {
    if (done()) return;
    std::this_thread::yield();
  } while (Clock::now() < deadline);
  std::unique_lock lock(mutex_);
  sleeping_.fetch_add(1);
  wake_.wait(lock, done);
  sleeping_.fetch_sub(1);
}

void ThreadPool::wake_sleepers() {
  if (sleeping_.load() == 0) return;
  { std::lock_guard lock(mutex_); }  // a sleeper that has counted itself is now past its last look
  wake_.notify_all();
}

void ThreadPool::run_erased(Call call, const void* function) {
  if (workers_.empty()) return call(function, 0);
  call_ = call;
  function_ = function;
  running_.store(static_cast<int>(workers_.size()));
  generation_.fetch_add(1);
  wake_sleepers();
  call(function, 0);
  wait_until([this] { return running_.load() == 0; });
}

void ThreadPool::work(int index) {
  // run() waits for every worker, so none can miss a generation.
  for (uint32_t seen = 0;; ++seen) {
    wait_until([&] { return generation_.load() != seen; });
    if (stopping_.load()) return;
    call_(function_, index);
    if (running_.fetch_sub(1) == 1) wake_sleepers();
  }
}

void ThreadPool::barrier() {
  const int team = size();
  if (team == 1) return;
  const uint32_t round = barrier_round_.load();
  if (arrived_.fetch_add(1) == team - 1) {
    arrived_.store(0);
    barrier_round_.fetch_add(1);
    wake_sleepers();
    return;
  }
  wait_until([&] { return barrier_round_.load() != round; });
}

}  // namespace hob::os

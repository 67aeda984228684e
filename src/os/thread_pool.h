// A fixed team of threads that run one function together, as cheaply as two spinning cores allow.
//
// run(f) calls f(index) once on each of size() threads (index 0 is the caller) and returns when all
// are done. Work is split by the job itself, statically, so that which thread computes what never
// changes a result.
//
// Every wait (for a job, for its end, at a barrier) goes the same way: spin for about a
// microsecond, because the next step is mostly that near; then offer the core to others between
// looks; then sleep, so an idle program costs nothing. Who changes what is waited for, wakes
// sleepers. A sleeper counts itself and then looks again; a changer changes and then looks at the
// count; both in the one order of sequentially consistent operations, so one of the two sees the
// other and no wake-up is lost.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace hob::os {

class ThreadPool {
 public:
  explicit ThreadPool(int size);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int size() const { return static_cast<int>(workers_.size()) + 1; }

  // Not reentrant: one caller at a time, and `f` must not call run(). `f` must not throw.
  template <class F>
  void run(const F& f) {
    run_erased([](const void* function, int index) { (*static_cast<const F*>(function))(index); },
               &f);
  }

  // run() over `count` items in contiguous shares, multiples of `grain` >= 1 but for the last:
  // f(first, last, thread index). A thread without a share is not called. What fits one grain runs
  // on the caller alone.
  template <class F>
  void split(size_t count, size_t grain, const F& f) {
    const size_t units = (count + grain - 1) / grain;
    const size_t team = static_cast<size_t>(size());
    if (team == 1 || units <= 1) {
      if (count > 0) f(size_t{0}, count, 0);
      return;
    }
    run([&](int index) {
      const size_t i = static_cast<size_t>(index);
      const size_t first = units * i / team * grain;
      const size_t last = std::min(units * (i + 1) / team * grain, count);
      if (first < last) f(first, last, index);
    });
  }

  // For use inside f: waits until every thread of the team has arrived. Every thread must call it
  // equally often.
  void barrier();

 private:
  using Call = void (*)(const void* function, int index);
  void run_erased(Call call, const void* function);
  void work(int index);
  void stop();
  template <class Done>
  void wait_until(const Done& done);
  void wake_sleepers();

  std::vector<std::thread> workers_;
  Call call_ = nullptr;
  const void* function_ = nullptr;
  // On lines of their own: each is written while others spin on another.
  alignas(64) std::atomic<uint32_t> generation_{0};  // of jobs; a new one starts the workers
  alignas(64) std::atomic<int> running_{0};          // workers still at the job
  alignas(64) std::atomic<int> arrived_{0};          // at the barrier
  alignas(64) std::atomic<uint32_t> barrier_round_{0};
  alignas(64) std::atomic<int> sleeping_{0};
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::condition_variable wake_;
};

}  // namespace hob::os

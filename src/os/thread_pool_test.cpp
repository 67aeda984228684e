// The team of threads: every item once, barriers that hold, and no wake-up lost in many quick runs.
// The same tests run clean under -fsanitize=thread.
#include "os/thread_pool.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

namespace hob::os {
namespace {

class ThreadPoolOfSize : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Sizes, ThreadPoolOfSize, testing::Values(1, 2, 3, 4, 5));

TEST_P(ThreadPoolOfSize, RunCallsEachThreadOnce) {
  ThreadPool pool(GetParam());
  ASSERT_EQ(pool.size(), GetParam());
  std::vector<int> calls(static_cast<size_t>(pool.size()), 0);
  std::vector<std::thread::id> ids(calls.size());
  pool.run([&](int index) {
    ++calls[static_cast<size_t>(index)];
    ids[static_cast<size_t>(index)] = std::this_thread::get_id();
  });
  for (const int count : calls) EXPECT_EQ(count, 1);
  EXPECT_EQ(ids[0], std::this_thread::get_id());
  std::sort(ids.begin(), ids.end());
  EXPECT_EQ(std::unique(ids.begin(), ids.end()), ids.end());
}

TEST_P(ThreadPoolOfSize, SplitCoversEachItemOnce) {
  ThreadPool pool(GetParam());
  for (const size_t count : {0, 1, 2, 3, 7, 64, 65, 100, 1001}) {
    for (const size_t grain : {1, 2, 3, 16, 64, 5000}) {
      std::vector<int> visits(count, 0);
      std::vector<int> calls(static_cast<size_t>(pool.size()), 0);
      pool.split(count, grain, [&](size_t first, size_t last, int index) {
        EXPECT_LT(first, last);
        EXPECT_LE(last, count);
        EXPECT_EQ(first % grain, 0u);
        EXPECT_TRUE(last % grain == 0 || last == count);
        ++calls[static_cast<size_t>(index)];
        for (size_t i = first; i < last; ++i) ++visits[i];
      });
      for (const int visit : visits) EXPECT_EQ(visit, 1) << count << " by " << grain;
      for (const int call : calls) EXPECT_LE(call, 1);
    }
  }
}

TEST_P(ThreadPoolOfSize, SplitSharesEvenly) {
  ThreadPool pool(GetParam());
  std::vector<size_t> shares(static_cast<size_t>(pool.size()), 0);
  pool.split(1000, 1, [&](size_t first, size_t last, int index) {
    shares[static_cast<size_t>(index)] = last - first;
  });
  const auto [least, most] = std::minmax_element(shares.begin(), shares.end());
  EXPECT_LE(*most - *least, 1u);
}

// Before the barrier each thread writes its own cell, after it reads all: a barrier that leaks
// shows a stale cell.
TEST_P(ThreadPoolOfSize, BarrierHoldsEveryoneBack) {
  ThreadPool pool(GetParam());
  constexpr int kRounds = 300;
  std::vector<int> cells(static_cast<size_t>(pool.size()), -1);
  std::atomic<int> stale{0};
  for (int repeat = 0; repeat < 3; ++repeat) {
    pool.run([&](int index) {
      for (int round = 0; round < kRounds; ++round) {
        cells[static_cast<size_t>(index)] = round;
        pool.barrier();
        for (const int cell : cells) stale += cell != round;
        pool.barrier();
      }
    });
  }
  EXPECT_EQ(stale, 0);
}

TEST_P(ThreadPoolOfSize, ManyQuickRuns) {
  constexpr int kRuns = 20000;
  ThreadPool pool(GetParam());
  std::vector<long> sums(static_cast<size_t>(pool.size()),
                         0);  // plain: run() itself must order the accesses
  for (long i = 0; i < kRuns; ++i) {
    pool.run([&](int index) { sums[static_cast<size_t>(index)] += i; });
  }
  for (const long sum : sums) EXPECT_EQ(sum, long{kRuns} * (kRuns - 1) / 2);
}

// Pauses around the time after which workers fall asleep, where a lost wake-up would hang.
TEST_P(ThreadPoolOfSize, RunsAfterPauses) {
  ThreadPool pool(GetParam());
  std::atomic<int> calls{0};
  constexpr int kRuns = 200;
  for (int i = 0; i < kRuns; ++i) {
    std::this_thread::sleep_for(std::chrono::microseconds(300 + i));
    pool.run([&](int) { ++calls; });
  }
  EXPECT_EQ(calls, kRuns * pool.size());
}

// The caller and its barrier partners wait for a slow thread long enough to fall asleep.
TEST_P(ThreadPoolOfSize, SlowThreadsWakeWhoWaitsForThem) {
  ThreadPool pool(GetParam());
  for (int slow = 0; slow < pool.size(); ++slow) {
    std::atomic<int> arrived{0};
    pool.run([&](int index) {
      if (index == slow) std::this_thread::sleep_for(std::chrono::milliseconds(5));
      ++arrived;
      pool.barrier();
      EXPECT_EQ(arrived, pool.size());
      if (index == slow) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    });
  }
}

TEST_P(ThreadPoolOfSize, EndsWhileAwakeAsleepAndUnused) {
  for (const auto pause : {0, 100, 5000}) {
    for (const bool used : {false, true}) {
      ThreadPool pool(GetParam());
      if (used) pool.run([](int) {});
      std::this_thread::sleep_for(std::chrono::microseconds(pause));
    }
  }
}

TEST(ThreadPool, NoSizeIsTheCallerAlone) {
  ThreadPool pool(0);
  int calls = 0;
  pool.run([&](int index) { calls += 1 + index; });
  EXPECT_EQ(calls, 1);
}

TEST(ThreadPool, TwoPoolsInTwoThreads) {
  std::atomic<int> calls{0};
  const auto work = [&] {
    ThreadPool pool(2);
    for (int i = 0; i < 200; ++i) pool.run([&](int) { ++calls; });
  };
  std::thread other(work);
  work();
  other.join();
  EXPECT_EQ(calls, 2 * 2 * 200);
}

}  // namespace
}  // namespace hob::os

// What every operation needs: the team of threads, the kernels, and scratch memory of each thread.
//
// There are no globals: two models in two threads use two contexts.
#pragma once

#include <cstddef>
#include <vector>

#include "kernels/table.h"
#include "os/thread_pool.h"
#include "tensor/storage.h"

namespace hob::ops {

struct Ctx {
  os::ThreadPool& pool;
  const kernels::Table& kernels;

  Ctx(os::ThreadPool& p, const kernels::Table& k)
      : pool(p), kernels(k), scratch_(static_cast<size_t>(p.size())) {}

  // Makes sure each thread has this much; call before pool.run.
  Result<> reserve_scratch(size_t bytes) {
    for (Storage& storage : scratch_) {
      if (storage.size() >= bytes) continue;
      HOB_TRY(storage, Storage::allocate(bytes, "scratch memory"));
    }
    return {};
  }
  std::byte* scratch(int thread) const { return scratch_[static_cast<size_t>(thread)].data(); }

 private:
  std::vector<Storage> scratch_;
};

}  // namespace hob::ops

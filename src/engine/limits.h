// What this machine can do at most: the figures that speeds are measured against.
//
// Peaks are those of a kernel table's instructions, with operands in registers (tiles: in tiles)
// and on every thread at once. They are not reached with operands that come from memory; how near
// one can come is what a benchmark shows.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "base/result.h"

namespace hob::engine {

// Multiplications and additions in units of 1e9 a second; 0 where there is no such instruction.
struct Peaks {
  double fp32 = 0;  // fused multiply-add
  double bf16 = 0;  // VDPBF16PS
  double int8 = 0;  // VPDPBUSD, or VPMADDUBSW and VPMADDWD
  double bf16_tiles = 0, int8_tiles = 0;

  // What products with block-quantised weights are bounded by.
  double best_int8() const { return int8_tiles > int8 ? int8_tiles : int8; }
};

// A working set that no cache holds.
inline constexpr size_t kFromMemory = size_t{1} << 30;

// Measures with a team of threads of its own. One caller at a time.
class LimitMeter {
 public:
  // threads 0: every usable core; isa "": HOB_ISA's, or the best.
  static Result<LimitMeter> create(int threads, std::string_view isa = {});
  LimitMeter(LimitMeter&&) noexcept;
  ~LimitMeter();

  int threads() const;
  const char* isa() const;
  Peaks peaks();  // takes about half a second
  // GB/s of all threads, reading `bytes` (at most kFromMemory, at least 1 MiB) over and over, each
  // its own part. What fits the last-level cache reads faster, and so do the weights of a small
  // model.
  Result<double> read_gbps(size_t bytes);

 private:
  struct Team;
  explicit LimitMeter(std::unique_ptr<Team> team);
  std::unique_ptr<Team> team_;
};

}  // namespace hob::engine

// A collection's vectors as int8 codes in one mapped file: a filter before the exact comparison.
//
// A vector x of length 1 is kept as scale * c, c int8, with err >= |x - scale * c|. A query of
// length 1 becomes step * d, d of 12 bits and a sign, with an error computed likewise. Then
//
//   |cosine - scale * step * (c . d)| <= err + (1 + err) * query error
//
// by Cauchy and Schwarz, and c . d is an exact integer. So a scan of the codes, a quarter of the
// vectors' bytes, yields for every row an interval that holds its cosine; who reaches the n-th
// largest lower end is a candidate, and no other row can be among the n best. The caller compares
// the candidates' own vectors: the result is exact.
//
// The file is written whole, synced and renamed. Header, sizes and, during every scan, a checksum
// of each row are verified; damage is an error (kCorrupt), never another answer. Whether the file
// still describes the collection is not known here (embed/search.h).
//
// Layout, little endian: a header of kHeaderBytes; codes [rows][padded]; scale, err, check [rows]
// of 4 bytes; row ids [rows] of 8 bytes. padded is the length rounded up to kernels::kCodeBlock.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "kernels/table.h"
#include "os/atomic_file.h"
#include "os/file.h"
#include "os/thread_pool.h"

namespace hob::embed {

// A vector's code. `codes` holds padded numbers.
struct Code {
  std::vector<int8_t> codes;
  float scale = 0, err = 0;
};
Code encode(std::span<const float> vector);

struct Candidate {
  int64_t row = 0;    // rowid
  uint64_t place = 0;  // in the file
};

class VectorIndex {
 public:
  // `build` is the number that the file's maker gave it.
  static Result<VectorIndex> open(const std::string& path);

  uint64_t build() const { return build_; }
  size_t length() const { return length_; }
  uint64_t rows() const { return rows_; }

  // Every row that could be among the `most` nearest, row `skip` left out (0: none).
  Result<std::vector<Candidate>> candidates(os::ThreadPool& pool, const kernels::Table& kernels,
                                            std::span<const float> query, size_t most,
                                            int64_t skip) const;
  // Whether the row at `place` has this code.
  bool holds(uint64_t place, const Code& code) const;

  // Vectors longer than this have sums beyond int32; they are searched without an index.
  static constexpr size_t kMostNumbers = kernels::kMostCodes;

 private:
  friend class VectorIndexWriter;
  const int8_t* codes(uint64_t row) const;
  uint32_t row_check(uint64_t row, int32_t codes_check) const;

  os::MappedFile file_;
  uint64_t build_ = 0, rows_ = 0;
  size_t length_ = 0, padded_ = 0;
  const float *scales_ = nullptr, *errs_ = nullptr;
  const uint32_t* checks_ = nullptr;
  const std::byte* row_ids_ = nullptr;
};

// Writes an index, perhaps on top of the rows of an older one.
class VectorIndexWriter {
 public:
  static Result<VectorIndexWriter> create(const std::string& path, size_t length,
                                          const VectorIndex* older);
  Result<> add(int64_t row, std::span<const float> vector);
  uint64_t rows() const { return row_ids_.size(); }
  Result<> commit(uint64_t build);

 private:
  VectorIndexWriter(os::AtomicFile file, size_t length);
  os::AtomicFile file_;
  size_t length_, padded_;
  std::vector<int16_t> check_query_;
  std::vector<int8_t> pending_;
  std::vector<float> scales_, errs_;
  std::vector<uint32_t> checks_;
  std::vector<int64_t> row_ids_;
};

}  // namespace hob::embed

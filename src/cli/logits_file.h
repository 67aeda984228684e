// A file of logits: what one model said about a text, position by position, for another model or
// another program to be measured against.
//
// Layout, little-endian, no padding: the eight bytes "HOBLOGI1"; uint32 vocabulary V, uint32 chunk
// length C, uint32 chunks N; then per chunk C int32 token ids, and for each of the C - C/2 - 1
// predictions of its second half (positions C/2 .. C - 2, which predict the token after) V float32
// logits. The file gets its name when it is whole.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/result.h"
#include "os/atomic_file.h"
#include "os/file.h"

namespace hob::cli {

struct LogitsShape {
  uint32_t vocabulary = 0, chunk = 0, chunks = 0;
  // Of one chunk: the rows of logits, and the first position that has one.
  size_t rows() const { return chunk - chunk / 2 - 1; }
  size_t first_row() const { return chunk / 2; }
  // Of one chunk in the file.
  size_t chunk_bytes() const {
    return sizeof(int32_t) * chunk + sizeof(float) * rows() * vocabulary;
  }
};

// Written chunk by chunk: begin_chunk(), then its rows in order. Without finish() nothing stays.
class LogitsWriter {
 public:
  static Result<LogitsWriter> create(const std::string& path, const LogitsShape& shape);
  Result<> begin_chunk(std::span<const int32_t> tokens);
  Result<> add_rows(std::span<const float> logits);
  Result<> finish();

 private:
  explicit LogitsWriter(os::AtomicFile file) : file_(std::move(file)) {}

  os::AtomicFile file_;
};

// Mapped; checked against its own size.
class LogitsFile {
 public:
  static Result<LogitsFile> open(const std::string& path);
  const LogitsShape& shape() const { return shape_; }
  std::span<const int32_t> tokens(size_t chunk) const;
  std::span<const float> row(size_t chunk, size_t row) const;

 private:
  os::MappedFile file_;
  LogitsShape shape_;
};

// How far logits are from a reference's, over all the rows that were added.
class Difference {
 public:
  // Two rows [V]. Thread-safe it is not.
  void add(std::span<const float> logits, std::span<const float> reference);
  void add(const Difference& other);
  size_t count() const { return rows_; }
  // Sum of squared differences over the sum of the reference's squares, both after each row's mean
  // is taken off: a constant added to a row of logits changes no probability.
  double nmse() const;
  // Mean over rows of sum p (log p - log q), p the reference's probabilities, in nats.
  double kl_divergence() const;
  // Share of rows whose likeliest token is the reference's.
  double same_top() const;

 private:
  double squares_ = 0, reference_squares_ = 0, kl_ = 0;
  size_t rows_ = 0, same_ = 0;
};

}  // namespace hob::cli

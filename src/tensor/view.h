// Views: who owns nothing but knows the shape. Shapes are row-major, outermost first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/check.h"
#include "quant/format.h"

namespace hob {

// A matrix of weights in a file's own format: `rows` outputs, each a row of `cols` inputs. [N,K]
// One-dimensional tensors (norm weights, biases) have rows = 1.
struct Weight {
  const std::byte* data = nullptr;
  quant::Format format = quant::Format::kF32;
  size_t rows = 0, cols = 0;

  explicit operator bool() const { return data != nullptr; }
  size_t row_bytes() const { return quant::row_bytes(format, cols); }
  size_t bytes() const { return rows * row_bytes(); }
};

// A row-major matrix of floats: activations. `stride` counts floats from row to row.
struct Matrix {
  float* data = nullptr;
  size_t rows = 0, cols = 0, stride = 0;

  Matrix() = default;
  Matrix(float* d, size_t r, size_t c) : data(d), rows(r), cols(c), stride(c) {}
  float* row(size_t r) const { return data + r * stride; }
  // Columns [first, first + count) of every row.
  Matrix columns(size_t first, size_t count) const {
    HOB_CHECK(first + count <= cols, "columns {}+{} of {}", first, count, cols);
    Matrix part = *this;
    part.data += first;
    part.cols = count;
    return part;
  }
  // The first `count` rows.
  Matrix top(size_t count) const {
    HOB_CHECK(count <= rows, "{} rows of {}", count, rows);
    Matrix part = *this;
    part.rows = count;
    return part;
  }
};

}  // namespace hob

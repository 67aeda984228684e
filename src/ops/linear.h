// y = W x (+ bias), for weights as the file stores them.
#pragma once

#include <array>
#include <initializer_list>

#include "ops/ctx.h"
#include "tensor/view.h"

namespace hob::ops {

// Rows of activations about to be multiplied: holds the forms that the weights' formats call for,
// each made once however many products use it. One Operand serves one set of values at a time;
// its memory is reused.
class Operand {
 public:
  // Room for `rows` x `cols`, in the forms that the context's kernels ask for.
  static Result<Operand> allocate(const Ctx& ctx, size_t rows, size_t cols);
  // Takes new values [M,K]; the other forms are forgotten. The view must stay valid through the
  // products.
  void set(const Matrix& x);

 private:
  friend void linear(Ctx&, Operand&, std::initializer_list<struct Product>);
  kernels::Acts acts(kernels::ActForm form) const;
  void prepare(Ctx& ctx, kernels::ActForm form);

  struct Blocks {
    Storage q, scale, scaled_sum, sum16, sum32;
  };
  Matrix x_;
  Blocks by32_, by256_;
  Storage bf16_;
  std::array<bool, 4> ready_ = {};  // by ActForm
};

// One product of a group: y [M,N] of `weight` [N,K].
struct Product {
  Matrix y;
  const Weight* weight;
  const float* bias = nullptr;  // [N]
  bool add = false;             // y += instead of y =
};

// All products read the same operand; the group's rows are shared out over the threads in one go.
// The context must have linear_scratch_bytes(ctx, K) of scratch.
void linear(Ctx& ctx, Operand& x, std::initializer_list<Product> products);
size_t linear_scratch_bytes(const Ctx& ctx, size_t max_cols);

}  // namespace hob::ops

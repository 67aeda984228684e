#include "ops/rows.h"

namespace hob::ops {
namespace {

// Splits `rows` rows of `cols` over the team when there is enough to do.
template <class F>
void for_rows(Ctx& ctx, size_t rows, size_t cols, const F& f) {
  constexpr size_t kAlone = 8192;  // floats: below, waking the team costs more
  const auto range = [&](size_t first, size_t last, int) {
    for (size_t m = first; m < last; ++m) f(m);
  };
  if (rows * cols < kAlone) {
    range(0, rows, 0);
  } else {
    ctx.pool.split(rows, 1, range);
  }
}

}  // namespace

void rmsnorm(Ctx& ctx, const Matrix& y, const Matrix& x, const float* weight, float eps) {
  HOB_CHECK(y.rows == x.rows && y.cols == x.cols);
  for_rows(ctx, x.rows, x.cols,
           [&](size_t m) { ctx.kernels.rmsnorm(y.row(m), x.row(m), weight, x.cols, eps); });
}

void layernorm(Ctx& ctx, const Matrix& y, const Matrix& x, const float* weight, const float* bias,
               float eps) {
  HOB_CHECK(y.rows == x.rows && y.cols == x.cols);
  for_rows(ctx, x.rows, x.cols,
           [&](size_t m) { ctx.kernels.layernorm(y.row(m), x.row(m), weight, bias, x.cols, eps); });
}

void gelu_erf(Ctx& ctx, const Matrix& x) {
  for_rows(ctx, x.rows, x.cols, [&](size_t m) { ctx.kernels.gelu_erf(x.row(m), x.cols); });
}

void silu_mul(Ctx& ctx, const Matrix& gate, const Matrix& up) {
  HOB_CHECK(gate.rows == up.rows && gate.cols == up.cols);
  for_rows(ctx, gate.rows, gate.cols,
           [&](size_t m) { ctx.kernels.silu_mul(gate.row(m), up.row(m), gate.cols); });
}

void embed(Ctx& ctx, const Matrix& out, const Weight& table, std::span<const int32_t> tokens) {
  HOB_CHECK(out.rows == tokens.size() && out.cols == table.cols);
  const auto dequantize = quant::traits(table.format).dequantize;
  for_rows(ctx, out.rows, out.cols, [&](size_t m) {
    const size_t token = static_cast<size_t>(tokens[m]);
    HOB_CHECK(token < table.rows, "token {} of {}", token, table.rows);
    dequantize(table.data + token * table.row_bytes(), table.cols, out.row(m));
  });
}

}  // namespace hob::ops

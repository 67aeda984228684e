#include "ops/linear.h"

namespace hob::ops {
namespace {

using kernels::round_up;

// Fewer numbers than this are made int8 by the caller alone: waking the team costs more.
constexpr size_t kAlone = 16384;

}  // namespace

Result<Operand> Operand::allocate(size_t rows, size_t cols) {
  const size_t m = round_up(rows, kernels::kLanes), k = round_up(cols, 256);
  Operand operand;
  for (Form* form : {&operand.by32_, &operand.by256_}) {
    const size_t block = form == &operand.by32_ ? 32 : 256;
    HOB_TRY(form->q, Storage::allocate(m * k, "int8 activations"));
    HOB_TRY(form->scale, Storage::allocate(m * k / block * sizeof(float), "activation scales"));
    HOB_TRY(form->sum32, Storage::allocate(m * k / 32 * sizeof(int16_t), "activation sums"));
  }
  HOB_TRY(operand.by32_.scaled_sum,
          Storage::allocate(m * k / 32 * sizeof(float), "activation sums"));
  HOB_TRY(operand.by256_.sum16, Storage::allocate(m * k / 16 * sizeof(int16_t), "activation sums"));
  return operand;
}

void Operand::set(const Matrix& x) {
  x_ = x;
  by32_.ready = by256_.ready = false;
}

kernels::Acts Operand::acts(size_t block) const {
  kernels::Acts acts{.f32 = x_.data, .f32_stride = x_.stride};
  if (block == 1) return acts;
  const Form& form = block == 32 ? by32_ : by256_;
  acts.q = form.q.as<int8_t>();
  acts.scale = form.scale.as<float>();
  acts.scaled_sum = form.scaled_sum.as<float>();
  acts.sum16 = form.sum16.as<int16_t>();
  acts.sum32 = form.sum32.as<int16_t>();
  return acts;
}

void Operand::quantize(Ctx& ctx, size_t block) {
  Form& form = block == 32 ? by32_ : by256_;
  if (block == 1 || form.ready) return;
  form.ready = true;
  const size_t K = x_.cols;
  HOB_CHECK(form.q.size() >= round_up(x_.rows, kernels::kLanes) * K, "operand of {} x {}", x_.rows,
            K);
  const auto rows = [&](size_t first, size_t last, int) {
    for (size_t m = first; m < last; ++m) {
      int8_t* q = form.q.as<int8_t>() + m * K;
      const size_t scales = kernels::scale_index(m, 0, K / block);
      float* scale = form.scale.as<float>() + scales;
      int16_t* sum32 = form.sum32.as<int16_t>() + m * (K / 32);
      if (block == 32) {
        ctx.kernels.quantize32(x_.row(m), K, q, scale, form.scaled_sum.as<float>() + scales, sum32);
      } else {
        ctx.kernels.quantize256(x_.row(m), K, q, scale, form.sum16.as<int16_t>() + m * (K / 16),
                                sum32);
      }
    }
  };
  if (x_.rows * K < kAlone) {
    rows(0, x_.rows, 0);
  } else {
    ctx.pool.split(x_.rows, 1, rows);
  }
}

size_t linear_scratch_bytes(size_t max_cols) { return kernels::gemm_scratch_bytes(max_cols); }

void linear(Ctx& ctx, Operand& x, std::initializer_list<Product> products) {
  const size_t M = x.x_.rows, K = x.x_.cols;
  size_t groups = 0;  // of kLanes rows, over all products
  for (const Product& p : products) {
    HOB_CHECK(p.weight->cols == K && p.y.rows == M && p.y.cols == p.weight->rows,
              "{}x{} . {}x{} -> {}x{}", p.weight->rows, p.weight->cols, M, K, p.y.rows, p.y.cols);
    x.quantize(ctx, quant::traits(p.weight->format).block_len);
    groups += round_up(p.weight->rows, kernels::kLanes) / kernels::kLanes;
  }
  ctx.pool.split(groups, 1, [&](size_t first, size_t last, int thread) {
    for (const Product& p : products) {
      const Weight& w = *p.weight;
      const size_t count = round_up(w.rows, kernels::kLanes) / kernels::kLanes;
      if (first < count && last > 0) {
        ctx.kernels.gemm[static_cast<int>(w.format)](
            {.weights = w.data,
             .row_bytes = w.row_bytes(),
             .rows = w.rows,
             .first_row = first * kernels::kLanes,
             .last_row = std::min(last * kernels::kLanes, w.rows),
             .M = M,
             .K = K,
             .x = x.acts(quant::traits(w.format).block_len),
             .y = p.y.data,
             .y_stride = p.y.stride,
             .bias = p.bias,
             .add = p.add,
             .scratch = ctx.scratch(thread)});
      }
      first = first > count ? first - count : 0;
      last = last > count ? last - count : 0;
    }
  });
}

}  // namespace hob::ops

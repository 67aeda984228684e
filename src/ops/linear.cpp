#include "ops/linear.h"

#include <algorithm>

namespace hob::ops {
namespace {

using kernels::round_up;

// Fewer numbers than this are made int8 by the caller alone: waking the team costs more.
constexpr size_t kAlone = 16384;

}  // namespace

Result<Operand> Operand::allocate(const Ctx& ctx, size_t rows, size_t cols) {
  const size_t m = round_up(rows, kernels::kLanes), k = round_up(cols, 256);
  const auto wants = [&](kernels::ActForm form) {
    return std::ranges::find(ctx.kernels.act_form, form) != std::end(ctx.kernels.act_form);
  };
  Operand operand;
  for (const size_t block : {32, 256}) {
    if (!wants(block == 32 ? kernels::ActForm::kQ32 : kernels::ActForm::kQ256)) continue;
    Blocks& blocks = block == 32 ? operand.by32_ : operand.by256_;
    HOB_TRY(blocks.q, Storage::allocate(m * k, "int8 activations"));
    HOB_TRY(blocks.scale, Storage::allocate(m * k / block * sizeof(float), "activation scales"));
    HOB_TRY(blocks.sum32, Storage::allocate(m * k / 32 * sizeof(int16_t), "activation sums"));
    if (block == 32) {
      HOB_TRY(blocks.scaled_sum, Storage::allocate(m * k / 32 * sizeof(float), "activation sums"));
    } else {
      HOB_TRY(blocks.sum16, Storage::allocate(m * k / 16 * sizeof(int16_t), "activation sums"));
    }
  }
  if (wants(kernels::ActForm::kBF16)) {
    HOB_TRY(operand.bf16_, Storage::allocate(m * k * sizeof(uint16_t), "bfloat16 activations"));
  }
  return operand;
}

void Operand::set(const Matrix& x) {
  x_ = x;
  ready_ = {};
}

kernels::Acts Operand::acts(kernels::ActForm form) const {
  kernels::Acts acts{.f32 = x_.data, .f32_stride = x_.stride};
  if (form == kernels::ActForm::kBF16) acts.bf16 = bf16_.as<uint16_t>();
  if (form != kernels::ActForm::kQ32 && form != kernels::ActForm::kQ256) return acts;
  const Blocks& blocks = form == kernels::ActForm::kQ32 ? by32_ : by256_;
  acts.q = blocks.q.as<int8_t>();
  acts.scale = blocks.scale.as<float>();
  acts.scaled_sum = blocks.scaled_sum.as<float>();
  acts.sum16 = blocks.sum16.as<int16_t>();
  acts.sum32 = blocks.sum32.as<int16_t>();
  return acts;
}

void Operand::prepare(Ctx& ctx, kernels::ActForm form) {
  bool& ready = ready_[static_cast<size_t>(form)];
  if (form == kernels::ActForm::kF32 || ready) return;
  ready = true;
  const size_t K = x_.cols, padded_rows = round_up(x_.rows, kernels::kLanes);
  const auto row = [&](size_t m) {
    if (form == kernels::ActForm::kBF16) {
      ctx.kernels.round_bf16(x_.row(m), K, bf16_.as<uint16_t>() + kernels::bf16_index(m, 0, K));
      return;
    }
    const size_t block = form == kernels::ActForm::kQ32 ? 32 : 256;
    const Blocks& to = block == 32 ? by32_ : by256_;
    int8_t* q = to.q.as<int8_t>() + m * K;
    const size_t scales = kernels::scale_index(m, 0, K / block);
    float* scale = to.scale.as<float>() + scales;
    int16_t* sum32 = to.sum32.as<int16_t>() + m * (K / 32);
    if (block == 32) {
      ctx.kernels.quantize32(x_.row(m), K, q, scale, to.scaled_sum.as<float>() + scales, sum32);
    } else {
      ctx.kernels.quantize256(x_.row(m), K, q, scale, to.sum16.as<int16_t>() + m * (K / 16), sum32);
    }
  };
  const size_t room = form == kernels::ActForm::kBF16  ? bf16_.size() / 2
                      : form == kernels::ActForm::kQ32 ? by32_.q.size()
                                                       : by256_.q.size();
  HOB_CHECK(room >= padded_rows * K, "operand of {} x {}", x_.rows, K);
  const auto rows = [&](size_t first, size_t last, int) {
    for (size_t m = first; m < last; ++m) row(m);
  };
  if (x_.rows * K < kAlone) {
    rows(0, x_.rows, 0);
  } else {
    ctx.pool.split(x_.rows, 1, rows);
  }
}

size_t linear_scratch_bytes(const Ctx& ctx, size_t max_cols) {
  const size_t bytes = kernels::gemm_scratch_bytes(max_cols);
  if (ctx.kernels.numerics == kernels::Numerics::kPortable) return bytes;
  return std::max(bytes, kernels::gemm_bf16_scratch_bytes(max_cols));
}

void linear(Ctx& ctx, Operand& x, std::initializer_list<Product> products) {
  const size_t M = x.x_.rows, K = x.x_.cols;
  size_t groups = 0;  // of kLanes rows, over all products
  for (const Product& p : products) {
    HOB_CHECK(p.weight->cols == K && p.y.rows == M && p.y.cols == p.weight->rows,
              "{}x{} . {}x{} -> {}x{}", p.weight->rows, p.weight->cols, M, K, p.y.rows, p.y.cols);
    x.prepare(ctx, ctx.kernels.act_form[static_cast<int>(p.weight->format)]);
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
             .x = x.acts(ctx.kernels.act_form[static_cast<int>(w.format)]),
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

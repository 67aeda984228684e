// Operations row by row: norm, activation, embedding.
#pragma once

#include <cstdint>
#include <span>

#include "ops/ctx.h"
#include "tensor/view.h"

namespace hob::ops {

// y = RMSNorm(x) * weight. x, y [M,D]; weight [D] floats. (Zhang & Sennrich 2019)
void rmsnorm(Ctx& ctx, const Matrix& y, const Matrix& x, const float* weight, float eps);

// gate = SiLU(gate) * up, both [M,F]: the gated unit of SwiGLU (Shazeer 2020).
void silu_mul(Ctx& ctx, const Matrix& gate, const Matrix& up);

// Row i of out [M,D] = row tokens[i] of the table [V,D], exact.
void embed(Ctx& ctx, const Matrix& out, const Weight& table, std::span<const int32_t> tokens);

}  // namespace hob::ops

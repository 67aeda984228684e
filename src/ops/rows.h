// Operations row by row: norms, activation, embedding.
#pragma once

#include <cstdint>
#include <span>

#include "ops/ctx.h"
#include "tensor/view.h"

namespace hob::ops {

// y = RMSNorm(x) * weight. x, y [M,D]; weight [D] floats. (Zhang & Sennrich 2019)
void rmsnorm(Ctx& ctx, const Matrix& y, const Matrix& x, const float* weight, float eps);

// y = LayerNorm(x) * weight + bias. weight, bias [D] floats. (Ba et al. 2016) y may be x.
void layernorm(Ctx& ctx, const Matrix& y, const Matrix& x, const float* weight, const float* bias,
               float eps);

// x = GELU(x), in place, by the error function. (Hendrycks & Gimpel 2016)
void gelu_erf(Ctx& ctx, const Matrix& x);

// gate = SiLU(gate) * up, both [M,F]: the gated unit of SwiGLU (Shazeer 2020).
void silu_mul(Ctx& ctx, const Matrix& gate, const Matrix& up);

// Row i of out [M,D] = row tokens[i] of the table [V,D], exact.
void embed(Ctx& ctx, const Matrix& out, const Weight& table, std::span<const int32_t> tokens);

}  // namespace hob::ops

// Element-wise and row-wise operations: quantisation of activations, norm, activation, rotation.

// exp by 2^n * p(r): n = round(x log2 e), r = x - n ln 2 in two steps, p the degree-6 Taylor
// polynomial in Horner form. Below kExpLow the result is 0, above kExpHigh it is that of kExpHigh;
// relative error about 1e-7.
constexpr float kExpLow = -87.0f, kExpHigh = 88.0f;
constexpr float kLn2High = 0.693359375f, kLn2Low = -2.12194440e-4f;

inline Floats exp(Floats x) {
  const Floats limited = min(max(x, splat(kExpLow)), splat(kExpHigh));
  const Ints n = to_int(limited * splat(kLog2E));
  const Floats nf = to_float(n);
  Floats r = fnma(nf, splat(kLn2High), limited);
  r = fnma(nf, splat(kLn2Low), r);
  Floats p = splat(1.0f / 720);
  p = fma(p, r, splat(1.0f / 120));
  p = fma(p, r, splat(1.0f / 24));
  p = fma(p, r, splat(1.0f / 6));
  p = fma(p, r, splat(0.5f));
  p = fma(p, r, splat(1.0f));
  p = fma(p, r, splat(1.0f));
  const Floats power = bits_to_float(shift_left<23>(n + splat(127)));
  return zero_below(p * power, x, splat(kExpLow));
}

// x * inverse, which lies in -127 .. 127, as integers; what is no number becomes -127.
inline Ints to_int8_range(Floats x, Floats inverse) {
  return to_int(max(x * inverse, splat(-127.0f)));
}

// The largest magnitude, by its bits: they order as the numbers do, and what is no number is the
// largest of all, so that it reaches the scale and is not lost.
inline float absmax_of(Ints bits) {
  const int32_t most = fold_max(bits);
  float absmax;
  __builtin_memcpy(&absmax, &most, 4);
  return absmax;
}

inline void quantize32(const float* x, size_t count, int8_t* q, float* scale, float* scaled_sum,
                       int16_t* sum32) {
  for (size_t b = 0; b < count / 32; ++b, x += 32, q += 32) {
    const Floats x0 = load(x), x1 = load(x + 16);
    const float absmax = absmax_of(max(magnitude_bits(x0), magnitude_bits(x1)));
    const bool tiny = absmax < kTinyBlock;
    const Floats inverse = splat(tiny ? 0.0f : 127.0f / absmax);
    const Ints q0 = to_int8_range(x0, inverse), q1 = to_int8_range(x1, inverse);
    store_int8(q, q0);
    store_int8(q + 16, q1);
    const int32_t total = sum(q0 + q1);
    const float d = tiny ? 0.0f : absmax / 127.0f;
    scale[b * kLanes] = d;
    scaled_sum[b * kLanes] = d * static_cast<float>(total);
    sum32[b] = static_cast<int16_t>(total);
  }
}

inline void quantize256(const float* x, size_t count, int8_t* q, float* scale, int16_t* sum16,
                        int16_t* sum32) {
  for (size_t b = 0; b < count / 256; ++b, x += 256, q += 256) {
    Ints most = splat(0);
    for (size_t i = 0; i < 256; i += kLanes) most = max(most, magnitude_bits(load(x + i)));
    const float absmax = absmax_of(most);
    const bool tiny = absmax < kTinyBlock;
    const Floats inverse = splat(tiny ? 0.0f : 127.0f / absmax);
    scale[b * kLanes] = tiny ? 0.0f : absmax / 127.0f;
    for (size_t i = 0; i < 16; ++i) {
      const Ints sixteen = to_int8_range(load(x + 16 * i), inverse);
      store_int8(q + 16 * i, sixteen);
      sum16[16 * b + i] = static_cast<int16_t>(sum(sixteen));
    }
    for (size_t i = 0; i < 8; ++i) {
      sum32[8 * b + i] = static_cast<int16_t>(sum16[16 * b + 2 * i] + sum16[16 * b + 2 * i + 1]);
    }
  }
}

inline void rmsnorm(float* y, const float* x, const float* weight, size_t count, float eps) {
  Floats squares = splat(0.0f);
  size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) squares = fma(load(x + i), load(x + i), squares);
  if (i < count) squares = fma(load_first(x + i, count - i), load_first(x + i, count - i), squares);
  const float mean = fold(squares) / static_cast<float>(count);
  const Floats scale = splat(1.0f / __builtin_sqrtf(mean + eps));
  for (i = 0; i + kLanes <= count; i += kLanes)
    store(y + i, load(x + i) * scale * load(weight + i));
  if (i < count) {
    const size_t n = count - i;
    store_first(y + i, load_first(x + i, n) * scale * load_first(weight + i, n), n);
  }
}

inline void layernorm(float* y, const float* x, const float* weight, const float* bias,
                      size_t count, float eps) {
  const size_t whole = count / kLanes * kLanes, rest = count - whole;
  Floats sums = splat(0.0f);
  for (size_t i = 0; i < whole; i += kLanes) sums = sums + load(x + i);
  if (rest > 0) sums = sums + load_first(x + whole, rest);
  const float mean = fold(sums) / static_cast<float>(count);
  float means[kLanes];
  store(means, splat(mean));
  Floats squares = splat(0.0f);
  const auto add_square = [&](Floats d) { squares = fma(d, d, squares); };
  for (size_t i = 0; i < whole; i += kLanes) add_square(load(x + i) - splat(mean));
  if (rest > 0) add_square(load_first(x + whole, rest) - load_first(means, rest));
  const float variance = fold(squares) / static_cast<float>(count);
  const Floats scale = splat(1.0f / __builtin_sqrtf(variance + eps));
  for (size_t i = 0; i < whole; i += kLanes)
    store(y + i, fma((load(x + i) - splat(mean)) * scale, load(weight + i), load(bias + i)));
  if (rest > 0) {
    const Floats d = load_first(x + whole, rest) - splat(mean);
    const Floats scaled = fma(d * scale, load_first(weight + whole, rest),
                              load_first(bias + whole, rest));
    store_first(y + whole, scaled, rest);
  }
}

inline Floats gelu(Floats x) {
  const Floats u = bits_to_float(magnitude_bits(x)) * splat(0.707106781f);
  const Floats t = splat(1.0f) / fma(splat(kErfcStep), u, splat(1.0f));
  Floats q = splat(kErfc[0]);
#pragma GCC unroll 16
  for (size_t j = 1; j < sizeof kErfc / sizeof *kErfc; ++j) q = fma(q, t, splat(kErfc[j]));
  const Floats h = splat(0.5f) * (exp(splat(0.0f) - u * u) * (t * q));
  const Floats upper = zero_below(splat(1.0f) - splat(2.0f) * h, x, splat(0.0f));
  return x * (upper + h);
}

inline void gelu_erf(float* x, size_t count) {
  size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) store(x + i, gelu(load(x + i)));
  if (i < count) store_first(x + i, gelu(load_first(x + i, count - i)), count - i);
}

inline Floats silu(Floats x) { return x / (splat(1.0f) + exp(splat(0.0f) - x)); }

inline void silu_mul(float* gate, const float* up, size_t count) {
  size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) store(gate + i, silu(load(gate + i)) * load(up + i));
  if (i < count) {
    const size_t n = count - i;
    store_first(gate + i, silu(load_first(gate + i, n)) * load_first(up + i, n), n);
  }
}

// One lane of rope, for what is left when the vectors do not divide the head.
inline float rope_lane(float x, float c, float partner, float s) {
  return __builtin_fmaf(x, c, partner * s);
}

inline void rope_halves(float* x, const float* c, const float* s, size_t half) {
  size_t i = 0;
  for (; i + kLanes <= half; i += kLanes) {
    const Floats first = load(x + i), second = load(x + half + i), cs = load(c + i),
                 sn = load(s + i);
    store(x + i, fma(first, cs, second * (splat(-0.0f) - sn)));
    store(x + half + i, fma(second, cs, first * sn));
  }
  for (; i < half; ++i) {
    const float first = x[i], second = x[half + i];
    x[i] = rope_lane(first, c[i], second, -s[i]);
    x[half + i] = rope_lane(second, c[i], first, s[i]);
  }
}

inline void rope_pairs(float* x, const float* c, const float* s, size_t half) {
  size_t i = 0;
  for (; i + 8 <= half; i += 8) {
    const Floats pairs = load(x + 2 * i);
    store(x + 2 * i,
          fma(pairs, load_doubled(c + i), swap_pairs(pairs) * negate_even(load_doubled(s + i))));
  }
  for (; i < half; ++i) {
    const float first = x[2 * i], second = x[2 * i + 1];
    x[2 * i] = rope_lane(first, c[i], second, -s[i]);
    x[2 * i + 1] = rope_lane(second, c[i], first, s[i]);
  }
}

inline void rope(float* x, const float* c, const float* s, size_t n_heads, size_t head_dim,
                 size_t rotary, bool halves) {
  for (size_t h = 0; h < n_heads; ++h, x += head_dim) {
    if (halves) {
      rope_halves(x, c, s, rotary / 2);
    } else {
      rope_pairs(x, c, s, rotary / 2);
    }
  }
}

// Block-quantised weight formats: how 16 rows of one block become a Panel, the one layout that all
// loop nests read.
//
// A Panel holds 16 weight rows side by side: q[i] has, in lane r, weights 4 i .. 4 i + 3 of row r
// as four bytes, made unsigned by adding the format's bias (its product with the activations is
// taken off again through their sums). That is the operand of byte dot products and, as it stands,
// of the AMX tile product.
//
// A format says: kBits per weight, kBlock weights per block, kSub per integer scale, kBias,
// kHasMin, its Block, and unpack(). Here and in quant/ is all that there is to say about it: no
// instruction set appears.

template <class Fmt>
struct alignas(64) Panel {
  static constexpr int kSubs = Fmt::kBlock / Fmt::kSub;
  Ints q[Fmt::kBlock / 4];
  Floats d;                                          // scale of the block, per row
  Floats m;                                          // minimum, where the format has one
  Ints sub_scale[Fmt::kBlock == 256 ? kSubs : 1];    // integer scales of the sub-blocks
  Ints sub_min[Fmt::kBlock == 256 ? kSubs / 2 : 1];  // integer minima (or scales again, under a
                                                     // bias), two a lane
};

constexpr int32_t kNibbles = 0x0f0f0f0f;

// 16 bytes of nibbles per row: low halves are weights 0..15, high halves 16..31.
inline void unpack_nibbles(const uint8_t* qs, size_t stride, Ints q[8]) {
  Ints bytes[4];
  load_rows(qs, stride, bytes);
  for (int i = 0; i < 4; ++i) {
    q[i] = bytes[i] & splat(kNibbles);
    q[4 + i] = shift_right<4>(bytes[i]) & splat(kNibbles);
  }
}

inline void add_fifth_bits(const uint8_t* qh, size_t stride, Ints q[8]) {
  const Ints bits = gather_dwords(qh, stride);
  q[0] = q[0] | spread_fifth_bits<0>(bits);
  q[1] = q[1] | spread_fifth_bits<1>(bits);
  q[2] = q[2] | spread_fifth_bits<2>(bits);
  q[3] = q[3] | spread_fifth_bits<3>(bits);
  q[4] = q[4] | spread_fifth_bits<4>(bits);
  q[5] = q[5] | spread_fifth_bits<5>(bits);
  q[6] = q[6] | spread_fifth_bits<6>(bits);
  q[7] = q[7] | spread_fifth_bits<7>(bits);
}

// Two halves side by side: d in the low, m in the high 16 bits.
template <class Fmt>
inline void unpack_scales(const uint8_t* block, size_t stride, Panel<Fmt>& panel) {
  const Ints dm = gather_dwords(block, stride);
  panel.d = half_lanes(dm);
  if constexpr (Fmt::kHasMin) panel.m = half_lanes(shift_right<16>(dm));
}

struct Q4_0 {
  using Block = quant::BlockQ4_0;
  static constexpr int kBits = 4, kBlock = 32, kSub = 32, kBias = 8;
  static constexpr bool kHasMin = false;
  static void unpack(const uint8_t* block, size_t stride, Panel<Q4_0>& panel) {
    unpack_scales(block, stride, panel);
    unpack_nibbles(block + offsetof(Block, qs), stride, panel.q);
  }
};

struct Q4_1 {
  using Block = quant::BlockQ4_1;
  static constexpr int kBits = 4, kBlock = 32, kSub = 32, kBias = 0;
  static constexpr bool kHasMin = true;
  static void unpack(const uint8_t* block, size_t stride, Panel<Q4_1>& panel) {
    unpack_scales(block, stride, panel);
    unpack_nibbles(block + offsetof(Block, qs), stride, panel.q);
  }
};

struct Q5_0 {
  using Block = quant::BlockQ5_0;
  static constexpr int kBits = 5, kBlock = 32, kSub = 32, kBias = 16;
  static constexpr bool kHasMin = false;
  static void unpack(const uint8_t* block, size_t stride, Panel<Q5_0>& panel) {
    unpack_scales(block, stride, panel);
    unpack_nibbles(block + offsetof(Block, qs), stride, panel.q);
    add_fifth_bits(block + offsetof(Block, qh), stride, panel.q);
  }
};

struct Q5_1 {
  using Block = quant::BlockQ5_1;
  static constexpr int kBits = 5, kBlock = 32, kSub = 32, kBias = 0;
  static constexpr bool kHasMin = true;
  static void unpack(const uint8_t* block, size_t stride, Panel<Q5_1>& panel) {
    unpack_scales(block, stride, panel);
    unpack_nibbles(block + offsetof(Block, qs), stride, panel.q);
    add_fifth_bits(block + offsetof(Block, qh), stride, panel.q);
  }
};

// Signed bytes need their own product where the unsigned one cannot take 255.
struct Q8_0 {
  using Block = quant::BlockQ8_0;
  static constexpr int kBits = 8, kBlock = 32, kSub = 32, kBias = kDotTakesAllBytes ? 128 : 0;
  static constexpr bool kHasMin = false, kSigned = !kDotTakesAllBytes;
  static void unpack(const uint8_t* block, size_t stride, Panel<Q8_0>& panel) {
    unpack_scales(block, stride, panel);
    load_rows(block + offsetof(Block, qs), stride, panel.q);
    load_rows(block + offsetof(Block, qs) + 16, stride, panel.q + 4);
    if constexpr (!kSigned) {
      for (Ints& q : panel.q) q = q ^ splat(static_cast<int32_t>(0x80808080u));
    }
  }
};

// The first 16 bytes of a Q4_K or Q5_K block: d, dmin, and eight scales and minima of six bits.
template <class Fmt>
inline void unpack_k_scales(const uint8_t* block, size_t stride, Panel<Fmt>& panel) {
  Ints head[4];
  load_rows(block, stride, head);
  panel.d = half_lanes(head[0]);
  panel.m = half_lanes(shift_right<16>(head[0]));
  const Ints six = splat(0x3f3f3f3f), two = splat(0x03030303), four = splat(kNibbles);
  const Ints scales[2] = {head[1] & six,
                          (head[3] & four) | shift_left<4>(shift_right<6>(head[1]) & two)};
  const Ints minima[2] = {head[2] & six, (shift_right<4>(head[3]) & four) |
                                             shift_left<4>(shift_right<6>(head[2]) & two)};
  for (int half = 0; half < 2; ++half) {
    const Ints byte = splat(0xff);
    panel.sub_scale[4 * half + 0] = scales[half] & byte;
    panel.sub_scale[4 * half + 1] = shift_right<8>(scales[half]) & byte;
    panel.sub_scale[4 * half + 2] = shift_right<16>(scales[half]) & byte;
    panel.sub_scale[4 * half + 3] = shift_right<24>(scales[half]);
    // bytes b3 b2 b1 b0 to the 16-bit pairs (b1, b0) and (b3, b2)
    const Ints even = minima[half] & splat(0x00ff00ff),
               odd = shift_right<8>(minima[half]) & splat(0x00ff00ff);
    panel.sub_min[2 * half + 0] = (even & splat(0xffff)) | shift_left<16>(odd);
    panel.sub_min[2 * half + 1] =
        shift_right<16>(even) | (odd & splat(static_cast<int32_t>(0xffff0000u)));
  }
}

struct Q4_K {
  using Block = quant::BlockQ4_K;
  static constexpr int kBits = 4, kBlock = 256, kSub = 32, kBias = 0;
  static constexpr bool kHasMin = true;
  static void unpack(const uint8_t* block, size_t stride, Panel<Q4_K>& panel) {
    unpack_k_scales(block, stride, panel);
    for (int pair = 0; pair < 4; ++pair) {
      Ints bytes[8];
      const uint8_t* qs = block + offsetof(Block, qs) + 32 * pair;
      load_rows(qs, stride, bytes);
      load_rows(qs + 16, stride, bytes + 4);
      for (int i = 0; i < 8; ++i) {
        panel.q[16 * pair + i] = bytes[i] & splat(kNibbles);
        panel.q[16 * pair + 8 + i] = shift_right<4>(bytes[i]) & splat(kNibbles);
      }
    }
  }
};

struct Q5_K {
  using Block = quant::BlockQ5_K;
  static constexpr int kBits = 5, kBlock = 256, kSub = 32, kBias = 0;
  static constexpr bool kHasMin = true;
  template <int Pair>
  static void unpack_pair(const uint8_t* block, size_t stride, const Ints high[8],
                          Panel<Q5_K>& panel) {
    Ints bytes[8];
    const uint8_t* qs = block + offsetof(Block, qs) + 32 * Pair;
    load_rows(qs, stride, bytes);
    load_rows(qs + 16, stride, bytes + 4);
    for (int i = 0; i < 8; ++i) {
      const Ints one = splat(0x01010101);
      const Ints fifth = shift_left<4>(shift_right<2 * Pair>(high[i]) & one);
      const Ints fifth_of_next = shift_left<4>(shift_right<2 * Pair + 1>(high[i]) & one);
      panel.q[16 * Pair + i] = (bytes[i] & splat(kNibbles)) | fifth;
      panel.q[16 * Pair + 8 + i] = (shift_right<4>(bytes[i]) & splat(kNibbles)) | fifth_of_next;
    }
  }
  static void unpack(const uint8_t* block, size_t stride, Panel<Q5_K>& panel) {
    unpack_k_scales(block, stride, panel);
    Ints high[8];
    load_rows(block + offsetof(Block, qh), stride, high);
    load_rows(block + offsetof(Block, qh) + 16, stride, high + 4);
    unpack_pair<0>(block, stride, high, panel);
    unpack_pair<1>(block, stride, high, panel);
    unpack_pair<2>(block, stride, high, panel);
    unpack_pair<3>(block, stride, high, panel);
  }
};

struct Q6_K {
  using Block = quant::BlockQ6_K;
  static constexpr int kBits = 6, kBlock = 256, kSub = 16, kBias = 32;
  static constexpr bool kHasMin = false;
  static void unpack(const uint8_t* block, size_t stride, Panel<Q6_K>& panel) {
    // d is the block's last two bytes; the dword that ends with it stays inside the block.
    panel.d = half_lanes(shift_right<16>(gather_dwords(block + offsetof(Block, d) - 2, stride)));
    Ints scales[4];
    load_rows(block + offsetof(Block, scales), stride, scales);
    for (int i = 0; i < 4; ++i) {
      panel.sub_scale[4 * i + 0] = shift_right_signed<24>(shift_left<24>(scales[i]));
      panel.sub_scale[4 * i + 1] = shift_right_signed<24>(shift_left<16>(scales[i]));
      panel.sub_scale[4 * i + 2] = shift_right_signed<24>(shift_left<8>(scales[i]));
      panel.sub_scale[4 * i + 3] = shift_right_signed<24>(scales[i]);
    }
    for (int i = 0; i < 8; ++i) {
      panel.sub_min[i] =
          (panel.sub_scale[2 * i] & splat(0xffff)) | shift_left<16>(panel.sub_scale[2 * i + 1]);
    }
    for (int half = 0; half < 2; ++half) {
      Ints low[16], high[8];
      const uint8_t* ql = block + offsetof(Block, ql) + 64 * half;
      const uint8_t* qh = block + offsetof(Block, qh) + 32 * half;
      for (int i = 0; i < 4; ++i) load_rows(ql + 16 * i, stride, low + 4 * i);
      for (int i = 0; i < 2; ++i) load_rows(qh + 16 * i, stride, high + 4 * i);
      Ints* q = panel.q + 32 * half;
      const Ints four = splat(kNibbles), top = splat(0x30303030);
      for (int i = 0; i < 8; ++i) {
        q[i] = (low[i] & four) | (shift_left<4>(high[i]) & top);
        q[8 + i] = (low[8 + i] & four) | (shift_left<2>(high[i]) & top);
        q[16 + i] = (shift_right<4>(low[i]) & four) | (high[i] & top);
        q[24 + i] = (shift_right<4>(low[8 + i]) & four) | (shift_right<2>(high[i]) & top);
      }
    }
  }
};

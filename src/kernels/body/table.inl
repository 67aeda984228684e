// The table that the included bodies make, for one instruction set. Each says which products with
// block-quantised weights and which peaks are its own: HOB_GEMM_INT, HOB_PROBES.

constexpr AttendFn kAttend[kNumKvFormats] = {attend<KvF32>, attend<KvF16>, attend<KvBF16>,
                                             attend<KvQ8_0>};
constexpr KvAppendFn kKvAppend[kNumKvFormats] = {KvF32::append, KvF16::append, KvBF16::append,
                                                 KvQ8_0::append};

constexpr Table make_table(const char* name, uint32_t needs) {
  Table table{};
  table.name = name;
  table.needs = needs;
  const GemmFn gemms[quant::kNumFormats] = {
      gemm_float<WeightF32>, gemm_float<WeightF16>, gemm_float<WeightBF16>, HOB_GEMM_INT<Q4_0>,
      HOB_GEMM_INT<Q4_1>,    HOB_GEMM_INT<Q5_0>,    HOB_GEMM_INT<Q5_1>,     HOB_GEMM_INT<Q8_0>,
      HOB_GEMM_INT<Q4_K>,    HOB_GEMM_INT<Q5_K>,    HOB_GEMM_INT<Q6_K>};
  for (int i = 0; i < quant::kNumFormats; ++i) {
    table.gemm[i] = gemms[i];
    table.act_form[i] = portable_act_form(static_cast<quant::Format>(i));
  }
  for (int i = 0; i < kNumKvFormats; ++i) {
    table.attend[i] = kAttend[i];
    table.kv_append[i] = kKvAppend[i];
  }
  table.attend_merge = attend_merge<exp_down>;
  table.quantize32 = quantize32;
  table.quantize256 = quantize256;
  table.rmsnorm = rmsnorm;
  table.layernorm = layernorm;
  table.silu_mul = silu_mul;
  table.gelu_erf = gelu_erf;
  table.rope = rope;
  table.dot_codes = dot_codes;
  table.probes = HOB_PROBES;
  return table;
}

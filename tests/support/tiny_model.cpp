#include "tests/support/tiny_model.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <cmath>
#include <filesystem>

#include "base/check.h"
#include "base/rng.h"
#include "text/byte_level.h"

namespace hob::test {
namespace {

// In order of rank; each joins two tokens that are there.
constexpr std::array<std::pair<const char*, const char*>, 14> kMerges = {{{"h", "e"},
                                                                          {"l", "l"},
                                                                          {"he", "ll"},
                                                                          {"hell", "o"},
                                                                          {" ", "t"},
                                                                          {" t", "he"},
                                                                          {"i", "n"},
                                                                          {"in", "g"},
                                                                          {"e", "r"},
                                                                          {"a", "n"},
                                                                          {" ", "w"},
                                                                          {"o", "r"},
                                                                          {"0", "0"},
                                                                          {"\n", "\n"}}};
constexpr std::array<const char*, 3> kControl = {"<|endoftext|>", "<|im_start|>", "<|im_end|>"};

constexpr const char* kTemplate =
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] "
    "+ '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

int32_t control_token(size_t i) { return static_cast<int32_t>(256 + kMerges.size() + i); }

void add_tokenizer(gguf::Writer& w) {
  constexpr int32_t kNormal = 1, kControlKind = 3;
  std::vector<std::string> tokens, merges;
  std::vector<int32_t> kinds;
  for (int byte = 0; byte < 256; ++byte)
    tokens.push_back(text::spell_bytes(std::string(1, static_cast<char>(byte))));
  for (const auto& [left, right] : kMerges) {
    tokens.push_back(text::spell_bytes(left) + text::spell_bytes(right));
    merges.push_back(text::spell_bytes(left) + " " + text::spell_bytes(right));
  }
  kinds.assign(tokens.size(), kNormal);
  for (const char* spelling : kControl) {
    tokens.push_back(spelling);
    kinds.push_back(kControlKind);
  }
  w.set("tokenizer.ggml.model", std::string_view("gpt2"));
  w.set("tokenizer.ggml.pre", std::string_view("smollm"));
  w.set_strings("tokenizer.ggml.tokens", tokens);
  w.set_numbers("tokenizer.ggml.token_type", kinds);
  w.set_strings("tokenizer.ggml.merges", merges);
  w.set("tokenizer.ggml.bos_token_id", static_cast<uint32_t>(tiny_im_start()));
  w.set("tokenizer.ggml.eos_token_id", static_cast<uint32_t>(tiny_im_end()));
  w.set("tokenizer.ggml.unknown_token_id", static_cast<uint32_t>(tiny_end_of_text()));
  w.set("tokenizer.ggml.padding_token_id", static_cast<uint32_t>(tiny_im_end()));
  w.set("tokenizer.ggml.add_bos_token", false);
  w.set("tokenizer.chat_template", std::string_view(kTemplate));
}

// Collects a model's keys and tensors, but for those it shall lack.
class Builder {
 public:
  explicit Builder(const TinyOptions& options) : o_(options) {}

  std::string bytes() {
    add_hyperparameters();
    add_tensors();
    add_tokenizer(all_);
    const std::string whole = all_.bytes();
    if (o_.without.empty() && !o_.also) return whole;
    return rewritten(whole);
  }

 private:
  // The file again without what it shall lack, then with what the test adds.
  std::string rewritten(const std::string& whole) const {
    const auto file = gguf::File::parse(std::as_bytes(std::span(whole)), "tiny.gguf");
    HOB_CHECK(file.has_value(), "{}", file.error().message);
    gguf::Writer kept;
    for (const auto& [key, value] : file->metadata()) {
      if (!o_.without.contains(std::string(key))) kept.set(key, value);
    }
    for (const gguf::Tensor& t : file->tensors()) {
      if (!o_.without.contains(std::string(t.name)))
        kept.add_tensor(t.name, *t.format, t.shape, std::span(t.data, t.bytes));
    }
    if (o_.also) o_.also(kept);
    return kept.bytes();
  }

  void add_hyperparameters() {
    const auto count = [&](const char* key, size_t value) {
      all_.set(o_.family + "." + key, static_cast<uint32_t>(value));
    };
    const auto number = [&](const char* key, double value) {
      all_.set(o_.family + "." + key, static_cast<float>(value));
    };
    all_.set("general.architecture", std::string_view(o_.family));
    all_.set("general.name", std::string_view("tiny"));
    count("block_count", o_.layers);
    count("context_length", o_.context);
    count("embedding_length", o_.width);
    count("feed_forward_length", o_.ffn);
    count("attention.head_count", o_.heads);
    count("attention.head_count_kv", o_.kv_heads);
    number("attention.layer_norm_rms_epsilon", 1e-5);
    number("rope.freq_base", o_.rope_base);
    if (o_.head_dim > 0) count("attention.key_length", o_.head_dim);
    if (o_.head_dim > 0) count("attention.value_length", o_.head_dim);
    if (o_.rotary > 0) count("rope.dimension_count", o_.rotary);
    if (!o_.scaling.empty())
      all_.set(o_.family + ".rope.scaling.type", std::string_view(o_.scaling));
    if (o_.factor != 1) number("rope.scaling.factor", o_.factor);
    if (o_.original_context > 0) count("rope.scaling.original_context_length", o_.original_context);
    if (o_.window > 0) count("attention.sliding_window", o_.window);
  }

  void add_tensors() {
    const size_t D = o_.width, F = o_.ffn, K = o_.head_dim > 0 ? o_.head_dim : D / o_.heads;
    const size_t Q = o_.heads * K, KV = o_.kv_heads * K,
                 V = o_.vocabulary > 0 ? o_.vocabulary : tiny_vocabulary();
    const bool qkv_bias = o_.biases || o_.family == "qwen2";
    matrix("token_embd.weight", V, D, 3.0);
    for (size_t l = 0; l < o_.layers; ++l) {
      const std::string blk = "blk." + std::to_string(l) + ".";
      vector(blk + "attn_norm.weight", D, 1, 0.2);
      matrix(blk + "attn_q.weight", Q, D,
             1.5);  // scores far enough apart that attention looks somewhere
      matrix(blk + "attn_k.weight", KV, D, 1.5);
      matrix(blk + "attn_v.weight", KV, D, 1);
      matrix(blk + "attn_output.weight", D, Q, 1);
      if (qkv_bias) {
        vector(blk + "attn_q.bias", Q, 0, 0.3);
        vector(blk + "attn_k.bias", KV, 0, 0.3);
        vector(blk + "attn_v.bias", KV, 0, 0.3);
      }
      if (o_.biases) vector(blk + "attn_output.bias", D, 0, 0.3);
      vector(blk + "ffn_norm.weight", D, 1, 0.2);
      matrix(blk + "ffn_gate.weight", F, D, 1);
      matrix(blk + "ffn_up.weight", F, D, 1);
      matrix(blk + "ffn_down.weight", D, F, 1);
    }
    vector("output_norm.weight", D, 1, 0.2);
    if (!o_.tied) matrix("output.weight", V, D, 3.0);
    const size_t rotary = o_.rotary > 0 ? o_.rotary : K;
    if (o_.rope_factors) vector("rope_freqs.weight", rotary / 2, 4, 3);
  }

  void matrix(const std::string& name, size_t rows, size_t cols, double gain) {
    quant::Format format = o_.format;
    for (const auto& [ending, other] : o_.formats) {
      if (name.ends_with(ending)) format = other;
    }
    // gain: the size of an output for inputs of size one
    add(name, format, {rows, cols}, 0, gain * std::sqrt(3.0 / static_cast<double>(cols)));
  }
  void vector(const std::string& name, size_t size, double mean, double spread) {
    add(name, quant::Format::kF32, {size}, mean, spread);
  }
  // Numbers uniform in mean +- spread.
  void add(const std::string& name, quant::Format format, std::vector<uint64_t> shape, double mean,
           double spread) {
    if (const auto other = o_.shapes.find(name); other != o_.shapes.end()) shape = other->second;
    size_t size = 1;
    for (const uint64_t extent : shape) size *= extent;
    const uint64_t first = ++added_ << 40;
    std::vector<float> values(size);
    for (size_t i = 0; i < size; i += 4) {
      const auto words = random_words(o_.seed, RandomStream::kTest, first + i);
      for (size_t j = 0; j < 4 && i + j < size; ++j) {
        values[i + j] = static_cast<float>(mean + spread * (words[j] * 0x1p-31 - 1));
      }
    }
    all_.add_tensor(name, format, std::move(shape), std::span<const float>(values));
  }

  const TinyOptions& o_;
  gguf::Writer all_;
  uint64_t added_ = 0;
};

}  // namespace

size_t tiny_vocabulary() { return 256 + kMerges.size() + kControl.size(); }
int32_t tiny_end_of_text() { return control_token(0); }
int32_t tiny_im_start() { return control_token(1); }
int32_t tiny_im_end() { return control_token(2); }

std::string tiny_model(const TinyOptions& options) { return Builder(options).bytes(); }

std::string write_tiny_model(const TinyOptions& options) {
  static std::atomic<int> files{0};
  const std::string name = fmt::format("hob-tiny-{}-{}.gguf", ::getpid(), files++);
  const std::string path = (std::filesystem::temp_directory_path() / name).string();
  const std::string bytes = tiny_model(options);
  const auto written = os::write_file_atomically(path, bytes);
  HOB_CHECK(written.has_value(), "{}", written.error().message);
  return path;
}

Result<std::shared_ptr<const gguf::File>> parse_model(std::string bytes, const std::string& path) {
  struct Kept {
    std::string bytes;
    gguf::File file;
  };
  auto kept = std::make_shared<Kept>();
  kept->bytes = std::move(bytes);
  HOB_TRY(kept->file, gguf::File::parse(std::as_bytes(std::span(kept->bytes)), path));
  return std::shared_ptr<const gguf::File>(kept, &kept->file);
}

}  // namespace hob::test

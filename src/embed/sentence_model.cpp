#include "embed/sentence_model.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "kernels/registry.h"
#include "os/cpu.h"
#include "os/file.h"

namespace hob::embed {
namespace {

using nlohmann::json;

// Tokens that run together: enough that the weights are read from the cache, few enough that the
// activations stay there.
constexpr size_t kRows = 1024;
constexpr size_t kFewestTokens = 3;  // [CLS], something, [SEP]

// The JSON object of a file; an empty one where there is none.
Result<json> read_object(const std::string& path) {
  if (!os::file_exists(path)) return json::object();
  HOB_TRY(const std::string text, os::read_file(path));
  json value = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (value.is_object() || value.is_array()) return value;
  return fail(ErrorKind::kCorrupt, "{}: not JSON", path);
}

bool flag(const json& object, const char* key, bool fallback) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found != object.end() && found->is_boolean() ? found->get<bool>() : fallback;
}

Result<text::WordPiece> read_tokenizer(const std::string& folder) {
  const std::string vocabulary = folder + "/vocab.txt", whole = folder + "/tokenizer.json";
  if (!os::file_exists(vocabulary)) {
    HOB_TRY(const std::string text, os::read_file(whole));
    return text::WordPiece::from_json(text, whole);
  }
  HOB_TRY(const json config, read_object(folder + "/tokenizer_config.json"));
  text::WordPieceRules rules;
  rules.lowercase = flag(config, "do_lower_case", true);
  rules.strip_accents = flag(config, "strip_accents", rules.lowercase);
  rules.space_chinese = flag(config, "tokenize_chinese_chars", true);
  HOB_TRY(std::string text, os::read_file(vocabulary));
  return text::WordPiece::from_vocabulary(std::move(text), rules, vocabulary);
}

// That token vectors are averaged; whether the mean is normalised.
Result<bool> read_pooling(const std::string& folder) {
  const std::string path = folder + "/1_Pooling/config.json";
  HOB_TRY(const json pooling, read_object(path));
  for (const auto& [key, value] : pooling.items()) {
    const bool on = value.is_boolean() && value.get<bool>();
    if (on && key.starts_with("pooling_mode_") && key != "pooling_mode_mean_tokens")
      return fail(ErrorKind::kUnsupported, "{}: {} is not supported (the mean is)", path, key);
  }
  const std::string list = folder + "/modules.json";
  HOB_TRY(const json modules, read_object(list));
  if (modules.empty()) return true;  // what sentence encoders mostly do
  bool normalises = false;
  for (const json& module : modules) {
    const auto found = module.is_object() ? module.find("type") : module.end();
    const bool named = module.is_object() && found != module.end() && found->is_string();
    const std::string type = named ? found->get<std::string>() : "";  // "a.b.Pooling"
    const std::string kind = type.substr(type.rfind('.') + 1);
    if (kind != "Transformer" && kind != "Pooling" && kind != "Normalize") {
      return fail(ErrorKind::kUnsupported,
                  "{}: a module of type '{}'; Transformer, Pooling and Normalize are supported",
                  list, type);
    }
    normalises |= kind == "Normalize";
  }
  return normalises;
}

Result<size_t> read_most_tokens(const std::string& folder, const models::BertSpec& spec) {
  const std::string path = folder + "/sentence_bert_config.json";
  HOB_TRY(const json config, read_object(path));
  const auto found = config.is_object() ? config.find("max_seq_length") : config.end();
  if (found == config.end() || found->is_null()) return spec.positions;
  if (!found->is_number_unsigned() || *found < kFewestTokens || *found > spec.positions) {
    return fail(ErrorKind::kCorrupt, "{}: max_seq_length is not a number from {} to {}", path,
                kFewestTokens, spec.positions);
  }
  return found->get<size_t>();
}

}  // namespace

SentenceModel::SentenceModel(text::WordPiece tokenizer, std::shared_ptr<const models::Bert> bert,
                             const kernels::Table& kernels, int threads)
    : tokenizer_(std::move(tokenizer)),
      bert_(std::move(bert)),
      pool_(threads),
      ctx_(pool_, kernels) {}

Result<std::unique_ptr<Model>> SentenceModel::open(const std::string& folder,
                                                   const ModelOptions& options) {
  HOB_TRY(text::WordPiece tokenizer, read_tokenizer(folder));
  HOB_TRY(auto bert, models::Bert::load(folder));
  if (tokenizer.size() > bert->spec.vocabulary) {
    return fail(ErrorKind::kCorrupt, "{}: {} pieces in the vocabulary, {} in the model", folder,
                tokenizer.size(), bert->spec.vocabulary);
  }
  HOB_TRY(const kernels::Table* const kernels, kernels::select());
  HOB_TRY(const size_t most, read_most_tokens(folder, bert->spec));
  HOB_TRY(const bool normalise, read_pooling(folder));
  const int threads = options.threads > 0 ? options.threads : os::usable_cores();
  std::unique_ptr<SentenceModel> model(
      new SentenceModel(std::move(tokenizer), std::move(bert), *kernels, threads));
  model->most_tokens_ = most;
  model->normalise_ = normalise;
  HOB_TRY(model->run_, model->bert_->make_run(model->ctx_, std::max(kRows, most)));
  return model;
}

Result<std::vector<Vector>> SentenceModel::embed(std::span<const std::string> items) {
  std::vector<Vector> vectors;
  std::vector<int32_t> tokens;
  std::vector<ops::SequenceRows> sequences;
  const auto run_together = [&] {
    if (sequences.empty()) return;
    const Matrix rows = bert_->forward(*run_, tokens, sequences);
    std::vector<float> means(sequences.size() * rows.cols);
    models::mean_pool(Matrix(means.data(), sequences.size(), rows.cols), rows, sequences,
                      normalise_);
    for (auto at = means.begin(); at != means.end(); at += static_cast<std::ptrdiff_t>(rows.cols))
      vectors.emplace_back(at, at + static_cast<std::ptrdiff_t>(rows.cols));
    tokens.clear();
    sequences.clear();
  };
  for (const std::string& item : items) {
    const auto encoded = tokenizer_.encode(item, most_tokens_);
    if (encoded.cut) ++cut_items_;
    if (tokens.size() + encoded.ids.size() > run_->rows) run_together();
    sequences.push_back({.first_row = tokens.size(), .rows = encoded.ids.size(), .position = 0});
    tokens.insert(tokens.end(), encoded.ids.begin(), encoded.ids.end());
  }
  run_together();
  return vectors;
}

}  // namespace hob::embed

#include "chat/replay.h"

#include <algorithm>
#include <cmath>

#include "chat/build_name.h"
#include "chat/model.h"
#include "chat/model_hash.h"
#include "chat/token_hash.h"
#include "os/file.h"

namespace hob::chat {
namespace {

using nlohmann::ordered_json;
using text::Token;

Result<engine::EngineOptions> engine_options(const store::TurnRecord& record, int threads) {
  engine::EngineOptions options{.threads = threads};
  options.context = static_cast<size_t>(record.context.value_or(0));
  const auto format = engine::kv_format(record.kv);
  if (!format)
    return fail(ErrorKind::kCorrupt, "the record names no precision of the cache: '{}'", record.kv);
  options.kv = *format;
  if (record.numerics == "native") options.numerics = kernels::Numerics::kNative;
  return options;
}

Result<ConstraintText> constraint_of(const ordered_json& json) {
  const std::pair<const char*, engine::ConstraintKind> kinds[] = {
      {"schema", engine::ConstraintKind::kJsonSchema},
      {"regex", engine::ConstraintKind::kRegex},
      {"grammar", engine::ConstraintKind::kGrammar}};
  for (const auto& [name, kind] : kinds) {
    if (json.value("kind", "") == name)
      return ConstraintText{kind, json.value("source", "--schema"), json.value("text", "")};
  }
  return fail(ErrorKind::kCorrupt, "the record's constraint is of no known kind");
}

Result<ReplyOptions> reply_options(const store::TurnRecord& record) {
  ReplyOptions options;
  for (const auto& [name, value] : record.sampler.items()) {
    const std::string text = option_text(value);
    if (!text.empty()) HOB_TRY_VOID(engine::set_option(options.sampler, name, text));
  }
  options.sampler.seed = *record.seed;
  options.stop = record.stop;
  if (!record.constraint.is_null()) {
    HOB_TRY(options.constraint, constraint_of(record.constraint));
  }
  // One token more than there was shows whether the reply ends where it did; one that was stopped
  // is done again as far as it came.
  const size_t length = record.output_ids->size();
  options.max_tokens = record.state == "stopped" ? length : length + 1;
  if (record.max_tokens)
    options.max_tokens = std::min(*options.max_tokens, static_cast<size_t>(*record.max_tokens));
  return options;
}

Result<> check(const std::string& turn, const store::TurnRecord& record) {
  if (record.provider != "local")
    return fail(ErrorKind::kUnsupported, "{}: its model ({}) is not run by the engine", turn,
                record.provider.empty() ? "unknown" : record.provider);
  if (record.state != "done" && record.state != "stopped")
    return fail(ErrorKind::kUnsupported, "{}: the turn is {}", turn, record.state);
  if (!record.rendered_prompt || !record.output_ids || !record.seed || !record.sampler.is_object())
    return fail(ErrorKind::kUnsupported, "{}: the record lacks what a replay needs", turn);
  if (record.output_ids->empty() && record.state == "stopped")
    return fail(ErrorKind::kUnsupported, "{}: it was stopped before its first token", turn);
  return {};
}

// The model's own probabilities after `prompt`.
Result<std::vector<float>> logits_after(LocalModel& model, const std::vector<Token>& prompt) {
  HOB_TRY(auto sequence, model.engine().new_sequence());
  std::vector<float> logits;
  const engine::Slice slice{&sequence, prompt, engine::Logits::kLast};
  HOB_TRY_VOID(model.engine().run({&slice, 1}, logits));
  return logits;
}

double logprob_of(const std::vector<float>& logits, Token token) {
  if (token < 0 || static_cast<size_t>(token) >= logits.size()) return -INFINITY;
  const double most = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - most);
  return logits[static_cast<size_t>(token)] - most - std::log(sum);
}

Result<Divergence> describe(LocalModel& model, std::vector<Token> prompt,
                            const std::vector<Token>& recorded, const std::vector<Token>& now,
                            size_t index) {
  prompt.insert(prompt.end(), recorded.begin(),
                recorded.begin() + static_cast<std::ptrdiff_t>(index));
  HOB_TRY(const auto logits, logits_after(model, prompt));
  const auto token = [&](const std::vector<Token>& tokens) -> ReplayedToken {
    if (index >= tokens.size()) return {};
    return {tokens[index], std::string(model.tokenizer().spelling(tokens[index])),
            logprob_of(logits, tokens[index])};
  };
  return Divergence{index, token(recorded), token(now)};
}

std::vector<RecordDifference> differences_of(const store::TurnRecord& record, LocalModel& model,
                                             const std::string& hash) {
  std::vector<RecordDifference> out;
  const auto compare = [&](const char* what, const std::string& recorded, const std::string& now) {
    if (!recorded.empty() && recorded != now) out.push_back({what, recorded, now});
  };
  compare("model file", record.model_hash, hash);
  compare("chat template", record.template_hash, store::sha256(template_source(model.tokenizer())));
  compare("build", record.build, build_name());
  compare("instruction set", record.isa, model.engine().isa());
  compare("threads", record.threads ? fmt::format("{}", *record.threads) : "",
          fmt::format("{}", model.engine().threads()));
  return out;
}

}  // namespace

Result<std::string> Replayer::find_file(store::Ledger& ledger,
                                        const store::TurnRecord& record) const {
  const bool there = os::file_exists(record.model_file);
  if (record.model_hash.empty() && there) return record.model_file;
  const auto is_it = [&](const std::string& path) {
    return model_hash(path, ledger.database()).value_or("") == record.model_hash;
  };
  if (there && is_it(record.model_file)) return record.model_file;
  for (const StoredModel& stored : models_.list()) {
    if (stored.path != record.model_file && is_it(stored.path)) return stored.path;
  }
  if (there) return record.model_file;  // another file now: the comparison names it
  return fail(ErrorKind::kNotFound, "{}: the model file is gone, and no other has its SHA-256 ({})",
              record.model_file, record.model_hash);
}

Result<Replayer::Opened*> Replayer::open(store::Ledger& ledger, const store::TurnRecord& record) {
  HOB_TRY(const std::string file, find_file(ledger, record));
  const std::string key = fmt::format("{}\n{}\n{}\n{}", file, record.context.value_or(0), record.kv,
                                      record.numerics);
  if (const auto found = opened_.find(key); found != opened_.end()) return &found->second;
  HOB_TRY(const auto options, engine_options(record, threads_));
  HOB_TRY(std::string hash, model_hash(file, ledger.database()));
  HOB_TRY(auto model, LocalModel::load(file, options));
  opened_.clear();  // one at a time: models are large
  return &opened_.emplace(key, Opened{file, std::move(hash), std::move(model)}).first->second;
}

Result<Replay> Replayer::replay(store::Ledger& ledger, const std::string& turn_id) {
  HOB_TRY(const auto record, ledger.record(turn_id));
  HOB_TRY_VOID(check(turn_id, record));
  HOB_TRY(Opened* const opened, open(ledger, record));
  LocalModel& model = *opened->model;
  Replay out{.tokens = record.output_ids->size()};
  out.differences = differences_of(record, model, opened->hash);

  const RenderedPrompt prompt{*record.rendered_prompt, record.raw};
  HOB_TRY(const auto tokens, model.encode_rendered(prompt));
  out.same_prompt =
      record.prompt_tokens_hash.empty() || token_hash(tokens) == record.prompt_tokens_hash;
  HOB_TRY(auto options, reply_options(record));
  options.cancel = cancel_;
  HOB_TRY(const Reply reply, model.reply_rendered(prompt, options, nullptr));
  if (reply.finish == engine::Finish::kStopped) return fail(ErrorKind::kCancelled, "stopped");
  std::vector<Token> now;
  for (const ReplyToken& token : reply.tokens) now.push_back(token.token);
  const std::vector<Token>& recorded = *record.output_ids;
  if (now == recorded) return out;
  const auto first = std::mismatch(recorded.begin(), recorded.end(), now.begin(), now.end()).first;
  const auto index = static_cast<size_t>(first - recorded.begin());
  HOB_TRY(out.divergence, describe(model, tokens, recorded, now, index));
  return out;
}

}  // namespace hob::chat

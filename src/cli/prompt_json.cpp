#include "cli/prompt_json.h"

#include "logs/rows.h"
#include "store/json_text.h"
#include "store/log_reader.h"

namespace hob::cli {
namespace {

using nlohmann::ordered_json;

// Bytes of a token as JSON can hold them: half a character becomes U+FFFD.
std::string json_bytes(std::string_view bytes) {
  return ordered_json::parse(store::json_text(std::string(bytes))).get<std::string>();
}

ordered_json candidate_json(const text::Tokenizer& tokenizer, text::Token token, float logprob) {
  return {{"id", token}, {"text", json_bytes(tokenizer.spelling(token))}, {"logprob", logprob}};
}

ordered_json tokens_json(const text::Tokenizer& tokenizer, const chat::Reply& reply) {
  auto out = ordered_json::array();
  for (const chat::ReplyToken& token : reply.tokens) {
    ordered_json entry = candidate_json(tokenizer, token.token, token.logprob.value_or(0));
    auto& top = entry["top"] = ordered_json::array();
    for (const auto& other : token.alternatives)
      top.push_back(candidate_json(tokenizer, other.token, other.logprob));
    out.push_back(std::move(entry));
  }
  return out;
}

void add_engine_facts(ordered_json& out, chat::Model& model, const chat::ModelReply& reply,
                      bool logprobs) {
  if (!reply.local || !model.local()) return;
  const auto& usage = reply.local->usage;
  out["finish"] = reply.finish;
  out["seed"] = reply.record.seed.value_or(0);
  out["threads"] = reply.record.threads.value_or(0);
  out["isa"] = reply.record.isa;
  out["cached_tokens"] = usage.cached_tokens;
  out["drafted_tokens"] = usage.drafted_tokens;
  out["accepted_tokens"] = usage.accepted_tokens;
  out["prompt_tokens_per_second"] =
      static_cast<double>(usage.prompt_tokens - usage.cached_tokens) / usage.prompt_seconds;
  out["reply_tokens_per_second"] = static_cast<double>(usage.reply_tokens) / usage.reply_seconds;
  if (!reply.record.constraint.is_null()) {
    out["obeys"] = reply.obeys;
    out["forced_tokens"] = usage.forced_tokens;
    out["constraint_seconds"] = usage.mask_seconds;
  }
  if (logprobs) out["tokens"] = tokens_json(model.local()->tokenizer(), *reply.local);
}

}  // namespace

Result<std::string> prompt_json(store::Ledger& ledger, chat::Model& model,
                                const chat::TurnResult& result, bool logprobs) {
  HOB_TRY(const auto turns, store::read_turns(ledger.database(), {.ids = {result.turn_id}}));
  auto out = ordered_json::array();
  for (const store::LoggedTurn& turn : turns) {
    ordered_json row = logs::turn_json(turn, {});
    add_engine_facts(row, model, result.reply, logprobs);
    out.push_back(std::move(row));
  }
  return store::indented_json(out);
}

}  // namespace hob::cli

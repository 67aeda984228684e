#include "cli/prompt_json.h"

#include "store/bind.h"
#include "store/json_text.h"

namespace hob::cli {
namespace {

using nlohmann::ordered_json;

constexpr size_t kShownFragment = 100;  // characters

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

ordered_json text_or_null(const SQLite::Column& column) {
  return column.isNull() ? ordered_json() : ordered_json(column.getString());
}
ordered_json integer_or_null(const SQLite::Column& column) {
  return column.isNull() ? ordered_json() : ordered_json(column.getInt64());
}
ordered_json json_or_null(const SQLite::Column& column) {
  if (column.isNull()) return nullptr;
  auto value = ordered_json::parse(column.getString(), nullptr, false);
  return value.is_discarded() ? ordered_json() : value;
}

std::string shortened(const std::string& text) {
  size_t characters = 0, bytes = 0;
  for (; bytes < text.size(); ++bytes) {
    const bool begins = (static_cast<unsigned char>(text[bytes]) & 0xc0) != 0x80;
    if (begins && characters++ == kShownFragment) break;
  }
  if (bytes == text.size()) return text;
  size_t cut = 0;
  for (size_t kept = 0; cut < text.size(); ++cut) {
    const bool begins = (static_cast<unsigned char>(text[cut]) & 0xc0) != 0x80;
    if (begins && kept++ == kShownFragment - 3) break;
  }
  return text.substr(0, cut) + "...";
}

ordered_json fragments_json(SQLite::Database& sql, const std::string& turn, const char* kind) {
  auto out = ordered_json::array();
  SQLite::Statement rows(
      sql,
      "select hash, content, (select json_group_array(alias) from fragment_aliases"
      " where fragment_aliases.fragment_id = fragments.id)"
      " from turn_fragments join fragments on fragments.id = turn_fragments.fragment_id"
      " where turn_id = ? and kind = ? order by \"order\"");
  rows.bind(1, turn);
  rows.bind(2, kind);
  while (rows.executeStep()) {
    out.push_back({{"hash", text_or_null(rows.getColumn(0))},
                   {"content", shortened(store::text_of(rows.getColumn(1)))},
                   {"aliases", json_or_null(rows.getColumn(2))}});
  }
  return out;
}

ordered_json attachments_json(const store::Message& message) {
  auto out = ordered_json::array();
  const auto text = [](const std::string& t) {
    return t.empty() ? ordered_json() : ordered_json(t);
  };
  for (const store::Part& part : message.parts) {
    if (!part.attachment) continue;
    const store::Attachment& a = *part.attachment;
    ordered_json entry = {
        {"id", a.id()}, {"type", text(a.type)}, {"path", text(a.path)}, {"url", text(a.url)}};
    if (!a.content.empty()) {
      entry["content"] = true;
      entry["content_length"] = a.content.size();
    }
    out.push_back(std::move(entry));
  }
  return out;
}

ordered_json row_json(SQLite::Database& sql, const std::string& id,
                      const chat::TurnResult& result) {
  SQLite::Statement row(
      sql,
      "select turns.*, threads.name as thread_name, schemas.content as schema_json from turns"
      " left join threads on threads.id = thread_id left join schemas on schemas.id = schema_id"
      " where turns.id = ?");
  row.bind(1, id);
  row.executeStep();
  const auto column = [&](const char* name) { return row.getColumn(name); };
  const ordered_json options = json_or_null(column("options_json"));
  ordered_json out = {
      {"id", id},
      {"model", text_or_null(column("model"))},
      {"resolved_model", text_or_null(column("resolved_model"))},
      {"options_json", options.is_null() ? ordered_json::object() : options},
      {"conversation_id", text_or_null(column("thread_id"))},
      {"duration_ms", integer_or_null(column("duration_ms"))},
      {"datetime_utc", text_or_null(column("datetime_utc"))},
      {"input_tokens", integer_or_null(column("input_tokens"))},
      {"output_tokens", integer_or_null(column("output_tokens"))},
      {"token_details", text_or_null(column("token_details"))},
      {"conversation_name", text_or_null(column("thread_name"))},
      {"conversation_model", text_or_null(column("model"))},
      {"schema_json", json_or_null(column("schema_json"))},
  };
  const auto& request = result.asked;
  out["prompt"] = request.prompt;
  out["system"] = request.system.empty() ? ordered_json() : ordered_json(request.system);
  out["response"] = result.reply.text;
  out["reasoning"] =
      result.reply.reasoning.empty() ? ordered_json() : ordered_json(result.reply.reasoning);
  out["prompt_json"] = nullptr;
  out["response_json"] = json_or_null(column("response_json"));
  out["prompt_fragments"] = fragments_json(sql, id, "prompt");
  out["system_fragments"] = fragments_json(sql, id, "system");
  for (const char* none : {"tools", "tool_calls", "tool_results"})
    out[none] = ordered_json::array();
  out["attachments"] = attachments_json(request.message);
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
  const auto read_row = [&](SQLite::Database& sql) -> Result<ordered_json> {
    return row_json(sql, result.turn_id, result);
  };
  HOB_TRY(ordered_json row, ledger.database().read(read_row));
  add_engine_facts(row, model, result.reply, logprobs);
  return store::indented_json(ordered_json::array({std::move(row)}));
}

}  // namespace hob::cli

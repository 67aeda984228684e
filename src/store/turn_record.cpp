#include "store/turn_record.h"

#include <fmt/format.h>

#include <charconv>
#include <string_view>
#include <unordered_set>

#include "store/bind.h"
#include "store/json_text.h"

namespace hob::store {
namespace {

using nlohmann::ordered_json;

// The text of a rendering, put together from the one it goes on from; nothing where a part is
// missing, or begins with itself.
std::optional<std::string> read_rendering(SQLite::Database& sql, const std::string& hash) {
  std::vector<std::string> tails;
  std::unordered_set<std::string> seen;
  for (std::string at = hash; !at.empty();) {
    if (!seen.insert(at).second) return std::nullopt;
    SQLite::Statement row(sql, "select base_hash, tail from renderings where hash = ?");
    row.bind(1, at);
    if (!row.executeStep()) return std::nullopt;
    at = text_of(row.getColumn(0));
    tails.push_back(text_of(row.getColumn(1)));
  }
  std::string text;
  for (auto tail = tails.rbegin(); tail != tails.rend(); ++tail) text += *tail;
  return text;
}

// A prompt that goes on where an earlier one ended is stored as that one and the rest.
std::string write_rendering(SQLite::Database& sql, const std::string& text,
                            const std::string& base) {
  const std::string hash = blake2b_16(text);
  const auto start = base.empty() ? std::nullopt : read_rendering(sql, base);
  const bool goes_on = start && text.size() > start->size() && text.starts_with(*start);
  SQLite::Statement row(sql, "insert or ignore into renderings values (?, ?, ?)");
  row.bind(1, hash);
  bind_text(row, 2, goes_on ? base : "");
  row.bind(3, goes_on ? text.substr(start->size()) : text);
  row.exec();
  return hash;
}

std::string json_or_empty(const ordered_json& value) {
  return value.is_null() ? std::string() : json_text(value);
}

ordered_json parsed(const SQLite::Column& column) {
  auto value = ordered_json::parse(text_of(column), nullptr, false);
  return value.is_discarded() ? ordered_json() : value;
}

std::string ids_text(const std::vector<int32_t>& ids) {
  return fmt::format("[{}]", fmt::join(ids, ","));
}

template <class T>
std::optional<std::vector<T>> parsed_list(const SQLite::Column& column) {
  const auto value = parsed(column);
  if (!value.is_array()) return std::nullopt;
  std::vector<T> out;
  for (const auto& entry : value) {
    if constexpr (std::is_integral_v<T>) {
      if (!entry.is_number_integer()) return std::nullopt;
    } else {
      if (!entry.is_string()) return std::nullopt;
    }
    out.push_back(entry.get<T>());
  }
  return out;
}

std::optional<uint64_t> parsed_seed(const std::string& text) {
  uint64_t seed = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seed);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return seed;
}

}  // namespace

std::string write_turn_record(SQLite::Database& sql, const std::string& turn_id,
                              const TurnRecord& record, const std::string& base) {
  const std::string rendering =
      record.rendered_prompt ? write_rendering(sql, *record.rendered_prompt, base) : "";
  SQLite::Statement row(sql, R"sql(insert or replace into turn_records (
    turn_id, state, source, error, finish, provider, model_file, model_hash, template_hash,
    rendering_hash, raw, prompt_tokens_hash, output_ids, sampler, seed, max_tokens, stop,
    constraint_json, context, kv, numerics, threads, isa, build, pid, cached_tokens, prompt_seconds,
    reply_seconds, cost_usd, price_json, energy_joules, energy_json)
    values (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?))sql");
  int at = 0;
  const auto text = [&](const std::string& value) { bind_text(row, ++at, value); };
  const auto value = [&](const auto& optional) { bind(row, ++at, optional); };
  text(turn_id);
  text(record.state);
  text(record.source);
  text(record.error);
  text(record.finish);
  text(record.provider);
  text(record.model_file);
  text(record.model_hash);
  text(record.template_hash);
  text(rendering);
  value(record.rendered_prompt ? std::optional<int>(record.raw) : std::nullopt);
  text(record.prompt_tokens_hash);
  text(record.output_ids ? ids_text(*record.output_ids) : "");
  text(json_or_empty(record.sampler));
  text(record.seed ? fmt::format("{}", *record.seed) : "");
  value(record.max_tokens);
  text(record.stop.empty() ? "" : json_text(record.stop));
  text(json_or_empty(record.constraint));
  value(record.context);
  text(record.kv);
  text(record.numerics);
  value(record.threads);
  text(record.isa);
  text(record.build);
  value(record.pid);
  value(record.cached_tokens);
  value(record.prompt_seconds);
  value(record.reply_seconds);
  value(record.cost_usd);
  text(record.price_json);
  value(record.energy_joules);
  text(record.energy_json);
  row.exec();
  return rendering;
}

std::optional<TurnRecord> read_turn_record(SQLite::Database& sql, const std::string& turn_id) {
  SQLite::Statement row(sql, "select * from turn_records where turn_id = ?");
  row.bind(1, turn_id);
  if (!row.executeStep()) return std::nullopt;
  const auto column = [&](const char* name) { return row.getColumn(name); };
  const auto text = [&](const char* name) { return text_of(column(name)); };
  TurnRecord record;
  record.state = text("state");
  record.error = text("error");
  record.source = text("source");
  record.finish = text("finish");
  record.provider = text("provider");
  record.model_file = text("model_file");
  record.model_hash = text("model_hash");
  record.template_hash = text("template_hash");
  if (const std::string hash = text("rendering_hash"); !hash.empty())
    record.rendered_prompt = read_rendering(sql, hash);
  record.raw = column("raw").getInt() != 0;
  record.prompt_tokens_hash = text("prompt_tokens_hash");
  record.output_ids = parsed_list<int32_t>(column("output_ids"));
  record.sampler = parsed(column("sampler"));
  record.constraint = parsed(column("constraint_json"));
  record.stop = parsed_list<std::string>(column("stop")).value_or(std::vector<std::string>());
  record.seed = parsed_seed(text("seed"));
  record.max_tokens = integer_of(column("max_tokens"));
  record.context = integer_of(column("context"));
  record.threads = integer_of(column("threads"));
  record.kv = text("kv");
  record.numerics = text("numerics");
  record.isa = text("isa");
  record.build = text("build");
  record.pid = integer_of(column("pid"));
  record.cached_tokens = integer_of(column("cached_tokens"));
  record.prompt_seconds = real_of(column("prompt_seconds"));
  record.reply_seconds = real_of(column("reply_seconds"));
  record.cost_usd = real_of(column("cost_usd"));
  record.energy_joules = real_of(column("energy_joules"));
  record.price_json = text("price_json");
  record.energy_json = text("energy_json");
  return record;
}

}  // namespace hob::store

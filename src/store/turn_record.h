// What the ledger keeps of a turn beyond llm's columns: how it came about, in enough detail to do
// it again. One row of turn_records; docs/ledger.md explains the columns.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace hob::store {

struct TurnRecord {
  std::string state;  // "running", "done", "stopped", "failed"
  std::string error;
  std::string source;    // "prompt", "chat", "batch", "cmd": the command
  std::string finish;    // "end", "stop", "length", "context_full", "cancelled"
  std::string provider;  // "local", "echo"

  // The model and the text that it was given, exactly.
  std::string model_file, model_hash;  // path; SHA-256 of the file
  std::string template_hash;           // SHA-256 of the chat template's source
  std::optional<std::string> rendered_prompt;  // guarded as text/guard.h says, unless `raw`
  bool raw = false;                            // plain text, not a template's output
  std::string prompt_tokens_hash;              // BLAKE2b-16 of the ids, 4 bytes each, little-endian
  std::optional<std::vector<int32_t>> output_ids;

  // What was asked of it.
  nlohmann::ordered_json sampler, constraint;  // null: none
  std::vector<std::string> stop;
  std::optional<uint64_t> seed;
  std::optional<int64_t> max_tokens;

  // How it was computed.
  std::optional<int64_t> context, threads;
  std::string kv, numerics, isa, build;
  std::optional<int64_t> pid;
  std::optional<int64_t> cached_tokens;
  std::optional<double> prompt_seconds, reply_seconds;

  // What it cost; the JSON says by which prices and by which measure.
  std::optional<double> cost_usd, energy_joules;
  std::string price_json, energy_json;

  bool operator==(const TurnRecord&) const = default;
};

// Writes or replaces the row. `base` is the hash of a rendering that the new one may begin with;
// returns the hash of this one's, empty where it has none. Call within Database::write.
std::string write_turn_record(SQLite::Database& sql, const std::string& turn_id,
                              const TurnRecord& record, const std::string& base);
std::optional<TurnRecord> read_turn_record(SQLite::Database& sql, const std::string& turn_id);

}  // namespace hob::store

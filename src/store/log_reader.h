// What is in a ledger, as rows: turns with their messages put together, and the responses of llm
// before 0.32 in the same shape. Reads databases of hob and of llm; changes nothing.
//
// A turn's prompt is what its own user messages say, its response what its own assistant messages
// say; both are found by walking the tree of messages between the turn's two ends. What is missing
// or damaged in a tree is left out; it never fails a listing.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/database.h"

namespace hob::store {

using Text = std::optional<std::string>;
using Count = std::optional<int64_t>;

struct LoggedAttachment {
  std::string id;
  Text type, path, url;
  bool has_content = false;
  int64_t content_length = 0;
};

struct LoggedFragment {
  std::string hash, content;
  std::vector<std::string> aliases;
};

// A configured set of tools that a tool came from.
struct LoggedInstance {
  Text name, plugin, arguments;
};

struct LoggedTool {
  int64_t id = 0;
  Text hash, name, description;
  nlohmann::ordered_json input_schema;
  std::optional<LoggedInstance> instance;
};

struct LoggedCall {
  Count id, tool_id;
  std::string name;
  nlohmann::ordered_json arguments;
  Text tool_call_id;
  bool server_executed = false;
};

struct LoggedResult {
  Count id, tool_id;
  std::string name, output;
  Text tool_call_id, exception;
  bool server_executed = false;
  std::optional<LoggedInstance> instance;
  std::vector<LoggedAttachment> attachments;
};

struct LoggedTurn {
  bool legacy = false;  // a row of `responses`
  std::string id, model;
  Text resolved_model, options_json, conversation_id;
  Count duration_ms;
  std::string datetime_utc;
  Count input_tokens, output_tokens;
  Text token_details, conversation_name, conversation_model, schema_json;
  Text prompt, system, response, reasoning, prompt_json, response_json;
  double rank = 0;  // of a search: the smaller, the better

  std::vector<LoggedAttachment> attachments;
  std::vector<LoggedFragment> prompt_fragments, system_fragments;
  std::vector<LoggedTool> tools;
  std::vector<LoggedCall> tool_calls;
  std::vector<LoggedResult> tool_results;

  std::string state = "done";  // or "running", "stopped", "failed"
  Text error;                  // why it failed
};

struct LogFilter {
  std::optional<size_t> count;  // all when absent
  Text model;                   // the id, or that of the model that answered for it
  Text conversation;
  std::vector<std::string> fragments;  // hashes; all of them
  std::vector<std::string> tools;      // names; a result of each of them
  bool any_tool = false;
  Text schema_id;
  Text id_after, id_from;     // exclusive, inclusive
  Text since, until;          // beginnings of a time in UTC, "2026-08-04T17"; both inclusive
  std::vector<std::string> ids;
  Text query;                 // FTS5's notation; best matches first
  bool latest = false;        // with `query`: newest first
};

// Opens a ledger for reading. Files in the layouts of earlier versions of llm are read through a
// copy in memory. kNotFound, or kInvalid naming the file when it is no ledger.
Result<Database> open_ledger(const std::string& path);

// Newest first, or best first. A query that FTS5 does not take is kInvalid.
Result<std::vector<LoggedTurn>> read_turns(Database& ledger, const LogFilter& filter);

// The conversation of the newest turn; nothing in an empty ledger.
Result<Text> newest_conversation(Database& ledger);

struct LoggedConversation {
  std::string id;
  Text name, model;  // the model of its newest turn
  int64_t turns = 0;
  std::string first_utc, last_utc;
};
// The one used last comes first.
Result<std::vector<LoggedConversation>> read_conversations(Database& ledger,
                                                           const LogFilter& filter);

// The bytes of a stored attachment; nothing where only a path or a URL is stored.
Result<Text> attachment_content(Database& ledger, const std::string& id);

struct StoredSchema {
  std::string id, content;
  std::string recently_used;
  int64_t times_used = 0;
};
// Schemas that turns or responses used, the one used longest ago first, whose text contains every
// one of `words`.
Result<std::vector<StoredSchema>> read_schemas(Database& ledger,
                                               const std::vector<std::string>& words);
Result<Text> schema_content(Database& ledger, const std::string& id);

}  // namespace hob::store

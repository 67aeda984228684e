// What conversations consist of: messages of typed parts, as llm stores them, and the hash that
// identifies a message by its content and all that went before it.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hob::store {

// One of path, url and content says where the bytes are.
struct Attachment {
  std::string type;  // "image/png"
  std::string path, url, content;

  // SHA-256 of the bytes, or of the JSON object that holds the URL. "missing:PATH" where the file
  // cannot be read.
  std::string id() const;
};

enum class PartKind { kText, kReasoning, kToolCall, kToolResult, kAttachment };
std::string_view kind_name(PartKind kind);  // "text", "reasoning", "tool_call", ...

struct Part {
  PartKind kind = PartKind::kText;
  std::string text;  // of kText and kReasoning
  std::optional<Attachment> attachment;
  // What else belongs to the part, by llm's keys: name, arguments, tool_call_id, output, redacted,
  // provider_metadata.
  nlohmann::ordered_json more = nlohmann::ordered_json::object();
};

struct Message {
  std::string role;  // "system", "user", "assistant", "tool"
  std::vector<Part> parts;
  nlohmann::ordered_json provider_metadata;  // null: none

  static Message of_text(std::string role, std::string text);
  // The texts of all kText parts (or of another kind), joined without anything between.
  std::string text(PartKind kind = PartKind::kText) const;
};

// "b2:" and 32 hexadecimal digits. `parent` is the hash of the message before; empty: none.
std::string message_hash(const Message& message, const std::string& parent);

// Of a schema's JSON: its compact text, and that text's id. Keys stay in their order.
struct StoredSchemaText {
  std::string id, content;
};
StoredSchemaText schema_text(const nlohmann::ordered_json& schema);

// What a thread is called after: the text on one line, at most 32 characters, cut with an ellipsis.
std::string thread_name(std::string_view text);

}  // namespace hob::store

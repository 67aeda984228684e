#include "store/message.h"

#include <fmt/format.h>

#include "os/file.h"
#include "store/json_text.h"

namespace hob::store {
namespace {

using nlohmann::ordered_json;

constexpr size_t kNameLength = 32;

// The part as llm's to_dict() gives it; an attachment by its content.
ordered_json part_json(const Part& part) {
  ordered_json out = {{"type", kind_name(part.kind)}};
  if (part.kind == PartKind::kText || part.kind == PartKind::kReasoning) out["text"] = part.text;
  if (part.attachment) {
    const std::string& type = part.attachment->type;
    out["attachment"] = {{"id", part.attachment->id()},
                         {"type", type.empty() ? ordered_json() : ordered_json(type)}};
  }
  out.update(part.more);
  return out;
}

// White space as Python's \s has it, in valid UTF-8: how many bytes at the beginning of `text`.
size_t space_length(std::string_view text) {
  const auto byte = [&](size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
  };
  const int first = byte(0);
  const bool control = (first >= 0x09 && first <= 0x0d) || (first >= 0x1c && first <= 0x1f);
  if (first == ' ' || control) return 1;
  if (first == 0xc2 && (byte(1) == 0x85 || byte(1) == 0xa0)) return 2;
  const bool space3 = (first == 0xe1 && byte(1) == 0x9a && byte(2) == 0x80) ||
                      (first == 0xe2 && byte(1) == 0x80 &&
                       ((byte(2) >= 0x80 && byte(2) <= 0x8a) || byte(2) == 0xa8 ||
                        byte(2) == 0xa9 || byte(2) == 0xaf)) ||
                      (first == 0xe2 && byte(1) == 0x81 && byte(2) == 0x9f) ||
                      (first == 0xe3 && byte(1) == 0x80 && byte(2) == 0x80);
  return space3 ? 3 : 0;
}

bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }

}  // namespace

std::string_view kind_name(PartKind kind) {
  switch (kind) {
    case PartKind::kText:
      return "text";
    case PartKind::kReasoning:
      return "reasoning";
    case PartKind::kToolCall:
      return "tool_call";
    case PartKind::kToolResult:
      return "tool_result";
    case PartKind::kAttachment:
      return "attachment";
  }
  return "text";
}

std::string Attachment::id() const {
  if (!content.empty()) return sha256(content);
  if (!path.empty()) {
    const auto bytes = os::read_file(path);
    return bytes ? sha256(*bytes) : "missing:" + path;
  }
  return sha256(json_text({{"url", url.empty() ? ordered_json() : ordered_json(url)}}));
}

Message Message::of_text(std::string role, std::string text) {
  Message message{.role = std::move(role)};
  message.parts.push_back({.text = std::move(text)});
  return message;
}

std::string Message::text(PartKind kind) const {
  std::string out;
  for (const Part& part : parts) {
    if (part.kind == kind) out += part.text;
  }
  return out;
}

std::string message_hash(const Message& message, const std::string& parent) {
  ordered_json parts = ordered_json::array();
  for (const Part& part : message.parts) parts.push_back(part_json(part));
  ordered_json content = {{"role", message.role}, {"parts", std::move(parts)}};
  if (!message.provider_metadata.empty()) content["provider_metadata"] = message.provider_metadata;
  const ordered_json whole = {{"parent", parent.empty() ? ordered_json() : ordered_json(parent)},
                              {"message", std::move(content)}};
  return "b2:" + blake2b_16(canonical_json(whole));
}

StoredSchemaText schema_text(const ordered_json& schema) {
  std::string content = compact_json(schema);
  std::string id = blake2b_16(content);
  return {std::move(id), std::move(content)};
}

std::string thread_name(std::string_view text) {
  std::string name;
  size_t length = 0;
  size_t cut = 0;  // the bytes that stay before an ellipsis
  bool in_space = false;
  while (!text.empty()) {
    size_t bytes = space_length(text);
    const bool space = bytes > 0;
    if (!space) {
      bytes = 1;
      while (bytes < text.size() && !begins_character(text[bytes])) ++bytes;
    }
    if (!space || !in_space) {
      if (length + 1 == kNameLength) cut = name.size();
      if (length == kNameLength) return name.substr(0, cut) + "\xe2\x80\xa6";
      name += space ? std::string(" ") : std::string(text.substr(0, bytes));
      ++length;
    }
    in_space = space;
    text.remove_prefix(bytes);
  }
  return name;
}

}  // namespace hob::store

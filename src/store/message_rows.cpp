#include "store/message_rows.h"

#include <fmt/format.h>

#include <optional>

#include "store/bind.h"
#include "store/json_text.h"
#include "store/ledger.h"

namespace hob::store {
namespace {

using nlohmann::ordered_json;

// A stretch of text: a fragment's, or the person's own.
struct Piece {
  std::string_view literal;
  std::optional<int64_t> fragment;
};

// The earliest fragment first; of several that begin at one place the longest.
std::vector<Piece> pieces_of(std::string_view text, const FragmentRows& fragments) {
  std::vector<Piece> pieces;
  while (!text.empty()) {
    size_t at = text.npos;
    const std::pair<std::string, int64_t>* best = nullptr;
    for (const auto& fragment : fragments) {
      if (fragment.first.empty()) continue;
      const size_t found = text.find(fragment.first);
      if (found == text.npos) continue;
      const bool longer = best && found == at && fragment.first.size() > best->first.size();
      if (!best || found < at || longer) at = found, best = &fragment;
    }
    if (!best) {
      pieces.push_back({text, std::nullopt});
      break;
    }
    if (at > 0) pieces.push_back({text.substr(0, at), std::nullopt});
    pieces.push_back({{}, best->second});
    text.remove_prefix(at + best->first.size());
  }
  return pieces;
}

struct EncodedPart {
  std::string text;  // of the column
  bool has_text = false;
  ordered_json payload = ordered_json::object();
  std::vector<int64_t> fragments;
  std::vector<std::string> attachments;
};

EncodedPart encode(SQLite::Database& sql, const Part& part, const FragmentRows& fragments) {
  EncodedPart out;
  if (part.kind == PartKind::kText || part.kind == PartKind::kReasoning) {
    ordered_json references = ordered_json::array();
    for (const Piece& piece : pieces_of(part.text, fragments)) {
      if (piece.fragment) {
        references.push_back({{"fragment", *piece.fragment}});
        out.fragments.push_back(*piece.fragment);
      } else {
        references.push_back({{"literal", std::string(piece.literal)}});
      }
    }
    out.has_text = out.fragments.empty();
    out.has_text ? void(out.text = part.text) : void(out.payload["text_ref"] = references);
  }
  for (const auto& [key, value] : part.more.items()) {
    if (key != "text_ref") out.payload[key] = value;
  }
  if (part.attachment) {
    out.attachments.push_back(ensure_attachment(sql, *part.attachment));
    out.payload["attachment"] = {{"id", out.attachments.back()}};
  }
  return out;
}

void link(SQLite::Database& sql, const char* insert, int64_t part, size_t order, const auto& id) {
  SQLite::Statement row(sql, insert);
  row.bind(1, part);
  row.bind(2, id);
  row.bind(3, static_cast<int64_t>(order));
  row.exec();
}

void write_part(SQLite::Database& sql, const std::string& message, size_t position,
                const Part& part, const FragmentRows& fragments) {
  const EncodedPart encoded = encode(sql, part, fragments);
  SQLite::Statement row(sql,
                        "insert into parts (message_hash, position, type, tool_name, text, payload)"
                        " values (?, ?, ?, ?, ?, ?)");
  row.bind(1, message);
  row.bind(2, static_cast<int64_t>(position));
  row.bind(3, std::string(kind_name(part.kind)));
  const auto name = encoded.payload.find("name");
  const bool named = name != encoded.payload.end() && name->is_string();
  bind_text(row, 4, named ? name->get<std::string>() : "");
  if (encoded.has_text) row.bind(5, encoded.text);
  bind_text(row, 6, encoded.payload.empty() ? "" : json_text(encoded.payload));
  row.exec();
  const int64_t id = sql.getLastInsertRowid();
  for (size_t i = 0; i < encoded.attachments.size(); ++i)
    link(sql, "insert into part_attachments values (?, ?, ?)", id, i, encoded.attachments[i]);
  for (size_t i = 0; i < encoded.fragments.size(); ++i)
    link(sql, "insert into part_fragments values (?, ?, ?)", id, i, encoded.fragments[i]);
}

std::string write_message(SQLite::Database& sql, const Message& message, const std::string& parent,
                          const FragmentRows& fragments) {
  const std::string hash = message_hash(message, parent);
  SQLite::Statement row(sql, "insert or ignore into messages values (?, ?, ?, ?)");
  row.bind(1, hash);
  bind_text(row, 2, parent);
  row.bind(3, message.role);
  bind_text(row, 4,
            message.provider_metadata.empty() ? "" : json_text(message.provider_metadata));
  if (row.exec() == 0) return hash;  // it is there, and so are its parts
  for (size_t i = 0; i < message.parts.size(); ++i)
    write_part(sql, hash, i, message.parts[i], fragments);
  return hash;
}

PartKind kind_of(const std::string& name) {
  for (const PartKind kind : {PartKind::kReasoning, PartKind::kToolCall, PartKind::kToolResult,
                              PartKind::kAttachment}) {
    if (name == kind_name(kind)) return kind;
  }
  return PartKind::kText;
}

std::optional<Attachment> referenced_attachment(SQLite::Database& sql,
                                                const ordered_json& reference) {
  if (!reference.is_object() || !reference.contains("id") || !reference["id"].is_string())
    return std::nullopt;
  SQLite::Statement row(sql, "select type, path, url, content from attachments where id = ?");
  row.bind(1, reference["id"].get<std::string>());
  if (!row.executeStep()) return std::nullopt;
  return Attachment{text_of(row.getColumn(0)), text_of(row.getColumn(1)), text_of(row.getColumn(2)),
                    text_of(row.getColumn(3))};
}

Part part_of(SQLite::Database& sql, const ChainPart& stored) {
  Part part{.kind = kind_of(stored.type), .text = stored.text, .more = stored.fields};
  part.more.erase("text_ref");
  if (const auto reference = part.more.find("attachment"); reference != part.more.end()) {
    part.attachment = referenced_attachment(sql, *reference);
    part.more.erase(reference);
  }
  return part;
}

}  // namespace

std::string write_chain(SQLite::Database& sql, const std::vector<Message>& messages,
                        std::string parent, const FragmentRows& fragments) {
  for (const Message& message : messages) parent = write_message(sql, message, parent, fragments);
  return parent;
}

Message message_of(SQLite::Database& sql, const ChainMessage& stored) {
  Message message{.role = stored.role, .provider_metadata = stored.provider_metadata};
  for (const ChainPart& part : stored.parts) message.parts.push_back(part_of(sql, part));
  return message;
}

std::string literal_text(const std::string& text, const FragmentRows& fragments) {
  std::string out;
  for (const Piece& piece : pieces_of(text, fragments)) out += piece.literal;
  return out;
}

}  // namespace hob::store

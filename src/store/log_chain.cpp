#include "store/log_chain.h"

#include <algorithm>
#include <unordered_set>

namespace hob::store {
namespace {

using nlohmann::ordered_json;

constexpr int kDeepest = 200;

bool is_shallow(std::string_view json) {
  int depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (quoted) {
      if (c == '\\') ++i;
      if (c == '"') quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kDeepest) return false;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return true;
}

// The text that {"literal": ...} and {"fragment": ID} pieces make.
template <class Fragment>
std::string joined_pieces(const ordered_json& pieces, Fragment&& fragment) {
  std::string out;
  if (!pieces.is_array()) return out;
  for (const ordered_json& piece : pieces) {
    if (!piece.is_object()) continue;
    if (const auto literal = piece.find("literal"); literal != piece.end()) {
      if (literal->is_string()) out += literal->get_ref<const std::string&>();
    } else if (const auto id = piece.find("fragment"); id != piece.end()) {
      if (id->is_number_integer()) out += fragment(id->get<int64_t>());
    }
  }
  return out;
}

void take_attachment_id(const ordered_json& reference, std::vector<std::string>& ids) {
  if (!reference.is_object()) return;
  const auto id = reference.find("id");
  if (id != reference.end() && id->is_string()) ids.push_back(id->get<std::string>());
}

}  // namespace

std::optional<ordered_json> parse_shallow_json(std::string_view text) {
  if (!is_shallow(text)) return std::nullopt;
  auto value = ordered_json::parse(text, nullptr, false);
  if (value.is_discarded()) return std::nullopt;
  return value;
}

ordered_json column_json(const SQLite::Column& column) {
  if (column.isNull()) return nullptr;
  return parse_shallow_json(column.getString()).value_or(ordered_json());
}

LogChain::LogChain(SQLite::Database& sql)
    : messages_(sql, "select parent_hash, role, provider_metadata from messages where hash = ?"),
      parts_(sql,
             "select id, type, text, payload from parts where message_hash = ? order by position"),
      fragments_(sql, "select content from fragments where id = ?") {}

std::string LogChain::fragment(int64_t id) {
  fragments_.reset();
  fragments_.bind(1, id);
  return fragments_.executeStep() ? fragments_.getColumn(0).getString() : std::string();
}

std::vector<ChainPart> LogChain::parts_of(const std::string& hash) {
  std::vector<ChainPart> parts;
  parts_.reset();
  parts_.bind(1, hash);
  while (parts_.executeStep()) {
    ChainPart part;
    part.id = parts_.getColumn(0).getInt64();
    part.type = parts_.getColumn(1).getString();
    part.fields = column_json(parts_.getColumn(3));
    if (!part.fields.is_object()) part.fields = ordered_json::object();
    if (!parts_.getColumn(2).isNull()) {
      part.text = parts_.getColumn(2).getString();
    } else if (const auto pieces = part.fields.find("text_ref"); pieces != part.fields.end()) {
      part.text = joined_pieces(*pieces, [this](int64_t id) { return fragment(id); });
    } else if (const auto text = part.fields.find("text");
               text != part.fields.end() && text->is_string()) {
      part.text = text->get<std::string>();
    }
    if (part.type == "attachment" && part.fields.contains("attachment"))
      take_attachment_id(part.fields["attachment"], part.attachment_ids);
    if (part.type == "tool_result" && part.fields.contains("attachments")) {
      for (const ordered_json& reference : part.fields["attachments"])
        take_attachment_id(reference, part.attachment_ids);
    }
    parts.push_back(std::move(part));
  }
  return parts;
}

const ChainMessage* LogChain::message(const std::string& hash) {
  if (hash.empty()) return nullptr;
  const auto [place, fresh] = read_.try_emplace(hash);
  std::optional<ChainMessage>& found = place->second;
  if (!fresh) return found ? &*found : nullptr;
  messages_.reset();
  messages_.bind(1, hash);
  if (!messages_.executeStep()) return nullptr;
  found.emplace();
  found->hash = hash;
  found->parent = messages_.getColumn(0).getString();
  found->role = messages_.getColumn(1).getString();
  found->provider_metadata = column_json(messages_.getColumn(2));
  found->parts = parts_of(hash);
  return &*found;
}

std::vector<const ChainMessage*> LogChain::between(const std::string& tip,
                                                   const std::string& stop) {
  std::vector<const ChainMessage*> chain;
  std::unordered_set<std::string> seen;
  for (std::string hash = tip; hash != stop && seen.insert(hash).second;) {
    const ChainMessage* found = message(hash);
    if (!found) break;
    chain.push_back(found);
    hash = found->parent;
  }
  std::reverse(chain.begin(), chain.end());
  return chain;
}

std::vector<const ChainMessage*> LogChain::own_input(const std::string& tip) {
  std::vector<const ChainMessage*> chain;
  std::unordered_set<std::string> seen;
  for (std::string hash = tip; seen.insert(hash).second;) {
    const ChainMessage* found = message(hash);
    if (!found || (found->role != "user" && found->role != "tool")) break;
    chain.push_back(found);
    hash = found->parent;
  }
  std::reverse(chain.begin(), chain.end());
  return chain;
}

const ChainMessage* LogChain::root(const std::string& tip) {
  std::vector<std::string> walked;
  std::unordered_set<std::string> seen;
  const ChainMessage* last = nullptr;
  for (std::string hash = tip; seen.insert(hash).second;) {
    if (const auto known = roots_.find(hash); known != roots_.end()) {
      last = message(known->second);
      break;
    }
    const ChainMessage* found = message(hash);
    if (!found) break;
    walked.push_back(hash);
    last = found;
    hash = found->parent;
  }
  if (last) {
    for (const std::string& hash : walked) roots_[hash] = last->hash;
  }
  return last;
}

}  // namespace hob::store

// The tree of messages of a ledger, walked from a message to its ancestors; all that reads messages
// reads them here. Each message is read once, however many turns share it. Parents that are missing
// end a walk, and so does a circle, which only a damaged or hostile file has.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace hob::store {

struct ChainPart {
  int64_t id = 0;
  std::string type;               // "text", "reasoning", "tool_call", "tool_result", "attachment"
  std::string text;               // of text and reasoning, fragments put in
  nlohmann::ordered_json fields;  // everything else; an object
  std::vector<std::string> attachment_ids;
};

struct ChainMessage {
  std::string hash, parent;  // parent: empty at the root
  std::string role;
  nlohmann::ordered_json provider_metadata;
  std::vector<ChainPart> parts;
};

class LogChain {
 public:
  explicit LogChain(SQLite::Database& sql);

  const ChainMessage* message(const std::string& hash);  // null where it is not stored
  // The messages from `tip` up to, and without, `stop` (or the root), oldest first.
  std::vector<const ChainMessage*> between(const std::string& tip, const std::string& stop);
  // The trailing messages of a user or of tools that end in `tip`, oldest first.
  std::vector<const ChainMessage*> own_input(const std::string& tip);
  // The first message of the chain that ends in `tip`; null when there is none.
  const ChainMessage* root(const std::string& tip);

 private:
  std::vector<ChainPart> parts_of(const std::string& hash);
  std::string fragment(int64_t id);

  SQLite::Statement messages_, parts_, fragments_;
  std::unordered_map<std::string, std::optional<ChainMessage>> read_;
  std::unordered_map<std::string, std::string> roots_;
};

// JSON that a program may walk by recursion: nothing where `text` is none, or nests too deeply.
std::optional<nlohmann::ordered_json> parse_shallow_json(std::string_view text);
// What JSON text in a column says; null where it is NULL or no such JSON.
nlohmann::ordered_json column_json(const SQLite::Column& column);

}  // namespace hob::store

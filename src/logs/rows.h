// Logged turns as `hob logs` prints them for programs and for a quick look: JSON and YAML, byte for
// byte llm's, and the data that replies under a schema consist of.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/log_reader.h"

namespace hob::logs {

struct RowOptions {
  bool expand = false;    // fragments with their whole text
  bool truncate = false;  // prompt and response cut, no *_json members
};

// llm's members in llm's order; a turn that was stopped or failed has `state` and `error` as well.
nlohmann::ordered_json turn_json(const store::LoggedTurn& turn, const RowOptions& options);
// All of them, indented, with a line end.
std::string turns_json(const std::vector<store::LoggedTurn>& turns, const RowOptions& options);

// One entry of a YAML list, with a line end.
Result<std::string> short_entry(const store::LoggedTurn& turn, bool truncate, bool usage);

struct DataOptions {
  bool array = false;              // one JSON array rather than a line for each
  std::optional<std::string> key;  // the items of the list under this key, where there is one
  bool ids = false;                // with the ids of turn and conversation
};
// The replies that are JSON.
std::string data_lines(const std::vector<store::LoggedTurn>& turns, const DataOptions& options);

}  // namespace hob::logs

// The SQL of log_reader: one statement for turns, one for the responses of llm before 0.32, with
// the same columns and the same filters.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <string>
#include <utility>
#include <vector>

#include "store/log_reader.h"

namespace hob::store {

// Conditions, and the values of the parameters they name.
struct LogQuery {
  std::string sql;
  std::vector<std::pair<std::string, std::string>> values;  // ":name", text
  void bind(SQLite::Statement& statement) const;
};

// Columns: kId to kSchema as below; turns only: kParent to kError.
enum LogColumn : int {
  kId, kModel, kResolvedModel, kOptions, kConversation, kDuration, kDatetime, kInputTokens,
  kOutputTokens, kTokenDetails, kConversationName, kConversationModel, kResponseJson, kSchema,
  kRank,
  kParent, kTip, kState, kError,                            // turns
  kPrompt = kParent, kSystem, kPromptJson, kResponse, kReasoning  // responses
};

// What the statement may rely on.
struct LogFacts {
  bool has_records = false;   // the database has hob's own table turn_records
  bool many_matches = false;  // of the query, which alone narrows the turns down
};
LogQuery turns_query(const LogFilter& filter, const LogFacts& facts);
LogQuery responses_query(const LogFilter& filter);
// Whether the newest matches of the query are wanted and nothing else; then their number decides
// how they are found. The statement counts them, as far as it matters.
bool wants_newest_matches(const LogFilter& filter);
LogQuery match_count_query(const LogFilter& filter);
inline constexpr int64_t kManyMatches = 2000;
// Two columns, id and conversation, newest first.
LogQuery turn_conversations_query(const LogFilter& filter);
LogQuery response_conversations_query(const LogFilter& filter);

}  // namespace hob::store

// Takes over the logs of another database: one of hob's, or one of llm's in any of its layouts.
//
//   since llm 0.32       messages, parts, threads, turns: copied as they are, by hash and id
//   0.4 to 0.31          conversations, responses: likewise; both programs read them as they are
//   before 0.4           one table, `logs` or `log`: rows become responses, chats conversations
//
// What is there already is left alone, so importing twice adds nothing. The other file is only
// read: neither the right to write to it is needed, nor that nobody else does.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "store/database.h"

namespace hob::store {

enum class LogLayout {
  kNone,     // no log at all
  kCurrent,  // every table and column that log_reader reads
  kOlder,    // can be imported
};
Result<LogLayout> log_layout(Database& db);

// Rows that the ledger did not have.
struct ImportCounts {
  int64_t threads = 0, turns = 0, messages = 0;
  int64_t conversations = 0, responses = 0;
  int64_t attachments = 0, fragments = 0, schemas = 0;
  int64_t present = 0;  // turns and responses of the other file that were there already
};

// In one transaction: all of it, or nothing. kInvalid, naming the file, when it is no log database.
Result<ImportCounts> import_log(Database& ledger, const std::string& path);

}  // namespace hob::store

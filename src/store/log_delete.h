// Takes turns out of a ledger for good: their rows, and what nothing else refers to any more, which
// are messages, attachments, fragments without an alias, schemas and rendered prompts.
//
// Conversations share messages. A message that a later turn was given, or that another conversation
// contains, stays until the last of them goes. What is gone is overwritten in the file
// (secure_delete), also in the index for searches.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/database.h"

namespace hob::store {

struct DeleteCounts {
  int64_t turns = 0, conversations = 0, messages = 0, attachments = 0, fragments = 0;
  int64_t shared_messages = 0;  // of the turns' own messages: those that others still need
  // Else another program has the ledger open, and until that ends the write-ahead log beside the
  // file still holds what is gone.
  bool overwritten = true;
};

// Ids of turns or of responses of llm before 0.32. kNotFound, and nothing is changed, when one of
// them does not exist.
Result<DeleteCounts> delete_turns(Database& ledger, const std::vector<std::string>& ids);

// The ids of a conversation's turns and responses, oldest first; kNotFound when there is none.
Result<std::vector<std::string>> conversation_turns(Database& ledger, const std::string& id);

}  // namespace hob::store

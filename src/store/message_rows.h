// Messages as rows: a tree that is keyed by content, in llm's tables `messages` and `parts`.
//
// Text that is a fragment's is stored as a reference to the fragment, and attachments by their id;
// reading puts both back, so that the hash always covers what the model saw.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "store/log_chain.h"
#include "store/message.h"

namespace hob::store {

// Fragments that may occur in messages: text and row.
using FragmentRows = std::vector<std::pair<std::string, int64_t>>;

// Stores what of `messages` is not there yet, after `parent` (empty: from the root), and returns
// the hash of the last. Call within a transaction.
std::string write_chain(SQLite::Database& sql, const std::vector<Message>& messages,
                        std::string parent, const FragmentRows& fragments);

// With its attachments, as far as they are stored.
Message message_of(SQLite::Database& sql, const ChainMessage& stored);

// What a person typed of a text: the text without what is a fragment's.
std::string literal_text(const std::string& text, const FragmentRows& fragments);

}  // namespace hob::store

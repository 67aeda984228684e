// The layouts of llm before 0.4: one table, `log` or later `logs`, a row per reply. chat_id is the
// id of the row that began the chat, NULL for a row that stands alone or begins one.
//
// Their rows have numbers where later ones have ULIDs. The ULID made here consists of the row's own
// time and a digest of all that it says, so that the same row gives the same one each time.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <string>

namespace hob::store {

struct ImportCounts;

// "logs" or "log" where `schema` ("main", "source") has a table like that; else empty.
std::string oldest_table(SQLite::Database& sql, const std::string& schema);

// Rows of source.logs or source.log as responses of `main`.
void import_oldest(SQLite::Database& sql, ImportCounts& counts);

}  // namespace hob::store

// What the database says about a collection's index: see embed/search.h.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <optional>

namespace hob::embed {

// The state of a collection, by tokens that change with it.
struct CollectionState {
  int64_t version = 0;  // at every change
  int64_t removed = 0;  // at every change but an addition
};

// The last index that was made.
struct IndexRecord {
  uint64_t build = 0;  // the file's own number
  CollectionState state;
  int64_t last_row = 0;  // the largest rowid in it
  uint64_t rows = 0;
};

// Nothing where the triggers are not all in place, or never saw the collection.
std::optional<CollectionState> collection_state(SQLite::Database& sql, int64_t collection);
std::optional<IndexRecord> index_record(SQLite::Database& sql, int64_t collection);

// These write. The first sees to it that the collection's changes are followed from here on; what
// was known of it while a trigger was missing is forgotten.
CollectionState follow_collection(SQLite::Database& sql, int64_t collection);
void save_index_record(SQLite::Database& sql, int64_t collection, const IndexRecord& record);

}  // namespace hob::embed

#include "embed/search.h"

#include <algorithm>
#include <cstring>
#include <random>
#include <span>

#include "embed/index_record.h"
#include "embed/similarity.h"
#include "embed/vector_index.h"
#include "os/file.h"

namespace hob::embed {
namespace {

constexpr uint64_t kBetweenReports = 4096;  // items

std::string_view blob(const SQLite::Column& column) {
  return {static_cast<const char*>(column.getBlob()), static_cast<size_t>(column.getBytes())};
}

Result<> check_length(size_t bytes, size_t length, const Collection& collection,
                      const std::string& id) {
  if (bytes == length * sizeof(float)) return {};
  return fail(ErrorKind::kInvalid,
              "collection '{}': the vector of '{}' has {} numbers, the one to compare with {}",
              collection.name, id, bytes / sizeof(float), length);
}

// A stored vector, copied to where floats may lie.
class Floats {
 public:
  explicit Floats(size_t length) : values_(length) {}
  std::span<const float> read(std::string_view bytes) {
    std::memcpy(values_.data(), bytes.data(), values_.size() * sizeof(float));
    return values_;
  }

 private:
  Vector values_;
};

// Every item whose id is like the prefix.
Result<std::vector<Scored>> compare_all(SQLite::Database& sql, const Collection& collection,
                                        const Query& query) {
  std::string text = "select rowid, id, embedding from embeddings where collection_id = ?1";
  if (!query.prefix.empty()) text += " and id like ?2 || '%'";
  if (query.skip_id) text += " and id != ?3";
  SQLite::Statement rows(sql, text);
  rows.bind(1, collection.id);
  if (!query.prefix.empty()) rows.bind(2, query.prefix);
  if (query.skip_id) rows.bind(3, *query.skip_id);
  Best best(query.most);
  Floats floats(query.vector.size());
  while (rows.executeStep()) {
    const std::string_view bytes = blob(rows.getColumn(2));
    HOB_TRY_VOID(check_length(bytes.size(), query.vector.size(), collection,
                              rows.getColumn(1).getString()));
    const double score = cosine(floats.read(bytes), query.vector);
    if (best.wants(score))
      best.offer({score, rows.getColumn(1).getString(), rows.getColumn(0).getInt64()});
  }
  return best.take();
}

// The candidates' own vectors decide. Nothing where one is not the index's.
Result<std::optional<std::vector<Scored>>> compare_candidates(
    SQLite::Database& sql, const Collection& collection, const Query& query,
    const VectorIndex& index, std::vector<Candidate> candidates) {
  std::ranges::sort(candidates, {}, &Candidate::row);  // as they lie in the file
  SQLite::Statement item(
      sql, "select id, embedding from embeddings where rowid = ? and collection_id = ?");
  Best best(query.most);
  Floats floats(query.vector.size());
  for (const Candidate& candidate : candidates) {
    item.bind(1, candidate.row);
    item.bind(2, collection.id);
    if (!item.executeStep()) return std::optional<std::vector<Scored>>{};
    const std::string_view bytes = blob(item.getColumn(1));
    if (bytes.size() != query.vector.size() * sizeof(float))
      return std::optional<std::vector<Scored>>{};
    const auto vector = floats.read(bytes);
    if (!index.holds(candidate.place, encode(vector)))
      return std::optional<std::vector<Scored>>{};
    const double score = cosine(vector, query.vector);
    if (best.wants(score)) best.offer({score, item.getColumn(0).getString(), candidate.row});
    item.reset();
  }
  return std::optional(best.take());
}

std::vector<Hit> with_contents(SQLite::Database& sql, const std::vector<Scored>& best) {
  SQLite::Statement row(sql, "select content, metadata from embeddings where rowid = ?");
  std::vector<Hit> hits;
  for (const Scored& scored : best) {
    row.bind(1, scored.row);
    Hit hit{.id = scored.id, .score = scored.score, .content = {}, .metadata = {}};
    if (row.executeStep()) {
      if (!row.getColumn(0).isNull()) hit.content = row.getColumn(0).getString();
      if (!row.getColumn(1).isNull()) hit.metadata = row.getColumn(1).getString();
    }
    row.reset();
    hits.push_back(std::move(hit));
  }
  return hits;
}

int64_t row_of(SQLite::Database& sql, const Collection& collection,
               const std::optional<std::string>& id) {
  if (!id) return 0;
  SQLite::Statement row(sql, "select rowid from embeddings where collection_id = ? and id = ?");
  row.bind(1, collection.id);
  row.bind(2, *id);
  return row.executeStep() ? row.getColumn(0).getInt64() : 0;
}

bool has_at_least(SQLite::Database& sql, const Collection& collection, size_t count) {
  SQLite::Statement row(sql, "select 1 from embeddings where collection_id = ? limit 1 offset ?");
  row.bind(1, collection.id);
  row.bind(2, static_cast<int64_t>(count) - 1);
  return row.executeStep();
}

// The index file where the record says that it is of use; `older` if it may only be extended.
struct Opened {
  std::optional<VectorIndex> index;
  bool current = false;
};

Opened open_index(SQLite::Database& sql, const std::string& path, const Collection& collection,
                  size_t length) {
  const auto state = collection_state(sql, collection.id);
  if (!state) return {};
  const auto record = index_record(sql, collection.id);
  if (!record || record->state.removed != state->removed) return {};
  auto index = VectorIndex::open(path);
  if (!index || index->build() != record->build || index->length() != length ||
      index->rows() != record->rows) {
    return {};
  }
  return {*std::move(index), record->state.version == state->version};
}

uint64_t fresh_build() {
  std::random_device device;
  return (uint64_t{device()} << 32 | device()) >> 1;  // SQLite's integers have a sign
}

// Writes the index of what `sql` sees now: `older` and what came after it, or everything.
Result<IndexRecord> write_index(SQLite::Database& sql, const std::string& path,
                                const Collection& collection, size_t length,
                                const VectorIndex* older, const IndexRecord& last,
                                const CollectionState& state,
                                const std::function<void(uint64_t)>& on_indexed) {
  HOB_TRY(auto writer, VectorIndexWriter::create(path, length, older));
  IndexRecord record{.build = fresh_build(), .state = state, .last_row = older ? last.last_row : 0};
  SQLite::Statement rows(sql,
                         "select rowid, id, embedding from embeddings not indexed where rowid > ? "
                         "and collection_id = ? order by rowid");
  rows.bind(1, record.last_row);
  rows.bind(2, collection.id);
  Floats floats(length);
  while (rows.executeStep()) {
    const std::string_view bytes = blob(rows.getColumn(2));
    HOB_TRY_VOID(check_length(bytes.size(), length, collection, rows.getColumn(1).getString()));
    record.last_row = rows.getColumn(0).getInt64();
    HOB_TRY_VOID(writer.add(record.last_row, floats.read(bytes)));
    if (on_indexed && writer.rows() % kBetweenReports == 0) on_indexed(writer.rows());
  }
  record.rows = writer.rows();
  HOB_TRY_VOID(writer.commit(record.build));
  return record;
}

// Whether the older index has just the rows up to its last one: VACUUM may have moved others there.
bool covers(SQLite::Database& sql, const Collection& collection, const IndexRecord& last) {
  SQLite::Statement count(
      sql, "select count(*) from embeddings where collection_id = ? and rowid <= ?");
  count.bind(1, collection.id);
  count.bind(2, last.last_row);
  return count.executeStep() && static_cast<uint64_t>(count.getColumn(0).getInt64()) == last.rows;
}

}  // namespace

std::string Search::index_path(const std::string& database, int64_t collection) {
  return fmt::format("{}-vectors-{}", database, collection);
}

Result<std::vector<Hit>> Search::nearest(const Collection& collection, const Query& query) {
  facts_ = {};
  const std::string path = index_path(db_.path(), collection.id);
  const size_t length = query.vector.size();
  using Found = Result<std::optional<std::vector<Hit>>>;

  const auto by_index = [&](SQLite::Database& sql) -> Found {
    SQLite::Transaction view(sql);
    const Opened opened = open_index(sql, path, collection, length);
    if (!opened.index || !opened.current) return std::optional<std::vector<Hit>>{};
    const auto candidates = opened.index->candidates(pool_, kernels_, query.vector, query.most,
                                                     row_of(sql, collection, query.skip_id));
    if (!candidates) return std::optional<std::vector<Hit>>{};  // damaged
    HOB_TRY(const auto best,
            compare_candidates(sql, collection, query, *opened.index, *candidates));
    if (!best) return std::optional<std::vector<Hit>>{};
    facts_.used_index = true;
    facts_.candidates = candidates->size();
    return std::optional(with_contents(sql, *best));
  };
  const auto directly = [&](SQLite::Database& sql) -> Result<std::vector<Hit>> {
    SQLite::Transaction view(sql);
    HOB_TRY(const auto best, compare_all(sql, collection, query));
    return with_contents(sql, best);
  };
  // Others may write meanwhile: the index is of what one transaction sees, and its record says so.
  const auto build = [&](bool extend) -> Result<> {
    HOB_TRY_VOID(db_.write([&](SQLite::Database& sql) -> Result<> {
      follow_collection(sql, collection.id);
      return {};
    }));
    HOB_TRY(const IndexRecord record, db_.read([&](SQLite::Database& sql) -> Result<IndexRecord> {
      SQLite::Transaction view(sql);
      const auto state = collection_state(sql, collection.id);
      if (!state) return fail(ErrorKind::kIo, "{}: changed while it was indexed", db_.path());
      const Opened opened = extend ? open_index(sql, path, collection, length) : Opened{};
      const auto last = index_record(sql, collection.id);
      const bool older = opened.index && !opened.current && last && covers(sql, collection, *last);
      facts_.extended_index = older;
      return write_index(sql, path, collection, length, older ? &*opened.index : nullptr,
                         last.value_or(IndexRecord{}), *state, options_.on_indexed);
    }));
    facts_.built_index = true;
    return db_.write([&](SQLite::Database& sql) -> Result<> {
      save_index_record(sql, collection.id, record);
      return {};
    });
  };

  const bool may_index = query.prefix.empty() && query.most > 0 && length > 0 &&
                         length <= VectorIndex::kMostNumbers &&
                         query.most <= options_.worth_indexing / 2;
  if (!may_index) return db_.read(directly);
  for (const bool extend : {true, false}) {
    HOB_TRY(auto found, db_.read(by_index));
    if (found) return *std::move(found);
    HOB_TRY(const bool large, db_.read([&](SQLite::Database& sql) -> Result<bool> {
      return has_at_least(sql, collection, options_.worth_indexing);
    }));
    if (!large) break;
    const auto built = build(extend);
    if (!built && built.error().kind != ErrorKind::kIo)
      return tl::unexpected<Error>(built.error());
    if (!built) break;  // no right to write, no room: without
  }
  HOB_TRY(auto found, db_.read(by_index));
  if (found) return *std::move(found);
  return db_.read(directly);
}

}  // namespace hob::embed

#include "embed/collections.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cstring>
#include <ctime>
#include <unordered_map>

#include "base/check.h"
#include "store/clock.h"

namespace hob::embed {
namespace {

// As llm's migrations leave the tables. Quoted and laid out alike: some tools compare the text.
constexpr const char* kTables = R"(
create table if not exists "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
create unique index if not exists "idx__sqlite_migrations_migration_set_name"
    on "_sqlite_migrations" ("migration_set", "name");
create table if not exists "collections" (
   "id" INTEGER PRIMARY KEY,
   "name" TEXT,
   "model" TEXT
);
create unique index if not exists "idx_collections_name" on "collections" ("name");
create table if not exists "embeddings" (
   "collection_id" INTEGER REFERENCES "collections"("id"),
   "id" TEXT,
   "embedding" BLOB,
   "content" TEXT,
   "content_blob" BLOB,
   "content_hash" BLOB,
   "metadata" TEXT,
   "updated" INTEGER,
   PRIMARY KEY ("collection_id", "id")
);
)";

constexpr const char* kLlmMigrations[] = {"m001_create_tables", "m002_foreign_key",
                                          "m003_add_updated", "m004_store_content_hash",
                                          "m005_add_content_blob"};

bool has_column(SQLite::Database& sql, const char* column) {
  SQLite::Statement found(sql, "select 1 from pragma_table_info('embeddings') where name = ?");
  found.bind(1, column);
  return found.executeStep();
}

// A file of an older llm gets the columns that it lacks.
void add_columns(SQLite::Database& sql) {
  if (!has_column(sql, "updated")) {
    sql.exec("alter table embeddings add column updated integer");
    SQLite::Statement fill(sql, "update embeddings set updated = ?");
    fill.bind(1, static_cast<int64_t>(std::time(nullptr)));
    fill.exec();
  }
  if (!has_column(sql, "content_blob"))
    sql.exec("alter table embeddings add column content_blob blob");
  if (has_column(sql, "content_hash")) return;
  sql.exec("alter table embeddings add column content_hash blob");
  SQLite::Statement rows(sql, "select rowid, content from embeddings where content is not null");
  SQLite::Statement set(sql, "update embeddings set content_hash = ? where rowid = ?");
  while (rows.executeStep()) {
    const std::string hash = content_hash(rows.getColumn(1).getString());
    set.bind(1, hash.data(), static_cast<int>(hash.size()));
    set.bind(2, rows.getColumn(0).getInt64());
    set.exec();
    set.reset();
  }
  // What content made these is not known: no hash of a content is equal to these.
  sql.exec("update embeddings set content_hash = randomblob(16) where content_hash is null");
}

void create_tables(SQLite::Database& sql) {
  sql.exec(kTables);
  add_columns(sql);
  sql.exec(
      "create index if not exists \"idx_embeddings_content_hash\" on \"embeddings\" "
      "(\"content_hash\")");
  // llm itself finds nothing left to do in such a file.
  std::string now = store::utc_now();
  std::replace(now.begin(), now.end(), 'T', ' ');
  for (const char* name : kLlmMigrations) {
    SQLite::Statement row(sql,
                          "insert or ignore into _sqlite_migrations (migration_set, name, "
                          "applied_at) values ('llm.embeddings', ?, ?)");
    row.bind(1, name);
    row.bind(2, now);
    row.exec();
  }
}

constexpr store::Migration kMigrations[] = {{"m001_llm_tables", create_tables}};

void bind_blob(SQLite::Statement& statement, int at, std::string_view bytes) {
  statement.bind(at, bytes.data(), static_cast<int>(bytes.size()));
}

std::string blob(const SQLite::Column& column) {
  return std::string(static_cast<const char*>(column.getBlob()),
                     static_cast<size_t>(column.getBytes()));
}

// What to do with an item of a batch.
struct Planned {
  std::string hash;
  bool unchanged = false;
  std::string vector;  // encoded; empty until the model made it
};

// Looks up each item's content in the collection.
Result<std::vector<Planned>> plan(SQLite::Database& sql, const Collection& collection,
                                  std::span<const Item> items) {
  SQLite::Statement known(
      sql, "select id, embedding from embeddings where collection_id = ? and content_hash = ?");
  std::vector<Planned> planned;
  for (const Item& item : items) {
    Planned p{.hash = content_hash(item.content), .unchanged = false, .vector = {}};
    known.bind(1, collection.id);
    bind_blob(known, 2, p.hash);
    while (!p.unchanged && known.executeStep()) {
      p.unchanged = known.getColumn(0).getString() == item.id;
      p.vector = blob(known.getColumn(1));
    }
    known.reset();
    planned.push_back(std::move(p));
  }
  return planned;
}

// Makes the vectors that are missing, each content's once.
Result<size_t> make_vectors(Model& model, std::span<const Item> items,
                            std::vector<Planned>& planned) {
  std::vector<std::string> contents;
  std::unordered_map<std::string, size_t> places;  // hash -> index in contents
  for (size_t i = 0; i < items.size(); ++i) {
    if (!planned[i].vector.empty() || !places.emplace(planned[i].hash, contents.size()).second)
      continue;
    contents.push_back(items[i].content);
  }
  std::vector<std::string> vectors;
  const std::span<const std::string> all = contents;
  for (size_t at = 0; at < all.size(); at += model.batch_size()) {
    const auto batch = all.subspan(at, std::min(model.batch_size(), all.size() - at));
    HOB_TRY(const auto made, model.embed(batch));
    for (const Vector& vector : made) vectors.push_back(encode_vector(vector));
  }
  for (Planned& p : planned) {
    if (p.vector.empty()) p.vector = vectors[places.at(p.hash)];
  }
  return contents.size();
}

// Sees to it that the collection is there, and is the one that it was.
Result<> claim(SQLite::Database& sql, Collection& collection) {
  SQLite::Statement row(sql, "select id from collections where name = ? and model = ?");
  row.bind(1, collection.name);
  row.bind(2, collection.model);
  const int64_t found = row.executeStep() ? row.getColumn(0).getInt64() : 0;
  if (collection.id != 0 && collection.id != found)
    return fail(ErrorKind::kNotFound, "collection '{}' was deleted meanwhile", collection.name);
  collection.id = found;
  if (found != 0) return {};
  SQLite::Statement insert(sql, "insert into collections (name, model) values (?, ?)");
  insert.bind(1, collection.name);
  insert.bind(2, collection.model);
  insert.exec();
  collection.id = sql.getLastInsertRowid();
  return {};
}

void write_item(SQLite::Statement& insert, const Collection& collection, const Item& item,
                const Planned& planned, bool store) {
  insert.bind(1, collection.id);
  insert.bind(2, item.id);
  bind_blob(insert, 3, planned.vector);
  insert.bind(4);  // null, unless kept
  insert.bind(5);
  if (store && item.binary) {
    bind_blob(insert, 5, item.content);
  } else if (store) {
    insert.bind(4, item.content);
  }
  bind_blob(insert, 6, planned.hash);
  insert.bind(7);
  if (item.metadata) insert.bind(7, *item.metadata);
  insert.bind(8, static_cast<int64_t>(std::time(nullptr)));
  insert.exec();
  insert.reset();
  insert.clearBindings();
}

// What an item that is there already is given anew.
void refresh_item(SQLite::Database& sql, const Collection& collection, const Item& item,
                  bool store) {
  const char* kWhere = " where collection_id = ? and id = ?";
  if (item.metadata) {
    SQLite::Statement set(sql, std::string("update embeddings set metadata = ?") + kWhere);
    set.bind(1, *item.metadata);
    set.bind(2, collection.id);
    set.bind(3, item.id);
    set.exec();
  }
  if (!store) return;
  SQLite::Statement set(
      sql, fmt::format("update embeddings set {0} = ?{1} and {0} is null",
                       item.binary ? "content_blob" : "content", kWhere));
  if (item.binary) {
    bind_blob(set, 1, item.content);
  } else {
    set.bind(1, item.content);
  }
  set.bind(2, collection.id);
  set.bind(3, item.id);
  set.exec();
}

}  // namespace

std::span<const store::Migration> embeddings_migrations() { return kMigrations; }

Result<std::optional<Collection>> Collections::find(const std::string& name) {
  HOB_TRY(const bool any, db_.has_table("collections"));
  if (!any) return std::optional<Collection>{};
  return db_.read([&](SQLite::Database& sql) -> Result<std::optional<Collection>> {
    SQLite::Statement row(sql, "select id, model from collections where name = ?");
    row.bind(1, name);
    if (!row.executeStep()) return std::optional<Collection>{};
    return Collection{row.getColumn(0).getInt64(), name, row.getColumn(1).getString()};
  });
}

Result<std::vector<Listing>> Collections::list() {
  return db_.read([&](SQLite::Database& sql) -> Result<std::vector<Listing>> {
    SQLite::Statement rows(sql,
                           "select c.name, c.model, (select count(*) from embeddings e where "
                           "e.collection_id = c.id) from collections c order by c.name, c.model");
    std::vector<Listing> listings;
    while (rows.executeStep()) {
      listings.push_back({rows.getColumn(0).getString(), rows.getColumn(1).getString(),
                          static_cast<uint64_t>(rows.getColumn(2).getInt64())});
    }
    return listings;
  });
}

Result<> Collections::remove(const Collection& collection) {
  return db_.write([&](SQLite::Database& sql) -> Result<> {
    for (const char* text : {"delete from embeddings where collection_id = ?",
                             "delete from collections where id = ?"}) {
      SQLite::Statement statement(sql, text);
      statement.bind(1, collection.id);
      statement.exec();
    }
    return {};
  });
}

Result<Added> Collections::add(Collection& collection, Model& model, std::span<const Item> items,
                               bool store) {
  HOB_TRY(auto planned, db_.read([&](SQLite::Database& sql) {
    return plan(sql, collection, items);
  }));
  HOB_TRY(const size_t embedded, make_vectors(model, items, planned));
  Collection claimed = collection;
  HOB_TRY(const Added done, db_.write([&](SQLite::Database& sql) -> Result<Added> {
    HOB_TRY_VOID(claim(sql, claimed));
    Added added{.embedded = embedded};
    SQLite::Statement insert(sql,
                             "insert or replace into embeddings (collection_id, id, embedding, "
                             "content, content_blob, content_hash, metadata, updated) "
                             "values (?, ?, ?, ?, ?, ?, ?, ?)");
    for (size_t i = 0; i < items.size(); ++i) {
      if (planned[i].unchanged) {
        refresh_item(sql, claimed, items[i], store);
        ++added.unchanged;
      } else {
        write_item(insert, claimed, items[i], planned[i], store);
      }
    }
    added.copied = items.size() - added.unchanged - embedded;
    return added;
  }));
  collection = std::move(claimed);
  return done;
}

Result<std::optional<Vector>> Collections::vector(const Collection& collection,
                                                  const std::string& id) {
  return db_.read([&](SQLite::Database& sql) -> Result<std::optional<Vector>> {
    SQLite::Statement row(sql,
                          "select embedding from embeddings where collection_id = ? and id = ?");
    row.bind(1, collection.id);
    row.bind(2, id);
    if (!row.executeStep()) return std::optional<Vector>{};
    return decode_vector(blob(row.getColumn(0)));
  });
}

std::string encode_vector(std::span<const float> vector) {
  return std::string(reinterpret_cast<const char*>(vector.data()), vector.size_bytes());
}

Vector decode_vector(std::string_view bytes) {
  Vector vector(bytes.size() / sizeof(float));
  if (!vector.empty())  // memcpy refuses null
    std::memcpy(vector.data(), bytes.data(), vector.size() * sizeof(float));
  return vector;
}

std::string content_hash(std::string_view content) {
  std::string digest(16, '\0');
  unsigned size = 0;
  const int done = EVP_Digest(content.data(), content.size(),
                              reinterpret_cast<unsigned char*>(digest.data()), &size, EVP_md5(),
                              nullptr);
  HOB_CHECK(done == 1 && size == digest.size());
  return digest;
}

}  // namespace hob::embed

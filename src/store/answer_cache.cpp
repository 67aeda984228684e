#include "store/answer_cache.h"

#include <sodium.h>

#include "os/file.h"
#include "store/clock.h"

namespace hob::store {
namespace {

void create_answers(SQLite::Database& sql) {
  sql.exec(
      "create table answers (key text primary key, answer text not null, asked text not null)");
}

constexpr Migration kMigrations[] = {{"m001_answers", create_answers}};

}  // namespace

std::string AnswerCache::standard_path() { return os::cache_dir() + "/batch.db"; }

Result<AnswerCache> AnswerCache::open(const std::string& path) {
  HOB_TRY(Database database, Database::open(path, Access::kCreate, kMigrations));
  // Of an answer that was paid for, a power cut may take none: WAL alone would lose the last ones.
  HOB_TRY_VOID(database.read([](SQLite::Database& sql) -> Result<> {
    sql.exec("pragma synchronous = full");
    return {};
  }));
  return AnswerCache(std::move(database));
}

Result<AnswerCache> AnswerCache::memory() {
  HOB_TRY(Database database, Database::memory(kMigrations));
  return AnswerCache(std::move(database));
}

std::string AnswerCache::key_of(std::string_view request) {
  constexpr size_t kBytes = 16;
  unsigned char digest[kBytes];
  crypto_generichash(digest, kBytes, reinterpret_cast<const unsigned char*>(request.data()),
                     request.size(), nullptr, 0);
  char hex[2 * kBytes + 1];
  sodium_bin2hex(hex, sizeof hex, digest, kBytes);
  return hex;
}

Result<std::optional<std::string>> AnswerCache::find(const std::string& key) {
  return database_.read([&](SQLite::Database& sql) -> Result<std::optional<std::string>> {
    SQLite::Statement row(sql, "select answer from answers where key = ?");
    row.bind(1, key);
    if (!row.executeStep()) return std::nullopt;
    return row.getColumn(0).getString();
  });
}

Result<> AnswerCache::put(const std::string& key, std::string_view answer) {
  return database_.write([&](SQLite::Database& sql) -> Result<> {
    SQLite::Statement row(sql, "insert or replace into answers values (?, ?, ?)");
    row.bind(1, key);
    row.bind(2, std::string(answer));
    row.bind(3, utc_now());
    row.exec();
    return {};
  });
}

}  // namespace hob::store

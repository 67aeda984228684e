// A SQLite file, opened the way all of hob's databases are: write-ahead log, a busy timeout,
// migrations applied. What goes wrong is a Result that names the file; no
// exception of SQLite's leaves read() and write().
//
//   HOB_TRY(auto db, Database::open(path, Access::kCreate, log_migrations()));
//   HOB_TRY_VOID(db.write([&](SQLite::Database& sql) -> Result<> { ...; return {}; }));
//   HOB_TRY(const int64_t turns, db.read([&](SQLite::Database& sql) -> Result<int64_t> {
//     return sql.execAndGet("select count(*) from turns").getInt64();
//   }));
//
// Not thread-safe: one Database per thread. Processes may share a file freely.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "base/result.h"

namespace hob::store {

// A step of a database's schema. Steps are only ever appended to a list: a file remembers by name,
// in its table _hob_migrations, which it has had.
struct Migration {
  std::string_view name;  // "m001_tables"
  void (*apply)(SQLite::Database& sql);
};

enum class Access {
  kCreate,  // reads and writes; the file and its folders come into being
  kWrite,   // reads and writes; a missing file is kNotFound
  kRead,    // changes no row; a missing file is kNotFound. Works without the right to write.
};

class Database {
 public:
  // How long a statement waits for other processes' transactions before it fails.
  static constexpr int kBusyTimeoutMs = 30'000;

  // Pending migrations run in one transaction. With kRead they run only where the file is hob's own
  // (it has _hob_migrations) and may be written; another program's file stays as it is.
  static Result<Database> open(const std::string& path, Access access,
                               std::span<const Migration> migrations,
                               int busy_timeout_ms = kBusyTimeoutMs);
  // One that lives in memory and ends with the object.
  static Result<Database> memory(std::span<const Migration> migrations);

  // work(SQLite::Database&) returns a Result; it becomes an error where SQLite throws.
  template <class Work>
  auto read(Work&& work) -> std::invoke_result_t<Work&, SQLite::Database&> {
    try {
      return work(*sql_);
    } catch (const SQLite::Exception& error) {
      return tl::unexpected<Error>(error_of(error));
    }
  }

  // The same within one transaction that begins with the right to write, so that it cannot fail
  // halfway for want of it. Committed where work returns a value, else rolled back whole.
  template <class Work>
  auto write(Work&& work) -> std::invoke_result_t<Work&, SQLite::Database&> {
    try {
      SQLite::Transaction transaction(*sql_, SQLite::TransactionBehavior::IMMEDIATE);
      auto result = work(*sql_);
      if (result) transaction.commit();
      return result;
    } catch (const SQLite::Exception& error) {
      return tl::unexpected<Error>(error_of(error));
    }
  }

  // Makes the tables of another database file readable as `name`.TABLE, whoever may write to it. In
  // write() the file is locked all the same.
  Result<> attach(const std::string& path, const std::string& name);
  // From now on a statement waits so long for other processes. Returns how long it did before.
  int set_busy_timeout(int ms);

  // A compact copy (VACUUM INTO), whole or not there. The file must not exist.
  Result<> backup(const std::string& path);

  Result<bool> has_table(std::string_view name);  // table or view
  const std::string& path() const { return path_; }
  bool in_memory() const { return in_memory_; }
  // What an exception of SQLite's means: "PATH: the database is locked by another program", or
  // `name` for the path.
  Error error_of(const SQLite::Exception& error, const std::string& name = "") const;

 private:
  Database(std::string path, std::unique_ptr<SQLite::Database> sql, int busy_timeout_ms)
      : path_(std::move(path)), sql_(std::move(sql)), busy_timeout_ms_(busy_timeout_ms) {}
  Result<> prepare(Access access, std::span<const Migration> migrations);
  Result<> migrate(std::span<const Migration> migrations);

  std::string path_;
  std::unique_ptr<SQLite::Database> sql_;
  int busy_timeout_ms_;
  bool in_memory_ = false;
};

// While one lives, the database waits no longer than that for other processes.
class BusyTimeout {
 public:
  BusyTimeout(Database& database, int ms)
      : database_(database), before_(database.set_busy_timeout(ms)) {}
  ~BusyTimeout() { database_.set_busy_timeout(before_); }
  BusyTimeout(const BusyTimeout&) = delete;
  BusyTimeout& operator=(const BusyTimeout&) = delete;

 private:
  Database& database_;
  int before_;
};

}  // namespace hob::store

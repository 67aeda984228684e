#include "store/database.h"

#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <set>
#include <thread>
#include <utility>

#include "os/atomic_file.h"
#include "os/file.h"
#include "store/clock.h"

namespace hob::store {
namespace {

namespace fs = std::filesystem;

Error sqlite_error(const std::string& path, const SQLite::Exception& error) {
  switch (error.getErrorCode()) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {ErrorKind::kIo, fmt::format("{}: the database is locked by another program", path)};
    case SQLITE_FULL:
      return {ErrorKind::kIo, fmt::format("{}: cannot write: the disk is full", path)};
    case SQLITE_READONLY:
      return {ErrorKind::kIo, fmt::format("{}: cannot write: no right to", path)};
    case SQLITE_CANTOPEN:
      return {ErrorKind::kIo, fmt::format("{}: cannot open the database", path)};
    case SQLITE_IOERR:
      return {ErrorKind::kIo, fmt::format("{}: cannot read or write the database: {}", path,
                                          sqlite3_errstr(error.getExtendedErrorCode()))};
    case SQLITE_NOTADB:
      return {ErrorKind::kCorrupt, fmt::format("{}: not a SQLite database", path)};
    case SQLITE_CORRUPT:
      return {ErrorKind::kCorrupt, fmt::format("{}: the database is damaged", path)};
    default:
      return {ErrorKind::kIo, fmt::format("{}: {}", path, error.what())};
  }
}

// A path as SQLite's URIs spell it: nothing in it is syntax.
std::string uri_of(const std::string& path, std::string_view query) {
  std::string uri = "file://";
  for (const char c : fs::absolute(path).string()) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) || c == '/' || c == '.' ||
                       c == '-' || c == '_';
    uri += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return uri + std::string(query);
}

std::string quoted(const std::string& name) {
  std::string out = "\"";
  for (const char c : name) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + '"';
}

// `name` is a URI; so are those of the files that are attached.
std::unique_ptr<SQLite::Database> connect(const std::string& name, int flags, int timeout) {
  return std::make_unique<SQLite::Database>(name, flags | SQLite::OPEN_URI, timeout);
}

bool may_write(const std::string& path) {
  const fs::path folder = fs::absolute(path).parent_path();
  return ::access(path.c_str(), W_OK) == 0 && ::access(folder.c_str(), W_OK) == 0;
}

// A file to be read. In WAL mode that needs its side files, and the right to write, to take them
// away again. Where they cannot be made and none is there, the file is complete by itself and
// nobody writes to it.
std::string reader_uri(const std::string& path) {
  if (may_write(path)) return uri_of(path, "?mode=rw");
  return uri_of(path, os::file_exists(path + "-wal") ? "?mode=ro" : "?immutable=1");
}

std::unique_ptr<SQLite::Database> connect_reader(const std::string& path, int timeout) {
  const int access = may_write(path) ? SQLite::OPEN_READWRITE : SQLite::OPEN_READONLY;
  return connect(reader_uri(path), access, timeout);
}

std::unique_ptr<SQLite::Database> connect_writer(const std::string& path, bool create,
                                                 int timeout) {
  return connect(uri_of(path, ""), SQLite::OPEN_READWRITE | (create ? SQLite::OPEN_CREATE : 0),
                 timeout);
}

// Going over to WAL needs the file alone for a moment, and SQLite does not wait for that by itself.
// Where it would wait, it is kept from it: all of this together takes the timeout and no longer.
void use_wal(SQLite::Database& sql, int timeout_ms) {
  using std::chrono::milliseconds;
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + milliseconds(timeout_ms);
  sql.setBusyTimeout(0);
  for (int attempt = 1;; ++attempt) {
    try {
      if (sql.execAndGet("pragma journal_mode").getString() == "wal") break;
      sql.execAndGet("pragma journal_mode = wal");
      break;
    } catch (const SQLite::Exception& error) {
      if (error.getErrorCode() != SQLITE_BUSY || Clock::now() >= end) throw;
    }
    std::this_thread::sleep_for(milliseconds(1 + attempt % 20));
  }
  sql.setBusyTimeout(timeout_ms);
}

std::set<std::string> applied_migrations(SQLite::Database& sql) {
  std::set<std::string> names;
  SQLite::Statement rows(sql, "select name from _hob_migrations");
  while (rows.executeStep()) names.insert(rows.getColumn(0).getString());
  return names;
}

Result<> make_folders(const std::string& path) {
  std::error_code error;
  const fs::path folder = fs::path(path).parent_path();
  if (!folder.empty()) fs::create_directories(folder, error);
  if (error)
    return fail(ErrorKind::kIo, "{}: cannot create the folder: {}", folder.string(),
                error.message());
  return {};
}

}  // namespace

Error Database::error_of(const SQLite::Exception& error, const std::string& name) const {
  return sqlite_error(name.empty() ? path_ : name, error);
}

Result<Database> Database::open(const std::string& path, Access access,
                                std::span<const Migration> migrations, int busy_timeout_ms) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored))
    return fail(ErrorKind::kInvalid, "{}: a folder, not a database", path);
  if (access == Access::kCreate) {
    HOB_TRY_VOID(make_folders(path));
  } else if (!os::file_exists(path)) {
    return fail(ErrorKind::kNotFound, "{}: no such database", path);
  }
  try {
    Database db(path,
                access == Access::kRead
                    ? connect_reader(path, busy_timeout_ms)
                    : connect_writer(path, access == Access::kCreate, busy_timeout_ms),
                busy_timeout_ms);
    HOB_TRY_VOID(db.prepare(access, migrations));
    return db;
  } catch (const SQLite::Exception& error) {
    return tl::unexpected<Error>(sqlite_error(path, error));
  }
}

Result<Database> Database::memory(std::span<const Migration> migrations) {
  try {
    Database db("memory", connect(":memory:", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, 0), 0);
    db.in_memory_ = true;
    HOB_TRY_VOID(db.migrate(migrations));
    return db;
  } catch (const SQLite::Exception& error) {
    return tl::unexpected<Error>(sqlite_error("memory", error));
  }
}

Result<> Database::prepare(Access access, std::span<const Migration> migrations) {
  if (access != Access::kRead) {
    use_wal(*sql_, busy_timeout_ms_);
    // A commit is safe from a crash of the program; after a power cut the file is whole, and may
    // lack what the last moment wrote.
    sql_->exec("pragma synchronous = normal");
    return migrate(migrations);
  }
  HOB_TRY(const bool ours, has_table("_hob_migrations"));
  if (ours && may_write(path_)) HOB_TRY_VOID(migrate(migrations));
  sql_->exec("pragma query_only = 1");
  return {};
}

Result<> Database::migrate(std::span<const Migration> migrations) {
  const auto pending = [&](SQLite::Database& sql) {
    const auto applied = applied_migrations(sql);
    return std::any_of(migrations.begin(), migrations.end(),
                       [&](const Migration& m) { return !applied.contains(std::string(m.name)); });
  };
  HOB_TRY(const bool known, has_table("_hob_migrations"));
  if (known && !pending(*sql_)) return {};
  return write([&](SQLite::Database& sql) -> Result<> {
    sql.exec("create table if not exists _hob_migrations (name text primary key, applied_at text)");
    const auto applied = applied_migrations(sql);  // again: another process may have been faster
    for (const Migration& migration : migrations) {
      if (applied.contains(std::string(migration.name))) continue;
      migration.apply(sql);
      SQLite::Statement row(sql, "insert into _hob_migrations values (?, ?)");
      row.bind(1, std::string(migration.name));
      row.bind(2, utc_now());
      row.exec();
    }
    return {};
  });
}

Result<> Database::attach(const std::string& path, const std::string& name) {
  if (!os::file_exists(path)) return fail(ErrorKind::kNotFound, "{}: no such database", path);
  try {
    SQLite::Statement attach(*sql_, "attach database ? as ?");
    attach.bind(1, reader_uri(path));
    attach.bind(2, name);
    attach.exec();
    SQLite::Statement probe(*sql_, fmt::format("select 1 from {}.sqlite_master", quoted(name)));
    probe.executeStep();  // what is no database shows only now
    return {};
  } catch (const SQLite::Exception& error) {
    return tl::unexpected<Error>(sqlite_error(path, error));
  }
}

int Database::set_busy_timeout(int ms) {
  sql_->setBusyTimeout(ms);
  return std::exchange(busy_timeout_ms_, ms);
}

Result<> Database::backup(const std::string& path) {
  if (os::file_exists(path)) return fail(ErrorKind::kInvalid, "{}: there is a file already", path);
  HOB_TRY(auto file, os::AtomicFile::create(path));
  try {
    SQLite::Statement vacuum(*sql_, "vacuum into ?");
    vacuum.bind(1, uri_of(file.part(), ""));
    vacuum.exec();
  } catch (const SQLite::Exception& error) {
    return tl::unexpected<Error>(sqlite_error(path, error));
  }
  return file.commit();
}

Result<bool> Database::has_table(std::string_view name) {
  return read([&](SQLite::Database& sql) -> Result<bool> {
    SQLite::Statement found(
        sql, "select 1 from sqlite_master where type in ('table', 'view') and name = ?");
    found.bind(1, std::string(name));
    return found.executeStep();
  });
}

}  // namespace hob::store

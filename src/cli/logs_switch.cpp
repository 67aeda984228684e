// hob logs status, path, on, off, backup: the ledger as a file, and whether turns go into it.
#include <filesystem>
#include <memory>

#include "cli/command.h"
#include "os/file.h"
#include "store/ledger.h"
#include "store/user_folder.h"

namespace hob::cli {
namespace {

namespace fs = std::filesystem;

// "98.00KB", "1.25MB": as llm prints sizes.
std::string size_text(uint64_t bytes) {
  double size = static_cast<double>(bytes);
  for (const char* unit : {"B", "KB", "MB", "GB"}) {
    if (size < 1024) return fmt::format("{:.2f}{}", size, unit);
    size /= 1024;
  }
  return fmt::format("{:.2f}TB", size);
}

uint64_t size_of(const std::string& path) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  return error ? 0 : size;
}

Result<int64_t> count(store::Database& database, const char* table) {
  HOB_TRY(const bool there, database.has_table(table));
  if (!there) return 0;
  return database.read([&](SQLite::Database& sql) -> Result<int64_t> {
    return sql.execAndGet(fmt::format("select count(*) from {}", table)).getInt64();
  });
}

Result<> print_status(Io& io) {
  const std::string path = store::logs_database();
  if (!os::file_exists(path)) {
    io.print("No log database found at {}\n", path);
    return {};
  }
  io.write(store::LoggingGate().is_open() ? "Logging is ON for all prompts\n" : "Logging is OFF\n");
  HOB_TRY(auto ledger, store::Ledger::open(path, store::Access::kRead));
  auto& database = ledger.database();
  io.print("Found log database at {}\n", path);
  HOB_TRY(const int64_t threads, count(database, "threads"));
  HOB_TRY(const int64_t turns, count(database, "turns"));
  HOB_TRY(const int64_t conversations, count(database, "conversations"));
  HOB_TRY(const int64_t responses, count(database, "responses"));
  io.print("Number of threads logged:\t{}\nNumber of turns logged:\t\t{}\n", threads, turns);
  if (conversations > 0 || responses > 0) {
    io.print("Number of legacy conversations:\t{}\n", conversations);
    io.print("Number of legacy responses:\t{}\n", responses);
  }
  io.print("Database file size: \t\t{}\n", size_text(size_of(path)));
  return {};
}

Result<> turn_off() {
  const std::string path = store::logs_off_file();
  std::error_code error;
  fs::create_directories(fs::path(path).parent_path(), error);
  if (error) return fail(ErrorKind::kIo, "{}: cannot create: {}", path, error.message());
  return os::write_file_atomically(path, "");
}

Result<> turn_on() {
  const std::string path = store::logs_off_file();
  std::error_code error;
  fs::remove(path, error);
  if (error) return fail(ErrorKind::kIo, "{}: cannot remove: {}", path, error.message());
  return {};
}

Result<> back_up(Io& io, const std::string& path) {
  HOB_TRY(auto ledger, store::Ledger::open(store::logs_database(), store::Access::kWrite));
  HOB_TRY_VOID(ledger.database().backup(path));
  io.print("Backed up {} to {}\n", size_text(size_of(path)), path);
  return {};
}

}  // namespace

Action define_logs_status(CLI::App&, Io& io) {
  return [&io] { return print_status(io); };
}

Action define_logs_path(CLI::App&, Io& io) {
  return [&io]() -> Result<> {
    io.print("{}\n", store::logs_database());
    return {};
  };
}

Action define_logs_on(CLI::App&, Io&) {
  return [] { return turn_on(); };
}

Action define_logs_off(CLI::App&, Io&) {
  return [] { return turn_off(); };
}

Action define_logs_backup(CLI::App& app, Io& io) {
  auto path = std::make_shared<std::string>();
  app.add_option("PATH", *path, "The file to write; it must not exist")->required();
  return [path, &io] { return back_up(io, *path); };
}

}  // namespace hob::cli

#include "chat/model_hash.h"

#include <filesystem>
#include <optional>

#include "hub/digest.h"
#include "os/file.h"

namespace hob::chat {
namespace {

constexpr size_t kSha256Digits = 64;
constexpr int kMostWaitMs = 500;  // for a ledger that is locked: hashing again costs no more

// A file as the database knows it.
struct FileState : os::FileState {
  std::string path;
};

Result<FileState> state_of(const std::string& path) {
  HOB_TRY(const os::FileState state, os::file_state(path));
  return FileState{state, std::filesystem::absolute(path).string()};
}

Result<std::optional<std::string>> remembered(const FileState& state, store::Database& database) {
  return database.read([&](SQLite::Database& sql) -> Result<std::optional<std::string>> {
    SQLite::Statement row(
        sql, "select hash from model_files where path = ? and size = ? and modified_ns = ?");
    row.bind(1, state.path);
    row.bind(2, state.size);
    row.bind(3, state.modified_ns);
    if (!row.executeStep()) return std::nullopt;
    return row.getColumn(0).getString();
  });
}

void remember(const FileState& state, const std::string& hash, store::Database& database) {
  const store::BusyTimeout brief(database, kMostWaitMs);
  static_cast<void>(database.write([&](SQLite::Database& sql) -> Result<> {
    SQLite::Statement row(sql, "insert or replace into model_files values (?, ?, ?, ?)");
    row.bind(1, state.path);
    row.bind(2, state.size);
    row.bind(3, state.modified_ns);
    row.bind(4, hash);
    row.exec();
    return {};
  }));
}

}  // namespace

Result<std::string> file_sha256(const std::string& path) {
  HOB_TRY(const auto file, os::MappedFile::open(path));
  hub::Digest digest(std::string(kSha256Digits, '0'), file.bytes().size());
  digest.update({reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()});
  return digest.finish();
}

Result<std::string> model_hash(const std::string& path, store::Database& database) {
  HOB_TRY(const FileState state, state_of(path));
  HOB_TRY(const auto known, remembered(state, database));
  if (known) return *known;
  HOB_TRY(std::string hash, file_sha256(path));
  remember(state, hash, database);
  return hash;
}

}  // namespace hob::chat

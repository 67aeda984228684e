// Which file a model was, for records: its SHA-256, computed once per file.
#pragma once

#include <string>

#include "base/result.h"
#include "store/database.h"

namespace hob::chat {

// The database remembers it by path, size and time of the last change; where it cannot be written,
// the file is summed up again next time.
Result<std::string> model_hash(const std::string& path, store::Database& database);
// Read and summed up now.
Result<std::string> file_sha256(const std::string& path);

}  // namespace hob::chat

// Which ledger a command reads, from when to when, and whether the person means it.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "cli/io.h"
#include "store/database.h"

namespace hob::cli {

// -d FILE, and its old name -p, which help does not show. Without either: logs.db.
struct LogDatabaseFlags {
  std::string database;
  void declare(CLI::App& app);
  std::string path() const;
  // "No log database found at ..." where there is none.
  Result<store::Database> open_for_reading() const;
  Result<store::Database> open_for_writing() const;
};

// --since, --until: times in UTC as logs show them, or how long ago ("90m", "36h", "7d", "2w"),
// "today", "yesterday".
struct PeriodFlags {
  std::string since, until;
  void declare(CLI::App& app);
};

// The beginning of a UTC time, "2026-08-04T17", that `text` means; kInvalid for other texts.
Result<std::string> time_prefix(std::string_view text, int64_t now_seconds);

// The day of such a time; kInvalid, naming `flag`, where it is none.
Result<std::string> parse_day(std::string_view text, std::string_view flag);

// The id that turns of this model have; a name that no model has is taken as it is.
Result<std::string> logged_model(const std::string& name);

// Asks on the terminal; kCancelled when the answer is no, or when there is nobody to ask.
Result<> confirm(Io& io, std::string_view question);

}  // namespace hob::cli

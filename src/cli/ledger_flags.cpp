#include "cli/ledger_flags.h"

#include <algorithm>
#include <ctime>

#include "accounts/day.h"
#include "chat/model_store.h"
#include "cli/path_argument.h"
#include "os/file.h"
#include "prompts/settings.h"
#include "store/log_reader.h"
#include "store/log_schema.h"
#include "store/user_folder.h"

namespace hob::cli {
namespace {

std::string utc_text(int64_t seconds, const char* format) {
  const std::time_t time = seconds;
  std::tm parts{};
  gmtime_r(&time, &parts);
  char buffer[32];
  return std::string(buffer, std::strftime(buffer, sizeof buffer, format, &parts));
}

constexpr int64_t kMinute = 60, kHour = 60 * kMinute, kDay = 24 * kHour;

// "7d" as seconds; nothing for other texts.
std::optional<int64_t> span_of(std::string_view text) {
  constexpr size_t kMostDigits = 9;
  if (text.size() < 2 || text.size() > kMostDigits + 1) return std::nullopt;
  int64_t count = 0;
  for (const char c : text.substr(0, text.size() - 1)) {
    if (c < '0' || c > '9') return std::nullopt;
    count = 10 * count + (c - '0');
  }
  switch (text.back()) {
    case 'm':
      return count * kMinute;
    case 'h':
      return count * kHour;
    case 'd':
      return count * kDay;
    case 'w':
      return count * 7 * kDay;
    default:
      return std::nullopt;
  }
}

// Whether `text` is the beginning of "0000-00-00T00:00:00.000000", to the end of a field.
bool is_time_prefix(std::string_view text) {
  constexpr std::string_view kShape = "0000-00-00T00:00:00.000000";
  constexpr size_t kFieldEnds[] = {4, 7, 10, 13, 16, 19};
  if (text.size() > kShape.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (kShape[i] == '0' ? !digit : text[i] != kShape[i]) return false;
  }
  constexpr size_t kSecondsEnd = 19;
  return text.size() > kSecondsEnd + 1 ||
         std::find(std::begin(kFieldEnds), std::end(kFieldEnds), text.size()) !=
             std::end(kFieldEnds);
}

}  // namespace

Result<std::string> time_prefix(std::string_view text, int64_t now_seconds) {
  if (text == "today") return utc_text(now_seconds, "%Y-%m-%d");
  if (text == "yesterday") return utc_text(now_seconds - kDay, "%Y-%m-%d");
  if (const auto span = span_of(text)) return utc_text(now_seconds - *span, "%Y-%m-%dT%H:%M:%S");
  std::string time(text);
  if (time.size() > 10 && time[10] == ' ') time[10] = 'T';
  if (time.ends_with('Z')) time.pop_back();
  if (is_time_prefix(time)) return time;
  return fail(ErrorKind::kInvalid,
              "'{}' is no time: expected 2026-08-04, 2026-08-04T17:30, today, yesterday, or how "
              "long ago: 90m, 36h, 7d, 2w",
              text);
}

Result<std::string> parse_day(std::string_view text, std::string_view flag) {
  const auto time = time_prefix(text, std::time(nullptr));
  if (std::string day = accounts::day_of(time.value_or("")); !day.empty()) return day;
  return fail(ErrorKind::kInvalid,
              "{}: '{}' is no day: expected 2026-08-04, today, yesterday, or how long ago: 7d, 2w",
              flag, text);
}

void LogDatabaseFlags::declare(CLI::App& app) {
  app.add_option("-d,--database", database, "Another log database than hob's own")
      ->option_text("FILE")
      ->check(path_argument());
  app.add_option("-p,--path", database, "The same")
      ->option_text("FILE")
      ->group("")
      ->check(path_argument());
}

std::string LogDatabaseFlags::path() const {
  return database.empty() ? store::logs_database() : database;
}

Result<store::Database> LogDatabaseFlags::open_for_reading() const {
  if (!os::file_exists(path()))
    return fail(ErrorKind::kNotFound, "No log database found at {}", path());
  return store::open_ledger(path());
}

Result<store::Database> LogDatabaseFlags::open_for_writing() const {
  HOB_TRY_VOID(open_for_reading());  // what is no ledger stays as it is
  return store::Database::open(path(), store::Access::kWrite, store::log_migrations());
}

void PeriodFlags::declare(CLI::App& app) {
  const auto check = [](std::string& text) -> std::string {
    auto time = time_prefix(text, std::time(nullptr));
    if (!time) return time.error().message;
    text = *time;
    return {};
  };
  app.add_option("--since", since,
                 "Only what is not older: 2026-08-04, 2026-08-04T17:30 (UTC), today, yesterday, "
                 "or how long ago, as in 90m, 36h, 7d, 2w")
      ->option_text("TIME")
      ->transform(CLI::Validator(check, ""));
  app.add_option("--until", until, "Only what is not newer; a day or an hour counts as a whole")
      ->option_text("TIME")
      ->transform(CLI::Validator(check, ""));
}

Result<std::string> logged_model(const std::string& name) {
  HOB_TRY(const auto alias, prompts::Aliases::standard().find(name));
  if (alias) return *alias;
  for (const chat::KnownModel& known : chat::known_models()) {
    if (known.alias == name) return std::string(known.name);
  }
  return name;
}

Result<> confirm(Io& io, std::string_view question) {
  if (!io.in_terminal) return fail(ErrorKind::kInvalid, "{} Say --yes to do it", question);
  io.note(fmt::format("{} [y/N]: ", question));
  std::string answer;
  read_line(io, answer);
  if (answer == "y" || answer == "Y" || answer == "yes") return {};
  return fail(ErrorKind::kCancelled, "");
}

}  // namespace hob::cli

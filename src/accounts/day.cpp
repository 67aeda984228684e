#include "accounts/day.h"

#include <charconv>
#include <chrono>
#include <optional>

namespace hob::accounts {
namespace {

using std::chrono::sys_days;
using std::chrono::year_month_day;

constexpr int kMostDaysAgo = 36'500;

std::optional<int> number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text[0] == '-') return {};
  return value;
}

std::optional<year_month_day> parse(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return {};
  const auto y = number(text.substr(0, 4)), m = number(text.substr(5, 2)),
             d = number(text.substr(8, 2));
  if (!y || !m || !d) return {};
  const year_month_day date{std::chrono::year(*y), std::chrono::month(static_cast<unsigned>(*m)),
                            std::chrono::day(static_cast<unsigned>(*d))};
  if (!date.ok()) return {};
  return date;
}

std::string text_of(sys_days day) {
  const year_month_day date(day);
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

sys_days now() { return std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now()); }

}  // namespace

bool is_day(std::string_view text) { return parse(text).has_value(); }

std::string today() { return text_of(now()); }

std::string day_of(std::string_view time) {
  const std::string_view day = time.substr(0, 10);
  return is_day(day) ? std::string(day) : std::string();
}

std::string next_day(std::string_view day) {
  const auto date = parse(day);
  return date ? text_of(sys_days(*date) + std::chrono::days(1)) : std::string(day);
}

Result<std::string> parse_day(std::string_view text, std::string_view what) {
  if (is_day(text)) return std::string(text);
  if (text == "today") return today();
  if (text == "yesterday") return text_of(now() - std::chrono::days(1));
  if (text.size() > 1 && text.ends_with('d')) {
    const auto ago = number(text.substr(0, text.size() - 1));
    if (ago && *ago <= kMostDaysAgo) return text_of(now() - std::chrono::days(*ago));
  }
  return fail(ErrorKind::kInvalid,
              "{}: '{}' is no day: write 2024-10-03, today, yesterday, or 7d for seven days ago",
              what, text);
}

}  // namespace hob::accounts

#include "accounts/day.h"

#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <optional>

namespace hob::accounts {
namespace {

using std::chrono::year_month_day;

std::optional<int> number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text[0] == '-') return {};
  return value;
}

}  // namespace

bool is_day(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return false;
  const auto y = number(text.substr(0, 4)), m = number(text.substr(5, 2)),
             d = number(text.substr(8, 2));
  if (!y || !m || !d) return false;
  return year_month_day{std::chrono::year(*y), std::chrono::month(static_cast<unsigned>(*m)),
                        std::chrono::day(static_cast<unsigned>(*d))}
      .ok();
}

std::string today() {
  using namespace std::chrono;
  const year_month_day date(floor<days>(system_clock::now()));
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

std::string day_of(std::string_view time) {
  const std::string_view day = time.substr(0, 10);
  return is_day(day) ? std::string(day) : std::string();
}

}  // namespace hob::accounts

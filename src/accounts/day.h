// Days of the calendar, in UTC, as text that sorts by time: "2024-10-03". The ledger's times begin
// with one.
#pragma once

#include <string>
#include <string_view>

namespace hob::accounts {

bool is_day(std::string_view text);
std::string today();
// Of a time as the ledger holds it, "2024-10-03T12:00:00.5+00:00"; empty where it does not begin
// with a day.
std::string day_of(std::string_view time);

}  // namespace hob::accounts

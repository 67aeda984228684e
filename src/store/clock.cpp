#include "store/clock.h"

#include <fmt/format.h>

#include <chrono>
#include <ctime>
#include <random>

namespace hob::store {
namespace {

constexpr std::string_view kBase32 = "0123456789abcdefghjkmnpqrstvwxyz";  // Crockford's
constexpr int kBitsPerDigit = 5;

}  // namespace

std::string base32(uint64_t value, size_t digits) {
  std::string out(digits, '0');
  for (size_t i = digits; i-- > 0; value >>= kBitsPerDigit) out[i] = kBase32[value & 31];
  return out;
}

int64_t unix_milliseconds() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

std::string utc_now(char separator) {
  using namespace std::chrono;
  const auto micros =
      duration_cast<microseconds>(system_clock::now().time_since_epoch()).count();
  const std::time_t seconds = static_cast<std::time_t>(micros / 1'000'000);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}{}{:02}:{:02}:{:02}.{:06}+00:00", utc.tm_year + 1900,
                     utc.tm_mon + 1, utc.tm_mday, separator, utc.tm_hour, utc.tm_min, utc.tm_sec,
                     micros % 1'000'000);
}

std::string UlidSource::next() {
  const std::lock_guard lock(mutex_);
  if (const int64_t now = unix_milliseconds(); now > milliseconds_) {
    std::random_device device;
    milliseconds_ = now;
    high_ = static_cast<uint16_t>(device());
    low_ = uint64_t{device()} << 32 | device();
  } else if (++low_ == 0 && ++high_ == 0) {
    ++milliseconds_;
  }
  // The 80 random bits in halves of 40, which are eight digits each.
  return base32(static_cast<uint64_t>(milliseconds_), kUlidTimeDigits) +
         base32(uint64_t{high_} << 24 | low_ >> 40, kUlidRandomDigits / 2) +
         base32(low_, kUlidRandomDigits / 2);
}

}  // namespace hob::store

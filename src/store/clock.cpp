#include "store/clock.h"

#include <fmt/format.h>

#include <chrono>
#include <ctime>
#include <random>

namespace hob::store {
namespace {

constexpr char kBase32[] = "0123456789abcdefghjkmnpqrstvwxyz";
constexpr size_t kUlidLength = 26;

}  // namespace

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
  unsigned __int128 bits = static_cast<unsigned __int128>(milliseconds_) << 80 |
                           static_cast<unsigned __int128>(high_) << 64 | low_;
  std::string text(kUlidLength, '0');
  for (size_t i = text.size(); i-- > 0; bits >>= 5)
    text[i] = kBase32[static_cast<size_t>(bits & 31)];
  return text;
}

}  // namespace hob::store

// Times as the databases hold them, and identifiers that sort by time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>

namespace hob::store {

// Now, in UTC, as llm writes it: "2026-08-04T17:05:12.345678+00:00"; in some columns with ' ' for
// 'T'.
std::string utc_now(char separator = 'T');
// Milliseconds since 1970.
int64_t unix_milliseconds();

// The lowest bits of a number in Crockford's base 32, five to a digit, in lower case.
std::string base32(uint64_t value, size_t digits);

inline constexpr size_t kUlidTimeDigits = 10, kUlidRandomDigits = 16;

// Makes ULIDs in lower case: 48 bits of milliseconds, 80 random bits, in Crockford's base 32. Those
// of one source ascend strictly, also within a millisecond. Thread-safe.
class UlidSource {
 public:
  std::string next();

 private:
  std::mutex mutex_;
  int64_t milliseconds_ = 0;
  uint16_t high_ = 0;
  uint64_t low_ = 0;
};

}  // namespace hob::store

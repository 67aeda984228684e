// The resolver as a scanner: each kind of number is a function that eats what it can and succeeds
// at the end of the text. No regular expressions, whose cost on hostile text is hard to bound.
#include "text/yaml_scalar.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>

namespace hob::text {
namespace {

constexpr std::string_view kTrue[] = {"yes",  "Yes", "YES", "true", "True",
                                      "TRUE", "on",  "On",  "ON"};
constexpr std::string_view kFalse[] = {"no",    "No",    "NO",  "false", "False",
                                       "FALSE", "off",   "Off", "OFF"};
constexpr std::string_view kNull[] = {"", "~", "null", "Null", "NULL"};

template <size_t N>
bool among(std::string_view text, const std::string_view (&words)[N]) {
  return std::find(std::begin(words), std::end(words), text) != std::end(words);
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  bool done() const { return rest_.empty(); }
  char peek() const { return rest_.empty() ? '\0' : rest_.front(); }
  bool eat(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool eat_any(std::string_view set) {
    if (rest_.empty() || set.find(rest_.front()) == set.npos) return false;
    rest_.remove_prefix(1);
    return true;
  }
  // Between `least` and `most` characters of `set`.
  bool many(std::string_view set, size_t least, size_t most = std::string_view::npos) {
    size_t n = std::min(rest_.find_first_not_of(set), rest_.size());
    n = std::min(n, most);
    if (n < least) return false;
    rest_.remove_prefix(n);
    return true;
  }
  // ":59" groups of a sexagesimal number; how many there were.
  size_t sexagesimal_groups() {
    size_t groups = 0;
    while (peek() == ':') {
      Scanner ahead = *this;
      ahead.eat(':');
      // [0-5]?[0-9]: a second digit only behind one up to five.
      const char first = ahead.peek();
      if (!is_digit(first)) break;
      ahead.eat(first);
      if (first <= '5' && is_digit(ahead.peek())) ahead.eat(ahead.peek());
      *this = ahead;
      ++groups;
    }
    return groups;
  }

 private:
  std::string_view rest_;
};

constexpr std::string_view kDigits = "0123456789", kDigits_ = "0123456789_";

bool is_int(std::string_view text) {
  Scanner sign(text);
  sign.eat_any("+-");
  const auto whole = [&](auto&& rule) {
    Scanner s = sign;
    return rule(s) && s.done();
  };
  return whole([](Scanner& s) { return s.eat('0') && s.eat('b') && s.many("01_", 1); }) ||
         whole([](Scanner& s) { return s.eat('0') && s.many("01234567_", 1); }) ||
         whole([](Scanner& s) { return s.eat('0'); }) ||
         whole([](Scanner& s) { return s.eat_any("123456789") && s.many(kDigits_, 0); }) ||
         whole([](Scanner& s) {
           return s.eat('0') && s.eat('x') && s.many("0123456789abcdefABCDEF_", 1);
         }) ||
         whole([](Scanner& s) {
           return s.eat_any("123456789") && s.many(kDigits_, 0) && s.sexagesimal_groups() > 0;
         });
}

bool exponent(Scanner& s) {
  if (!s.eat_any("eE")) return true;
  return s.eat_any("+-") && s.many(kDigits, 1);
}

bool is_float(std::string_view text) {
  const auto whole = [&](bool sign, auto&& rule) {
    Scanner s(text);
    if (sign) s.eat_any("+-");
    return rule(s) && s.done();
  };
  const auto named = [](Scanner& s, std::string_view name) {
    return std::all_of(name.begin(), name.end(), [&](char c) { return s.eat(c); });
  };
  return whole(true,
               [](Scanner& s) {
                 return s.many(kDigits, 1, 1) && s.many(kDigits_, 0) && s.eat('.') &&
                        s.many(kDigits_, 0) && exponent(s);
               }) ||
         whole(false,
               [](Scanner& s) {
                 return s.eat('.') && s.many(kDigits, 1, 1) && s.many(kDigits_, 0) && exponent(s);
               }) ||
         whole(true,
               [](Scanner& s) {
                 return s.many(kDigits, 1, 1) && s.many(kDigits_, 0) &&
                        s.sexagesimal_groups() > 0 && s.eat('.') && s.many(kDigits_, 0);
               }) ||
         whole(true, [&](Scanner& s) { return named(s, ".inf"); }) ||
         whole(true, [&](Scanner& s) { return named(s, ".Inf"); }) ||
         whole(true, [&](Scanner& s) { return named(s, ".INF"); }) ||
         whole(false, [&](Scanner& s) { return named(s, ".nan"); }) ||
         whole(false, [&](Scanner& s) { return named(s, ".NaN"); }) ||
         whole(false, [&](Scanner& s) { return named(s, ".NAN"); });
}

bool is_timestamp(std::string_view text) {
  Scanner date(text);
  if (date.many(kDigits, 4, 4) && date.eat('-') && date.many(kDigits, 2, 2) && date.eat('-') &&
      date.many(kDigits, 2, 2) && date.done()) {
    return true;
  }
  Scanner s(text);
  if (!(s.many(kDigits, 4, 4) && s.eat('-') && s.many(kDigits, 1, 2) && s.eat('-') &&
        s.many(kDigits, 1, 2))) {
    return false;
  }
  if (!s.eat_any("Tt") && !s.many(" \t", 1)) return false;
  if (!(s.many(kDigits, 1, 2) && s.eat(':') && s.many(kDigits, 2, 2) && s.eat(':') &&
        s.many(kDigits, 2, 2))) {
    return false;
  }
  if (s.eat('.')) s.many(kDigits, 0);
  if (s.done()) return true;
  s.many(" \t", 0);
  if (s.eat('Z')) return s.done();
  if (!s.eat_any("+-") || !s.many(kDigits, 1, 2)) return false;
  return s.done() || (s.eat(':') && s.many(kDigits, 2, 2) && s.done());
}

std::string without_underscores(std::string_view text) {
  std::string out(text);
  std::erase(out, '_');
  return out;
}

// The value of "1:30:15" and the like, the last part of which may have decimals.
double sexagesimal(std::string_view digits) {
  double value = 0;
  while (!digits.empty()) {
    const size_t end = std::min(digits.find(':'), digits.size());
    double part = 0;
    std::from_chars(digits.data(), digits.data() + end, part);
    value = value * 60 + part;
    digits.remove_prefix(std::min(end + 1, digits.size()));
  }
  return value;
}

nlohmann::ordered_json int_value(std::string_view text) {
  std::string digits = without_underscores(text);
  const bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.erase(0, 1);
  if (digits.find(':') != digits.npos) {
    const double value = negative ? -sexagesimal(digits) : sexagesimal(digits);
    if (std::abs(value) < 0x1p63) return static_cast<int64_t>(value);
    return value;
  }
  int base = 10;
  if (digits.starts_with("0b")) base = 2, digits.erase(0, 2);
  if (digits.starts_with("0x")) base = 16, digits.erase(0, 2);
  if (base == 10 && digits.size() > 1 && digits[0] == '0') base = 8;
  uint64_t value = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  constexpr uint64_t kMost = std::numeric_limits<int64_t>::max();
  if (error == std::errc() && !(negative && value > kMost)) {
    if (negative) return -static_cast<int64_t>(value);
    if (value <= kMost) return static_cast<int64_t>(value);
    return value;
  }
  double approximate = 0;
  for (const char c : digits) {
    const int digit = is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10;
    approximate = approximate * base + digit;
  }
  return negative ? -approximate : approximate;
}

nlohmann::ordered_json float_value(std::string_view text) {
  std::string digits = without_underscores(text);
  const bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.erase(0, 1);
  double value = 0;
  if (const char mark = digits.size() > 1 ? digits[1] : '\0'; mark == 'i' || mark == 'I') {
    value = std::numeric_limits<double>::infinity();
  } else if (mark == 'n' || mark == 'N') {
    value = std::numeric_limits<double>::quiet_NaN();
  } else if (digits.find(':') != digits.npos) {
    value = sexagesimal(digits);
  } else {
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (parsed.ec == std::errc::result_out_of_range) {
      value = digits.find('-') == digits.npos ? std::numeric_limits<double>::infinity() : 0;
    }
  }
  return negative ? -value : value;
}

}  // namespace

YamlKind yaml_kind(std::string_view plain) {
  if (among(plain, kNull)) return YamlKind::kNull;
  if (among(plain, kTrue) || among(plain, kFalse)) return YamlKind::kBool;
  if (plain == "<<") return YamlKind::kMerge;
  if (plain == "=") return YamlKind::kReserved;
  if (is_float(plain)) return YamlKind::kFloat;
  if (is_int(plain)) return YamlKind::kInt;
  if (is_timestamp(plain)) return YamlKind::kTimestamp;
  return YamlKind::kString;
}

nlohmann::ordered_json yaml_value(std::string_view plain) {
  switch (yaml_kind(plain)) {
    case YamlKind::kNull:
      return nullptr;
    case YamlKind::kBool:
      return among(plain, kTrue);
    case YamlKind::kInt:
      return int_value(plain);
    case YamlKind::kFloat:
      return float_value(plain);
    default:
      return std::string(plain);
  }
}

std::string python_float(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  // The shortest digits that read back as this number; the layout is Python's: an exponent below
  // 1e-4 and from 1e16 on.
  std::array<char, 64> buffer;
  const auto scientific = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                        std::chars_format::scientific);
  std::string text(buffer.data(), scientific.ptr);
  const size_t mark = text.find('e');
  int exponent = 0;
  std::from_chars(text.data() + mark + (text[mark + 1] == '+' ? 2 : 1), text.data() + text.size(),
                  exponent);
  if (exponent < -4 || exponent >= 16) return text;
  const auto fixed =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::fixed);
  text.assign(buffer.data(), fixed.ptr);
  return text.find('.') == text.npos ? text + ".0" : text;
}

}  // namespace hob::text

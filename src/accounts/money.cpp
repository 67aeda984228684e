#include "accounts/money.h"

#include <algorithm>

namespace hob::accounts {
namespace {

constexpr int kPriceDigits = 6, kMoneyDigits = 12;
constexpr int64_t kPriceUnit = 1'000'000;
constexpr int64_t kMostDollars = 1'000'000;  // per million tokens
constexpr Wide kCent = 10'000'000'000, kMicro = 1'000'000;

// Of a number below 2^127, without a sign.
std::string digits(Wide number) {
  std::string text;
  do {
    text.push_back(static_cast<char>('0' + static_cast<int>(number % 10)));
    number /= 10;
  } while (number != 0);
  std::reverse(text.begin(), text.end());
  return text;
}

// `number` units of 10^-places, with at least `least` digits after the point and no further zeros.
std::string decimal(Wide number, int places, int least) {
  const bool negative = number < 0;
  std::string text = digits(negative ? -number : number);
  const auto width = static_cast<size_t>(places) + 1;
  if (text.size() < width) text.insert(0, width - text.size(), '0');
  text.insert(text.size() - static_cast<size_t>(places), ".");
  size_t after = static_cast<size_t>(places);
  while (after > static_cast<size_t>(least) && text.ends_with('0')) text.pop_back(), --after;
  if (text.ends_with('.')) text.pop_back();
  return negative ? '-' + text : text;
}

// To a multiple of `unit`, half away from zero; in units.
Wide rounded(Wide number, Wide unit) {
  const Wide half = unit / 2;
  return (number < 0 ? number - half : number + half) / unit;
}

}  // namespace

Money times(uint64_t tokens, Price price) {
  return {static_cast<Wide>(tokens) * static_cast<Wide>(price.micros)};
}

Result<Price> parse_price(std::string_view text, std::string_view what) {
  const auto wrong = [&] {
    return fail(
        ErrorKind::kInvalid,
        "{}: '{}' is no price: decimal digits, at most {} of them after the point, up to {}", what,
        text, kPriceDigits, kMostDollars);
  };
  const size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  std::string_view part = point == text.npos ? "" : text.substr(point + 1);
  const auto all_digits = [](std::string_view s) {
    return std::all_of(s.begin(), s.end(), [](char c) { return c >= '0' && c <= '9'; });
  };
  if (whole.empty() || whole.size() > 7 || !all_digits(whole) || !all_digits(part)) return wrong();
  if (point != text.npos && part.empty()) return wrong();
  while (part.ends_with('0')) part.remove_suffix(1);
  if (part.size() > kPriceDigits) return wrong();
  int64_t dollars = 0, micros = 0;
  for (const char c : whole) dollars = dollars * 10 + (c - '0');
  for (int i = 0; i < kPriceDigits; ++i) {
    const auto at = static_cast<size_t>(i);
    micros = micros * 10 + (at < part.size() ? part[at] - '0' : 0);
  }
  const int64_t total = dollars * kPriceUnit + micros;
  if (total > kMostDollars * kPriceUnit) return wrong();
  return Price{total};
}

std::string price_text(Price price) { return decimal(price.micros, kPriceDigits, 0); }

std::string exact_text(Money money) { return decimal(money.picos, kMoneyDigits, 2); }

std::string dollars(Money money) {
  const Wide size = money.picos < 0 ? -money.picos : money.picos;
  const std::string sign = money.picos < 0 ? "-$" : "$";
  if (size == 0) return "$0.00";
  if (size >= kCent) return sign + decimal(rounded(size, kCent), 2, 2);
  if (rounded(size, kMicro) == 0) return "under $0.000001";
  return sign + decimal(rounded(size, kMicro), 6, 2);
}

double approximately(Money money) { return static_cast<double>(money.picos) / 1e12; }

}  // namespace hob::accounts

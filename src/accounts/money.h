// Money and prices as whole numbers, so that sums have no order and no rounding.
//
// A price is in millionths of a dollar per million tokens, which is the same number as
// picodollars (1e-12 dollars) per token: $0.0375 per million tokens is 37,500 of either. Tokens
// times a price is therefore an exact whole number of picodollars. Rounding happens in text alone,
// half away from zero.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hob::accounts {

using Wide = __int128;  // picodollars: 64 bits would end at nine million dollars

struct Price {
  int64_t micros = 0;  // millionths of a dollar per million tokens
  auto operator<=>(const Price&) const = default;
};

struct Money {
  Wide picos = 0;
  Money& operator+=(Money other) {
    picos += other.picos;
    return *this;
  }
  friend Money operator+(Money a, Money b) { return a += b; }
  friend bool operator==(Money a, Money b) { return a.picos == b.picos; }
  friend auto operator<=>(Money a, Money b) { return a.picos <=> b.picos; }
};

Money times(uint64_t tokens, Price price);

// Decimal digits with at most six after the point, from 0 to a million dollars. `what` is what an
// error calls it.
Result<Price> parse_price(std::string_view text, std::string_view what);
// "0.0375", "2.5", "30".
std::string price_text(Price price);

// Every digit there is, at least two after the point: "0.663", "1.02".
std::string exact_text(Money money);
// With a dollar sign, for people: to the cent from one cent on, to a millionth of a dollar below.
// "$0.66", "$0.000123", "under $0.000001".
std::string dollars(Money money);
// The nearest double, for a database column or a graph.
double approximately(Money money);

}  // namespace hob::accounts

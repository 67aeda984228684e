#include "accounts/money.h"

#include <gtest/gtest.h>

namespace hob::accounts {
namespace {

Price price(std::string_view text) {
  const auto parsed = parse_price(text, "test");
  EXPECT_TRUE(parsed.has_value()) << text;
  return parsed.value_or(Price{-1});
}

TEST(Money, PricesAreExactDecimals) {
  EXPECT_EQ(price("0.0375").micros, 37'500);
  EXPECT_EQ(price("0.000001").micros, 1);
  EXPECT_EQ(price("30").micros, 30'000'000);
  EXPECT_EQ(price("2.50").micros, 2'500'000);
  for (const char* text : {"0.0375", "2.5", "30", "0", "0.000001", "600", "1000000"})
    EXPECT_EQ(price_text(price(text)), text);
}

TEST(Money, WhatIsNoPriceIsNamed) {
  for (const char* text : {"", ".", "1.", ".5", "-1", "1e3", "0x1", "1,5", "nan", "1 ", "0.0000001",
                           "1000001", "99999999", "1000000.000001"}) {
    const auto parsed = parse_price(text, "row 7");
    ASSERT_FALSE(parsed.has_value()) << text;
    EXPECT_NE(parsed.error().message.find("row 7"), std::string::npos);
  }
}

TEST(Money, TheSpellingChequerExampleIsOneDollarSixtyEight) {
  // 68,000 photographs, 260 tokens in and 100 out, Gemini 1.5 Flash-8B in 2024.
  const Money in = times(68'000 * 260, price("0.0375")), out = times(68'000 * 100, price("0.15"));
  EXPECT_EQ(exact_text(in), "0.663");
  EXPECT_EQ(exact_text(out), "1.02");
  EXPECT_EQ(exact_text(in + out), "1.683");
  EXPECT_EQ(dollars(in), "$0.66");
  EXPECT_EQ(dollars(out), "$1.02");
  EXPECT_EQ(dollars(in + out), "$1.68");
}

TEST(Money, SumsHaveNoOrder) {
  // One thousandth part as doubles would drift: 0.1 + 0.2 is not 0.3 there.
  Money sum;
  for (int i = 0; i < 1'000'000; ++i) sum += times(1, price("0.1"));
  EXPECT_EQ(sum, times(1'000'000, price("0.1")));
  EXPECT_EQ(exact_text(sum), "0.10");
}

TEST(Money, NothingOverflows) {
  const Money most = times(UINT64_MAX, price("1000000"));
  EXPECT_EQ(exact_text(most), "18446744073709551615.00");
}

TEST(Money, RoundsHalfAwayFromZeroInTextOnly) {
  EXPECT_EQ(dollars({15'000'000'000}), "$0.02");
  EXPECT_EQ(dollars({14'999'999'999}), "$0.01");
  EXPECT_EQ(dollars({9'999'999'999}), "$0.01");
  EXPECT_EQ(dollars({123'499'999}), "$0.000123");
  EXPECT_EQ(dollars({123'500'000}), "$0.000124");
  EXPECT_EQ(dollars({499'999}), "under $0.000001");
  EXPECT_EQ(dollars({500'000}), "$0.000001");
  EXPECT_EQ(dollars({0}), "$0.00");
  EXPECT_EQ(dollars({-15'000'000'000}), "-$0.02");
}

}  // namespace
}  // namespace hob::accounts

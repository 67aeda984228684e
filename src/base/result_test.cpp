// Result, HOB_TRY and HOB_CHECK.
#include "base/result.h"

#include <gtest/gtest.h>

#include <memory>

#include "base/check.h"

namespace hob {
namespace {

Result<int> half_of(int n) {
  if (n % 2 != 0) return fail(ErrorKind::kInvalid, "{} is odd", n);
  return n / 2;
}

Result<int> quarter_of(int n, int* reached) {
  HOB_TRY(const int half, half_of(n));
  *reached = 1;
  HOB_TRY(const int quarter, half_of(half));
  *reached = 2;
  return quarter;
}

TEST(Result, TryGoesOnWithTheValue) {
  int reached = 0;
  const auto quarter = quarter_of(12, &reached);
  ASSERT_TRUE(quarter);
  EXPECT_EQ(*quarter, 3);
  EXPECT_EQ(reached, 2);
}

TEST(Result, TryReturnsTheFirstError) {
  int reached = 0;
  const auto quarter = quarter_of(6, &reached);
  ASSERT_FALSE(quarter);
  EXPECT_EQ(quarter.error().kind, ErrorKind::kInvalid);
  EXPECT_EQ(quarter.error().message, "3 is odd");
  EXPECT_EQ(reached, 1);
}

Result<std::unique_ptr<int>> passed_on(Result<std::unique_ptr<int>> given) {
  HOB_TRY(auto owned, std::move(given));
  ++*owned;
  return owned;
}

TEST(Result, TryMovesWhatCannotBeCopied) {
  EXPECT_EQ(**passed_on(std::make_unique<int>(4)), 5);
  EXPECT_EQ(passed_on(fail(ErrorKind::kIo, "gone")).error().kind, ErrorKind::kIo);
}

Result<> all_even(std::initializer_list<int> numbers) {
  for (const int n : numbers) HOB_TRY_VOID(half_of(n));
  return {};
}

TEST(Result, TryVoid) {
  EXPECT_TRUE(all_even({2, 4}));
  EXPECT_EQ(all_even({2, 5, 7}).error().message, "5 is odd");
}

TEST(Check, StopsWithPlaceConditionAndValues) {
  const int rows = 3;
  HOB_CHECK(rows == 3, "rows {}", rows);
  EXPECT_DEATH(HOB_CHECK(rows == 4, "rows {} of {}", rows, 4),
               "internal error at .*result_test.cpp:[0-9]+: rows == 4: rows 3 of 4");
  EXPECT_DEATH(HOB_CHECK(rows == 4), "rows == 4");
}

}  // namespace
}  // namespace hob

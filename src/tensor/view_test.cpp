#include "tensor/view.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "tensor/storage.h"

namespace hob {
namespace {

TEST(Matrix, RowsColumnsAndTop) {
  std::vector<float> values(12);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  const Matrix m(values.data(), 3, 4);
  EXPECT_EQ(m.row(2)[1], 9);
  const Matrix part = m.columns(1, 2);
  EXPECT_EQ(part.cols, 2u);
  EXPECT_EQ(part.row(2)[1], 10);
  const Matrix top = part.top(2);
  EXPECT_EQ(top.rows, 2u);
  EXPECT_EQ(top.row(1)[0], 5);
  EXPECT_EQ(m.top(0).rows, 0u);
}

TEST(MatrixDeath, PartsLieInside) {
  std::vector<float> values(12);
  const Matrix m(values.data(), 3, 4);
  EXPECT_DEATH((void)m.columns(2, 3), "columns 2\\+3 of 4");
  EXPECT_DEATH((void)m.top(4), "4 rows of 3");
}

TEST(Weight, KnowsItsSize) {
  const Weight w{nullptr, quant::Format::kQ4_K, 3, 512};
  EXPECT_FALSE(w);
  EXPECT_EQ(w.row_bytes(), 288u);
  EXPECT_EQ(w.bytes(), 864u);
}

TEST(Storage, IsZeroedAlignedAndMoves) {
  Storage a = *Storage::allocate(1000, "a test");
  EXPECT_EQ(a.size(), 1000u);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(a.data()) % 64, 0u);
  for (size_t i = 0; i < a.size(); ++i) ASSERT_EQ(a.as<char>()[i], 0);
  std::byte* const data = a.data();
  Storage b = std::move(a);
  EXPECT_EQ(b.data(), data);
  a = *Storage::allocate(10, "a test");
  a = std::move(b);
  EXPECT_EQ(a.data(), data);
  EXPECT_EQ(a.size(), 1000u);
}

TEST(Storage, OfNothingIsEmpty) {
  const Storage empty = *Storage::allocate(0, "a test");
  EXPECT_EQ(empty.size(), 0u);
  EXPECT_EQ(empty.data(), nullptr);
}

TEST(Storage, WhatCannotBeHadIsAnErrorThatNamesThePurpose) {
  const auto huge = Storage::allocate(size_t{1} << 60, "a very large test");
  ASSERT_FALSE(huge);
  EXPECT_EQ(huge.error().kind, ErrorKind::kTooLarge);
  EXPECT_NE(huge.error().message.find("a very large test"), std::string::npos);
}

}  // namespace
}  // namespace hob

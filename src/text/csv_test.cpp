#include "text/csv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace hob::text {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

CsvTable table(std::string_view text) {
  auto parsed = parse_csv(text, "t.csv");
  EXPECT_TRUE(parsed.has_value()) << parsed.error().message;
  return parsed.value_or(CsvTable());
}

std::string problem(std::string_view text) {
  const auto parsed = parse_csv(text, "t.csv");
  return parsed ? "" : parsed.error().message;
}

TEST(Csv, ReadsWhatSpreadsheetsWrite) {
  const auto t = table("\xef\xbb\xbfid,text\r\n1,\"a, \"\"b\"\"\nc\"\r\n\r\n2,\r\n");
  EXPECT_THAT(t.head, ElementsAre("id", "text"));
  ASSERT_EQ(t.rows.size(), 2u);
  EXPECT_THAT(t.rows[0], ElementsAre("1", "a, \"b\"\nc"));
  EXPECT_THAT(t.rows[1], ElementsAre("2", ""));
}

TEST(Csv, TheLastLineNeedsNoBreak) {
  EXPECT_THAT(table("a\nx").rows[0], ElementsAre("x"));
  EXPECT_THAT(table("a,b\n\"\",y").rows[0], ElementsAre("", "y"));
  EXPECT_TRUE(table("a,b\n").rows.empty());
}

TEST(Csv, OneColumnMayBeEmpty) {
  const auto t = table("a\n\"\"\n\nx\n\n");
  ASSERT_EQ(t.rows.size(), 2u);
  EXPECT_EQ(t.rows[0][0], "");
}

TEST(Csv, OtherSeparators) {
  EXPECT_THAT(parse_csv("a\tb\n1,2\t3\n", "t", '\t')->rows[0], ElementsAre("1,2", "3"));
}

TEST(Csv, WhatIsWrongIsNamedWithItsLine) {
  EXPECT_THAT(problem(""), HasSubstr("t.csv: no line"));
  EXPECT_THAT(problem("a,b\n1\n"), HasSubstr("t.csv:2: 1 field for 2 columns"));
  EXPECT_THAT(problem("a,b\n1,2,3"), HasSubstr("3 fields for 2"));
  EXPECT_THAT(problem("a,a\n1,2"), HasSubstr("two columns of one name"));
  EXPECT_THAT(problem("a\n\"x\ny"), HasSubstr("t.csv:2: a quote that never closes"));
  EXPECT_THAT(problem("a\n\"x\"y\n"), HasSubstr("text behind a closing quote"));
}

TEST(Csv, ReadsBackWhatItWrites) {
  std::mt19937 random(3);  // any seed
  constexpr std::string_view kBytes = "ab,\"\r\n\t ;";
  for (int i = 0; i < 500; ++i) {
    std::vector<std::string> head, row;
    const size_t columns = 1 + random() % 4;
    for (size_t c = 0; c < columns; ++c) {
      head.push_back("c" + std::to_string(c));
      std::string field;
      for (size_t n = random() % 8; n > 0; --n) field += kBytes[random() % kBytes.size()];
      row.push_back(field);
    }
    const auto t = table(csv_line(head) + csv_line(row));
    ASSERT_EQ(t.rows.size(), 1u);
    EXPECT_EQ(t.rows[0], row);
  }
}

TEST(Csv, SurvivesAnything) {
  std::mt19937 random(5);  // any seed
  for (int i = 0; i < 2000; ++i) {
    std::string text;
    for (size_t n = random() % 40; n > 0; --n) text += "a,\"\r\n\xef\xbb\xbf"[random() % 8];
    const auto parsed = parse_csv(text, "t");
    if (parsed) {
      for (const auto& row : parsed->rows) EXPECT_EQ(row.size(), parsed->head.size());
    }
  }
}

}  // namespace
}  // namespace hob::text

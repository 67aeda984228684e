#include "cli/batch_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hob::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

BatchInput input(std::string_view text, RowFormat format, const std::string& id = "") {
  auto parsed = parse_batch(text, "rows", format, id);
  EXPECT_TRUE(parsed.has_value()) << parsed.error().message;
  return parsed.value_or(BatchInput());
}

std::string problem(std::string_view text, RowFormat format, const std::string& id = "") {
  const auto parsed = parse_batch(text, "rows", format, id);
  return parsed ? "" : parsed.error().message;
}

TEST(BatchRows, OfCsv) {
  const auto rows = input("id,word\na,\"one, two\"\nb,\n", RowFormat::kCsv);
  EXPECT_THAT(rows.columns, ElementsAre("id", "word"));
  ASSERT_EQ(rows.rows.size(), 2u);
  EXPECT_EQ(rows.rows[0].id, "a");
  EXPECT_EQ(rows.rows[0].fields["word"], "one, two");
  const auto& row = rows.rows[0];
  EXPECT_EQ(batch_head(RowFormat::kCsv, rows, "response"), "id,word,response,error\n");
  EXPECT_EQ(batch_record(RowFormat::kCsv, rows, row, {"yes\nno", ""}, "response"),
            "a,\"one, two\",\"yes\nno\",\n");
  EXPECT_EQ(batch_record(RowFormat::kJsonLines, rows, row, {nullptr, "too long"}, "response"),
            "{\"id\":\"a\",\"word\":\"one, two\",\"response\":null,\"error\":\"too long\"}\n");
}

TEST(BatchRows, OfJsonLinesAndArrays) {
  for (const char* text : {"{\"n\": 1, \"t\": \"x\"}\n\n{\"m\": [2]}\n",
                           " [{\"n\": 1, \"t\": \"x\"}, {\"m\": [2]}]"}) {
    const auto rows = input(text, RowFormat::kJsonLines);
    EXPECT_THAT(rows.columns, ElementsAre("n", "t", "m"));
    ASSERT_EQ(rows.rows.size(), 2u);
    EXPECT_EQ(rows.rows[1].id, "2");
    EXPECT_EQ(batch_record(RowFormat::kCsv, rows, rows.rows[1], {"r", ""}, "a"), ",,[2],r,\n");
    EXPECT_EQ(batch_record(RowFormat::kJsonLines, rows, rows.rows[0], {"r", ""}, "a"),
              "{\"n\":1,\"t\":\"x\",\"a\":\"r\"}\n");
  }
}

TEST(BatchRows, IdsNameRowsOnce) {
  EXPECT_EQ(input("{\"id\": 7}\n", RowFormat::kJsonLines).rows[0].id, "7");
  EXPECT_EQ(input("key\nx\n", RowFormat::kCsv, "key").rows[0].id, "x");
  EXPECT_THAT(problem("id\nx\nx\n", RowFormat::kCsv), HasSubstr("two rows with the id 'x'"));
  EXPECT_THAT(problem("a\nx\n", RowFormat::kCsv, "key"), HasSubstr("no column 'key'"));
}

TEST(BatchRows, WhatIsWrongIsNamedWithItsLine) {
  EXPECT_THAT(problem("{}\n[1]\n", RowFormat::kJsonLines), HasSubstr("rows:2"));
  EXPECT_THAT(problem("{}\n{\n", RowFormat::kJsonLines), HasSubstr("rows:2"));
  const std::string deep = "{\"a\":" + std::string(300'000, '[') + std::string(300'000, ']') + "}";
  EXPECT_THAT(problem("{}\n" + deep, RowFormat::kJsonLines), HasSubstr("rows:2"));
  EXPECT_THAT(problem("[{}, 7]", RowFormat::kJsonLines), HasSubstr("rows: [1]"));
  EXPECT_THAT(problem("[{}", RowFormat::kJsonLines), HasSubstr("rows: not a JSON array"));
  EXPECT_TRUE(input("", RowFormat::kJsonLines).rows.empty());
}

TEST(BatchRows, FormatsByNameAndByText) {
  EXPECT_EQ(row_format_of("a.csv").value(), RowFormat::kCsv);
  EXPECT_EQ(row_format_of("a.tsv").value(), RowFormat::kTsv);
  EXPECT_EQ(row_format_of("a.jsonl").value(), RowFormat::kJsonLines);
  EXPECT_FALSE(row_format_of("a.txt").has_value());
  EXPECT_EQ(row_format_of_text(" \n{"), RowFormat::kJsonLines);
  EXPECT_EQ(row_format_of_text("id,x"), RowFormat::kCsv);
}

}  // namespace
}  // namespace hob::cli

// Rows from every kind of input; inputs that lie.
#include "embed/rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/rng.h"
#include "tests/support/temp_folder.h"

namespace hob::embed {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// "id=content" each, or the error.
std::vector<std::string> rows_of(std::string_view text, std::optional<RowFormat> format = {}) {
  std::vector<std::string> rows;
  const auto done = read_rows(text, format, "input", [&](Item item) -> Result<> {
    rows.push_back(item.id + "=" + item.content);
    return {};
  });
  if (!done) rows.push_back("error: " + done.error().message);
  return rows;
}

TEST(Rows, Csv) {
  EXPECT_THAT(rows_of("id,name,body\n1,one,\"a, \"\"b\"\"\nc\"\r\n\n2,two\n"),
              ElementsAre("1=one a, \"b\"\nc", "2=two "));
  EXPECT_THAT(rows_of("\xef\xbb\xbfid,x\n1,y"), ElementsAre("1=y"));
  EXPECT_THAT(rows_of("id;x\n1;y,z"), ElementsAre("1=y,z"));
  EXPECT_THAT(rows_of("id\tx\n1\ty,z"), ElementsAre("1=y,z"));
  EXPECT_THAT(rows_of("id\tx\n1\ty", RowFormat::kCsv), ElementsAre("1\ty="));
  EXPECT_THAT(rows_of("id\tx\n1\t\"y\tz\"", RowFormat::kTsv), ElementsAre("1=y\tz"));
  EXPECT_THAT(rows_of("id,x\n1,y,z\n"),
              ElementsAre("error: input: row 1 has 3 columns, the first line 2"));
  EXPECT_THAT(rows_of("id,x\n1,\"never closed"), ElementsAre("1=never closed"));
  EXPECT_TRUE(rows_of("").empty());
  EXPECT_TRUE(rows_of(" \n").empty());
  EXPECT_TRUE(rows_of("id,x\n").empty());
}

TEST(Rows, Json) {
  EXPECT_THAT(
      rows_of(R"([{"id":1,"a":"x","b":null,"c":2.5,"d":true},{"id":"2"},{"id":null,"t":"n"}])"),
      ElementsAre("1=x  2.5 True", "2=", "None=n"));
  EXPECT_THAT(rows_of(R"({"id":1,"a":"x"})"), ElementsAre("1=x"));
  EXPECT_THAT(rows_of("{\"id\":1,\"a\":\"x\"}\n\n{\"id\":2,\"a\":\"y\"}\n"),
              ElementsAre("1=x", "2=y"));
  EXPECT_THAT(rows_of("{\"id\":1}\n", RowFormat::kLines), ElementsAre("1="));
  EXPECT_THAT(rows_of("[1]"), ElementsAre("error: input: row 1 is not an object with an id"));
  EXPECT_THAT(rows_of("[{}]"), ElementsAre("error: input: row 1 is not an object with an id"));
  EXPECT_THAT(rows_of("[{", RowFormat::kJson), ElementsAre("error: input: is not JSON"));
  EXPECT_THAT(rows_of("{\"id\":1}\n{", RowFormat::kLines),
              ElementsAre("1=", "error: input: line 2 is not JSON"));
  EXPECT_THAT(rows_of("7", RowFormat::kJson),
              ElementsAre("error: input: JSON must be a list or a dictionary"));
  EXPECT_THAT(rows_of(std::string(100000, '[')), ElementsAre(HasSubstr("is not JSON")));
}

TEST(Rows, CountedAndStopped) {
  EXPECT_EQ(count_rows("id,x\n1,a\n2,b\n", {}, "input"), 2u);
  EXPECT_EQ(count_rows("[{]", {}, "input").error().message, "input: is not JSON");
  EXPECT_EQ(count_rows("id\n1\n2,b\n", {}, "input").error().message,
            "input: row 2 has 2 columns, the first line 1");
  int seen = 0;
  const auto stopped = read_rows("id\n1\n2\n3\n", {}, "input", [&](Item) -> Result<> {
    if (++seen == 2) return fail(ErrorKind::kCancelled, "enough");
    return {};
  });
  EXPECT_FALSE(stopped);
  EXPECT_EQ(seen, 2);
}

TEST(Rows, ADocumentIsReadWhole) {
  EXPECT_TRUE(is_document(" [", {}));
  EXPECT_TRUE(is_document("", RowFormat::kJson));
  EXPECT_FALSE(is_document("{\"id\": 1}", {}));  // the first of many lines, perhaps
  EXPECT_FALSE(is_document("[", RowFormat::kLines));
  EXPECT_FALSE(is_document("id,x\n", {}));
}

TEST(Rows, AnyBytesGiveRowsOrAnError) {
  for (uint64_t seed = 0; seed < 500; ++seed) {
    std::string text;
    for (uint64_t i = 0; i < 8; ++i) {
      for (const uint32_t w : random_words(seed, RandomStream::kTest, i))
        text += ",\"\n\r\t;{}[]:1a "[w % 15];
    }
    rows_of(text);
    rows_of(text, RowFormat::kCsv);
    rows_of(text, RowFormat::kLines);
  }
}

TEST(Rows, Queries) {
  auto db = *store::Database::memory({});
  std::vector<std::string> rows;
  const auto take = [&](Item item) -> Result<> {
    rows.push_back(item.id + "=" + item.content);
    return {};
  };
  const std::string query = "select 1, 'a', null, 2.0 union all select 'x', 'b', 3, 4 -- end";
  EXPECT_EQ(*count_query(db, query), 2u);
  ASSERT_TRUE(read_query(db, query, take));
  EXPECT_THAT(rows, ElementsAre("1=a  2.0", "x=b 3 4"));
  EXPECT_THAT(read_query(db, "create table t (a)", take).error().message, HasSubstr("--sql"));
  EXPECT_FALSE(read_query(db, "select nonsense", take));
  EXPECT_FALSE(read_query(db, "", take));
}

std::string as_text(std::string_view bytes, std::vector<std::string> encodings) {
  const auto text = decoded(bytes, encodings);
  return !text ? text.error().message : *text ? **text : "none";
}

TEST(Decoded, TheFirstEncodingThatFits) {
  EXPECT_EQ(as_text("caf\xc3\xa9", {"utf-8", "latin-1"}), "caf\xc3\xa9");
  EXPECT_EQ(as_text("caf\xe9", {"utf-8", "latin-1"}), "caf\xc3\xa9");
  EXPECT_EQ(as_text("caf\xe9", {"utf-8", "ascii"}), "none");
  EXPECT_EQ(as_text("\xef\xbb\xbfx", {"utf-8-sig"}), "x");
  EXPECT_EQ(as_text(std::string_view("h\0i\0", 4), {"UTF-16LE"}), "hi");
  EXPECT_EQ(as_text("a\r\nb\rc\n", {"utf-8"}), "a\nb\nc\n");
  EXPECT_EQ(as_text("x", {"no-such"}), "--encoding no-such: unknown encoding");
  EXPECT_EQ(as_text("", {"latin-1"}), "");
  EXPECT_EQ(as_text(std::string(100'000, '\xe9'), {"latin-1"}).size(), 200'000u);
}

using FilesTest = test::FolderTest;

TEST_F(FilesTest, PatternsAsPathlibHasThem) {
  for (const char* name :
       {"a.md", "b.txt", ".hidden.md", "sub/c.md", "sub/deep/d.md", "sub/e[1].md"}) {
    write(name, name);
  }
  std::filesystem::create_directory_symlink(folder_, folder_ / "sub/loop");
  const auto files = [&](const std::string& pattern) {
    return *matching_files({folder_.string(), pattern});
  };
  EXPECT_THAT(files("*.md"), ElementsAre(".hidden.md", "a.md"));
  EXPECT_THAT(files("**/*.md"),
              ElementsAre(".hidden.md", "a.md", "sub/c.md", "sub/deep/d.md", "sub/e[1].md"));
  EXPECT_THAT(files("sub/*.md"), ElementsAre("sub/c.md", "sub/e[1].md"));
  EXPECT_THAT(files("s?b/[c-d].md"), ElementsAre("sub/c.md"));
  EXPECT_THAT(files("[!a].*"), ElementsAre("b.txt"));
  EXPECT_THAT(files("**/e[[]1].md"), ElementsAre("sub/e[1].md"));
  EXPECT_TRUE(files("").empty());
  EXPECT_TRUE(files("none/*").empty());
  EXPECT_THAT(matching_files({path("none"), "*"}).error().message, HasSubstr("Invalid directory"));
}

}  // namespace
}  // namespace hob::embed

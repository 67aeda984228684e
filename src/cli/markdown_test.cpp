#include "cli/markdown.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "cli/markdown_inline.h"

namespace hob::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Styles as tags, so that expectations can be read.
std::string tagged(std::string text) {
  const std::pair<const char*, const char*> kTags[] = {
      {"\x1b[0m", "</>"},    {"\x1b[1m", "<b>"},   {"\x1b[1;4m", "<h1>"}, {"\x1b[2m", "<dim>"},
      {"\x1b[3m", "<i>"},    {"\x1b[36m", "<c>"},  {"\x1b[4m", "<u>"},    {"\x1b[9m", "<del>"},
      {"\xE2\x80\xA2", "o"}, {"\xE2\x94\x82", "|"}};
  for (const auto& [code, tag] : kTags) {
    for (size_t at; (at = text.find(code)) != text.npos;) text.replace(at, std::strlen(code), tag);
  }
  return text;
}

std::string render(std::string_view source, size_t piece = std::string::npos, int width = 80) {
  std::string out;
  MarkdownRenderer renderer(width, [&](std::string_view text) { out += text; });
  while (!source.empty()) {
    const auto part = source.substr(0, piece);
    renderer.push(part);
    source.remove_prefix(part.size());
  }
  renderer.finish();
  return tagged(out);
}

// What a terminal shows: neighbouring styled pieces of code may be cut differently.
std::string merged(std::string text) {
  for (size_t at; (at = text.find("</><c>")) != text.npos;) text.erase(at, 6);
  return text;
}

TEST(Markdown, Golden) {
  EXPECT_EQ(render("plain words"), "plain words\n");
  EXPECT_EQ(render("a **bold** and *soft* word"), "a <b>bold</> and <i>soft</> word\n");
  EXPECT_EQ(render("`x_y` snake_case_name ~~gone~~"), "<c>x_y</> snake_case_name <del>gone</>\n");
  EXPECT_EQ(render("# Title\ntext"), "<h1>Title</>\ntext\n");
  EXPECT_EQ(render("## Part **two** now"), "<b>Part <b>two</><b> now</>\n");
  EXPECT_EQ(render("- one\n- two\n  - deep\n1. first\n"), "o one\no two\n  o deep\n1. first\n");
  EXPECT_EQ(render("> said\n> more"), "<dim>|</> said\n<dim>|</> more\n");
  EXPECT_EQ(render("```py\nx = 1\n\n*y*\n```\nend"),
            "<dim>```py</>\n<c>x = 1</>\n\n<c>*y*</>\n<dim>```</>\nend\n");
  EXPECT_EQ(render("[hob](https://hob.example)"), "<u>hob</> <dim>(https://hob.example)</>\n");
  EXPECT_EQ(render("one\n\n\n\ntwo\n\n"), "one\n\ntwo\n");
  EXPECT_EQ(render("5 * 3 = 15 & 2 < 4"), "5 * 3 = 15 & 2 < 4\n");
  EXPECT_EQ(render(""), "\n");
}

TEST(Markdown, TableAligns) {
  EXPECT_EQ(render("| a | n |\n|---|--:|\n| **x** | 10 |\n| yy | 9 |\nafter"),
            "<b>a </> <dim>|</> <b> n</>\n<dim>" +
                std::string("\xE2\x94\x80\xE2\x94\x80\xE2\x94\x80\xE2\x94\x80\xE2\x94\x80\xE2\x94"
                            "\x80\xE2\x94\x80") +
                "</>\n<b>x</>  <dim>|</> 10\nyy <dim>|</>  9\nafter\n");
  EXPECT_EQ(render("| no table"), "| no table\n");
}

TEST(Markdown, PiecesDoNotMatter) {
  const char* kSources[] = {
      "# Title\n\nA **bold** and `code *x*` word, *soft* [link](http://a.b) &amp; end.\n\n- one "
      "*i*\n- two\n\n1. a\n2. b\n",
      "```cpp\nint main() {\n  return 0;\n}\n```\n\nText after\nsecond line\n***\n> quote **b**\n| "
      "a | b |\n|---|---|\n| 1 | 2 |\n",
      "un*closed and `open\n\n**half\n\n~~~\ncode without end",
      "***both*** _under_ __strong__ \\*escaped\\* a*b*c **x*y*z**\n---\n+ plus\n12) twelve\n2024 "
      "was a year\n#hash",
  };
  for (const char* source : kSources) {
    const std::string whole = merged(render(source));
    for (size_t piece : {1, 2, 3, 7}) EXPECT_EQ(merged(render(source, piece)), whole) << source;
  }
}

TEST(Markdown, TextFlowsBeforeItsLineEnds) {
  std::string out;
  MarkdownRenderer renderer(80, [&](std::string_view text) { out += text; });
  renderer.push("Hello there, **wo");
  EXPECT_EQ(out, "Hello there,");
  renderer.push("rld** and");
  EXPECT_EQ(tagged(out), "Hello there, <b>world</>");
  renderer.push(" so on\n```\ncode he");
  EXPECT_THAT(tagged(out), HasSubstr("code he"));
}

TEST(Markdown, WrapsBetweenWordsWithHangingIndent) {
  EXPECT_EQ(render("- aaaa bbbb cccc dddd", 3, 12), "o aaaa bbbb\n  cccc dddd\n");
  EXPECT_EQ(render("**aaaa bbbb** cccc", 3, 12), "<b>aaaa bbbb</>\ncccc\n");
}

TEST(Markdown, NothingReachesTheTerminalRaw) {
  for (const char* source : {"\x1b]0;owned\x07", "`\x1b[2J`", "```\n\x1b[2J\n```", "&#27;[2J",
                             "&#x9b;2J", "| \x1b[2J |\n|--|\n", "[x](http://\x1b[2J)",
                             "\xC2\x9B"
                             "2J",
                             "\r\x08"}) {
    std::string out = render(source);
    EXPECT_THAT(out, Not(HasSubstr("\x1b"))) << source;
    EXPECT_THAT(out, Not(HasSubstr("\x07"))) << source;
    EXPECT_THAT(out, Not(HasSubstr("\xC2\x9B"))) << source;
    EXPECT_THAT(out, Not(HasSubstr("\r"))) << source;
  }
}

TEST(Markdown, LinkDefinitionsAreShown) {
  EXPECT_EQ(render("[1]: http://a.b"), "[1]: http://a.b\n");
}

TEST(Markdown, StablePrefix) {
  EXPECT_EQ(stable_length("abc def"), 7u);
  EXPECT_EQ(stable_length("abc *def"), 3u);
  EXPECT_EQ(stable_length("abc *def* x"), 11u);
  EXPECT_EQ(stable_length("abc *def*"), 3u);  // the run may grow
  EXPECT_EQ(stable_length("a `code"), 1u);
  EXPECT_EQ(stable_length("a [b](c"), 1u);
  EXPECT_EQ(stable_length("2 * 3 x"), 7u);
}

}  // namespace
}  // namespace hob::cli

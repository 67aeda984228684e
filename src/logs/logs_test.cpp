// What turns look like. That it is what llm prints is the matter of tests/logs_test.py, which
// compares with llm's own output.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "logs/markdown.h"
#include "logs/page.h"
#include "logs/rows.h"
#include "logs/transcript.h"

namespace hob::logs {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

store::LoggedTurn turn(const std::string& prompt, const std::string& response) {
  store::LoggedTurn out;
  out.id = "t1";
  out.model = "m";
  out.conversation_id = "c1";
  out.conversation_name = "A talk";
  out.datetime_utc = "2026-08-01T10:00:00.5+00:00";
  out.options_json = "{}";
  out.prompt = prompt;
  out.response = response;
  return out;
}

TEST(Markdown, TellsSystemAndConversationOnce) {
  MarkdownLog log({.one_conversation = true});
  auto first = turn("Hi", "Hello");
  first.system = "Be kind";
  EXPECT_EQ(
      log.entry(first),
      "# 2026-08-01T10:00:00    conversation: c1 id: t1\n\nModel: **m**\n\n## Prompt\n\nHi\n\n"
      "## System\n\nBe kind\n\n## Response\n\nHello\n\n");
  EXPECT_EQ(log.entry(first),
            "# 2026-08-01T10:00:00\n\n## Prompt\n\nHi\n\n## Response\n\nHello\n\n");
}

TEST(Markdown, SaysHowATurnEnded) {
  auto stopped = turn("Hi", "Hel");
  stopped.state = "stopped";
  EXPECT_THAT(MarkdownLog({}).entry(stopped), HasSubstr("\nHel\n\n## State\n\nstopped\n\n"));
  stopped.state = "failed";
  stopped.error = "the disk is full";
  EXPECT_THAT(MarkdownLog({}).entry(stopped), HasSubstr("## State\n\nfailed: the disk is full\n"));
  EXPECT_EQ(turn_json(stopped, {})["state"], "failed");
  EXPECT_FALSE(turn_json(turn("a", "b"), {}).contains("state"));
  EXPECT_THAT(*short_entry(stopped, false, false), HasSubstr("\n  state: failed\n"));
}

TEST(Rows, DataUnpacksAListAndKeepsNamesApart) {
  const std::vector<store::LoggedTurn> turns = {
      turn("", R"({"items": [{"a": 1}, {"response_id": 2}]})"), turn("", "no JSON"),
      turn("", "[1, \"\\u00e9\"]")};
  EXPECT_EQ(data_lines(turns, {.key = "items"}),
            "{\"a\": 1}\n{\"response_id\": 2}\n[1, \"\\u00e9\"]\n");
  EXPECT_EQ(data_lines(turns, {.array = true, .key = "items", .ids = true}),
            "[{\"a\": 1, \"response_id\": \"t1\", \"conversation_id\": \"c1\"},\n"
            " {\"response_id\": 2, \"response_id_\": \"t1\", \"conversation_id\": \"c1\"},\n"
            " [1, \"\\u00e9\"]]\n");
  EXPECT_EQ(data_lines({}, {.array = true}), "[]\n");
  EXPECT_EQ(data_lines({}, {}), "");
}

TEST(Rows, TruncationLeavesOutJson) {
  const auto json = turn_json(turn(std::string(101, 'p'), "r"), {.truncate = true});
  EXPECT_EQ(json["prompt"].get<std::string>().size(), 100u);
  EXPECT_FALSE(json.contains("options_json"));
  EXPECT_TRUE(json.contains("schema_json"));  // null stays
}

TEST(Page, RendersMarkdownAndNothingElse) {
  EXPECT_EQ(html_of_markdown("# T\n\n*a* **b** `c<d`\n"),
            "<h1>T</h1>\n<p><em>a</em> <strong>b</strong> <code>c&lt;d</code></p>\n");
  EXPECT_EQ(html_of_markdown("```html\n<b>\n```\n"), "<pre><code>&lt;b&gt;\n</code></pre>\n");
  EXPECT_THAT(html_of_markdown("|a|b|\n|---|---|\n|1|2|\n"), HasSubstr("<td>1</td>"));
  EXPECT_EQ(html_of_markdown("[x](https://e.org/?a=1&b='\")"),
            "<p><a rel=\"noreferrer noopener\" "
            "href=\"https://e.org/?a=1&amp;b=&#39;&quot;\">x</a></p>\n");
}

TEST(Page, EntitiesInAddressesAreWhatTheyStandFor) {
  for (const char* address : {"https://e.org/?a=1&amp;b=2", "https://e.org/?a=1&#38;b=2"}) {
    EXPECT_THAT(html_of_markdown(fmt::format("[x]({})", address)),
                HasSubstr("href=\"https://e.org/?a=1&amp;b=2\""));
  }
  EXPECT_THAT(html_of_markdown("[x](https://e.org/&eacute;)"), HasSubstr("e.org/&eacute;\""));
}

TEST(Page, HostileTextsStayTexts) {
  for (const char* text :
       {"<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))", "[x](data:text/html,<script>)", "![x](https://e.org/t.png)",
        "<javascript:alert(1)>", "[x]: javascript:alert(1)\n\n[x]", "\"><script>",
        "&#x3C;script&#x3E;alert(1)&#60;/script>", "[a ![b](javascript:x) c](vbscript:y)"}) {
    const std::string html = html_of_markdown(text);
    EXPECT_THAT(html, Not(HasSubstr("<script"))) << text;
    EXPECT_THAT(html, Not(HasSubstr("<img"))) << text;
    EXPECT_THAT(html, Not(HasSubstr("href=\"javascript"))) << text;
    EXPECT_THAT(html, Not(HasSubstr("href=\"JaVa"))) << text;
    EXPECT_THAT(html, Not(HasSubstr("href=\"data"))) << text;
    EXPECT_THAT(html, Not(HasSubstr("href=\"vb"))) << text;
  }
  EXPECT_EQ(html_escaped("a\x1b[31m\xE2\x80\xAE\xFF"), "a^[[31m&lt;U+202E&gt;\xEF\xBF\xBD");
  EXPECT_THAT(html_of_markdown("&#x202e;x"), HasSubstr("&lt;U+202E&gt;x"));
  EXPECT_THAT(html_of_markdown("a&lrm;b&rlm;c"), HasSubstr("a&lt;U+200E&gt;b&lt;U+200F&gt;c"));
  EXPECT_THAT(html_of_markdown("[x](https://e.org/&rlm;)"), HasSubstr("e.org/&lt;U+200F&gt;\""));
  EXPECT_THAT(html_of_markdown("[x](https://e.org/&quot;onclick=&quot;y)"),
              HasSubstr("href=\"https://e.org/&quot;onclick=&quot;y\""));
}

TEST(Page, IsAWholePage) {
  Transcript transcript;
  transcript.turns = {turn("<b>", "Use `x`")};
  transcript.turns[0].model = "<i>m</i>";
  transcript.turns[0].state = "stopped";
  store::LoggedAttachment image;
  image.id = "img";
  image.type = "image/png";
  image.has_content = true;
  image.content_length = 3;
  transcript.turns[0].attachments = {image};
  transcript.images["img"] = "\x01\x02\x03";
  const std::string page = html_page(transcript);
  EXPECT_THAT(page, StartsWith("<!doctype html>\n"));
  EXPECT_THAT(page, HasSubstr("<title>A talk</title>"));
  EXPECT_THAT(page, HasSubstr("default-src 'none'"));
  EXPECT_THAT(page, HasSubstr("&lt;b&gt;"));
  EXPECT_THAT(page, HasSubstr("&lt;i&gt;m&lt;/i&gt;"));
  EXPECT_THAT(page, HasSubstr("src=\"data:image/png;base64,AQID\""));
  EXPECT_THAT(page, HasSubstr("<p class=\"ending\">stopped</p>"));
  image.type = "image/svg+xml";
  EXPECT_FALSE(is_shown_image(image));
}

TEST(Transcript, IsMarkdown) {
  Transcript transcript;
  transcript.turns = {turn("Hi", "Hello")};
  EXPECT_EQ(markdown_text(transcript),
            "# A talk\n\n## Prompt (2026-08-01 10:00 UTC)\n\nHi\n\n## m\n\nHello\n");
}

}  // namespace
}  // namespace hob::logs

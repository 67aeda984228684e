// The seam to rust/, whose tests cover the rules; tests/prompts_test.py compares with strip-tags.
#include "text/html.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/rng.h"

namespace hob::text {
namespace {

using ::testing::HasSubstr;

TEST(Html, OptionsArriveWhereTheyBelong) {
  const std::string page = "<h1 id=t title=x>A  B</h1><p class=c>C</p><p>D</p>";
  EXPECT_EQ(*strip_tags(page, {}), "A  BCD");
  EXPECT_EQ(*strip_tags(page, {.selectors = {"p"}, .first = true}), "C");
  EXPECT_EQ(*strip_tags(page, {.removes = {".c"}, .minify = true}), "A BD");
  EXPECT_EQ(*strip_tags(page, {.selectors = {"h1"}, .keep_tags = {"hs"}}),
            "<h1 id=\"t\">A  B</h1>");
  EXPECT_EQ(*strip_tags(page, {.selectors = {"h1"}, .keep_tags = {"h1"}, .all_attrs = true}),
            "<h1 id=\"t\" title=\"x\">A  B</h1>");
  EXPECT_EQ(*strip_tags("", {}), "");
}

TEST(Html, ErrorsAreOneLine) {
  const auto out = strip_tags("<p>", {.selectors = {"p >"}});
  ASSERT_FALSE(out);
  EXPECT_THAT(out.error().message, HasSubstr("'p >' is not a CSS selector"));
  EXPECT_EQ(out.error().message.find('\n'), std::string::npos);
  EXPECT_FALSE(strip_tags("<p>", {.selectors = {"\xff"}}));
}

TEST(Html, AnyBytesGiveTextOrAnError) {
  const std::string whole =
      "<!doctype html><table><tr><td>a<b>b<svg><title>t</title><p>c</svg><template><i>d</i>"
      "</template><select><option>e</select><pre>\n f</pre><!-- g --><script>h</script>&amp;&#x80;";
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    std::string broken = whole;
    for (uint32_t k = 0; k < 1 + seed % 8; ++k) {
      const auto draw = random_words(seed, RandomStream::kTest, 0, k);
      broken[draw[0] % broken.size()] =
          draw[1] % 2 ? "<>/&\"'"[draw[2] % 6] : static_cast<char>(draw[3]);
    }
    for (const bool minify : {false, true})
      (void)strip_tags(broken, {.keep_tags = {"b", "tables"}, .minify = minify});
  }
}

}  // namespace
}  // namespace hob::text

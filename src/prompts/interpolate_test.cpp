#include "prompts/interpolate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hob::prompts {
namespace {

using nlohmann::ordered_json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string filled(const char* text, const ordered_json& values) {
  const auto out = interpolate(text, values);
  return out ? *out : "error: " + out.error().message;
}

TEST(Interpolate, NamesBracesAndDollars) {
  const ordered_json values = {{"a", "1"}, {"b_2", "two"}};
  EXPECT_EQ(filled("$a ${a}x $$5 $b_2.", values), "1 1x $5 two.");
  EXPECT_EQ(filled("no variables", values), "no variables");
  EXPECT_EQ(filled("", values), "");
  EXPECT_EQ(filled("$$$a", values), "$1");
}

TEST(Interpolate, ListsEveryMissingVariableOnce) {
  EXPECT_EQ(filled("$x ${y} $x $a", {{"a", "1"}}), "error: Missing variables: x, y");
}

TEST(Interpolate, SaysWhereALoneDollarStands) {
  EXPECT_THAT(filled("ok\nit costs $5", {}), HasSubstr("line 2, column 10"));
  EXPECT_THAT(filled("${", {}), HasSubstr("line 1, column 1"));
  EXPECT_THAT(filled("${a b}", {{"a", "1"}}), HasSubstr("column 1"));
  EXPECT_THAT(filled("at the end $", {}), HasSubstr("column 12"));
}

TEST(Interpolate, ValuesAreNotLookedAtAgain) {
  EXPECT_EQ(filled("$a", {{"a", "$b ${c} $"}}), "$b ${c} $");
}

TEST(Interpolate, ValuesOfOtherTypesReadAsInPython) {
  EXPECT_EQ(filled("$a", {{"a", true}}), "True");
  EXPECT_EQ(filled("$a", {{"a", nullptr}}), "None");
  EXPECT_EQ(filled("$a", {{"a", 0.5}}), "0.5");
  EXPECT_EQ(filled("$a", {{"a", 3}}), "3");
  EXPECT_EQ(filled("$a", {{"a", ordered_json::parse(R"(["a", 1, {"k": "it's"}])")}}),
            R"(['a', 1, {'k': "it's"}])");
}

TEST(Interpolate, VariablesInOrder) {
  EXPECT_THAT(variables_of("$b ${a} $$no $b $_x9"), ElementsAre("b", "a", "_x9"));
}

}  // namespace
}  // namespace hob::prompts

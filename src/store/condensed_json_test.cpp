#include "store/condensed_json.h"

#include <gtest/gtest.h>

namespace hob::store {
namespace {

using nlohmann::ordered_json;

ordered_json json(const char* text) { return ordered_json::parse(text); }

std::string resolved(const char* condensed, const char* known) {
  Replacements replacements;
  const ordered_json values = json(known);
  for (const auto& [key, value] : values.items()) add_replacements(replacements, key, value);
  const auto out = resolve_condensed(json(condensed), replacements);
  return out ? out->dump() : "unresolved";
}

TEST(CondensedJson, StringsAndValues) {
  EXPECT_EQ(
      resolved(R"({"a": {"$": "t"}, "b": [1, {"$": "o"}]})", R"({"t": "text", "o": {"x": 1}})"),
      R"({"a":"text","b":[1,{"x":1}]})");
  EXPECT_EQ(resolved(R"({"$r": ["<", {"$": "t"}, ">"]})", R"({"t": "text"})"), R"("<text>")");
  EXPECT_EQ(resolved(R"({"$": "o.list.1"})", R"({"o": {"list": [1, "two"]}})"), R"("two")");
  EXPECT_EQ(resolved(R"({"$raw": {"$": "t"}})", "{}"), R"({"$":"t"})");
  EXPECT_EQ(resolved("3.5", "{}"), "3.5");
}

TEST(CondensedJson, Patches) {
  const char* base = R"({"o": {"x": 1, "y": 2, "z": 3}, "t": "text"})";
  EXPECT_EQ(resolved(R"({"$": {"m": "o", "u": {"y": {"$": "t"}, "w": 0}, "d": ["x"]}})", base),
            R"({"y":"text","z":3,"w":0})");
  EXPECT_EQ(resolved(R"({"$": {"m": "o"}})", base), R"({"x":1,"y":2,"z":3})");
}

TEST(CondensedJson, WhatDoesNotResolveIsNothing) {
  for (const char* condensed :
       {R"({"$": "none"})", R"([{"$": "none"}])", R"({"$": 3})", R"({"$r": "x"})",
        R"({"$r": [{"$": "o"}]})", R"({"$": {"m": "t"}})", R"({"$": {"m": "o", "d": ["q"]}})",
        R"({"$": {"m": "o", "extra": 1}})", R"({"$": {"u": {}}})"}) {
    EXPECT_EQ(resolved(condensed, R"({"o": {"x": 1}, "t": "text"})"), "unresolved") << condensed;
  }
}

}  // namespace
}  // namespace hob::store

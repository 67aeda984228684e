#include "text/schema_dsl.h"

#include <gtest/gtest.h>

namespace hob::text {
namespace {

std::string dsl(std::string_view text) {
  const auto schema = schema_from_dsl(text);
  return schema ? schema->dump() : schema.error().message;
}

TEST(SchemaDsl, Fields) {
  EXPECT_EQ(dsl("name, age int, score float, tame bool, nick str"),
            R"({"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer"},)"
            R"("score":{"type":"number"},"tame":{"type":"boolean"},"nick":{"type":"string"}},)"
            R"("required":["name","age","score","tame","nick"]})");
}

TEST(SchemaDsl, LinesMayHoldCommasInTheirDescriptions) {
  EXPECT_EQ(dsl("\n  age int: in years, whole: ones\n\n name:  \n"),
            R"({"type":"object","properties":{"age":{"type":"integer",)"
            R"("description":"in years, whole: ones"},"name":{"type":"string"}},)"
            R"("required":["age","name"]})");
}

TEST(SchemaDsl, NothingIsAnEmptyObject) {
  EXPECT_EQ(dsl(" , ,"), R"({"type":"object","properties":{},"required":[]})");
}

TEST(SchemaDsl, AFieldNeedsAName) {
  EXPECT_EQ(dsl("name, : what"), "schema: a field without a name: ': what'");
}

TEST(SchemaDsl, ATypeIsOneOfFour) {
  EXPECT_EQ(dsl("name, age number"),
            "schema: field 'age': no type 'number'; int, float, bool or str");
}

TEST(SchemaDsl, ANameComesOnce) {
  EXPECT_EQ(dsl("name, name int"), "schema: field 'name' comes twice");
}

TEST(SchemaDsl, Many) {
  EXPECT_EQ(schema_of_many({{"type", "null"}}).dump(),
            R"({"type":"object","properties":{"items":{"type":"array","items":{"type":"null"}}},)"
            R"("required":["items"]})");
}

}  // namespace
}  // namespace hob::text

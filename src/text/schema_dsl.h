// llm's short way to write a JSON schema: "name, age int, bio: one sentence about the person".
//
// Fields are separated by commas or, where there is a line break, by lines. A field is a name, a
// type (int, float, bool, str; str where there is none), and after a colon a description. All are
// required.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

#include "base/result.h"

namespace hob::text {

// An error where a field has no name, a name that came before, or another word for a type. Empty
// text is an object without fields.
Result<nlohmann::ordered_json> schema_from_dsl(std::string_view dsl);

// {"items": [...]} of such values.
nlohmann::ordered_json schema_of_many(nlohmann::ordered_json schema);

}  // namespace hob::text

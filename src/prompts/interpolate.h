// Variables of a prompt template: $name, ${name}, and $$ for a dollar, as Python's string.Template
// has them. Names are ASCII letters, digits and underscores that do not begin with a digit.
//
// Unlike llm, ${name} counts wherever $name does: its missing value is named in the same error, and
// ${input} is the person's text as $input is.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hob::prompts {

// In the order in which they stand, each once.
std::vector<std::string> variables_of(std::string_view text);

// `values` is an object. All names that it lacks are listed in one error; a lone dollar is an error
// that says where it stands. A value is spelled as Python spells it (text/python_text.h).
Result<std::string> interpolate(std::string_view text, const nlohmann::ordered_json& values);

}  // namespace hob::prompts

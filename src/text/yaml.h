// YAML in and out, as llm's files are written: read by yaml-cpp into JSON values with YAML 1.1's
// meanings, and written byte for byte as PyYAML writes it, so that a file that hob saved and one
// that llm saved are the same file.
//
// What yaml-cpp gets wrong stays so: of two line breaks at the end of a quoted scalar it reads one.
//
// Untrusted input: aliases are expanded within a bound on the whole, nesting is bounded, unknown
// tags are refused. Not kept: comments, anchors, the order of documents (one is read, more are an
// error).
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hob::text {

// Errors say where, without naming the file. Mapping keys become text; of two equal ones the last
// stands. Empty text is null.
Result<nlohmann::ordered_json> parse_yaml(std::string_view text);

struct YamlStyle {
  int indent = 2;
  int width = 80;              // lines are folded at blanks past it; 0: never
  bool sort_keys = false;      // by code point
  bool literal_lines = false;  // text of several lines as a "|" block
};

// Block style, only ASCII, a line break at the end. kTooLarge where values nest too deeply.
Result<std::string> to_yaml(const nlohmann::ordered_json& value, const YamlStyle& style = {});

}  // namespace hob::text

// What a plain YAML scalar means: YAML 1.1 as PyYAML's safe loader resolves it, which is what files
// written for llm expect ("yes" is true, "010" is eight, "1:30" is ninety).
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace hob::text {

enum class YamlKind {
  kString,
  kNull,
  kBool,
  kInt,
  kFloat,
  kTimestamp,
  kMerge,     // <<
  kReserved,  // "=", which means the default value and which nobody uses
};

YamlKind yaml_kind(std::string_view plain);

// The value of a plain scalar. Timestamps and what has no meaning of its own stay text; whole
// numbers beyond 64 bits become the nearest double.
nlohmann::ordered_json yaml_value(std::string_view plain);

// A double as Python prints it: "0.1", "1e+16", "2.0".
std::string python_float(double value);

}  // namespace hob::text

// A provider's raw reply, as llm stores it: strings and values that the turn's own messages hold
// are replaced by references, {"$": "0.1.text"}. This resolves them again.
//
// Strings: {"$r": ["before ", {"$": key}, " after"]}. Values: {"$": key}, or {"$": {"m": key, "u":
// {changed keys}, "d": [removed keys]}}. {"$raw": x} is x, not looked into.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <unordered_map>

namespace hob::store {

using Replacements = std::unordered_map<std::string, nlohmann::ordered_json>;

// Adds `value` under `key`, and everything inside it under "key.NAME" and "key.INDEX".
void add_replacements(Replacements& out, const std::string& key,
                      const nlohmann::ordered_json& value);

// Nothing when a reference cannot be resolved.
std::optional<nlohmann::ordered_json> resolve_condensed(const nlohmann::ordered_json& condensed,
                                                        const Replacements& replacements);

}  // namespace hob::store

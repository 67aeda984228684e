#include "store/condensed_json.h"

#include <fmt/format.h>

namespace hob::store {
namespace {

using nlohmann::ordered_json;
using Resolved = std::optional<ordered_json>;

bool is_mark(const ordered_json& value, const char* mark) {
  return value.is_object() && value.size() == 1 && value.begin().key() == mark;
}

const ordered_json* find(const Replacements& replacements, const ordered_json& key) {
  if (!key.is_string()) return nullptr;
  const auto place = replacements.find(key.get_ref<const std::string&>());
  return place == replacements.end() ? nullptr : &place->second;
}

// {"m": key, "u": {...}, "d": [...]}
Resolved merged(const ordered_json& patch, const Replacements& replacements) {
  const auto base_key = patch.find("m");
  if (base_key == patch.end()) return std::nullopt;
  const ordered_json* base = find(replacements, *base_key);
  if (!base || !base->is_object()) return std::nullopt;
  ordered_json out = *base;
  for (const auto& [field, value] : patch.items()) {
    if (field == "m") continue;
    if (field == "d" && value.is_array()) {
      for (const ordered_json& name : value) {
        if (!name.is_string() || out.erase(name.get<std::string>()) == 0) return std::nullopt;
      }
    } else if (field != "u" || !value.is_object()) {
      return std::nullopt;
    }
  }
  if (const auto changes = patch.find("u"); changes != patch.end()) {
    for (const auto& [name, value] : changes->items()) {
      auto resolved = resolve_condensed(value, replacements);
      if (!resolved) return std::nullopt;
      out[name] = std::move(*resolved);
    }
  }
  return out;
}

Resolved referred(const ordered_json& reference, const Replacements& replacements) {
  if (reference.is_object()) return merged(reference, replacements);
  const ordered_json* value = find(replacements, reference);
  return value ? Resolved(*value) : std::nullopt;
}

Resolved joined(const ordered_json& pieces, const Replacements& replacements) {
  if (!pieces.is_array()) return std::nullopt;
  std::string out;
  for (const ordered_json& piece : pieces) {
    const ordered_json* text = is_mark(piece, "$") ? find(replacements, piece["$"]) : &piece;
    if (!text || !text->is_string()) return std::nullopt;
    out += text->get_ref<const std::string&>();
  }
  return ordered_json(std::move(out));
}

// The children of a value, each resolved.
Resolved resolved_inside(const ordered_json& value, const Replacements& replacements) {
  ordered_json out = value;
  for (ordered_json& child : out) {
    if (!child.is_structured()) continue;
    auto resolved = resolve_condensed(child, replacements);
    if (!resolved) return std::nullopt;
    child = std::move(*resolved);
  }
  return out;
}

}  // namespace

void add_replacements(Replacements& out, const std::string& key, const ordered_json& value) {
  out.insert_or_assign(key, value);
  if (value.is_object()) {
    for (const auto& [name, child] : value.items())
      add_replacements(out, fmt::format("{}.{}", key, name), child);
  } else if (value.is_array()) {
    for (size_t i = 0; i < value.size(); ++i)
      add_replacements(out, fmt::format("{}.{}", key, i), value[i]);
  }
}

std::optional<ordered_json> resolve_condensed(const ordered_json& condensed,
                                              const Replacements& replacements) {
  if (is_mark(condensed, "$")) return referred(condensed["$"], replacements);
  if (is_mark(condensed, "$r")) return joined(condensed["$r"], replacements);
  if (is_mark(condensed, "$raw")) return resolved_inside(condensed["$raw"], replacements);
  if (condensed.is_structured()) return resolved_inside(condensed, replacements);
  return condensed;
}

}  // namespace hob::store

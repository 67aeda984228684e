// One walk over the text serves both questions: which variables there are, and what it becomes.
#include "prompts/interpolate.h"

#include <algorithm>

#include "text/python_text.h"

namespace hob::prompts {
namespace {

using nlohmann::ordered_json;

bool begins_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool in_name(char c) { return begins_name(c) || (c >= '0' && c <= '9'); }

size_t name_length(std::string_view text) {
  if (text.empty() || !begins_name(text[0])) return 0;
  return static_cast<size_t>(std::find_if_not(text.begin(), text.end(), in_name) - text.begin());
}

// Calls on_text(piece), on_name(name), and on_stray(offset) for a dollar that begins none of them.
template <class Text, class Name, class Stray>
void walk(std::string_view text, Text&& on_text, Name&& on_name, Stray&& on_stray) {
  for (size_t i = 0; i < text.size();) {
    const size_t dollar = std::min(text.find('$', i), text.size());
    if (dollar > i) on_text(text.substr(i, dollar - i));
    if (dollar == text.size()) return;
    const std::string_view after = text.substr(dollar + 1);
    if (after.starts_with('$')) {
      on_text("$");
      i = dollar + 2;
    } else if (const size_t plain = name_length(after); plain > 0) {
      on_name(after.substr(0, plain));
      i = dollar + 1 + plain;
    } else if (const size_t braced = after.starts_with('{') ? name_length(after.substr(1)) : 0;
               braced > 0 && after.substr(1 + braced).starts_with('}')) {
      on_name(after.substr(1, braced));
      i = dollar + 3 + braced;
    } else {
      on_stray(dollar);
      i = dollar + 1;
    }
  }
}

}  // namespace

std::vector<std::string> variables_of(std::string_view text) {
  std::vector<std::string> names;
  const auto add = [&](std::string_view name) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.emplace_back(name);
  };
  walk(text, [](std::string_view) {}, add, [](size_t) {});
  return names;
}

Result<std::string> interpolate(std::string_view text, const ordered_json& values) {
  std::vector<std::string> missing;
  for (const std::string& name : variables_of(text)) {
    if (!values.contains(name)) missing.push_back(name);
  }
  if (!missing.empty()) {
    return fail(ErrorKind::kInvalid, "Missing variables: {}", fmt::join(missing, ", "));
  }
  std::string out;
  size_t stray = std::string_view::npos;
  walk(
      text, [&](std::string_view piece) { out += piece; },
      [&](std::string_view name) { out += text::python_str(values[std::string(name)]); },
      [&](size_t at) { stray = std::min(stray, at); });
  if (stray == std::string_view::npos) return out;
  const auto before = text.substr(0, stray);
  const auto line = std::count(before.begin(), before.end(), '\n');
  const size_t line_start = before.rfind('\n') == before.npos ? 0 : before.rfind('\n') + 1;
  return fail(ErrorKind::kInvalid,
              "line {}, column {}: a dollar that begins no variable ('$$' is a dollar)", line + 1,
              stray - line_start + 1);
}

}  // namespace hob::prompts

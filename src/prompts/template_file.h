// A prompt template: what a file of llm's templates folder holds.
//
// A file is YAML: a bare text, which is the prompt, or a mapping of the keys below. Unknown keys
// and values of the wrong type are refused, all of them in one error. `tools` and `functions` are
// kept, shown and saved; whoever runs a template must refuse them by name while hob runs no tools.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace hob::prompts {

struct TypedAttachment {
  std::string type, value;
};

struct Template {
  std::string name;
  std::optional<std::string> prompt, system, model, functions;
  std::optional<nlohmann::ordered_json> defaults, options, schema_object;  // objects
  std::optional<bool> extract, extract_last;
  std::optional<std::vector<std::string>> attachments, fragments, system_fragments, tools;
  std::optional<std::vector<TypedAttachment>> attachment_types;
  bool from_file = false;  // as opposed to a URL or a loader: written by somebody else

  // The keys that are set, `name` among them, as `templates show` prints them.
  nlohmann::ordered_json to_json() const;
  // Names of the variables in prompt and system.
  std::vector<std::string> variables() const;
  bool uses_input() const;
  // Sections that hob cannot run yet: "tools", "functions".
  std::vector<std::string> refused() const;
  // Fragments and attachments that are no URLs. What somebody else wrote may not say which files of
  // a person are sent.
  std::vector<std::string> local_names() const;
};

// The error names the template.
Result<Template> parse_template(std::string name, std::string_view yaml);

// Prompt and system prompt as they stand so far; empty means none.
struct Texts {
  std::string prompt, system;
};

// Applies one template to what the person gave, as llm does: a template's prompt goes before the
// person's text on a line of its own or, where it uses $input, around it; its system prompt stands
// only where there is none yet. `params` are -p's values; the template's defaults fill what they
// lack, for this template and for those after it.
Result<Texts> apply_template(const Template& source, Texts texts, nlohmann::ordered_json& params);

// The first of prompt fragments joined by line breaks and the prompt; and the same for the system
// prompt, where the pieces are trimmed and stand a blank line apart.
std::string joined_prompt(const std::vector<std::string>& fragments, std::string_view prompt);
std::string joined_system(const std::vector<std::string>& fragments, std::string_view system);

}  // namespace hob::prompts

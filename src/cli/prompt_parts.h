// -f, --sf, -t, -p, --save: what a prompt is put together from, for `hob prompt` and `hob chat`.
//
// The order is llm's: templates from left to right, each applied to what the one before it made;
// their fragments and attachments before those of the command line; text from standard input before
// the first template that uses $input, else before the finished prompt.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "cli/io.h"
#include "prompts/fragment.h"
#include "prompts/template_file.h"

namespace hob::cli {

using OptionPairs = std::vector<std::pair<std::string, std::string>>;

struct PartsFlags {
  std::vector<std::string> fragments, system_fragments, templates;
  OptionPairs params;
  // `many`: templates may be combined; otherwise the last one named stands.
  void declare(CLI::App& app, bool many);
};

// What the templates add to the command line.
struct TemplateParts {
  std::vector<prompts::Template> templates;
  nlohmann::ordered_json params;                        // -p, and what templates' defaults add
  std::vector<std::string> fragments, system_fragments;  // names: the templates', then the flags'
  std::vector<std::string> attachments;                 // names, before the flags'
  std::vector<prompts::TypedAttachment> typed_attachments;
  std::optional<std::string> model;  // of the first template that names one
  OptionPairs options;               // for keys that no flag and no earlier template sets
  bool extract = false, extract_last = false;
  std::optional<nlohmann::ordered_json> schema;  // of the last template that has one
  bool uses_input() const;
};

// Loads the templates of `flags`; `options` are -o's. What hob cannot run is refused by name.
Result<TemplateParts> load_templates(const PartsFlags& flags, const OptionPairs& options);

// Applies them to the texts that the person gave.
Result<prompts::Texts> apply_templates(TemplateParts& parts, prompts::Texts texts);

// Aliases and hashes in the ledger's database, "-" from `io`; what loaders leave out is noted;
// Ctrl-C under an InterruptGuard ends a fetch.
prompts::FragmentContext fragment_context(Io& io, store::Database* database);

// The ledger's database for aliases and hashes; nothing where there is none yet.
Result<std::optional<store::Database>> fragment_database(const std::string& path);
std::vector<std::string> contents_of(const std::vector<prompts::Fragment>& fragments);

// -o's pairs, then what `more` says of other keys, as the text that -o would take.
void add_options(OptionPairs& options, const nlohmann::ordered_json& more);

// --save: the keys of the template that these flags make.
struct SavedPrompt {
  std::string name, model, prompt, system;  // model: as -m was given
  OptionPairs params, options;
  bool extract = false, extract_last = false;
  std::optional<nlohmann::ordered_json> schema;
  std::vector<std::string> fragments, system_fragments, attachments;
  std::vector<prompts::TypedAttachment> typed_attachments;
};
Result<> save_prompt(const SavedPrompt& saved);

}  // namespace hob::cli

// What may come next on a hob command line: the answer to the Tab key.
//
// Commands and flags come from the table of commands; values (models, templates, conversations,
// ...) from the files where they are kept, read as they stand. A completion never fails and never
// waits: a source that cannot be read offers nothing.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/io.h"

namespace hob::cli {

struct Candidate {
  std::string value;  // the whole word
  std::string help;   // one line; may be empty
};

struct Completion {
  std::vector<Candidate> candidates;
  bool files = false;  // the shell's own file names fit as well
};

// What a word can be, beyond commands and flags.
enum class ValueKind {
  kNone,
  kFile,
  kModel,
  kEmbeddingModel,
  kHostedModel,
  kTemplate,
  kAlias,
  kFragment,
  kConversation,
  kCollection,
  kSchema,
  kSamplerOption,
  kShell,
  kGrouping,
};

// Which values a flag or a positional takes, by any of its names. `command` is empty for a rule of
// all commands; the first that fits decides.
struct ValueRule {
  std::string_view command, word;
  ValueKind kind;
};
std::span<const ValueRule> value_rules();

// At most some hundred, those that begin with `prefix`. Newest first where there is a time.
std::vector<Candidate> live_values(ValueKind kind, std::string_view prefix);

// `words` are those after the program's name; the last is being typed and may be empty.
Completion complete(const std::vector<std::string>& words);

// The words of a shell's line up to the cursor, without the first; quotes and backslashes as in a
// POSIX shell, whatever is unfinished taken as it stands. The last word is the one being typed.
std::vector<std::string> words_of_line(std::string_view line);

// Lines for the scripts of `hob completion`. For bash: what stands in for the part of the word that
// Readline takes for one, quoted. For the others: "value<TAB>help". ":files" asks for file names.
std::string completion_lines(const Completion& completion, std::string_view current, bool for_bash);

// hob __complete: what the scripts call.
void run_complete(const std::vector<std::string>& arguments, Io& io);

}  // namespace hob::cli

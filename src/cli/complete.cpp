#include "cli/complete.h"

#include <algorithm>
#include <set>

#include "cli/command.h"
#include "cli/safe_text.h"

namespace hob::cli {
namespace {

constexpr ValueRule kRules[] = {
    {"cost estimate", "--model", ValueKind::kHostedModel},
    {"prices show", "MODEL", ValueKind::kHostedModel},
    {"embed", "--model", ValueKind::kEmbeddingModel},
    {"embed-multi", "--model", ValueKind::kEmbeddingModel},
    {"embed-models default", "MODEL", ValueKind::kEmbeddingModel},
    {"embed-multi", "INPUT_PATH", ValueKind::kFile},
    {"aliases remove", "ALIAS", ValueKind::kAlias},
    {"templates show", "NAME", ValueKind::kTemplate},
    {"templates edit", "NAME", ValueKind::kTemplate},
    {"schemas show", "SCHEMA_ID", ValueKind::kSchema},
    {"fragments set", "FRAGMENT", ValueKind::kFragment},
    {"fragments show", "ALIAS_OR_HASH", ValueKind::kFragment},
    {"fragments remove", "ALIAS", ValueKind::kFragment},
    {"completion", "SHELL", ValueKind::kShell},
    {"", "COLLECTION", ValueKind::kCollection},
    {"", "--by", ValueKind::kGrouping},
    {"", "--model", ValueKind::kModel},
    {"", "MODEL", ValueKind::kModel},
    {"", "--template", ValueKind::kTemplate},
    {"", "--fragment", ValueKind::kFragment},
    {"", "--system-fragment", ValueKind::kFragment},
    {"", "--conversation", ValueKind::kConversation},
    {"", "--option", ValueKind::kSamplerOption},
    {"", "--schema", ValueKind::kSchema},
    {"", "--schema-multi", ValueKind::kSchema},
    {"", "--grammar", ValueKind::kFile},
    {"", "SOURCE", ValueKind::kFile},
};

bool is_positional(const CLI::Option& option) {
  return option.get_lnames().empty() && option.get_snames().empty();
}

// How many words one use of the flag takes.
int words_taken(const CLI::Option& option) {
  return option.get_items_expected_max() == 0 ? 0 : option.get_type_size_max();
}

// By the rules, else files where the help writes the value so: "FILE", "PATH".
ValueKind kind_of(std::string_view command, const CLI::Option& option) {
  for (const ValueRule& rule : kRules) {
    const bool there = rule.command.empty() || rule.command == command;
    if (there && option.check_name(std::string(rule.word))) return rule.kind;
  }
  const std::string written =
      is_positional(option) ? option.get_name(true) : option.get_option_text();
  const bool file = written.starts_with("FILE") || written.starts_with("PATH");
  return file ? ValueKind::kFile : ValueKind::kNone;
}

const CLI::Option* find_flag(const CLI::App& app, std::string_view name) {
  for (const CLI::Option* option : app.get_options()) {
    for (const auto& other : option->get_lnames()) {
      if (name == "--" + other) return option;
    }
    for (const auto& other : option->get_snames()) {
      if (name == "-" + other) return option;
    }
  }
  return nullptr;
}

// The flag of a word such as "-cum" that waits for its value in the next word; null where the word
// holds it ("-mNAME") or needs none.
const CLI::Option* waiting_short(const CLI::App& app, std::string_view word) {
  for (size_t i = 1; i < word.size(); ++i) {
    const CLI::Option* option = find_flag(app, fmt::format("-{}", word[i]));
    if (!option) return nullptr;
    if (words_taken(*option) > 0) return i + 1 == word.size() ? option : nullptr;
  }
  return nullptr;
}

struct Named {
  const Command* command = nullptr;
  std::string group;  // that still lacks its member
  size_t words = 0;
};

bool is_group(std::string_view name) {
  const std::string prefix = fmt::format("{} ", name);
  return std::any_of(commands().begin(), commands().end(),
                     [&](const Command& c) { return c.name.starts_with(prefix); });
}

// As run() chooses, among whole words.
Named named_command(const std::vector<std::string>& words, size_t count) {
  Named named;
  for (; named.words < count; ++named.words) {
    const std::string& word = words[named.words];
    const std::string name = named.group.empty() ? word : named.group + ' ' + word;
    if (const Command* command = find_command(name)) {
      named.command = command;
      named.group = is_group(name) ? name : std::string();
      ++named.words;
      return named;
    }
    if (!is_group(name)) break;
    named.group = name;
  }
  const bool all_words_used = named.words == count;
  named.command = named.group.empty() ? &commands().front() : find_command(named.group + " list");
  if (!all_words_used) named.group.clear();
  return named;
}

// First words of commands, or the members of a group.
void add_members(std::string_view group, std::string_view prefix, Completion& completion) {
  const std::string before = group.empty() ? "" : fmt::format("{} ", group);
  std::set<std::string> seen;
  for (const Command& command : commands()) {
    if (!command.name.starts_with(before)) continue;
    const std::string_view rest = command.name.substr(before.size());
    const std::string word(rest.substr(0, rest.find(' ')));
    if (!word.starts_with(prefix) || !seen.insert(word).second) continue;
    const bool whole = word.size() == rest.size();
    completion.candidates.push_back(
        {word, whole ? std::string(command.summary) : fmt::format("Commands: {} ...", word)});
  }
}

void add_flags(const CLI::App& app, std::string_view prefix, Completion& completion) {
  for (const CLI::Option* option : app.get_options()) {
    for (const auto& name : option->get_lnames()) {
      const std::string flag = "--" + name;
      if (flag.starts_with(prefix))
        completion.candidates.push_back({flag, option->get_description()});
    }
    for (const auto& name : option->get_snames()) {
      const std::string flag = "-" + name;
      if (flag.starts_with(prefix))
        completion.candidates.push_back({flag, option->get_description()});
    }
  }
}

void add_values(ValueKind kind, std::string_view prefix, const std::string& before,
                Completion& completion) {
  completion.files |= kind == ValueKind::kFile || kind == ValueKind::kFragment ||
                      kind == ValueKind::kTemplate || kind == ValueKind::kSchema ||
                      kind == ValueKind::kModel;
  for (Candidate& candidate : live_values(kind, prefix)) {
    candidate.value = before + candidate.value;
    completion.candidates.push_back(std::move(candidate));
  }
}

// What of the words after the command's name is over: a flag that waits for values, and how many
// positionals were there.
struct Parsed {
  const CLI::Option* waiting = nullptr;
  int taken = 0;  // values of `waiting` so far
  int positionals = 0;
  bool only_positionals = false;  // after "--"
};

Parsed parse(const CLI::App& app, const std::vector<std::string>& words, size_t begin) {
  Parsed parsed;
  for (size_t i = begin; i + 1 < words.size(); ++i) {
    const std::string& word = words[i];
    if (parsed.waiting) {
      if (++parsed.taken >= words_taken(*parsed.waiting)) parsed.waiting = nullptr;
    } else if (parsed.only_positionals || word.size() < 2 || word[0] != '-') {
      ++parsed.positionals;
    } else if (word == "--") {
      parsed.only_positionals = true;
    } else if (word.starts_with("--")) {
      const CLI::Option* option = find_flag(app, word);
      parsed.taken = 0;
      if (option && words_taken(*option) > 0) parsed.waiting = option;
    } else {
      parsed.taken = 0;
      parsed.waiting = waiting_short(app, word);
    }
  }
  return parsed;
}

void add_positional(const Command& command, const CLI::App& app, int index, std::string_view prefix,
                    Completion& completion) {
  for (const CLI::Option* option : app.get_options()) {
    if (!is_positional(*option)) continue;
    const bool takes_all = option->get_items_expected_max() > 1;
    if (index-- > 0 && !takes_all) continue;
    add_values(kind_of(command.name, *option), prefix, "", completion);
    return;
  }
}

}  // namespace

std::span<const ValueRule> value_rules() { return kRules; }

Completion complete(const std::vector<std::string>& words) {
  Completion completion;
  if (words.empty()) return completion;
  const std::string& current = words.back();
  size_t first = 0;
  const bool asks_help = words.size() > 1 && words[0] == "help";
  const std::vector<std::string> rest(words.begin() + (asks_help ? 1 : 0), words.end());
  const Named named = named_command(rest, rest.size() - 1);
  first = named.words;
  const bool is_flag = current.starts_with("-");
  const bool nothing_after = first + 1 == rest.size();
  if (!is_flag && nothing_after && (first == 0 || !named.group.empty())) {
    add_members(named.group, current, completion);
    if (first == 0 && std::string_view("help").starts_with(current) && !asks_help)
      completion.candidates.push_back({"help", "Show the help of a command"});
  }
  if (asks_help || !named.command) return completion;

  CLI::App app;
  Io none;
  define_common(app);
  named.command->define(app, none);
  const Parsed parsed = parse(app, rest, first);
  const std::string_view name = named.command->name;
  if (parsed.waiting) {
    // Of -o KEY VALUE and its like only the first can be known.
    if (parsed.taken == 0) add_values(kind_of(name, *parsed.waiting), current, "", completion);
    return completion;
  }
  const size_t equals = current.find('=');
  if (is_flag && !parsed.only_positionals && current.starts_with("--") && equals != current.npos) {
    const CLI::Option* option = find_flag(app, current.substr(0, equals));
    if (option && words_taken(*option) > 0)
      add_values(kind_of(name, *option), std::string_view(current).substr(equals + 1),
                 current.substr(0, equals + 1), completion);
    return completion;
  }
  if (is_flag && !parsed.only_positionals) {
    add_flags(app, current, completion);
    return completion;
  }
  add_positional(*named.command, app, parsed.positionals, current, completion);
  return completion;
}

std::vector<std::string> words_of_line(std::string_view line) {
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;
  char quote = 0;
  for (size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quote == '\'') {
      if (c == quote) {
        quote = 0;
      } else {
        word += c;
      }
    } else if (c == '\\' && i + 1 < line.size() &&
               (!quote || line[i + 1] == '"' || line[i + 1] == '\\' || line[i + 1] == '$' ||
                line[i + 1] == '`')) {
      word += line[++i];
      in_word = true;
    } else if (quote) {
      if (c == quote) {
        quote = 0;
      } else {
        word += c;
      }
    } else if (c == '\'' || c == '"') {
      quote = c;
      in_word = true;
    } else if (c == ' ' || c == '\t' || c == '\n') {
      if (in_word) words.push_back(word);
      word.clear();
      in_word = false;
    } else {
      word += c;
      in_word = true;
    }
  }
  words.push_back(word);
  words.erase(words.begin());  // the program's name
  if (words.empty()) words.emplace_back();
  return words;
}

namespace {

// As a POSIX shell reads it back.
std::string shell_quoted(std::string_view text) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=@%+,";
  std::string out;
  for (const char c : text) {
    const bool plain = kPlain.find(c) != kPlain.npos || static_cast<unsigned char>(c) >= 0x80;
    if (!plain) out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

std::string completion_lines(const Completion& completion, std::string_view current,
                             bool for_bash) {
  // Readline ends words at these, so that what it replaces begins after the last of them.
  const size_t broken = current.find_last_of(":=");
  const std::string_view stem =
      for_bash && broken != current.npos ? current.substr(0, broken + 1) : "";
  std::string out = completion.files ? ":files\n" : "";
  for (const Candidate& candidate : completion.candidates) {
    const std::string value = safe_line(candidate.value);
    if (value != candidate.value || !value.starts_with(stem)) continue;  // nobody could type it
    if (for_bash) {
      out += shell_quoted(std::string_view(value).substr(stem.size())) + '\n';
    } else {
      out += fmt::format("{}\t{}\n", value, safe_line(candidate.help));
    }
  }
  return out;
}

}  // namespace hob::cli

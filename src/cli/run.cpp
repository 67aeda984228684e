// Dispatch: find the command, define its flags, parse, act, report.
#include "cli/run.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <new>

#include "base/spelling.h"
#include "cli/command.h"
#include "cli/complete.h"
#include "cli/help.h"
#include "engine/sampler.h"

namespace hob::cli {
namespace {

constexpr int kOk = 0, kFailed = 1, kUsage = 2;

struct Chosen {
  const Command* command = nullptr;  // null: print the overview of `group`
  std::string group;                 // empty, or the words of the group that was named
  size_t words = 0;                  // leading arguments that named command or group
  bool fell_through = false;         // a group was named, and its `list` runs
};

bool is_help(std::string_view word) { return word == "-h" || word == "--help"; }

bool is_group(std::string_view word) {
  const std::string prefix = fmt::format("{} ", word);
  return std::any_of(commands().begin(), commands().end(),
                     [&](const Command& c) { return c.name.starts_with(prefix); });
}

// The command or group that the leading words name; without either, the first command of all. A
// group that has a `list` runs it when what follows is no member of the group, be it a flag or a
// word: `hob logs -n 5` is `hob logs list -n 5`.
Chosen choose(const std::vector<std::string>& arguments) {
  Chosen chosen;
  for (const std::string& word : arguments) {
    const std::string name = chosen.group.empty() ? word : chosen.group + ' ' + word;
    if (const Command* command = find_command(name))
      return {command, chosen.group, chosen.words + 1, false};
    if (!is_group(name)) break;
    chosen.group = name;
    ++chosen.words;
  }
  if (chosen.group.empty()) return {&commands().front(), {}, 0};
  const bool help = chosen.words < arguments.size() && is_help(arguments[chosen.words]);
  if (!help) chosen.command = find_command(chosen.group + " list");
  chosen.fell_through = chosen.command != nullptr;
  return chosen;
}

int usage_error(const Command& command, const CLI::App& app, Io& io, std::string_view message) {
  io.note(usage_line(command, app));
  io.note(fmt::format("Try 'hob {} --help' for help.\n\n", command.name));
  print_error(io, message);
  return kUsage;
}

// The member of a group (the first word of any command, for no group) that `word` is a slip of, or
// nothing.
std::string meant_member(std::string_view group, std::string_view word) {
  const std::string prefix = group.empty() ? "" : fmt::format("{} ", group);
  std::vector<std::string> members;
  for (const Command& command : commands()) {
    if (!command.name.starts_with(prefix)) continue;
    const std::string_view rest = command.name.substr(prefix.size());
    members.emplace_back(rest.substr(0, rest.find(' ')));
  }
  return nearest(word, members);
}

// `group` is empty, or the words of a group.
int no_such_command(std::string_view group, std::string_view word, Io& io) {
  const std::string prefix = group.empty() ? "" : fmt::format("{} ", group);
  const std::string near = meant_member(group, word);
  io.note(fmt::format("Usage: hob {}COMMAND [OPTIONS]\nTry 'hob {}--help' for help.\n\n", prefix,
                      prefix));
  print_error(io, fmt::format("No such command '{}'.{}", word,
                              near.empty() ? "" : fmt::format(" Did you mean {}?", near)));
  return kUsage;
}

// What a mistyped flag may have meant: a flag of the command, or an option of the sampler written
// as one.
std::string meant_by(const CLI::App& app, const std::string& flag) {
  const auto flags = flag_names(app);
  const std::string near_flag = nearest(flag, flags);
  if (std::find(flags.begin(), flags.end(), "--option") == flags.end()) return near_flag;
  std::string word = flag.substr(std::min(flag.find_first_not_of('-'), flag.size()));
  std::replace(word.begin(), word.end(), '-', '_');
  std::vector<std::string> options;
  for (const auto& option : engine::sampler_option_table()) options.emplace_back(option.name);
  const std::string near = nearest(word, options);
  if (near.empty()) return near_flag;
  const bool flag_is_nearer =
      !near_flag.empty() && edit_distance(flag, near_flag) <= edit_distance(word, near);
  return flag_is_nearer ? near_flag : fmt::format("-o {} VALUE", near);
}

// What CLI11 left over, in the words of Click.
std::string leftover_message(const CLI::App& app, const std::vector<std::string>& leftover) {
  for (const std::string& word : leftover) {
    if (word == "--") break;  // the rest is no flag, whatever it looks like
    if (word.size() < 2 || word[0] != '-') continue;
    const std::string flag = word.substr(0, word.find('='));
    const std::string near = meant_by(app, flag);
    return fmt::format("No such option: {}{}", flag,
                       near.empty() ? "" : fmt::format(" Did you mean {}?", near));
  }
  auto words = leftover;
  std::erase(words, "--");
  return fmt::format("Got unexpected extra argument{} ({})", words.size() > 1 ? "s" : "",
                     fmt::join(words, " "));
}

int finish(Io& io, const Result<>& result) {
  if (io.write_errno == EPIPE) return kFailed;
  if (io.write_errno != 0) {
    print_error(io,
                fmt::format("standard output: cannot write: {}", std::strerror(io.write_errno)));
    return kFailed;
  }
  if (result) return kOk;
  if (result.error().kind == ErrorKind::kCancelled) {
    io.note("Aborted!\n");
  } else {
    print_error(io, result.error().message);
  }
  return kFailed;
}

// "--name=" gives an empty value; CLI11 would take the next word for it. As two words it is clear.
std::vector<std::string> with_empty_values(const CLI::App& app, std::vector<std::string> words) {
  std::vector<std::string> out;
  bool flags_ended = false;
  for (std::string& word : words) {
    flags_ended = flags_ended || word == "--";
    const bool ends_empty = word.starts_with("--") && word.find('=') == word.size() - 1;
    if (!flags_ended && ends_empty) {
      const std::string name = word.substr(0, word.size() - 1);
      const CLI::Option* option = app.get_option_no_throw(name);
      if (option && option->get_items_expected_min() > 0) {
        out.push_back(name);
        word.clear();
      }
    }
    out.push_back(std::move(word));
  }
  return out;
}

// The first "--flag=value" whose flag takes no value; CLI11 would read one into it. What follows an
// option that takes values is theirs, whatever it looks like.
std::string flag_with_value(const CLI::App& app, const std::vector<std::string>& words) {
  for (size_t i = 0; i < words.size() && words[i] != "--"; ++i) {
    const size_t equals = words[i].find('=');
    const std::string name = words[i].substr(0, equals);
    const CLI::Option* option = name.starts_with('-') ? app.get_option_no_throw(name) : nullptr;
    if (!option) continue;
    const int values = option->get_items_expected_min();
    if (equals == std::string::npos) {
      i += static_cast<size_t>(std::max(values, 0));
    } else if (option->get_items_expected_max() == 0) {
      return name;
    }
  }
  return {};
}

int run_command(const Command& command, std::vector<std::string> arguments, Io& io) {
  CLI::App app;
  define_common(app);
  const Action action = command.define(app, io);
  if (const std::string flag = flag_with_value(app, arguments); !flag.empty())
    return usage_error(command, app, io, fmt::format("Option '{}' does not take a value.", flag));
  try {
    arguments = with_empty_values(app, std::move(arguments));
    std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back
    app.parse(std::move(arguments));
  } catch (const CLI::CallForHelp&) {
    io.write(command_help(command, app));
    return finish(io, {});
  } catch (const CLI::ParseError& error) {
    return usage_error(command, app, io, error.what());
  }
  // CLI11 counts the mark that ends the flags among what it did not take.
  const auto leftover = app.remaining();
  if (!std::all_of(leftover.begin(), leftover.end(), [](const auto& w) { return w == "--"; })) {
    return usage_error(command, app, io, leftover_message(app, leftover));
  }
  const Result<> result = action();
  if (!result && result.error().kind == ErrorKind::kUsage)
    return usage_error(command, app, io, result.error().message);
  return finish(io, result);
}

// `hob modles` is a prompt, as in llm; it is more likely a slip, which a person should hear of.
void hint_at_command(const std::vector<std::string>& arguments, Io& io) {
  if (arguments.size() != 1 || !io.err_terminal || arguments[0].find(' ') != std::string::npos)
    return;
  const std::string near = meant_member({}, arguments[0]);
  if (near.empty()) return;
  io.note(fmt::format("Taking '{}' as a prompt; did you mean 'hob {}'?\n", arguments[0], near));
}

// `hob logs stauts` would be `hob logs list stauts`, which takes no such argument: better to say
// what was meant.
bool slip_of_member(const Chosen& chosen, const std::vector<std::string>& arguments) {
  if (!chosen.fell_through || chosen.words >= arguments.size()) return false;
  if (arguments[chosen.words].starts_with('-')) return false;
  if (meant_member(chosen.group, arguments[chosen.words]).empty()) return false;
  CLI::App app;
  Io none;
  chosen.command->define(app, none);
  const auto options = app.get_options();
  return std::none_of(options.begin(), options.end(),
                      [](const CLI::Option* option) { return option->get_positional(); });
}

int dispatch(std::vector<std::string> arguments, Io& io) {
  if (!arguments.empty() && arguments[0] == "--version") {
    io.print("hob, version {}\n", HOB_VERSION);
    return finish(io, {});
  }
  if (!arguments.empty() && arguments[0] == "__complete") {  // for the scripts of `hob completion`
    run_complete({arguments.begin() + 1, arguments.end()}, io);
    return finish(io, {});
  }
  if (!arguments.empty() && arguments[0] == "help") {  // `hob help chat` is what hands type
    arguments.erase(arguments.begin());
    if (!arguments.empty() && !is_help(arguments[0]) && choose(arguments).words == 0)
      return no_such_command({}, arguments[0], io);
    arguments.push_back("--help");
  }
  const bool nothing_to_read = arguments.empty() && io.in_terminal;
  if (nothing_to_read || (!arguments.empty() && is_help(arguments[0]))) {
    io.write(overview());
    return finish(io, {});
  }
  const Chosen chosen = choose(arguments);
  if (!chosen.command) {
    const bool named = arguments.size() > chosen.words && !is_help(arguments[chosen.words]);
    if (named) return no_such_command(chosen.group, arguments[chosen.words], io);
    io.write(overview(chosen.group));
    return finish(io, {});
  }
  if (slip_of_member(chosen, arguments))
    return no_such_command(chosen.group, arguments[chosen.words], io);
  if (chosen.words == 0) hint_at_command(arguments, io);
  arguments.erase(arguments.begin(), arguments.begin() + static_cast<std::ptrdiff_t>(chosen.words));
  return run_command(*chosen.command, std::move(arguments), io);
}

}  // namespace

int run(std::vector<std::string> arguments, Io& io) {
  try {
    return dispatch(std::move(arguments), io);
  } catch (const std::bad_alloc&) {
    print_error(io, "out of memory");
  } catch (const std::exception& error) {
    print_error(io, error.what());
  }
  return kFailed;
}

}  // namespace hob::cli

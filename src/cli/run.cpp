// Dispatch: find the command, define its flags, parse, act, report.
#include "cli/run.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <new>

#include "base/spelling.h"
#include "cli/command.h"
#include "cli/help.h"
#include "engine/sampler.h"

namespace hob::cli {
namespace {

constexpr int kOk = 0, kFailed = 1, kUsage = 2;

struct Chosen {
  const Command* command = nullptr;  // null: print the overview of `group`
  std::string_view group;
  size_t words = 0;  // leading arguments that named it
};

bool is_group(std::string_view word) {
  const std::string prefix = fmt::format("{} ", word);
  return std::any_of(commands().begin(), commands().end(),
                     [&](const Command& c) { return c.name.starts_with(prefix); });
}

Chosen choose(const std::vector<std::string>& arguments) {
  if (arguments.empty()) return {&commands().front(), {}, 0};
  if (const Command* command = find_command(arguments[0])) return {command, {}, 1};
  if (!is_group(arguments[0])) return {&commands().front(), {}, 0};
  if (arguments.size() > 1) {
    if (const Command* command = find_command(arguments[0] + ' ' + arguments[1]))
      return {command, {}, 2};
  }
  return {nullptr, arguments[0], 1};
}

bool is_help(std::string_view word) { return word == "-h" || word == "--help"; }

std::vector<std::string> command_names() {
  std::vector<std::string> names;
  for (const Command& command : commands()) names.emplace_back(command.name);
  return names;
}

int usage_error(const Command& command, const CLI::App& app, Io& io, std::string_view message) {
  io.note(usage_line(command, app));
  io.note(fmt::format("Try 'hob {} --help' for help.\n\n", command.name));
  print_error(io, message);
  return kUsage;
}

// `group` is empty, or the command's first word.
int no_such_command(std::string_view group, std::string_view word, Io& io) {
  const std::string prefix = group.empty() ? "" : fmt::format("{} ", group);
  std::vector<std::string> names;
  for (const std::string& name : command_names()) {
    if (name.starts_with(prefix)) names.push_back(name.substr(prefix.size()));
  }
  const std::string near = nearest(word, names);
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
  if (const std::string near = nearest(flag, flags); !near.empty()) return near;
  if (std::find(flags.begin(), flags.end(), "--option") == flags.end()) return {};
  std::string word = flag.substr(std::min(flag.find_first_not_of('-'), flag.size()));
  std::replace(word.begin(), word.end(), '-', '_');
  std::vector<std::string> options;
  for (const auto& option : engine::sampler_option_table()) options.emplace_back(option.name);
  const std::string near = nearest(word, options);
  return near.empty() ? near : fmt::format("-o {} VALUE", near);
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

int run_command(const Command& command, std::vector<std::string> arguments, Io& io) {
  CLI::App app;
  define_common(app);
  const Action action = command.define(app, io);
  try {
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
  return finish(io, action());
}

// `hob modles` is a prompt, as in llm; it is more likely a slip, which a person should hear of.
void hint_at_command(const std::vector<std::string>& arguments, Io& io) {
  if (arguments.size() != 1 || !io.err_terminal || arguments[0].find(' ') != std::string::npos)
    return;
  const std::string near = nearest(arguments[0], command_names());
  if (near.empty()) return;
  io.note(fmt::format("Taking '{}' as a prompt; did you mean 'hob {}'?\n", arguments[0], near));
}

int dispatch(std::vector<std::string> arguments, Io& io) {
  if (!arguments.empty() && arguments[0] == "--version") {
    io.print("hob, version {}\n", HOB_VERSION);
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
    const bool named = arguments.size() > 1 && !is_help(arguments[1]);
    if (named) return no_such_command(chosen.group, arguments[1], io);
    io.write(overview(chosen.group));
    return finish(io, {});
  }
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
